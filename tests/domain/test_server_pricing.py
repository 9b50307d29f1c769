"""What a wish costs, against fractions as the oracle."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.pricing import Orderable, PriceTerms, price_of_line, quote
from ayrix_protocol.orders import LARGEST_QUANTITY, LineRequest, Period, Quote, UpgradeType
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.wire import LARGEST_INTEGER

SINGLE = frozenset({UpgradeType.SINGLE})
RATES = st.decimals(min_value=0, max_value=Decimal("0.9999"), places=4)
AMOUNTS = st.integers(min_value=0, max_value=10**9)
QUANTITIES = st.integers(min_value=1, max_value=LARGEST_QUANTITY)


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def priced(
    wanted: list[tuple[int, int]], rate: Decimal, types: frozenset[UpgradeType] = SINGLE
) -> Quote:
    """The quote of lines given as (unit amount, quantity)."""
    orderable = {f"f{n}": Orderable(f"f{n}", {}, unit) for n, (unit, _) in enumerate(wanted)}
    lines = tuple(LineRequest(code=f"f{n}", quantity=q) for n, (_, q) in enumerate(wanted))
    return quote(lines, orderable, types, PriceTerms("EUR", Period.MONTHLY, rate), 0)


@given(AMOUNTS, QUANTITIES, RATES)
def test_tax_is_rounded_half_up_once_per_line(unit: int, quantity: int, rate: Decimal) -> None:
    amounts = price_of_line(unit, quantity, rate)
    assert amounts.net == unit * quantity
    assert amounts.tax == half_up(Fraction(unit * quantity) * Fraction(rate))
    assert amounts.gross == amounts.net + amounts.tax


@given(st.lists(st.tuples(AMOUNTS, QUANTITIES), min_size=1, max_size=10), RATES)
def test_totals_are_the_sums_of_the_lines(wanted: list[tuple[int, int]], rate: Decimal) -> None:
    result = priced(wanted, rate)
    assert result.net == sum(line.net for line in result.lines)
    assert result.tax == sum(line.tax for line in result.lines)
    assert result.gross == sum(line.gross for line in result.lines) == result.net + result.tax


@given(AMOUNTS, QUANTITIES, RATES, st.integers(min_value=1, max_value=1000))
def test_another_price_has_another_hash(unit: int, quantity: int, rate: Decimal, more: int) -> None:
    one = priced([(unit, quantity)], rate)
    assert one.quote_hash == priced([(unit, quantity)], rate).quote_hash
    assert one.quote_hash != priced([(unit + more, quantity)], rate).quote_hash


@given(st.integers().filter(lambda quantity: not 1 <= quantity <= LARGEST_QUANTITY))
def test_a_quantity_out_of_range_has_no_price(quantity: int) -> None:
    with pytest.raises(Refused) as refusal:
        priced([(100, quantity)], Decimal("0.19"))
    assert refusal.value.code is ProblemCode.INVALID_QUANTITY


def test_a_sum_that_json_cannot_keep_is_refused() -> None:
    with pytest.raises(Refused) as refusal:
        priced([(LARGEST_INTEGER, 2)], Decimal(0))
    assert refusal.value.code is ProblemCode.INVALID_QUANTITY


@pytest.mark.parametrize(
    ("unit", "quantity", "tax"),
    [(490, 2, 186), (10, 1, 2), (50, 1, 10), (3, 1, 1), (2, 1, 0)],
    ids=["186.2", "1.9", "9.5 goes up", "0.57", "0.38"],
)
def test_examples_at_19_percent(unit: int, quantity: int, tax: int) -> None:
    assert price_of_line(unit, quantity, Decimal("0.19")).tax == tax


def test_packages_need_the_right_to_buy_packages() -> None:
    line = LineRequest(package="starter", quantity=1)
    terms = PriceTerms("EUR", Period.MONTHLY, Decimal(0))
    for types, code in (
        (SINGLE, ProblemCode.UPGRADE_NOT_AVAILABLE),
        (frozenset(UpgradeType), ProblemCode.UNKNOWN_FEATURE),
    ):
        with pytest.raises(Refused) as refusal:
            quote((line,), {}, types, terms, 0)
        assert refusal.value.code is code
