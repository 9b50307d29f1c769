"""Money adds up or it does not exist."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayrix_protocol.money import NOTHING, Amounts, rounded

RATES = st.decimals(min_value=0, max_value=Decimal("0.9999"), places=4)


@pytest.mark.parametrize(
    ("amount", "whole"),
    [("0.5", 1), ("-0.5", -1), ("1.5", 2), ("2.5", 3), ("2.4999", 2), ("0", 0)],
)
def test_halves_are_rounded_away_from_zero(amount: str, whole: int) -> None:
    assert rounded(Decimal(amount)) == whole


@given(st.integers(0, 10**12), RATES)
def test_tax_is_the_nearest_whole_amount(net: int, rate: Decimal) -> None:
    amounts = Amounts.of_net(net, rate)
    assert amounts.net + amounts.tax == amounts.gross
    assert abs(Fraction(amounts.tax) - net * Fraction(rate)) <= Fraction(1, 2)


def test_amounts_that_do_not_add_up_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="add up"):
        Amounts(100, 19, 118)


@given(st.lists(st.integers(0, 10**9), max_size=20), RATES)
def test_sums_are_the_sums_of_their_lines(nets: list[int], rate: Decimal) -> None:
    lines = [Amounts.of_net(net, rate) for net in nets]
    total = sum(lines, NOTHING)
    assert total.net == sum(nets)
    assert total.gross == sum(line.gross for line in lines)
