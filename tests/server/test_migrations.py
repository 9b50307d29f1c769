"""A database that is in use keeps what it holds when its tables change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from ayrix_foundation.database import Database
from ayrix_foundation.migrations import check, downgrade, upgrade
from ayrix_license_server.app import MIGRATIONS

_FIRST_ROWS = (
    "INSERT INTO seller VALUES (1, 's', 'S', '', '', '')",
    "INSERT INTO price_list VALUES (1, 'p', 'EUR', 'monthly', 0.19, 'licensed')",
    "INSERT INTO customer (id, number, name, seller_id, price_list_id, upgrade_types, auto_approve)"
    " VALUES (1, '1', 'C', 1, 1, '[]', 1)",
    "INSERT INTO license (id, customer_id, state, required, created_at)"
    " VALUES (1, 1, 'active', '[]', '2026-11-24 09:00:00')",
    "INSERT INTO feature (id, code, category, names, descriptions, hidden, position)"
    " VALUES (1, 'queue', 'instance', '{}', '{}', 0, 1)",
    "INSERT INTO entitlement VALUES (1, 1, 1, 5)",
    "INSERT INTO installation (id, public_key, license_id, state, created_at, counter, gen, weak,"
    ' address, top, "left", license_state, required, entitlements, customer, seller, known_orders,'
    " usage, version, last_contact_at, source_address) VALUES ('i', 'k', 1, 'active',"
    " '2026-11-24 09:00:00', 7, 2, '', '10.0.0.1', 9, '{}', 'active', '[]', '[]', '{}', 's', '[]',"
    " '{}', '', 1, '')",
)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Database]:
    """A database of the first version with a license in use."""
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    upgrade(database, MIGRATIONS, "0001")
    with database.write() as session:
        for statement in _FIRST_ROWS:
            session.execute(text(statement))
    yield database
    database.close()


def _held(database: Database) -> tuple[object, ...]:
    query = "SELECT i.counter, i.gen, i.top, e.quantity FROM installation i, entitlement e"
    with database.read() as session:
        return tuple(session.execute(text(query)).one())


def test_a_license_in_use_survives_the_way_up_and_down(old: Database) -> None:
    before = _held(old)
    upgrade(old, MIGRATIONS)
    check(old, MIGRATIONS)
    assert _held(old) == before
    with old.write() as session:
        assert session.scalar(text("SELECT oldest_gen FROM installation")) == 2
        session.execute(text("UPDATE installation SET state = 'retired'"))
    downgrade(old, MIGRATIONS, "0001")
    assert _held(old) == before
    with old.read() as session:
        assert session.scalar(text("SELECT state FROM installation")) == "replaced"
