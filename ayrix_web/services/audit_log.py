"""Reading the audit log: who did what when, a page at a time or the whole of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, Select, func, or_, select

from ayrix_foundation.audit import Broken, verify_chain
from ayrix_foundation.tables import Page, page_of
from ayrix_web.rows import AUDIT
from ayrix_web.system import System

ENTRIES_PER_PAGE = 50
_AT_ONCE = 500
"""Entries held in memory while the whole log is read."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; what is empty or None does not matter.

    `actor` is a part of the name of whoever acted, in any letters, or the name is one of `actors`;
    from `since` on, and earlier than `before`.
    """

    actor: str = ""
    actors: frozenset[str] = frozenset()
    action: str = ""
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what when, from where, with what result; as ayrix_foundation.audit.Entry."""

    id: int
    at: datetime
    actor: str
    address: str
    action: str
    subject: str
    result: str
    details: Mapping[str, object]
    hash: str


@dataclass(frozen=True, slots=True)
class AuditListing:
    """One page of entries, newest first."""

    entries: tuple[AuditEntry, ...]
    page: Page


@dataclass(frozen=True, slots=True)
class ChainState:
    """Whether the chain holds, and what it holds: from which time on, and its newest hash.

    `has_kept` is whether there is an entry of the hash that somebody kept; True if none was asked
    for.
    """

    broken: Broken | None
    entries: int
    since: datetime | None
    newest_hash: str
    has_kept: bool


def listing(system: System, wanted: AuditFilter, number: int) -> AuditListing:
    """A page of entries; a page that does not exist is the nearest that does."""
    conditions = _conditions(wanted)
    with system.database.read() as session:
        count = select(func.count()).select_from(AUDIT).where(*conditions)
        page = page_of(number, session.scalar(count) or 0, ENTRIES_PER_PAGE)
        query = _newest_first(conditions).limit(page.size).offset(page.offset)
        entries = tuple(_entry(row) for row in session.execute(query).mappings())
    return AuditListing(entries, page)


def every_entry(system: System, wanted: AuditFilter) -> Iterator[AuditEntry]:
    """All entries, newest first, read bit by bit: a slow reader holds no transaction open."""
    conditions = _conditions(wanted)
    last: int | None = None
    while True:
        older = () if last is None else (AUDIT.c.id < last,)
        query = _newest_first((*conditions, *older)).limit(_AT_ONCE)
        with system.database.read() as session:
            found = [_entry(row) for row in session.execute(query).mappings()]
        yield from found
        if len(found) < _AT_ONCE:
            return
        last = found[-1].id


def check_chain(system: System, kept_hash: str | None = None) -> ChainState:
    """Walk the chain. No chain can show that its newest entries were cut off; a hash that was kept
    elsewhere can.
    """
    count = select(func.count(), func.min(AUDIT.c.at), func.max(AUDIT.c.id))
    with system.database.read() as session:
        entries, since, newest = session.execute(count.select_from(AUDIT)).one()
        newest_hash = session.scalar(select(AUDIT.c.hash).where(AUDIT.c.id == newest)) or ""
        kept = select(AUDIT.c.id).where(AUDIT.c.hash == kept_hash)
        has_kept = kept_hash is None or session.scalar(kept) is not None
        broken = verify_chain(session, AUDIT)
    return ChainState(broken, entries, since, newest_hash, has_kept)


def _newest_first(conditions: tuple[ColumnElement[bool], ...]) -> Select[tuple[object, ...]]:
    return select(AUDIT).where(*conditions).order_by(AUDIT.c.id.desc())


def _conditions(wanted: AuditFilter) -> tuple[ColumnElement[bool], ...]:
    columns = AUDIT.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.actor:
        named = columns.actor.icontains(wanted.actor, autoescape=True)
        conditions.append(or_(named, columns.actor.in_(wanted.actors)))
    if wanted.action:
        conditions.append(columns.action == wanted.action)
    if wanted.since is not None:
        conditions.append(columns.at >= wanted.since)
    if wanted.before is not None:
        conditions.append(columns.at < wanted.before)
    return tuple(conditions)


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        at=row["at"],
        actor=row["actor"],
        address=row["address"],
        action=row["action"],
        subject=row["subject"],
        result=row["result"],
        details=row["details"],
        hash=row["hash"],
    )
