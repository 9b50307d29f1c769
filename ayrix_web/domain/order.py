"""Orders as the PBX keeps them: written down before they are sent, followed until they end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ayrix_protocol.orders import LineRequest, OrderState, Quote, QuoteLine, Totals
from ayrix_protocol.problems import ProblemCode


class OrderStage(StrEnum):
    """Where an order is, seen from the PBX: two stages of its own, then the server's states."""

    WAITING = "waiting"
    """Saved here, to be sent as soon as the license server answers."""
    CONFIRM_AGAIN = "confirm_again"
    """The price changed before it arrived; a person must say yes again."""
    SUBMITTED = "submitted"
    APPROVED = "approved"
    FULFILLED = "fulfilled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @classmethod
    def of(cls, state: OrderState) -> OrderStage:
        """The stage of an order the server knows."""
        return cls(state.value)

    @property
    def is_on_the_way(self) -> bool:
        """Whether the licenses may still arrive by themselves."""
        return self in {OrderStage.WAITING, OrderStage.SUBMITTED, OrderStage.APPROVED}

    @property
    def has_ended_without(self) -> bool:
        """Whether nothing was licensed and nothing charged."""
        return self in {OrderStage.REJECTED, OrderStage.CANCELLED, OrderStage.FAILED}


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """What a person confirmed: lines at exactly the prices of `quote_hash`; `key` is the
    intention.
    """

    key: UUID
    lines: tuple[LineRequest, ...]
    quote_hash: str


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order in the PBX's database; `code` is None until the license server has given it one.

    `reason` is what the seller wrote, `refusal` why the license server did not take it,
    `changed_quote` what it costs now if a person must say yes again.
    """

    key: UUID
    code: str | None
    stage: OrderStage
    lines: tuple[QuoteLine, ...]
    totals: Totals
    ordered_by: str
    created_at: datetime
    reason: str = ""
    refusal: ProblemCode | None = None
    changed_quote: Quote | None = None

    @property
    def reference(self) -> str:
        """What stands in URLs: the order's code, or its key while it has none."""
        return self.code or str(self.key)

    def quantity_of(self, feature_code: str) -> int:
        """How many of a feature it brings."""
        return sum(line.quantity for line in self.lines if line.code == feature_code)
