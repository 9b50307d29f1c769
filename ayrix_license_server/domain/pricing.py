"""What a wish costs: net per line, tax rounded half up once per line, sums of lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ayrix_license_server.domain.errors import Refused
from ayrix_protocol.money import NOTHING, Amounts, MoneyOutOfRange
from ayrix_protocol.orders import (
    LARGEST_QUANTITY,
    LineRequest,
    Period,
    Quote,
    QuoteLine,
    Totals,
    UpgradeType,
    quote_hash,
)
from ayrix_protocol.problems import ProblemCode


@dataclass(frozen=True, slots=True)
class Orderable:
    """A feature that this customer may order, with its price per unit in minor units."""

    code: str
    names: dict[str, str]
    unit_amount: int


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """What a price list says beside its prices."""

    currency: str
    period: Period
    tax_rate: Decimal


def price_of_line(unit_amount: int, quantity: int, tax_rate: Decimal) -> Amounts:
    """Unit times quantity, and its tax; raises MoneyOutOfRange."""
    return Amounts.of_net(unit_amount * quantity, tax_rate)


def quote(
    wanted: tuple[LineRequest, ...],
    orderable: Mapping[str, Orderable],
    upgrade_types: frozenset[UpgradeType],
    terms: PriceTerms,
    valid_until: int,
    *,
    largest_quantity: int = LARGEST_QUANTITY,
) -> Quote:
    """The price of a wish.

    `orderable` holds what the customer sees and may order, so that a hidden feature is answered
    exactly like one that does not exist. Raises Refused: `upgrade_not_available`,
    `unknown_feature`, `invalid_quantity`, `invalid`.
    """
    _check_whole(wanted, upgrade_types)
    lines = []
    total = NOTHING
    try:
        for line in wanted:
            feature = _find(line, orderable, largest_quantity)
            amounts = price_of_line(feature.unit_amount, line.quantity, terms.tax_rate)
            total += amounts
            lines.append(_quoted(feature, line.quantity, amounts))
    except MoneyOutOfRange as error:
        raise Refused(ProblemCode.INVALID_QUANTITY, "The sum is too large.") from error
    return _summed(tuple(lines), total, terms, valid_until)


def _check_whole(wanted: tuple[LineRequest, ...], upgrade_types: frozenset[UpgradeType]) -> None:
    needed = {
        UpgradeType.SINGLE if line.package is None else UpgradeType.PACKAGE for line in wanted
    }
    if not needed <= upgrade_types:
        raise Refused(ProblemCode.UPGRADE_NOT_AVAILABLE, "Not a way this customer may upgrade.")
    if len({(line.code, line.package) for line in wanted}) != len(wanted):
        raise Refused(ProblemCode.INVALID, "A feature stands on two lines.")


def _find(
    line: LineRequest, orderable: Mapping[str, Orderable], largest_quantity: int
) -> Orderable:
    feature = orderable.get(line.code or "")
    if feature is None:
        raise Refused(
            ProblemCode.UNKNOWN_FEATURE,
            f"There is no feature {line.code or line.package} to order.",
        )
    if not 1 <= line.quantity <= largest_quantity:
        raise Refused(
            ProblemCode.INVALID_QUANTITY, f"A quantity is between 1 and {largest_quantity}."
        )
    return feature


def _quoted(feature: Orderable, quantity: int, amounts: Amounts) -> QuoteLine:
    return QuoteLine(
        code=feature.code,
        names=feature.names,
        quantity=quantity,
        unit_amount=feature.unit_amount,
        net=amounts.net,
        tax=amounts.tax,
        gross=amounts.gross,
    )


def _summed(
    lines: tuple[QuoteLine, ...], total: Amounts, terms: PriceTerms, valid_until: int
) -> Quote:
    totals = Totals(
        net=total.net,
        tax=total.tax,
        gross=total.gross,
        currency=terms.currency,
        period=terms.period,
        tax_rate=terms.tax_rate,
    )
    return Quote(
        **dict(totals),
        lines=lines,
        valid_until=valid_until,
        quote_hash=quote_hash(lines, totals),
    )
