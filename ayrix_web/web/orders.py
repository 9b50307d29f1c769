"""The orders of this system: all of them, and each with what happened to it."""

from __future__ import annotations

from flask import Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ayrix_protocol.orders import Quote
from ayrix_web.domain.access import Access, Module
from ayrix_web.domain.errors import LicenseServerFault, PriceChanged, Refused
from ayrix_web.domain.order import OrderStage, PlacedOrder
from ayrix_web.services import licensing, order_book, ordering
from ayrix_web.services.ordering import UnknownOrder
from ayrix_web.web.access import current_account, requires
from ayrix_web.web.blueprints import ayrix
from ayrix_web.web.extension import actor, system
from ayrix_web.web.order_words import order_events, price_changed_words, price_difference
from ayrix_web.web.rendering import page, say_next
from ayrix_web.web.words import REFUSALS, fault_words, refusal_words


@ayrix.get("/orders")
@requires(Module.LICENSE, Access.READ_ONLY)
def list_orders() -> ResponseReturnValue:
    """All orders, newest first, a page at a time."""
    listing = order_book.listing(system(), request.args.get("page", 1, type=int))
    return page("ayrix/orders.html", listing=listing, facts=licensing.facts(system()))


@ayrix.get("/orders/<reference>")
@requires(Module.LICENSE, Access.READ_ONLY)
def show_order(reference: str) -> ResponseReturnValue:
    """One order: what was ordered, what it costs, where it is."""
    return order_page(found(reference))


@ayrix.post("/orders/<reference>/cancel")
@requires(Module.LICENSE, Access.FULL)
def cancel_order(reference: str) -> ResponseReturnValue:
    """Take an order back that is still on the way."""
    order = found(reference)
    try:
        order = ordering.cancel(system(), reference, actor(current_account()))
    except UnknownOrder:
        abort(404)
    except Refused as refusal:
        # The license server was asked first, so the order may be further than this page knew.
        return order_page(found(reference), problem=refusal_words(refusal.problem), status=422)
    except LicenseServerFault as fault:
        return order_page(order, problem=not_cancelled_words(fault), status=503)
    say_next("ok", _("The order was cancelled. Nothing is charged."))
    return redirect(url_for("ayrix.show_order", reference=order.reference), 303)


@ayrix.post("/orders/<reference>/confirm")
@requires(Module.LICENSE, Access.FULL)
def confirm_order_again(reference: str) -> ResponseReturnValue:
    """Say yes to the changed price of an order."""
    order = found(reference)
    quote_hash = request.form.get("quote_hash", "")
    try:
        order = ordering.confirm_again(system(), reference, quote_hash, actor(current_account()))
    except PriceChanged as change:
        return order_page(order, quote=change.quote, status=422)
    except Refused as refusal:
        return order_page(order, problem=refusal_words(refusal.problem), status=422)
    except LicenseServerFault as fault:
        return order_page(order, problem=not_confirmed_words(fault), status=503)
    return redirect(url_for("ayrix.show_order", reference=order.reference, placed=1), 303)


def found(reference: str) -> PlacedOrder:
    """The order with that code or key; answers 404 if there is none."""
    order = order_book.find(system(), reference)
    if order is None:
        abort(404)
    return order


def order_page(
    order: PlacedOrder, *, quote: Quote | None = None, problem: str = "", status: int = 200
) -> Response:
    """The page of an order, with the new price if a person must say yes to one."""
    facts = licensing.facts(system())
    asks = order.stage is OrderStage.CONFIRM_AGAIN
    quote = (quote or order.changed_quote) if asks else None
    return page(
        "ayrix/order_detail.html",
        status,
        order=order,
        facts=facts,
        quote=quote,
        price_change=change_words(order, quote) if quote else "",
        events=order_events(order, facts.now),
        refusal=str(REFUSALS[order.refusal]) if order.refusal else "",
        problem=problem,
        is_new="placed" in request.args,
    )


def change_words(order: PlacedOrder, quote: Quote) -> str:
    """Which price changed from what to what."""
    units = [line.unit_amount for line in order.lines]
    old, new = price_difference(units, order.totals.gross, quote)
    return price_changed_words(old, new, quote.currency)


def not_cancelled_words(fault: LicenseServerFault) -> str:
    """Why an order stands although somebody wanted to take it back."""
    return _("The order was not cancelled. %(reason)s", reason=fault_words(fault.kind))


def not_confirmed_words(fault: LicenseServerFault) -> str:
    """Why the new price could not be confirmed."""
    return _("Nothing was ordered. %(reason)s", reason=fault_words(fault.kind))
