"""The record of who did what when: append-only, each entry chained to the one before by a hash."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from ayrix_foundation.database import UtcDateTime

FIRST_HASH = "0" * 64
"""What the first entry names as the hash before it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts and from where: an account, "agent" or "command line"; `address` empty if local."""

    name: str
    address: str = ""


ANCHOR = "audit_anchor"
_ANCHOR_ID = 1
_AT_ONCE = 500
"""Entries held in memory while the chain is walked."""

AGENT = Actor("agent")
COMMAND_LINE = Actor("command line")


def audit_table(metadata: MetaData) -> Table:
    """The table of entries; each program adds it to its own metadata."""
    return Table(
        "audit_entry",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("at", UtcDateTime, nullable=False, index=True),
        Column("actor", String(200), nullable=False),
        Column("address", String(45), nullable=False),
        Column("action", String(80), nullable=False, index=True),
        Column("subject", String(200), nullable=False),
        Column("result", String(40), nullable=False),
        Column("details", JSON, nullable=False),
        Column("previous_hash", String(64), nullable=False),
        Column("hash", String(64), nullable=False, unique=True),
    )


def anchor_table(metadata: MetaData) -> Table:
    """The table with the one row that says where the chain begins once old entries were deleted.

    It belongs to the audit table of the same metadata.
    """
    return Table(
        ANCHOR,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("hash", String(64), nullable=False),
        Column("entry_id", BigInteger, nullable=False),
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded. `action` reads "order.placed"; `details` hold no secrets."""

    at: datetime
    actor: Actor
    action: str
    subject: str = ""
    result: str = "done"
    details: dict[str, object] = field(default_factory=dict)


def record(session: Session, table: Table, entry: Entry) -> None:
    """Append an entry in the transaction of what it records, which must be a writing one."""
    newest = session.scalar(select(table.c.hash).order_by(table.c.id.desc()).limit(1))
    values: dict[str, object] = {
        "at": entry.at,
        "actor": entry.actor.name[:200],
        "address": entry.actor.address[:45],
        "action": entry.action,
        "subject": entry.subject[:200],
        "result": entry.result,
        "details": entry.details,
        "previous_hash": newest or FIRST_HASH,
    }
    session.execute(insert(table).values(**values, hash=entry_hash(values)))


class Damage(StrEnum):
    """What is wrong with an entry of the chain."""

    CHANGED = "changed"
    """Its content is not what its hash says."""

    TORN = "torn"
    """It does not follow the entry before it: one was deleted or put in between."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry at which the chain does not hold."""

    entry_id: int
    at: datetime
    action: str
    damage: Damage


def verify_chain(session: Session, table: Table) -> Broken | None:
    """Walk the whole chain, oldest entry first; None if it holds.

    It begins at the anchor if `prune` deleted something. What no chain can show is that its newest
    entries were cut off: keep the newest hash elsewhere for that.
    """
    expected = _start_of(session, table)
    query = select(table).order_by(table.c.id).execution_options(yield_per=_AT_ONCE)
    for row in session.execute(query).mappings():
        if row["previous_hash"] != expected:
            return Broken(row["id"], row["at"], row["action"], Damage.TORN)
        if entry_hash(dict(row)) != row["hash"]:
            return Broken(row["id"], row["at"], row["action"], Damage.CHANGED)
        expected = row["hash"]
    return None


def prune(session: Session, table: Table, before: datetime, most: int | None = None) -> int:
    """Delete entries from the old end of the chain and anchor it there; gives how many.

    Those go that are older than `before`, up to the first that is not, and those beyond the newest
    `most`, whatever their time says: a clock that once ran ahead must not keep entries for ever.
    The newest one always stays. Belongs into a writing transaction. What is left is as verifiable
    as before, so a chain that does not hold should be looked at before it is pruned.
    """
    ids = table.c.id
    newest = session.scalar(select(func.max(ids)))
    if newest is None:
        return 0
    kept_from = session.scalar(select(func.min(ids)).where(table.c.at >= before)) or newest
    if most is not None:
        kept_from = max(kept_from, newest - most + 1)
    last = session.execute(
        select(ids, table.c.hash).where(ids < min(kept_from, newest)).order_by(ids.desc()).limit(1)
    ).one_or_none()
    if last is None:
        return 0
    _anchor(session, table, last.id, last.hash)
    return session.connection().execute(delete(table).where(ids <= last.id)).rowcount


def _start_of(session: Session, table: Table) -> str:
    anchor = table.metadata.tables[ANCHOR]
    found: str | None = session.scalar(select(anchor.c.hash))
    return found or FIRST_HASH


def _anchor(session: Session, table: Table, entry_id: int, last_hash: str) -> None:
    anchor = table.metadata.tables[ANCHOR]
    values = {"hash": last_hash, "entry_id": entry_id}
    moved = session.execute(
        update(anchor).where(anchor.c.id == _ANCHOR_ID).values(values).returning(anchor.c.id)
    )
    if moved.one_or_none() is None:
        session.execute(insert(anchor).values(id=_ANCHOR_ID, **values))


def entry_hash(entry: dict[str, object]) -> str:
    """The SHA-256 of an entry's content and the hash before it, over sorted compact JSON."""
    content = {name: value for name, value in entry.items() if name not in {"id", "hash"}}
    at = content["at"]
    if isinstance(at, datetime):
        content["at"] = at.astimezone(UTC).isoformat()
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()
