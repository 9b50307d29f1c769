"""The orders this PBX knows: reading them, and writing down what the license server says of
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Executable, Text, cast, func, select, update
from sqlalchemy.orm import Session

from ayrix_protocol.orders import LineRequest, Order, Quote, QuoteLine, Totals
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.wire import Model
from ayrix_web.domain.order import OrderDraft, OrderStage, PlacedOrder
from ayrix_web.rows import OrderRow
from ayrix_web.system import System

ORDERS_PER_PAGE = 20

_LINES: TypeAdapter[tuple[QuoteLine, ...]] = TypeAdapter(tuple[QuoteLine, ...])
_CHANGED_QUOTE: TypeAdapter[Quote | None] = TypeAdapter(Quote | None)

ON_THE_WAY = tuple(stage for stage in OrderStage if stage.is_on_the_way)


@dataclass(frozen=True, slots=True)
class OrderListing:
    """One page of orders, newest first; `page` counts from 1."""

    orders: tuple[PlacedOrder, ...]
    page: int
    pages: int
    total: int


def listing(system: System, page: int) -> OrderListing:
    """A page of all orders; a page that does not exist is the nearest that does."""
    with system.database.read() as session:
        total = number_of_orders(session)
        pages = max(1, -(-total // ORDERS_PER_PAGE))
        page = min(max(page, 1), pages)
        orders = _read(session, _NEWEST.offset((page - 1) * ORDERS_PER_PAGE))
        return OrderListing(orders, page, pages, total)


def number_of_orders(session: Session) -> int:
    """How many there are, inside a transaction of the caller's."""
    return session.scalar(_COUNT) or 0


def newest_orders(session: Session) -> tuple[PlacedOrder, ...]:
    """The first page, inside a transaction of the caller's."""
    return _read(session, _NEWEST)


def on_the_way(session: Session) -> tuple[PlacedOrder, ...]:
    """All orders whose licenses may still arrive by themselves."""
    return _read(session, _ON_THE_WAY)


def find(system: System, reference: str) -> PlacedOrder | None:
    """The order with that code or key, or None."""
    with system.database.read() as session:
        row = find_row(session, reference)
        return _read(session, _STORED.where(OrderRow.id == row.id))[0] if row else None


def find_row(session: Session, reference: str) -> OrderRow | None:
    """The row of the order with that code or key, or None."""
    by_code = session.scalar(select(OrderRow).where(OrderRow.code == reference))
    if by_code is not None:
        return by_code
    try:
        key = UUID(reference)
    except ValueError:
        return None
    return row_of_key(session, key)


def row_of_key(session: Session, key: UUID) -> OrderRow | None:
    """The row of an intention, or None."""
    return session.scalar(select(OrderRow).where(OrderRow.key == key))


def wanted_lines(row: OrderRow) -> tuple[LineRequest, ...]:
    """What was ordered, as it goes to the license server."""
    return tuple(_stored(LineRequest, line) for line in row.wanted)


def new_row(draft: OrderDraft, quote: Quote, ordered_by: str, now: datetime) -> OrderRow:
    """The row of an order a person just confirmed, due to be sent at once."""
    row = OrderRow(key=draft.key, ordered_by=ordered_by, created_at=now)
    confirm(row, draft.lines, quote, now)
    return row


def confirm(row: OrderRow, lines: Sequence[LineRequest], quote: Quote, now: datetime) -> None:
    """Write down that a person said yes to these prices."""
    row.stage = OrderStage.WAITING
    row.wanted = [line.model_dump(mode="json") for line in lines]
    row.quote_hash = quote.quote_hash
    row.lines = [line.model_dump(mode="json") for line in quote.lines]
    row.totals = _totals(quote)
    row.attempts, row.next_try_at = 0, now
    row.changed_quote = None
    row.acknowledged = False


def ask_again(row: OrderRow, quote: Quote) -> None:
    """Write down that the price changed before the order arrived."""
    row.stage = OrderStage.CONFIRM_AGAIN
    row.next_try_at = None
    row.changed_quote = quote.model_dump(mode="json")


def note_order(session: Session, order: Order, now: datetime, look_again_at: datetime) -> OrderRow:
    """Write down what the license server says of an order, also of one made elsewhere.

    One that is still on the way is looked at again at `look_again_at`.
    """
    # A license server restored from an older backup numbers anew: it has forgotten whose this was.
    stale = update(OrderRow).where(OrderRow.code == order.code, OrderRow.key != order.key)
    session.execute(stale.values(code=None))
    row = row_of_key(session, order.key)
    if row is None:
        created_at = datetime.fromtimestamp(order.created_at, UTC)
        row = OrderRow(
            key=order.key, ordered_by="", created_at=created_at, quote_hash="", wanted=[]
        )
        session.add(row)
    row.code, row.stage, row.reason = order.code, OrderStage.of(order.state), order.reason
    row.lines = [line.model_dump(mode="json") for line in order.lines]
    row.totals = _totals(order)
    row.acknowledged, row.changed_quote, row.refusal = True, None, None
    row.next_try_at = look_again_at if order.state.is_open else None
    session.flush()
    return row


def _stored(model: type[Model], value: object) -> Model:
    """A wire value out of a JSON column, where enumerations are plain text."""
    return model.model_validate(value, strict=False)


def _totals(totals: Totals) -> dict[str, object]:
    members = set(Totals.model_fields)
    return totals.model_dump(mode="json", include=members)


class _Stored(NamedTuple):
    """What a PlacedOrder is made of, as it is read.

    JSON is read as text: pages show the same orders again and again, and equal texts are taken
    apart only once.
    """

    key: UUID
    code: str | None
    stage: str
    lines: str
    totals: str
    ordered_by: str
    created_at: datetime
    reason: str
    refusal: str | None
    changed_quote: str | None


_STORED = select(
    OrderRow.key,
    OrderRow.code,
    OrderRow.stage,
    cast(OrderRow.lines, Text),
    cast(OrderRow.totals, Text),
    OrderRow.ordered_by,
    OrderRow.created_at,
    OrderRow.reason,
    OrderRow.refusal,
    cast(OrderRow.changed_quote, Text),
)
_NEWEST = _STORED.order_by(OrderRow.created_at.desc(), OrderRow.id.desc()).limit(ORDERS_PER_PAGE)
_ON_THE_WAY = _STORED.where(OrderRow.stage.in_(ON_THE_WAY))
_COUNT = select(func.count()).select_from(OrderRow)


def _read(session: Session, query: Executable) -> tuple[PlacedOrder, ...]:
    return tuple(_placed_order(_Stored(*row)) for row in session.execute(query))


@lru_cache(maxsize=256)
def _placed_order(stored: _Stored) -> PlacedOrder:
    return PlacedOrder(
        key=stored.key,
        code=stored.code,
        stage=OrderStage(stored.stage),
        lines=_LINES.validate_json(stored.lines),
        totals=Totals.model_validate_json(stored.totals),
        ordered_by=stored.ordered_by,
        created_at=stored.created_at,
        reason=stored.reason,
        refusal=ProblemCode(stored.refusal) if stored.refusal else None,
        changed_quote=_CHANGED_QUOTE.validate_json(stored.changed_quote or "null"),
    )
