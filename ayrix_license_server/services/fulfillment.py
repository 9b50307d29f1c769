"""What becomes of an order: its row, its steps, and the entitlements it brings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ayrix_license_server.domain.orders import order_code
from ayrix_license_server.rows.catalog import FeatureRow
from ayrix_license_server.rows.customers import EntitlementEventRow, EntitlementRow, LicenseRow
from ayrix_license_server.rows.orders import OrderEventRow, OrderLineRow, OrderRow
from ayrix_license_server.system import System
from ayrix_protocol.orders import OrderState, Quote, QuoteLine

SYSTEM = "license server"
"""Who approves an order that approves itself."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An order before it has a row; `reason` says where it came from if not from a PBX, `hidden`
    keeps it from the customer.
    """

    license_row: LicenseRow
    key: UUID
    wanted_hash: str
    quote: Quote
    actor: str
    reason: str = ""
    hidden: bool = False


def add_order(system: System, session: Session, draft: Draft) -> OrderRow:
    """The row of a new order with its lines and its first step, numbered within the year."""
    now = system.clock.now()
    year = now.astimezone(system.settings.zone).year
    highest = session.scalar(select(func.max(OrderRow.number)).where(OrderRow.year == year))
    number = (highest or 0) + 1
    quote = draft.quote
    order = OrderRow(
        license_id=draft.license_row.id,
        key=str(draft.key),
        wanted_hash=draft.wanted_hash,
        year=year,
        number=number,
        code=order_code(year, number),
        state=OrderState.SUBMITTED,
        reason=draft.reason,
        hidden=draft.hidden,
        net=quote.net,
        tax=quote.tax,
        gross=quote.gross,
        currency=quote.currency,
        period=quote.period,
        tax_rate=quote.tax_rate,
        created_at=now,
    )
    features = _feature_ids(session, quote)
    order.lines = [
        _line(position, line, features) for position, line in enumerate(quote.lines, start=1)
    ]
    session.add(order)
    session.flush()
    step(session, order, OrderState.SUBMITTED, draft.actor, now)
    return order


def step(session: Session, order: OrderRow, state: OrderState, actor: str, at: datetime) -> None:
    """Bring an order to its next state and keep the step."""
    order.state = state
    session.add(OrderEventRow(order_id=order.id, at=at, state=state, actor=actor, reason=""))


def fulfill(session: Session, order: OrderRow, at: datetime) -> None:
    """Add what was ordered to the license; belongs into the transaction of the approval, and
    before `repeat_terms`.
    """
    for line in order.lines:
        _entitle(session, order, line, at)
    step(session, order, OrderState.FULFILLED, SYSTEM, at)


def _entitle(session: Session, order: OrderRow, line: OrderLineRow, at: datetime) -> None:
    named = {"license_id": order.license_id, "feature_id": line.feature_id}
    entitlement = session.scalar(select(EntitlementRow).filter_by(**named))
    if entitlement is None:
        entitlement = EntitlementRow(**named, quantity=0)
        session.add(entitlement)
    entitlement.quantity += line.quantity
    session.add(
        EntitlementEventRow(
            **named,
            order_id=order.id,
            at=at,
            change=line.quantity,
            quantity=entitlement.quantity,
        )
    )


def _feature_ids(session: Session, quote: Quote) -> dict[str, int]:
    codes = [line.code for line in quote.lines]
    rows = session.execute(select(FeatureRow.code, FeatureRow.id).where(FeatureRow.code.in_(codes)))
    return {row.code: row.id for row in rows}


def _line(position: int, line: QuoteLine, features: dict[str, int]) -> OrderLineRow:
    code = line.code or ""
    return OrderLineRow(
        position=position,
        feature_id=features[code],
        code=code,
        names=line.names,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        net=line.net,
        tax=line.tax,
        gross=line.gross,
    )
