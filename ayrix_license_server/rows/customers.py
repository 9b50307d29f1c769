"""Who holds what: sellers, customers, licenses, keys, entitlements and installations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Integer,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ayrix_license_server.domain.licenses import InstallationState, LicenseState
from ayrix_license_server.rows.base import Base, RowId, one_of
from ayrix_license_server.rows.catalog import FeatureRow, PriceListRow

LONGEST_NUMBER = 15


def license_code(license_id: int) -> str:
    """How people and leases name a license."""
    return f"L-{license_id:06d}"


def license_id_of(code: str) -> int:
    """The row id that a license's code names; 0, which no row has, for anything else."""
    number = code.upper().removeprefix("L-")
    return int(number) if number.isdecimal() and len(number) <= LONGEST_NUMBER else 0


class SellerRow(Base):
    """A reseller and how customers reach him."""

    __tablename__ = "seller"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    phone: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(200))
    hours: Mapped[str] = mapped_column(String(200))


class CustomerRow(Base):
    """A customer of one seller, with what he may order and at which prices.

    `approval_limit` is the gross sum in minor units up to which an order approves itself; None is
    no limit.
    """

    __tablename__ = "customer"
    __table_args__ = (CheckConstraint("approval_limit >= 0", name="approval_limit"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    seller_id: Mapped[int] = mapped_column(ForeignKey("seller.id"), index=True)
    price_list_id: Mapped[int] = mapped_column(ForeignKey("price_list.id"))
    upgrade_types: Mapped[list[str]]
    auto_approve: Mapped[bool]
    approval_limit: Mapped[int | None] = mapped_column(BigInteger)

    seller: Mapped[SellerRow] = relationship()
    price_list: Mapped[PriceListRow] = relationship()


class LicenseRow(Base):
    """What a customer holds for one PBX; `required` names the components it is bound to."""

    __tablename__ = "license"
    __table_args__ = (CheckConstraint(one_of("state", LicenseState), name="state"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    required: Mapped[list[str]]
    created_at: Mapped[datetime]
    # When the customer last moved the license by himself, which he may once in 90 days.
    moved_at: Mapped[datetime | None]
    # When a provisional lease was first given, which happens once in 90 days.
    provisional_from: Mapped[datetime | None]
    # Quantities by feature code that devices proved to have after the database had lost something;
    # they are a floor until the vendor reconciles.
    floor: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))

    customer: Mapped[CustomerRow] = relationship()

    @property
    def code(self) -> str:
        """How people and leases name the license."""
        return license_code(self.id)


class ActivationKeyRow(Base):
    """An activation key; only its hash and its last four characters are kept."""

    __tablename__ = "activation_key"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    hash: Mapped[str] = mapped_column(String(43), unique=True)
    last_four: Mapped[str] = mapped_column(String(4))
    license_id: Mapped[int] = mapped_column(ForeignKey("license.id"), index=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    license: Mapped[LicenseRow] = relationship()


class EntitlementRow(Base):
    """How many of a feature a license may use."""

    __tablename__ = "entitlement"
    __table_args__ = (
        UniqueConstraint("license_id", "feature_id"),
        CheckConstraint("quantity >= 0", name="quantity"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    license_id: Mapped[int] = mapped_column(ForeignKey("license.id"))
    feature_id: Mapped[int] = mapped_column(ForeignKey("feature.id"), index=True)
    quantity: Mapped[int] = mapped_column(BigInteger)

    feature: Mapped[FeatureRow] = relationship()


class EntitlementEventRow(Base):
    """One change of an entitlement, with the order it came from; rows are only ever added."""

    __tablename__ = "entitlement_event"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    license_id: Mapped[int] = mapped_column(ForeignKey("license.id"), index=True)
    feature_id: Mapped[int] = mapped_column(ForeignKey("feature.id"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("order.id"), index=True)
    at: Mapped[datetime]
    change: Mapped[int] = mapped_column(BigInteger)
    quantity: Mapped[int] = mapped_column(BigInteger)


class InstallationRow(Base):
    """One PBX, named by its device key, with everything a check decides by in this one row.

    `license_state`, `required`, `entitlements`, `customer`, `seller` and `known_orders` repeat
    what other tables say; `services/terms.py` rewrites them with every change of those.
    """

    __tablename__ = "installation"
    __table_args__ = (
        CheckConstraint(one_of("state", InstallationState), name="state"),
        CheckConstraint("counter >= 0", name="counter"),
    )

    id: Mapped[str] = mapped_column(String(43), primary_key=True)
    public_key: Mapped[str] = mapped_column(String(43))
    license_id: Mapped[int] = mapped_column(ForeignKey("license.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    counter: Mapped[int] = mapped_column(BigInteger)
    gen: Mapped[int] = mapped_column(Integer)
    # Leases of an older `gen` belong to copies that the customer shut out.
    oldest_gen: Mapped[int] = mapped_column(Integer)
    # Epoch second at which another device key took the license over, and what this one must echo
    # to win it back.
    replaced_at: Mapped[int | None] = mapped_column(BigInteger)
    nonce: Mapped[str | None] = mapped_column(String(43))
    nonce_until: Mapped[int | None] = mapped_column(BigInteger)

    cpu_serial: Mapped[str | None] = mapped_column(String(43))
    nic_serial: Mapped[str | None] = mapped_column(String(43))
    installation_secret: Mapped[str | None] = mapped_column(String(43))
    weak: Mapped[str] = mapped_column(String(60))
    address: Mapped[str] = mapped_column(String(15))
    next_address: Mapped[str | None] = mapped_column(String(15))
    rebinding_id: Mapped[str | None] = mapped_column(String(36))
    rebinding_until: Mapped[int | None] = mapped_column(BigInteger)
    # The other machine this device key may run on for a few days, and the epoch second at which
    # they end.
    provisional_hardware: Mapped[dict[str, object] | None] = mapped_column(JSON(none_as_null=True))
    provisional_until: Mapped[int | None] = mapped_column(BigInteger)

    shown_jti: Mapped[str | None] = mapped_column(String(43))
    issued_jti: Mapped[str | None] = mapped_column(String(43))
    offline_jti: Mapped[str | None] = mapped_column(String(43))
    top: Mapped[int] = mapped_column(BigInteger)
    left: Mapped[dict[str, int]]
    returned_at: Mapped[int | None] = mapped_column(BigInteger)

    license_state: Mapped[str] = mapped_column(String(20))
    required: Mapped[list[str]]
    entitlements: Mapped[list[dict[str, object]]]
    customer: Mapped[dict[str, str]]
    seller: Mapped[str] = mapped_column(String(40))
    known_orders: Mapped[list[str]]

    usage: Mapped[dict[str, int]]
    version: Mapped[str] = mapped_column(String(200))
    last_contact_at: Mapped[int] = mapped_column(BigInteger)
    source_address: Mapped[str] = mapped_column(String(45))
    source_changed_at: Mapped[int | None] = mapped_column(BigInteger)

    license: Mapped[LicenseRow] = relationship()
