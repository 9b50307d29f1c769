"""A license server on a real SQLite file, with a catalog and a customer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from ayrix_foundation.audit import Actor
from ayrix_foundation.clock import Moment
from ayrix_foundation.database import Database
from ayrix_foundation.migrations import upgrade
from ayrix_license_server.app import MIGRATIONS, app_of
from ayrix_license_server.domain.catalog_file import read_catalog
from ayrix_license_server.rows.base import audit_entries
from ayrix_license_server.services.catalog_loading import load_catalog
from ayrix_license_server.services.customers import NewCustomer, add_customer, add_seller
from ayrix_license_server.services.keys import load_keys, make_keys
from ayrix_license_server.services.licenses import Issued, issue_license
from ayrix_license_server.settings import Settings
from ayrix_license_server.system import CatalogCache, System
from ayrix_protocol.lease import Contact
from tests.server.device import ORIGIN, TestDevice

CATALOG = Path(__file__).parents[2] / "examples" / "catalog.yaml"
VENDOR = Actor("vendor")
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class SetClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """What the test says."""
        return self._now

    def moment(self) -> Moment:
        """The same as a reading of all clocks."""
        return Moment(int(self._now.timestamp()), "boot", self._now.timestamp())

    def is_synchronized(self) -> bool:
        """As good as any."""
        return True

    def forward(self, step: timedelta) -> None:
        """Let time pass."""
        self._now += step


@dataclass(frozen=True)
class Server:
    """The server under test and what the vendor does with it."""

    system: System
    clock: SetClock
    client: FlaskClient

    def device(self, **values: Any) -> TestDevice:
        """A machine that was never seen."""
        return replace(TestDevice(self.client), **values)

    def issue(self, customer: str = "4711", **quantities: int) -> Issued:
        """A license with its key."""
        return issue_license(self.system, customer, quantities or {"ring_group": 3}, VENDOR)

    def activated(self, **values: Any) -> TestDevice:
        """A device that holds a fresh license."""
        device = self.device(**values)
        assert device.activate(self.issue().key).status_code == 201
        return device

    def customer(self, number: str, **values: Any) -> None:
        """One more customer."""
        customer = replace(NewCustomer(number, "Another Example GmbH"), **values)
        add_customer(self.system, customer, VENDOR)

    def elsewhere(self) -> System:
        """Another process on the same database: it shares nothing else."""
        return replace(self.system, catalog=CatalogCache())

    def results(self, action: str) -> list[str]:
        """How the recorded tries of one action went, oldest first."""
        entries = audit_entries.c
        query = select(entries.result).where(entries.action == action).order_by(entries.id)
        with self.system.database.read() as session:
            return list(session.scalars(query))

    def actions(self) -> list[str]:
        """What the audit recorded, oldest first."""
        with self.system.database.read() as session:
            return list(
                session.scalars(select(audit_entries.c.action).order_by(audit_entries.c.id))
            )


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys and a database that has the example catalog, a seller and customer 4711;
    every test gets a copy.
    """
    folder = tmp_path_factory.mktemp("license_server")
    settings = Settings(instance=folder, public_url=ORIGIN)
    make_keys(settings, START)
    database = Database(settings.database)
    upgrade(database, MIGRATIONS)
    system = System(settings, database, SetClock(START), load_keys(settings))
    load_catalog(system, read_catalog(CATALOG), VENDOR)
    add_seller(system, "north", Contact(name="Example Reseller", phone="+49 30 1234"), VENDOR)
    add_customer(system, NewCustomer("4711", "Example AG"), VENDOR)
    database.close()
    return folder


@pytest.fixture
def server(prepared: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of its own for each test."""
    for file in prepared.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = Settings(instance=tmp_path, public_url=ORIGIN)
    clock = SetClock(START)
    system = System(settings, Database(settings.database), clock, load_keys(settings))
    yield Server(system, clock, app_of(system).test_client())
    system.database.close()


@pytest.fixture
def device(server: Server) -> TestDevice:
    """A device that holds a license with three ring groups."""
    return server.activated()
