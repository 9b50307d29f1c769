"""The floor: passwords, schema versions, audit chain, throttle."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import func, select

from ayrix_foundation import migrations, passwords
from ayrix_foundation.audit import Actor, Entry, entry_hash, record
from ayrix_foundation.database import Database
from ayrix_foundation.passwords import UnfitPassword, hash_password, password_fits
from ayrix_foundation.schema import DatabaseNotCurrent, newest_revision, require_current
from ayrix_foundation.throttle import Limit, count_try
from ayrix_license_server.app import MIGRATIONS as SERVER_MIGRATIONS
from ayrix_web.assembly import MIGRATIONS as PBX_MIGRATIONS
from ayrix_web.rows import ATTEMPTS, AUDIT
from ayrix_web.system import System

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
BOTH = pytest.mark.parametrize("folder", [PBX_MIGRATIONS, SERVER_MIGRATIONS], ids=["pbx", "server"])


def test_a_password_fits_only_itself() -> None:
    stored = hash_password("correct horse")
    assert password_fits("correct horse", stored)
    assert not password_fits("correct horsf", stored)
    assert not password_fits("correct horse", None)
    assert not password_fits("correct horse", "damaged")


def test_nobodys_hash_costs_as_much_as_everybodys() -> None:
    hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
    assert not hasher.check_needs_rehash(passwords._NOBODY)


@pytest.mark.parametrize("password", ["", "short", "x" * 9, "x" * 201])
def test_an_unfit_password_is_not_taken(password: str) -> None:
    with pytest.raises(UnfitPassword):
        hash_password(password)


@BOTH
def test_migrations_make_what_the_rows_say_and_can_be_taken_back(
    folder: Path, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
    with pytest.raises(DatabaseNotCurrent):
        require_current(database, folder)
    migrations.upgrade(database, folder)
    require_current(database, folder)
    migrations.check(database, folder)
    migrations.downgrade(database, folder, "base")
    with pytest.raises(DatabaseNotCurrent):
        require_current(database, folder)
    migrations.upgrade(database, folder)
    migrations.check(database, folder)
    database.close()


@BOTH
def test_the_newest_revision_is_read_as_the_migration_tool_reads_it(folder: Path) -> None:

    assert newest_revision(folder) == ScriptDirectory(str(folder)).get_current_head()


def test_every_audit_entry_names_the_one_before(system: System) -> None:
    for number in range(3):
        with system.database.write() as session:
            entry = Entry(NOW, Actor("admin", "::1"), "test.done", details={"number": number})
            record(session, AUDIT, entry)
    with system.database.read() as session:
        rows = [dict(row) for row in session.execute(select(AUDIT).order_by(AUDIT.c.id)).mappings()]
    assert [row["previous_hash"] for row in rows[1:]] == [row["hash"] for row in rows[:-1]]
    assert all(entry_hash(row) == row["hash"] for row in rows)
    assert entry_hash({**rows[1], "actor": "somebody else"}) != rows[1]["hash"]


def test_a_bucket_allows_its_tries_and_opens_again_after_its_window(system: System) -> None:
    limit = Limit(tries=3, window=timedelta(minutes=1))
    waits = [count_try(system.database, ATTEMPTS, "b", limit, NOW) for _ in range(5)]
    assert waits == [None, None, None, timedelta(minutes=1), timedelta(minutes=1)]
    assert count_try(system.database, ATTEMPTS, "b", limit, NOW + limit.window) is None
    with system.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ATTEMPTS)) == 1
