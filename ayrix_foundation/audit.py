"""The record of who did what when: append-only, each entry chained to the one before by a hash."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from sqlalchemy import JSON, Column, Integer, MetaData, String, Table, insert, select
from sqlalchemy.orm import Session

from ayrix_foundation.database import UtcDateTime

FIRST_HASH = "0" * 64
"""What the first entry names as the hash before it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts and from where: an account, "agent" or "command line"; `address` empty if local."""

    name: str
    address: str = ""


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


def entry_hash(entry: dict[str, object]) -> str:
    """The SHA-256 of an entry's content and the hash before it, over sorted compact JSON."""
    content = {name: value for name, value in entry.items() if name not in {"id", "hash"}}
    at = content["at"]
    if isinstance(at, datetime):
        content["at"] = at.isoformat()
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()
