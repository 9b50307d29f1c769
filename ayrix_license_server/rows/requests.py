"""What sellers are asked to decide, and the addresses that installations have left."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ayrix_license_server.domain.requests import RequestKind
from ayrix_license_server.rows.base import Base, RowId, one_of
from ayrix_license_server.rows.customers import LicenseRow
from ayrix_protocol.rebindings import Decision

_WAITING = text("state = 'waiting'")


class RequestRow(Base):
    """One request of one device, which may be new to us: then its key and the counter of its
    requests are kept here until it is approved.

    `token` is how the device asks what became of it; `reason` is the customer's, `answer` the
    seller's.
    """

    __tablename__ = "request"
    __table_args__ = (
        CheckConstraint(one_of("kind", RequestKind), name="kind"),
        CheckConstraint(one_of("state", Decision), name="state"),
        # A device that asks again finds its open request, however many ask at once.
        Index(
            "uq_request_waiting",
            "license_id",
            "installation_id",
            "kind",
            unique=True,
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    token: Mapped[str] = mapped_column(String(43), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    license_id: Mapped[int] = mapped_column(ForeignKey("license.id"))
    installation_id: Mapped[str] = mapped_column(String(43), index=True)
    public_key: Mapped[str] = mapped_column(String(43))
    counter: Mapped[int] = mapped_column(BigInteger)
    hardware: Mapped[dict[str, object]]
    address: Mapped[str] = mapped_column(String(15))
    reason: Mapped[str] = mapped_column(String(2000))
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str] = mapped_column(String(200))
    answer: Mapped[str] = mapped_column(String(2000))

    license: Mapped[LicenseRow] = relationship()


class LeftAddressRow(Base):
    """An address that was bound until `left_at`; rows are only ever added."""

    __tablename__ = "left_address"
    __table_args__ = (Index("ix_left_address_of", "installation_id", "address"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    installation_id: Mapped[str] = mapped_column(ForeignKey("installation.id"))
    address: Mapped[str] = mapped_column(String(15))
    left_at: Mapped[datetime] = mapped_column(index=True)
