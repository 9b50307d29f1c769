"""Orders: placed once per key, fulfilled in the same transaction, listed and cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.orders import approves_itself, can_cancel, wanted_hash
from ayrix_license_server.rows.customers import InstallationRow
from ayrix_license_server.rows.orders import OrderRow
from ayrix_license_server.services import devices, fulfillment, renewal
from ayrix_license_server.services.devices import Call, take_counter
from ayrix_license_server.services.offers import plain_rate, quote_of
from ayrix_license_server.services.terms import repeat_terms
from ayrix_license_server.system import System
from ayrix_protocol.orders import (
    Order,
    OrderAnswer,
    OrderPage,
    OrderRequest,
    OrderState,
    Period,
    QuoteLine,
    WantedOrder,
)
from ayrix_protocol.problems import ProblemCode

PAGE = 50
"""Orders on one page of `GET /orders`."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to an order, and whether this request was the one that placed it."""

    answer: OrderAnswer
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Wish:
    key: UUID
    wanted: WantedOrder


def place(system: System, call: Call, key: UUID, request: OrderRequest) -> Placed:
    """Place an order under its key, or find the one that was placed under it.

    Raises Refused: `price_changed` (with the quote of now), `idempotency_conflict`, what a quote
    and what a check refuse. A refusal does not use up the key.
    """
    with devices.conversation(system, call) as (session, row):
        # Judged first: nothing may refuse once the order is written.
        renewal.admit(system, session, row, request.device, call)
        order = _under_key(session, row, key)
        is_new = order is None
        if order is None:
            order = _new_order(system, session, row, _Wish(key, request.order), call)
        elif order.wanted_hash != wanted_hash(request.order):
            raise Refused(ProblemCode.IDEMPOTENCY_CONFLICT)
        is_done = order.state == OrderState.FULFILLED
        lease = renewal.issue(system, row, request.device, call) if is_done else None
        missing = renewal.unknown_orders(session, row.license_id, row.known_orders, request.device)
        answer = OrderAnswer(order=order_of(order), lease=lease, unknown_orders=missing)
        return Placed(answer, is_new)


def cancel(system: System, call: Call, code: str) -> Order:
    """Take an order back that is still on the way. Raises Refused: `not_found`,
    `not_cancellable`.
    """
    with devices.conversation(system, call) as (session, row):
        devices.require_holder(row.state)
        order = _find(session, row.license_id, code)
        if not can_cancel(OrderState(order.state)):
            raise Refused(ProblemCode.NOT_CANCELLABLE)
        fulfillment.step(session, order, OrderState.CANCELLED, _actor(call), system.clock.now())
        devices.note(system, session, call, "order.cancelled", subject=code)
        return order_of(order)


def one_order(system: System, call: Call, code: str) -> Order:
    """An order of the caller's license; raises Refused with `not_found`, also for others'."""
    license_id = take_counter(system, call)
    with system.database.read() as session:
        return order_of(_find(session, license_id, code))


def list_orders(system: System, call: Call, after: str | None) -> OrderPage:
    """The orders of the caller's license, oldest first, from behind the order `after`.

    Raises Refused with `not_found` if there is no such order to go on from.
    """
    license_id = take_counter(system, call)
    with system.database.read() as session:
        start = 0 if after is None else _find(session, license_id, after).id
        rows = session.scalars(
            select(OrderRow)
            .where(
                OrderRow.license_id == license_id,
                OrderRow.id > start,
                OrderRow.hidden.is_(False),
            )
            .order_by(OrderRow.id)
            .limit(PAGE + 1)
        ).all()
        orders = tuple(order_of(row) for row in rows[:PAGE])
    return OrderPage(orders=orders, next_after=orders[-1].code if len(rows) > PAGE else None)


def order_of(row: OrderRow) -> Order:
    """The order as both sides read it."""
    return Order(
        code=row.code,
        key=UUID(row.key),
        state=OrderState(row.state),
        lines=tuple(
            QuoteLine(
                code=line.code,
                names=line.names,
                quantity=line.quantity,
                unit_amount=line.unit_amount,
                net=line.net,
                tax=line.tax,
                gross=line.gross,
            )
            for line in row.lines
        ),
        created_at=int(row.created_at.timestamp()),
        reason=row.reason,
        net=row.net,
        tax=row.tax,
        gross=row.gross,
        currency=row.currency,
        period=Period(row.period),
        tax_rate=plain_rate(row.tax_rate),
    )


def _new_order(
    system: System, session: Session, row: InstallationRow, draft: _Wish, call: Call
) -> OrderRow:
    now = system.clock.now()
    license_row = row.license
    customer = license_row.customer
    quote = quote_of(session, customer, draft.wanted.lines, now)
    if quote.quote_hash != draft.wanted.quote_hash:
        raise Refused(ProblemCode.PRICE_CHANGED, quote=quote)
    hashed = wanted_hash(draft.wanted)
    order = fulfillment.add_order(
        system, session, fulfillment.Draft(license_row, draft.key, hashed, quote, _actor(call))
    )
    if approves_itself(customer.auto_approve, customer.approval_limit, order.gross):
        fulfillment.step(session, order, OrderState.APPROVED, fulfillment.SYSTEM, now)
        fulfillment.fulfill(session, order, now)
    repeat_terms(session, license_row)
    details: dict[str, object] = {
        "gross": order.gross,
        "currency": order.currency,
        "state": str(order.state),
    }
    devices.note(system, session, call, "order.placed", subject=order.code, details=details)
    return order


def _under_key(session: Session, row: InstallationRow, key: UUID) -> OrderRow | None:
    return session.scalar(
        select(OrderRow).where(OrderRow.license_id == row.license_id, OrderRow.key == str(key))
    )


def _find(session: Session, license_id: int, code: str) -> OrderRow:
    order = session.scalar(
        select(OrderRow).where(
            OrderRow.license_id == license_id,
            OrderRow.code == code,
            OrderRow.hidden.is_(False),
        )
    )
    if order is None:
        raise Refused(ProblemCode.NOT_FOUND)
    return order


def _actor(call: Call) -> str:
    return f"device {call.installation}"
