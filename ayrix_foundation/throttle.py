"""At most so many tries per window, counted in the database so that all processes agree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    case,
    delete,
    or_,
    update,
)

from ayrix_foundation.database import Database


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tries a bucket allows within a window that starts with its first try."""

    tries: int
    window: timedelta


def attempt_table(metadata: MetaData) -> Table:
    """The table that counts; each program adds it to its own metadata."""
    return Table(
        "attempt",
        metadata,
        Column("bucket", String(200), primary_key=True),
        Column("until", BigInteger, nullable=False),
        Column("tries", Integer, nullable=False),
    )


def count_try(
    database: Database, table: Table, bucket: str, limit: Limit, now: datetime
) -> timedelta | None:
    """Count one try; None if it is allowed, else how long to wait. One upsert, exact across
    processes.
    """
    at = int(now.timestamp())
    # Only the dialect in use is loaded: PostgreSQL's alone takes longer than all of Flask.
    dialect = import_module(f"sqlalchemy.dialects.{database.engine.dialect.name}")
    insert = dialect.insert(table)
    window = int(limit.window.total_seconds())
    window_end = at + window
    # One that ends later was opened before the clock was set back, and could last for years.
    over = or_(table.c.until <= at, table.c.until > window_end + window)
    statement = (
        insert.values(bucket=bucket, until=window_end, tries=1)
        .on_conflict_do_update(
            index_elements=[table.c.bucket],
            set_={
                "until": case((over, insert.excluded.until), else_=table.c.until),
                "tries": case((over, 1), else_=table.c.tries + 1),
            },
        )
        .returning(table.c.until, table.c.tries)
    )
    with database.statement() as connection:
        row = connection.execute(statement).one()
    return timedelta(seconds=row.until - at) if row.tries > limit.tries else None


def forget_tries(database: Database, table: Table, bucket: str) -> None:
    """Start a bucket anew, after a success."""
    with database.statement() as connection:
        connection.execute(delete(table).where(table.c.bucket == bucket))


def take_back_try(database: Database, table: Table, bucket: str) -> None:
    """Count a try less, after one that was no guess; what others tried stays counted."""
    with database.statement() as connection:
        connection.execute(
            update(table).where(table.c.bucket == bucket).values(tries=table.c.tries - 1)
        )


def forget_old_tries(database: Database, table: Table, now: datetime) -> int:
    """Delete the buckets whose window is over; gives back how many."""
    with database.statement() as connection:
        return connection.execute(
            delete(table).where(table.c.until <= int(now.timestamp()))
        ).rowcount
