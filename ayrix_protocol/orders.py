"""Offers, quotes and orders as both sides read them."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, PlainSerializer, StringConstraints, model_validator

from ayrix_protocol.device import Device, LeaseAnswer
from ayrix_protocol.jws import encode_base64url
from ayrix_protocol.lease import Category, Counted
from ayrix_protocol.wire import (
    Code,
    Count,
    Epoch,
    Line,
    MinorUnits,
    Paragraph,
    Sha256,
    Texts,
    WireModel,
)

IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"
MOST_LINES = 50
LARGEST_QUANTITY = 10_000
"""What one line may order; more is a typing slip, and the seller can still do it."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""An ISO 4217 code."""

TaxRate = Annotated[
    Decimal,
    Field(ge=0, lt=1, decimal_places=4, strict=False),
    PlainSerializer(str, return_type=str),
]
"""0.19 is 19 %; a string on the wire, so that no reader makes it a binary fraction."""


class UpgradeType(StrEnum):
    """What a customer may order: single features, packages, or both."""

    SINGLE = "single"
    PACKAGE = "package"


class Period(StrEnum):
    """How often a price is charged."""

    ONE_OFF = "one_off"
    MONTHLY = "monthly"
    YEARLY = "yearly"


class OrderState(StrEnum):
    """Where an order is: submitted -> approved -> fulfilled, or ended otherwise."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    FULFILLED = "fulfilled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether it is still on the way."""
        return self in {OrderState.SUBMITTED, OrderState.APPROVED}


class OfferedFeature(WireModel):
    """A feature this customer may order, with its price per unit in minor units."""

    code: Code
    category: Category
    counts: Counted | None
    names: Texts
    descriptions: Texts = Field(default_factory=dict)
    unit_amount: MinorUnits


class PackageLine(WireModel):
    """What a package holds."""

    code: Code
    quantity: Count


class OfferedPackage(WireModel):
    """A package this customer sees; `saves` is what it costs less than its parts singly."""

    code: Code
    names: Texts
    descriptions: Texts = Field(default_factory=dict)
    lines: Annotated[tuple[PackageLine, ...], Field(max_length=MOST_LINES)]
    unit_amount: MinorUnits
    saves: MinorUnits


class Offers(WireModel):
    """What `GET /offers` says. Prices are informative; only a quote binds."""

    upgrade_types: Annotated[tuple[UpgradeType, ...], Field(min_length=1, max_length=2)]
    currency: Currency
    period: Period
    tax_rate: TaxRate
    features: Annotated[tuple[OfferedFeature, ...], Field(max_length=200)]
    packages: Annotated[tuple[OfferedPackage, ...], Field(max_length=200)] = ()

    @property
    def can_upgrade(self) -> bool:
        """Whether there is anything at all to order."""
        return bool(
            (UpgradeType.SINGLE in self.upgrade_types and self.features)
            or (UpgradeType.PACKAGE in self.upgrade_types and self.packages)
        )


class LineRequest(WireModel):
    """One line of a wish: a feature or a package, and how many.

    The quantity is bounded where it is judged, so that a wrong one gets its own words.
    """

    code: Code | None = None
    package: Code | None = None
    quantity: int

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.code is None) == (self.package is None):
            raise ValueError("a line names a feature or a package")
        return self


Lines = Annotated[tuple[LineRequest, ...], Field(min_length=1, max_length=MOST_LINES)]


class QuoteRequest(WireModel):
    """Body of `POST /quotes`."""

    lines: Lines


class QuoteLine(WireModel):
    """A priced line; amounts in minor units, `net` = unit x quantity less discount."""

    code: Code | None = None
    package: Code | None = None
    names: Texts
    quantity: Count
    unit_amount: MinorUnits
    net: MinorUnits
    tax: MinorUnits
    gross: MinorUnits


class Totals(WireModel):
    """The sums of a quote or an order in minor units: net + tax == gross."""

    net: MinorUnits
    tax: MinorUnits
    gross: MinorUnits
    currency: Currency
    period: Period
    tax_rate: TaxRate

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.net + self.tax != self.gross:
            raise ValueError("net and tax do not add up to gross")
        return self


class Quote(Totals):
    """What the server asks for a wish. `quote_hash` ties an order to exactly these prices."""

    lines: Annotated[tuple[QuoteLine, ...], Field(max_length=MOST_LINES)]
    valid_until: Epoch
    quote_hash: Sha256


class WantedOrder(WireModel):
    """The part of an order that is compared when it comes a second time under its key."""

    lines: Lines
    quote_hash: Sha256


class OrderRequest(WireModel):
    """Body of `POST /orders`."""

    order: WantedOrder
    device: Device


class Order(Totals):
    """An order as it is now; `code` is for people, `key` is the intention it came from."""

    code: Line
    key: UUID
    state: OrderState
    lines: Annotated[tuple[QuoteLine, ...], Field(max_length=MOST_LINES)]
    created_at: Epoch
    reason: Paragraph = ""


class OrderAnswer(LeaseAnswer):
    """The answer to `POST /orders`: the order, and a fresh lease once it is fulfilled."""

    order: Order
    lease: str | None = None  # type: ignore[assignment]  # an order still on the way brings no lease


class OrderPage(WireModel):
    """A page of `GET /orders`, oldest first; `next_after` is the code to go on from, or None at the
    end.
    """

    orders: Annotated[tuple[Order, ...], Field(max_length=100)]
    next_after: Line | None = None


class OneOrder(WireModel):
    """The answer to `GET /orders/{code}` and to a cancellation."""

    order: Order


def quote_hash(lines: tuple[QuoteLine, ...], totals: Totals) -> str:
    """The hash of everything a customer sees before he orders, and nothing else."""
    seen = "\n".join(
        [
            *(line.model_dump_json(exclude={"names"}) for line in lines),
            totals.model_dump_json(
                include={"net", "tax", "gross", "currency", "period", "tax_rate"}
            ),
        ]
    )
    return encode_base64url(sha256(seen.encode()).digest())
