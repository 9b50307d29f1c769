"""The audit's chain: whoever touches an entry is found, and old entries can go all the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from ayrix_foundation.audit import (
    Actor,
    Broken,
    Damage,
    Entry,
    anchor_table,
    audit_table,
    prune,
    record,
    verify_chain,
)
from ayrix_foundation.database import Database, new_metadata

METADATA = new_metadata()
TABLE = audit_table(METADATA)
ANCHOR = anchor_table(METADATA)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Ten entries, one a day, the newest today."""
    database = Database(f"sqlite:///{tmp_path / 'audit.db'}")
    METADATA.create_all(database.engine)
    for age in range(9, -1, -1):
        append(database, NOW - age * DAY)
    yield database
    database.close()


def append(database: Database, at: datetime) -> None:
    details: dict[str, object] = {"a": [1, 2.5, None], "ä": {"z": True, "b": "„quoted“"}}
    with database.write() as session:
        record(session, TABLE, Entry(at, Actor("admin", "::1"), "test.done", details=details))


def broken(database: Database) -> Broken | None:
    with database.read() as session:
        return verify_chain(session, TABLE)


def pruned(database: Database, before: datetime, most: int | None = None) -> int:
    with database.write() as session:
        return prune(session, TABLE, before, most)


def ids(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(TABLE.c.id).order_by(TABLE.c.id)))


def test_an_untouched_chain_holds(database: Database) -> None:
    append(database, datetime(2026, 11, 24, 11, 0, tzinfo=timezone(timedelta(hours=2))))
    assert broken(database) is None


def test_an_empty_chain_holds(database: Database) -> None:
    with database.write() as session:
        session.execute(delete(TABLE))
    assert broken(database) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", NOW - DAY),
        ("actor", "somebody else"),
        ("address", "::2"),
        ("action", "test.undone"),
        ("subject", "another"),
        ("result", "failed"),
        ("details", {}),
        ("hash", "f" * 64),
    ],
)
def test_a_changed_entry_is_the_first_that_is_broken(
    database: Database, column: str, value: object
) -> None:
    with database.write() as session:
        session.execute(update(TABLE).where(TABLE.c.id == 4).values({column: value}))
    found = broken(database)
    assert found is not None
    assert (found.entry_id, found.damage) == (4, Damage.CHANGED)


@pytest.mark.parametrize("gone", [1, 2, 9])
def test_a_deleted_entry_tears_the_chain_behind_it(database: Database, gone: int) -> None:
    with database.write() as session:
        session.execute(delete(TABLE).where(TABLE.c.id == gone))
    found = broken(database)
    assert found is not None
    assert (found.entry_id, found.damage) == (gone + 1, Damage.TORN)


def test_two_entries_that_changed_places_tear_the_chain(database: Database) -> None:
    with database.write() as session:
        for old, new in ((3, 99), (4, 3), (99, 4)):
            session.execute(update(TABLE).where(TABLE.c.id == old).values(id=new))
    found = broken(database)
    assert found is not None
    assert (found.entry_id, found.damage) == (3, Damage.TORN)


def test_a_pruned_chain_holds_and_goes_on(database: Database) -> None:
    assert pruned(database, NOW - 5 * DAY) == 4
    assert ids(database) == [5, 6, 7, 8, 9, 10]
    append(database, NOW)
    assert broken(database) is None
    assert pruned(database, NOW - 3 * DAY) == 2
    assert broken(database) is None
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(ANCHOR)) == 1


def test_what_is_left_of_a_pruned_chain_is_still_guarded(database: Database) -> None:
    pruned(database, NOW - 5 * DAY)
    with database.write() as session:
        session.execute(delete(TABLE).where(TABLE.c.id == 5))
    found = broken(database)
    assert found is not None
    assert (found.entry_id, found.damage) == (6, Damage.TORN)


def test_the_newest_entry_always_stays(database: Database) -> None:
    assert pruned(database, NOW + 400 * DAY) == 9
    assert ids(database) == [10]
    append(database, NOW)
    assert broken(database) is None


def test_nothing_old_is_nothing_pruned(database: Database) -> None:
    assert pruned(database, NOW - 30 * DAY) == 0
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(ANCHOR)) == 0


def test_no_entry_goes_before_one_that_is_young(database: Database) -> None:
    append(database, NOW - 300 * DAY)  # the clock was wrong
    append(database, NOW)
    assert pruned(database, NOW - 5 * DAY) == 4
    assert broken(database) is None


def test_entries_of_a_clock_that_ran_ahead_go_by_their_number(database: Database) -> None:
    with database.write() as session:
        session.execute(delete(TABLE))
    for age in (-3650, 9, 8, 7, 6):
        append(database, NOW - age * DAY)
    assert pruned(database, NOW) == 0
    assert pruned(database, NOW - 30 * DAY, most=3) == 2
    assert broken(database) is None
