"""Ordering more of a feature: quantity, the license server's price, and the binding yes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from flask import Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, StringField, validators
from wtforms.validators import Regexp, ValidationError

from ayrix_protocol.lease import Category
from ayrix_protocol.orders import LARGEST_QUANTITY, LineRequest, Quote
from ayrix_protocol.problems import STATUS, ProblemCode
from ayrix_web.domain.access import Access, Module
from ayrix_web.domain.errors import LicenseServerFault, PriceChanged, Refused
from ayrix_web.domain.order import OrderDraft
from ayrix_web.services import licensing, ordering
from ayrix_web.services.overview import FeatureUse, overview
from ayrix_web.web.access import current_account, requires
from ayrix_web.web.blueprints import ayrix
from ayrix_web.web.errors import error_page
from ayrix_web.web.extension import actor, system
from ayrix_web.web.license import find_use
from ayrix_web.web.order_words import price_changed_words, price_difference, quantity_fault
from ayrix_web.web.rendering import page
from ayrix_web.web.words import REFUSALS, fault_words, refusal_words

EXPIRED = lazy_gettext("This price is out of date. Please look at it again.")


class WishForm(FlaskForm):
    """How many of a feature somebody would like."""

    class Meta:
        """The blueprint checks the token of every form already."""

        csrf = False

    feature = HiddenField()
    quantity = StringField(lazy_gettext("Quantity"), default="1")

    def validate_quantity(self, field: Field) -> None:
        """A whole number that can be ordered, else its own sentence."""
        fault = quantity_fault(field.data or "")
        if fault is not None:
            raise ValidationError(fault)

    def to_lines(self) -> tuple[LineRequest, ...]:
        """The wish of a valid form."""
        return (LineRequest(code=self.feature.data, quantity=int(self.quantity.data or "")),)


class OrderForm(WishForm):
    """The wish at exactly the prices that were shown.

    `key` is the intention: however often the form is sent, it orders once. The `seen_` fields are
    what the page showed; they only choose the words after a change, they are no prices.
    """

    quote_hash = HiddenField(validators=[Regexp(r"^[A-Za-z0-9_-]{43}$", message=EXPIRED)])
    key = HiddenField(validators=[validators.UUID(EXPIRED)])
    seen_quantity = HiddenField()
    seen_unit = HiddenField()
    seen_gross = HiddenField()

    def to_draft(self) -> OrderDraft:
        """What the person confirmed."""
        return OrderDraft(UUID(self.key.data), self.to_lines(), self.quote_hash.data or "")

    def changed_words(self, quote: Quote) -> str:
        """Why a person must say yes again: the quantity is not the one shown, or the price."""
        unit, gross = self.seen_unit.data or "", self.seen_gross.data or ""
        is_same_wish = self.seen_quantity.data == self.quantity.data
        if not is_same_wish or not unit.isdecimal() or not gross.isdecimal():
            return _("This is the price of the new quantity. Please confirm it.")
        old, new = price_difference([int(unit)], int(gross), quote)
        return price_changed_words(old, new, quote.currency)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The order page: the wish, its price if there is one, and what stands in the way."""

    form: WishForm
    use: FeatureUse
    quote: Quote | None = None
    key: UUID | None = None
    problem: str = ""
    status: int = 200

    @property
    def licensed_after(self) -> int:
        """How many there will be, with those on the way."""
        ordered = self.quote.lines[0].quantity if self.quote else 0
        return (self.use.licensed or 0) + self.use.on_the_way + ordered

    @property
    def free_after(self) -> int:
        """How many of them will be free."""
        return max(0, self.licensed_after - (self.use.used or 0))

    def show(self) -> Response:
        """The page itself."""
        contacts = licensing.facts(system()).contacts
        return page(
            "ayrix/order.html", self.status, sheet=self, contacts=contacts, most=LARGEST_QUANTITY
        )


@ayrix.get("/license/order")
@requires(Module.LICENSE, Access.FULL)
def show_order_form() -> ResponseReturnValue:
    """What so many of a feature cost, asked of the license server now."""
    form = WishForm(request.args)
    use = orderable_use(form)
    if not form.validate():
        return Sheet(form, use, status=422).show()
    return quoted(Sheet(form, use)).show()


@ayrix.post("/license/order")
@requires(Module.LICENSE, Access.FULL)
def place_order() -> ResponseReturnValue:
    """Order at the price that was shown, or show the price of another quantity."""
    form = OrderForm()
    if request.form.get("action") == "quote":
        feature, quantity = form.feature.data, form.quantity.data
        return redirect(url_for("ayrix.show_order_form", feature=feature, quantity=quantity), 303)
    use = orderable_use(form)
    if not form.validate():
        return outdated(form, use).show()
    try:
        order = ordering.place(system(), form.to_draft(), actor(current_account()))
    except (PriceChanged, Refused, LicenseServerFault) as error:
        return not_placed(form, use, error).show()
    return redirect(url_for("ayrix.show_order", reference=order.reference, placed=1), 303)


def orderable_use(form: WishForm) -> FeatureUse:
    """The feature of a wish; answers with its own page if it is hidden, unknown or not offered."""
    use = find_use(overview(system()), form.feature.data or "")
    if use is None or use.category is Category.CORE:
        abort(refusal_page(ProblemCode.UNKNOWN_FEATURE))
    if not use.is_orderable:
        abort(refusal_page(ProblemCode.UPGRADE_NOT_AVAILABLE))
    return use


def quoted(sheet: Sheet) -> Sheet:
    """The sheet with a fresh price, or with the reason why there is none."""
    try:
        proposal = ordering.propose(system(), sheet.form.to_lines())
    except Refused as refusal:
        return replace(sheet, problem=refusal_words(refusal.problem), status=422)
    except LicenseServerFault as fault:
        return replace(sheet, problem=no_price_words(fault), status=503)
    return replace(sheet, quote=proposal.quote, key=proposal.key)


def outdated(form: OrderForm, use: FeatureUse) -> Sheet:
    """The sheet after a wrong quantity, or with a new price where the one sent was no price."""
    if form.quantity.errors:
        return Sheet(form, use, status=422)
    return quoted(Sheet(form, use, problem=str(EXPIRED), status=422))


def not_placed(
    form: OrderForm, use: FeatureUse, error: PriceChanged | Refused | LicenseServerFault
) -> Sheet:
    """The sheet after an order that was not placed: with the new price, or with the reason."""
    if isinstance(error, PriceChanged):
        words = form.changed_words(error.quote)
        return Sheet(form, use, error.quote, UUID(form.key.data), words, 422)
    if isinstance(error, Refused):
        return Sheet(form, use, problem=refusal_words(error.problem), status=422)
    return Sheet(form, use, problem=no_price_words(error), status=503)


def no_price_words(fault: LicenseServerFault) -> str:
    """Why nothing can be ordered without the license server, and what is wrong with it."""
    return _(
        "Nothing was ordered: without a price from the license server no order can be placed. "
        "%(reason)s",
        reason=fault_words(fault.kind),
    )


def refusal_page(code: ProblemCode) -> Response:
    """A page of its own for what cannot be ordered at all."""
    title, label = _("This cannot be ordered"), _("To the licenses")
    url = url_for("ayrix.show_license")
    return error_page(STATUS[code], title, str(REFUSALS[code]), label, url)
