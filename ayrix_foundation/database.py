"""Where rows live: short transactions that say whether they read or write."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.types import TypeDecorator

BUSY_TIMEOUT_MS = 5_000
"""How long a writer waits for another before it gives up."""

UNDECODABLE = "Could not decode to UTF-8"
"""What the driver of SQLite says of text that is none."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def new_metadata() -> MetaData:
    """Table metadata in which every constraint has a name, so that migrations can change it."""
    return MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, stored as UTC; SQLite would drop the time zone, and a naive time is
    refused.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Make the time UTC on its way in; raises ValueError for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Make the time aware on its way out."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class DatabaseUnreadable(Exception):
    """The row that every request needs cannot be read."""


class DatabaseMissing(DatabaseUnreadable):
    """There is no database file."""


class Database:
    """One engine per process, safe across fork; connects on first use."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = create_engine(url)
        self._reading = self.engine.execution_options(begin="DEFERRED", postgresql_readonly=True)
        self._writing = self.engine.execution_options(begin="IMMEDIATE")
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare)
            event.listen(self.engine, "begin", _begin)
        self._own = threading.local()
        self._file = _file_of(self.engine)
        self._inode: int | None = None
        os.register_at_fork(after_in_child=self._forget_connections)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent snapshot; never waits for a writer; a write raises."""
        with Session(self._reading) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """All or nothing; SQLite takes the write lock first, so that read-then-write is safe."""
        with (
            self._noticing_read_only(),
            Session(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            session.connection()  # begins now: what the caller reads elsewhere first counts too
            yield session

    @contextmanager
    def statement(self) -> Iterator[Connection]:
        """For exactly one statement, which commits by itself and may be lost in a power cut."""
        with self._noticing_read_only(), self.engine.connect() as connection:
            yield connection
            connection.commit()

    def fast_row(self, sql: str) -> tuple[Any, ...] | None:
        """The first row of a constant query, by this thread's own driver connection.

        For the one read that happens on every request: a tenth of what a session takes. Raises
        DatabaseMissing if the file is gone, DatabaseUnreadable for any other reason.
        """
        self._notice_another_file()
        try:
            cursor = self._own_connection().cursor()
            cursor.execute(sql)
            row: tuple[Any, ...] | None = cursor.fetchone()
            cursor.close()
        except (DBAPIError, self.engine.dialect.loaded_dbapi.Error) as error:
            self._own = threading.local()
            if UNDECODABLE not in str(error):
                raise DatabaseUnreadable from error
            with self._reading.connect() as tolerant:
                return tuple(tolerant.exec_driver_sql(sql).one())
        return row

    def fast_statement(self, sql: str, parameters: Mapping[str, object]) -> tuple[Any, ...] | None:
        """The row that one writing statement gives back, by this thread's own driver connection.

        What `statement()` is for, at a quarter of the cost. Raises OperationalError.
        """
        try:
            connection = self._own_connection()
            cursor = connection.cursor()
            cursor.execute(sql, parameters)
            row: tuple[Any, ...] | None = cursor.fetchone()
            cursor.close()
            connection.commit()
        except self.engine.dialect.loaded_dbapi.Error as error:
            self._own = threading.local()
            failed = OperationalError(sql, None, error)
            if fault_of(failed) is DatabaseFault.READ_ONLY:
                self._close_now()
            raise failed from error
        return row

    def _own_connection(self) -> PoolProxiedConnection:
        connection: PoolProxiedConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self.engine.raw_connection()
            connection.detach()
            if self.engine.dialect.name == "sqlite":
                # Whoever used it before may have left it otherwise; it belongs to us from now on.
                for pragma in ("query_only=0", "synchronous=NORMAL"):
                    connection.cursor().execute(f"PRAGMA {pragma}")
                driver: Any = connection.dbapi_connection
                driver.text_factory = str  # a third faster than ours
        return connection

    def _notice_another_file(self) -> None:
        """A file put in the place of the database, like a restored backup, or none at all any more.

        Open connections would go on with the old file, which nobody else sees.
        """
        if self._file is None:
            return
        try:
            inode = self._file.stat().st_ino
        except OSError as error:
            raise DatabaseMissing from error
        if self._inode not in {inode, None}:
            self._forget_connections()
        self._inode = inode

    @contextmanager
    def _noticing_read_only(self) -> Iterator[None]:
        """Close all connections if one cannot write.

        SQLite opens a file that it cannot write for reading, and later connections of the process
        share that: they would refuse until a restart, long after the disk is in order again.
        """
        try:
            yield
        except DBAPIError as error:
            if fault_of(error) is DatabaseFault.READ_ONLY:
                self._close_now()
            raise

    def _close_now(self) -> None:
        self.close()
        gc.collect()  # what threads had for themselves hangs in cycles

    def _forget_connections(self) -> None:
        self._own = threading.local()
        self.engine.dispose(close=False)

    def close(self) -> None:
        """Give all connections back."""
        self._own = threading.local()
        self.engine.dispose()


class DatabaseFault(StrEnum):
    """Why the database refuses, as far as a person can do something about it."""

    BUSY = "busy"
    READ_ONLY = "read_only"
    FULL = "full"
    OTHER = "other"


def fault_of(error: DBAPIError) -> DatabaseFault:
    """What a database error means; SQLite says it in words (sqlite.org/rescode.html)."""
    words = str(error.orig)
    if "locked" in words or "busy" in words:
        return DatabaseFault.BUSY
    if "readonly" in words or "read-only" in words or "unable to open" in words:
        return DatabaseFault.READ_ONLY
    if "disk is full" in words or "disk I/O" in words:
        return DatabaseFault.FULL
    return DatabaseFault.OTHER


def _file_of(engine: Engine) -> Path | None:
    is_file = engine.dialect.name == "sqlite" and engine.url.database not in {None, "", ":memory:"}
    return Path(str(engine.url.database)) if is_file else None


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # BEGIN is ours
    connection.text_factory = _text
    cursor = connection.cursor()
    # The busy timeout comes first: already the switch to WAL can meet another process.
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _text(stored: bytes) -> str:
    """Damaged text stays readable, so that whoever reads it can say that it is damaged."""
    return stored.decode(errors="replace")


def _begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get("begin")
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA query_only={int(mode == 'DEFERRED')}")
    # Orders, leases and counters must survive a power cut (FULL); a single statement need not.
    driver.execute(f"PRAGMA synchronous={'FULL' if mode == 'IMMEDIATE' else 'NORMAL'}")
    if not mode:
        return
    try:
        driver.execute(f"BEGIN {mode}")
    except connection.dialect.loaded_dbapi.Error as error:
        # The driver's own statement: SQLAlchemy would not wrap what it raises.
        raise OperationalError(f"BEGIN {mode}", None, error) from error
