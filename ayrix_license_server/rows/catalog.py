"""What is sold: features, who sees them, price lists and prices."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from ayrix_license_server.domain.catalog import ChargeBy
from ayrix_license_server.rows.base import Base, RowId, one_of
from ayrix_protocol.lease import Category, Counted
from ayrix_protocol.orders import Period

_ON_SALE = text("retired_at IS NULL")


class FeatureRow(Base):
    """A feature; its code never changes, and it is retired instead of deleted."""

    __tablename__ = "feature"
    __table_args__ = (
        CheckConstraint(one_of("category", Category), name="category"),
        CheckConstraint(f"counts IS NULL OR {one_of('counts', Counted)}", name="counts"),
        # At most one feature on sale counts a kind of object, so that every object belongs to one.
        Index(
            "uq_feature_counts_on_sale",
            "counts",
            unique=True,
            sqlite_where=_ON_SALE,
            postgresql_where=_ON_SALE,
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    category: Mapped[str] = mapped_column(String(20))
    counts: Mapped[str | None] = mapped_column(String(20))
    names: Mapped[dict[str, str]]
    descriptions: Mapped[dict[str, str]]
    hidden: Mapped[bool]
    position: Mapped[int]
    retired_at: Mapped[datetime | None]


class SellerVisibilityRow(Base):
    """A seller's own word on whether his customers see a feature."""

    __tablename__ = "seller_visibility"

    seller_id: Mapped[int] = mapped_column(ForeignKey("seller.id"), primary_key=True)
    feature_id: Mapped[int] = mapped_column(ForeignKey("feature.id"), primary_key=True)
    hidden: Mapped[bool]


class CustomerVisibilityRow(Base):
    """What overrides both the feature and the seller for one customer."""

    __tablename__ = "customer_visibility"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    feature_id: Mapped[int] = mapped_column(ForeignKey("feature.id"), primary_key=True)
    hidden: Mapped[bool]


class PriceListRow(Base):
    """A price list: one currency, one period, one tax rate."""

    __tablename__ = "price_list"
    __table_args__ = (
        CheckConstraint(one_of("period", Period), name="period"),
        CheckConstraint(one_of("charge_by", ChargeBy), name="charge_by"),
        CheckConstraint("tax_rate >= 0 AND tax_rate < 1", name="tax_rate"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    currency: Mapped[str] = mapped_column(String(3))
    period: Mapped[str] = mapped_column(String(20))
    tax_rate: Mapped[Decimal]
    charge_by: Mapped[str] = mapped_column(String(20))


class PriceRow(Base):
    """What a unit costs from a moment on, in minor units; rows are only ever added."""

    __tablename__ = "price"
    __table_args__ = (
        UniqueConstraint("price_list_id", "feature_id", "valid_from"),
        CheckConstraint("unit_amount >= 0", name="unit_amount"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    price_list_id: Mapped[int] = mapped_column(ForeignKey("price_list.id"))
    feature_id: Mapped[int] = mapped_column(ForeignKey("feature.id"), index=True)
    unit_amount: Mapped[int] = mapped_column(BigInteger)
    valid_from: Mapped[datetime]
