"""Money: integer minor units of one currency, rounded in one place."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Self

from ayrix_protocol.wire import LARGEST_INTEGER


class MoneyOutOfRange(ValueError):
    """An amount that JSON readers would no longer keep exact."""


def rounded(amount: Decimal) -> int:
    """Whole minor units, half up: 0.5 becomes 1, -0.5 becomes -1."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Amounts:
    """Net, tax and gross of a line or of a whole order, in minor units; always net + tax ==
    gross.
    """

    net: int
    tax: int
    gross: int

    def __post_init__(self) -> None:
        if self.net + self.tax != self.gross:
            raise ValueError("net and tax do not add up to gross")
        if abs(self.gross) > LARGEST_INTEGER or abs(self.net) > LARGEST_INTEGER:
            raise MoneyOutOfRange

    @classmethod
    def of_net(cls, net: int, tax_rate: Decimal) -> Self:
        """The amounts of a net sum; `tax_rate` 0.19 is 19 %. Rounded half up once."""
        tax = rounded(net * tax_rate)
        return cls(net, tax, net + tax)

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(self.net + other.net, self.tax + other.tax, self.gross + other.gross)


NOTHING = Amounts(0, 0, 0)
