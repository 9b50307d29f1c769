"""The vendor's side of the model: the real license server, and what its people do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from ayrix_foundation.audit import Actor
from ayrix_foundation.clock import Moment
from ayrix_foundation.database import Database
from ayrix_foundation.migrations import upgrade
from ayrix_license_server.app import MIGRATIONS, app_of
from ayrix_license_server.domain.catalog_file import read_catalog
from ayrix_license_server.domain.licenses import InstallationState
from ayrix_license_server.rows.customers import EntitlementRow, InstallationRow
from ayrix_license_server.rows.orders import OrderLineRow, OrderRow
from ayrix_license_server.services.catalog_loading import load_catalog
from ayrix_license_server.services.customers import NewCustomer, add_customer
from ayrix_license_server.services.installations import forgive, move_address
from ayrix_license_server.services.keys import load_keys, make_keys
from ayrix_license_server.services.licenses import Issued, issue_license
from ayrix_license_server.services.purchases import PURCHASE
from ayrix_license_server.settings import Settings
from ayrix_license_server.system import CatalogCache, System
from ayrix_license_server.web.api.device import EXTENSION
from ayrix_protocol.orders import OrderState
from tests.fakes import ORIGIN, START
from tests.services.model import files
from tests.services.model.network import SteppingDatabase, Steps

CATALOG = Path(__file__).parents[3] / "examples" / "catalog.yaml"
VENDOR = Actor("vendor")
FEATURE = "ring_group"
BEGINS_WITH = 3


class TrueTime:
    """The time it really is, which is the license server's clock."""

    def __init__(self) -> None:
        self.seconds = START.timestamp()

    def now(self) -> datetime:
        """The same as a date."""
        return datetime.fromtimestamp(self.seconds, UTC)

    def moment(self) -> Moment:
        """The same as a reading of all clocks."""
        return Moment(int(self.seconds), "server", self.seconds)

    def is_synchronized(self) -> bool:
        """It is the time that others are set by."""
        return True


class _Prepared:
    """Keys, catalog, a customer and a license, made once: each world begins with a copy."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] = files.new_folder()
        self.settings = Settings(
            instance=Path(self._folder.name), public_url=ORIGIN, activation_tries_per_hour=100_000
        )
        self.root_key = make_keys(self.settings, START)
        database = Database(self.settings.database)
        upgrade(database, MIGRATIONS)
        self.system = System(self.settings, database, TrueTime(), load_keys(self.settings))
        load_catalog(self.system, read_catalog(CATALOG), VENDOR)
        add_customer(self.system, NewCustomer("4711", "Example AG"), VENDOR)
        self.issued: Issued = issue_license(self.system, "4711", {FEATURE: BEGINS_WITH}, VENDOR)
        database.close()
        self.content = files.content(self.settings.instance / "license_server.db")
        self.app: Flask = app_of(self.system)
        self.client = self.app.test_client()


@lru_cache(maxsize=1)
def prepared() -> _Prepared:
    """What all worlds of this process share and none changes."""
    return _Prepared()


class Vendor:
    """One license server on a file of its own; it answers while it is the newest one opened."""

    def __init__(self, folder: Path) -> None:
        template = prepared()
        self.root_key, self.key = template.root_key, template.issued.key
        self.time = TrueTime()
        self.steps = Steps()
        self._file = folder / "license_server.db"
        self._settings = replace(template.settings, database_url=f"sqlite:///{self._file}")
        files.put_back(self._file, template.content)
        self.open()

    def open(self) -> None:
        """Start the server's process."""
        template = prepared()
        database = SteppingDatabase(self._settings.database, self.steps)
        self.system = System(
            self._settings, database, self.time, template.system.keys, CatalogCache()
        )
        template.app.extensions[EXTENSION] = self.system

    def client(self) -> FlaskClient:
        """Whom requests go to."""
        return prepared().client

    def close(self) -> None:
        """End the server's process."""
        self.system.database.close()

    def backup(self) -> bytes:
        """A copy of all the server knows."""
        return files.content(self._file)

    def restore(self, backup: bytes) -> None:
        """Forget everything since the backup."""
        self.close()
        files.put_back(self._file, backup)
        self.open()

    def row(self, installation: str) -> InstallationRow | None:
        """What is known of a device."""
        with self.system.database.read() as session:
            return session.get(InstallationRow, installation)

    def is_accused(self, installation: str) -> bool:
        """Whether a device is taken for one of two copies."""
        row = self.row(installation)
        return row is not None and row.state == InstallationState.CLONE_SUSPECTED

    def clear_doubt(self, installation: str) -> None:
        """The seller has spoken with the customer: there is one machine only."""
        self.steps.left = None
        with self.system.database.write() as session:
            row = session.get(InstallationRow, installation)
            if row is not None:
                forgive(row)

    def bind_address(self, installation: str, address: str) -> None:
        """The seller lets the box move to another address."""
        self.steps.left = None
        with self.system.database.write() as session:
            row = session.get(InstallationRow, installation)
            if row is not None:
                move_address(session, row, (address,), self.time.now())

    def orders(self, *, reason: str = "") -> list[str]:
        """The keys of all orders that customers placed, or of those with another reason."""
        with self.system.database.read() as session:
            return list(session.scalars(select(OrderRow.key).where(OrderRow.reason == reason)))

    def purchases(self) -> list[str]:
        """The keys of the orders that licenses began with."""
        return self.orders(reason=PURCHASE)

    def entitled(self) -> int:
        """How many of the feature the license has."""
        with self.system.database.read() as session:
            return session.scalar(select(EntitlementRow.quantity)) or 0

    def bought(self) -> int:
        """How many of the feature all fulfilled orders brought, the first purchase included."""
        query = (
            select(OrderLineRow.code, OrderLineRow.quantity)
            .join(OrderRow, OrderRow.id == OrderLineRow.order_id)
            .where(OrderRow.state == OrderState.FULFILLED)
        )
        with self.system.database.read() as session:
            sums = Counter[str]()
            for row in session.execute(query):
                sums[row.code] += row.quantity
        return sums[FEATURE]
