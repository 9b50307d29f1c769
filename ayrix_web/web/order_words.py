"""Where an order is and what it costs, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from ayrix_protocol.orders import LARGEST_QUANTITY, Period, Quote
from ayrix_web.domain.order import OrderStage, PlacedOrder
from ayrix_web.web.formats import format_money, format_number, format_when

LONGEST_QUANTITY = 9
"""Digits; more are too many for any order, and never made a number."""


@dataclass(frozen=True, slots=True)
class StageWords:
    """A stage's label, how it looks (kind and icon of shell/parts.html), and what it means."""

    label: str
    kind: str
    icon: str
    meaning: str


STAGES = {
    OrderStage.WAITING: StageWords(
        lazy_gettext("Waiting for the license server"),
        "warn",
        "clock",
        lazy_gettext(
            "Saved here; it is sent as soon as the license server answers. Do not order again."
        ),
    ),
    OrderStage.CONFIRM_AGAIN: StageWords(
        lazy_gettext("Confirm again"),
        "warn",
        "alert-triangle",
        lazy_gettext("The price changed before the order arrived. Please confirm again."),
    ),
    OrderStage.SUBMITTED: StageWords(
        lazy_gettext("Being confirmed"),
        "info",
        "clock",
        lazy_gettext("Usually this takes less than a minute; your reseller may take longer."),
    ),
    OrderStage.APPROVED: StageWords(
        lazy_gettext("Approved"), "info", "clock", lazy_gettext("The licenses arrive in a moment.")
    ),
    OrderStage.FULFILLED: StageWords(
        lazy_gettext("Active"), "ok", "check", lazy_gettext("The licenses are available.")
    ),
    OrderStage.REJECTED: StageWords(
        lazy_gettext("Not completed"), "bad", "x", lazy_gettext("Your reseller declined the order.")
    ),
    OrderStage.CANCELLED: StageWords(
        lazy_gettext("Cancelled"), "", "x", lazy_gettext("The order was cancelled.")
    ),
    OrderStage.FAILED: StageWords(
        lazy_gettext("Not completed"),
        "bad",
        "x",
        lazy_gettext("The order could not be carried out."),
    ),
}

PERIODS = {
    Period.ONE_OFF: lazy_gettext("one-off"),
    Period.MONTHLY: lazy_gettext("per month"),
    Period.YEARLY: lazy_gettext("per year"),
}
"""How often a price is charged, behind the price."""

TOTALS = {
    Period.ONE_OFF: lazy_gettext("Total, one-off"),
    Period.MONTHLY: lazy_gettext("Total per month"),
    Period.YEARLY: lazy_gettext("Total per year"),
}

NET_NOTES = {
    Period.ONE_OFF: lazy_gettext("Prices are one-off and exclude VAT."),
    Period.MONTHLY: lazy_gettext("Prices are per month and exclude VAT."),
    Period.YEARLY: lazy_gettext("Prices are per year and exclude VAT."),
}


def stage_meaning(order: PlacedOrder) -> str:
    """What the order's stage means; the server's own reason where it gave one."""
    meaning = str(STAGES[order.stage].meaning)
    if not order.stage.has_ended_without:
        return meaning
    if order.reason:
        what = meaning.rstrip(".")
        meaning = _("%(what)s: %(reason)s.", what=what, reason=order.reason.rstrip(". "))
    return _("%(meaning)s Nothing was charged.", meaning=meaning)


def price_changed_words(old: int, new: int, currency: str) -> str:
    """What a person must know before he confirms again; amounts in minor units."""
    return _(
        "The price changed from %(old)s to %(new)s. Please confirm again.",
        old=format_money(old, currency),
        new=format_money(new, currency),
    )


def price_difference(units: Sequence[int], gross: int, quote: Quote) -> tuple[int, int]:
    """The two amounts to show: those of the first line whose unit price changed, else the sums.

    `units` and `gross` are what the person saw before, in minor units.
    """
    for before, line in zip(units, quote.lines, strict=False):
        if before != line.unit_amount:
            return before, line.unit_amount
    return gross, quote.gross


def order_events(order: PlacedOrder, now: datetime) -> list[tuple[str, str, str, str]]:
    """What happened to an order and what comes next, as parts.timeline shows it."""
    by = order.ordered_by
    ordered = _("Ordered by %(name)s", name=by) if by else _("Ordered")
    stage = STAGES[order.stage]
    told = [("ok", format_when(order.created_at, now), ordered, "")]
    if order.code is not None:
        told.append(("ok", "", _("Received by the license server"), ""))
    told.append((stage.kind, "", str(stage.label), stage_meaning(order)))
    return told


def quantity_fault(text: str) -> str | None:
    """What is wrong with a quantity as it was typed; None if it can be ordered."""
    cleaned = text.strip()
    digits = cleaned.removeprefix("-")
    if not cleaned:
        return _("Enter how many you want.")
    if not digits.isdecimal():
        return _("Enter a whole number in digits, for example 2.")
    if not digits.strip("0"):
        return _("0 orders nothing. Enter 1 or more.")
    if digits != cleaned:
        return _("The quantity cannot be negative. Enter 1 or more.")
    if len(digits) > LONGEST_QUANTITY or int(digits) > LARGEST_QUANTITY:
        return _(
            "At most %(most)s can be ordered at once. Ask your reseller for more.",
            most=format_number(LARGEST_QUANTITY),
        )
    return None
