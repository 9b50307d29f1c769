"""Orders as they were placed: lines with the prices of that day, and what became of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ayrix_license_server.rows.base import Base, RowId, one_of
from ayrix_protocol.orders import OrderState, Period


class OrderRow(Base):
    """An order; `key` is the customer's intention, unique per license for ever. A `hidden` one
    holds features that the customer must not learn of.
    """

    __tablename__ = "order"
    __table_args__ = (
        UniqueConstraint("license_id", "key"),
        UniqueConstraint("year", "number"),
        CheckConstraint(one_of("state", OrderState), name="state"),
        CheckConstraint(one_of("period", Period), name="period"),
        CheckConstraint("net + tax = gross", name="adds_up"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    license_id: Mapped[int] = mapped_column(ForeignKey("license.id"))
    key: Mapped[str] = mapped_column(String(36))
    wanted_hash: Mapped[str] = mapped_column(String(43))
    year: Mapped[int] = mapped_column(Integer)
    number: Mapped[int] = mapped_column(Integer)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(2000))
    hidden: Mapped[bool]
    net: Mapped[int] = mapped_column(BigInteger)
    tax: Mapped[int] = mapped_column(BigInteger)
    gross: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    period: Mapped[str] = mapped_column(String(20))
    tax_rate: Mapped[Decimal]
    created_at: Mapped[datetime]

    lines: Mapped[list[OrderLineRow]] = relationship(order_by="OrderLineRow.position")


class OrderLineRow(Base):
    """One line of an order, a snapshot: later names and prices do not change it."""

    __tablename__ = "order_line"
    __table_args__ = (
        UniqueConstraint("order_id", "position"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("net + tax = gross", name="adds_up"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    position: Mapped[int] = mapped_column(Integer)
    feature_id: Mapped[int] = mapped_column(ForeignKey("feature.id"))
    code: Mapped[str] = mapped_column(String(40))
    names: Mapped[dict[str, str]]
    quantity: Mapped[int] = mapped_column(BigInteger)
    unit_amount: Mapped[int] = mapped_column(BigInteger)
    net: Mapped[int] = mapped_column(BigInteger)
    tax: Mapped[int] = mapped_column(BigInteger)
    gross: Mapped[int] = mapped_column(BigInteger)


class OrderEventRow(Base):
    """A step of an order: its new state, when and by whom; rows are only ever added."""

    __tablename__ = "order_event"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"), index=True)
    at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(2000))
