"""Tables of the PBX database."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Float,
    ForeignKey,
    Integer,
    String,
    Text,
    Uuid,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ayrix_foundation.audit import anchor_table, audit_table
from ayrix_foundation.database import UtcDateTime, new_metadata
from ayrix_foundation.throttle import attempt_table


class Base(DeclarativeBase):
    """The base of all rows."""

    metadata = new_metadata()
    type_annotation_map = {datetime: UtcDateTime, UUID: Uuid, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012 - read by SQLAlchemy as it stands


AUDIT = audit_table(Base.metadata)
AUDIT_ANCHOR = anchor_table(Base.metadata)
ATTEMPTS = attempt_table(Base.metadata)

INSTALLATION = 1
"""The id of the one row that says what this PBX holds."""


class InstallationRow(Base):
    """What this PBX holds: lease, keys, clocks and the result of the last check. One row."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger, default=0)
    lease: Mapped[str | None] = mapped_column(Text)
    lease_seq: Mapped[int | None] = mapped_column(BigInteger)
    key_set: Mapped[str | None] = mapped_column(Text)
    revocation: Mapped[str | None] = mapped_column(Text)
    key_hint: Mapped[str | None] = mapped_column(String(4))
    nic_mac: Mapped[str | None] = mapped_column(String(12))
    cpu_source: Mapped[str | None] = mapped_column(String(40))

    anchor_iat: Mapped[int | None] = mapped_column(BigInteger)
    anchor_wall: Mapped[int | None] = mapped_column(BigInteger)
    anchor_boot_id: Mapped[str | None] = mapped_column(String(36))
    anchor_boot: Mapped[float | None] = mapped_column(Float)
    mark_time: Mapped[int | None] = mapped_column(BigInteger)
    mark_wall: Mapped[int | None] = mapped_column(BigInteger)
    mark_boot_id: Mapped[str | None] = mapped_column(String(36))
    mark_boot: Mapped[float | None] = mapped_column(Float)
    seal: Mapped[str | None] = mapped_column(String(43))

    checked_at: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(40))
    failure_kind: Mapped[str | None] = mapped_column(String(40))
    next_check_at: Mapped[datetime | None]

    offers: Mapped[str | None] = mapped_column(Text)
    offers_etag: Mapped[str | None] = mapped_column(String(80))
    contacts: Mapped[str | None] = mapped_column(Text)


class UsageRow(Base):
    """The last known count of one kind of object."""

    __tablename__ = "usage"

    counted: Mapped[str] = mapped_column(String(40), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]


class OrderRow(Base):
    """An order, written down before it is sent; `key` is the intention it came from."""

    __tablename__ = "order"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(unique=True)
    code: Mapped[str | None] = mapped_column(String(40), unique=True)
    stage: Mapped[str] = mapped_column(String(20), index=True)
    wanted: Mapped[list[Any]]
    quote_hash: Mapped[str] = mapped_column(String(43))
    lines: Mapped[list[Any]]
    totals: Mapped[dict[str, Any]]
    ordered_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(index=True)
    acknowledged: Mapped[bool] = mapped_column(Boolean, default=False)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_try_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    refusal: Mapped[str | None] = mapped_column(String(40))
    changed_quote: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class SellerRequestRow(Base):
    """What was asked of the seller and waits for an answer; one of a kind at a time."""

    __tablename__ = "seller_request"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    poll_url: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, default="")
    key_hint: Mapped[str | None] = mapped_column(String(4))
    asked_at: Mapped[datetime]
    next_poll_at: Mapped[datetime | None]


class ReservationRow(Base):
    """The right to create one more object, for a minute."""

    __tablename__ = "reservation"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    counted: Mapped[str] = mapped_column(String(40), index=True)
    until: Mapped[datetime]


class AccountRow(Base):
    """A user who signs in here. A new `session_stamp` ends his sessions."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    is_admin: Mapped[bool] = mapped_column(Boolean, default=False)
    session_stamp: Mapped[str] = mapped_column(String(43))
    created_at: Mapped[datetime]


class GrantRow(Base):
    """A user's own access to a module; without a row the system's default applies."""

    __tablename__ = "access_grant"

    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    module: Mapped[str] = mapped_column(String(20), primary_key=True)
    access: Mapped[int] = mapped_column(Integer)


class ModuleDefaultRow(Base):
    """What an administrator made the default of a module."""

    __tablename__ = "module_default"

    module: Mapped[str] = mapped_column(String(20), primary_key=True)
    access: Mapped[int] = mapped_column(Integer)


# The embedded default inventory. Columns of the first three as in Asterisk's realtime tables
# (contrib/ast-db-manage/config), so that the same code counts a real realtime PBX; Asterisk has no
# ring groups and announcements, those two tables are ours.


class EndpointRow(Base):
    """A PJSIP endpoint: an extension. `callerid` reads `"Name" <number>`."""

    __tablename__ = "ps_endpoints"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    transport: Mapped[str | None] = mapped_column(String(40))
    aors: Mapped[str | None] = mapped_column(String(2048))
    auth: Mapped[str | None] = mapped_column(String(255))
    context: Mapped[str | None] = mapped_column(String(40))
    callerid: Mapped[str | None] = mapped_column(String(40))
    mailboxes: Mapped[str | None] = mapped_column(String(40))


class VoicemailRow(Base):
    """A voicemail box."""

    __tablename__ = "voicemail"

    uniqueid: Mapped[int] = mapped_column(primary_key=True)
    context: Mapped[str] = mapped_column(String(80), default="default")
    mailbox: Mapped[str] = mapped_column(String(80))
    password: Mapped[str] = mapped_column(String(80))
    fullname: Mapped[str | None] = mapped_column(String(80))
    email: Mapped[str | None] = mapped_column(String(80))


class QueueRow(Base):
    """A call queue; its name is what the dialplan calls."""

    __tablename__ = "queues"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    musiconhold: Mapped[str | None] = mapped_column(String(128))
    strategy: Mapped[str | None] = mapped_column(String(40))


class RingGroupRow(Base):
    """Several phones that ring together."""

    __tablename__ = "ring_group"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(80))


class AnnouncementRow(Base):
    """A greeting that is played before a call goes on."""

    __tablename__ = "announcement"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
