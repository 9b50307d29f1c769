"""The PBX's objects, counted in the SQL database that keeps them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import NullPool, Select, TextClause, create_engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from ayrix_protocol.lease import Counted
from ayrix_web.domain.ports import CountedObject, InventoryUnavailable

LONGEST_WAIT = timedelta(seconds=2)
"""How long one query waits for a busy database: a page waits for it, and the quota guard holds
its write lock meanwhile."""

_CALLER_ID = re.compile(r'\s*"?(?P<name>[^"<]*?)"?\s*(?:<[^>]*>)?\s*')


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of database: per kind of object, the query for `number` and `name` of each.

    The counts are made from the same queries, so that they cannot differ from the lists.
    `caller_ids` are the kinds whose name is a caller ID, `"Name" <number>`.
    """

    objects: Mapping[Counted, str]
    caller_ids: frozenset[Counted] = frozenset()

    def query(self, counted: Counted) -> TextClause:
        """The query for the objects of one kind; raises KeyError if the database has none."""
        return text(self.objects[counted])

    def counts_query(self) -> Select[tuple[int]]:
        """All counts in one row, so that they belong to one moment."""
        return select(
            *(
                select(func.count())
                .select_from(self.query(counted).columns().subquery(counted))
                .scalar_subquery()
                .label(counted)
                for counted in self.objects
            )
        )


EMBEDDED = Source(
    objects={
        Counted.EXTENSION: "SELECT id AS number, callerid AS name FROM ps_endpoints",
        Counted.VOICEMAIL: "SELECT mailbox AS number, fullname AS name FROM voicemail",
        Counted.ANNOUNCEMENT: "SELECT '' AS number, name FROM announcement",
        Counted.RING_GROUP: "SELECT number, name FROM ring_group",
        Counted.QUEUE: "SELECT '' AS number, name FROM queues",
    },
    caller_ids=frozenset({Counted.EXTENSION}),
)
"""Asterisk's realtime tables, with ring groups and announcements beside them (`ayrix_web.rows`)."""


class SqlInventory:
    """The inventory of a PBX that keeps its objects in an SQL database."""

    def __init__(self, url: str, source: Source = EMBEDDED) -> None:
        self._source = source
        self._counts = source.counts_query()
        # No pool: a connection from a time when the disk was read-only would keep the whole
        # process from writing to the same SQLite file.
        self._engine = create_engine(
            url, connect_args={"timeout": LONGEST_WAIT.total_seconds()}, poolclass=NullPool
        )
        os.register_at_fork(after_in_child=lambda: self._engine.dispose(close=False))

    def counts(self) -> Mapping[Counted, int]:
        """How many objects of each kind exist; raises InventoryUnavailable."""
        try:
            with self._engine.connect() as connection:
                row = connection.execute(self._counts).mappings().one()
        except SQLAlchemyError as error:
            raise InventoryUnavailable(str(error)) from error
        return {counted: row[counted] for counted in self._source.objects}

    def objects(self, counted: Counted) -> Sequence[CountedObject]:
        """The objects of one kind, sorted by number, then by name; raises InventoryUnavailable."""
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(self._source.query(counted)).all()
        except SQLAlchemyError as error:
            raise InventoryUnavailable(str(error)) from error
        named = caller_name if counted in self._source.caller_ids else str
        found = [CountedObject(row.number or "", named(row.name or "")) for row in rows]
        # Numbers are text of digits: the shorter one is the smaller one.
        return sorted(found, key=lambda found: (len(found.number), found.number, found.name))

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def caller_name(caller_id: str) -> str:
    """The name in a caller ID such as `"Reception" <200>`; the text itself if it is not one."""
    match = _CALLER_ID.fullmatch(caller_id)
    return match["name"] if match else caller_id
