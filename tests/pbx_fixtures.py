"""A PBX on a real SQLite file with stand-ins around it, for tests of services and pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from ayrix_foundation import passwords
from ayrix_foundation.audit import Actor
from ayrix_foundation.database import Database
from ayrix_protocol.activation_key import new_activation_key
from ayrix_protocol.lease import Counted
from ayrix_web.adapters.mark_file import MarkFile
from ayrix_web.rows import Base
from ayrix_web.services import activation
from ayrix_web.settings import Settings
from ayrix_web.system import System
from tests.fakes import (
    INSTALLATION_ID,
    FakeClock,
    FakeInventory,
    FakeLicenseServer,
    FakeMachineReader,
)

SEAL_KEY = b"s" * 32
TESTER = Actor("tester", "127.0.0.1")

QUICK_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The same algorithm at a thousandth of its cost: most tests sign somebody in."""


@pytest.fixture(autouse=True)
def quick_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords made in this process quickly; other processes hash as in real life."""
    if request.node.get_closest_marker("real_passwords") is None:
        monkeypatch.setattr(passwords, "_hasher", QUICK_HASHER)


@dataclass(frozen=True, slots=True)
class Pbx:
    """A system with handles on its stand-ins."""

    system: System
    clock: FakeClock
    server: FakeLicenseServer
    inventory: FakeInventory
    machine: FakeMachineReader

    def activate(self) -> None:
        """Activate with a fresh key."""
        self.server.key = new_activation_key()
        activation.activate(self.system, self.server.key, TESTER)


def make_pbx(folder: Path) -> Pbx:
    """A PBX that was never activated; 34 extensions, 28 voicemail boxes, 5 ring groups exist."""
    clock = FakeClock()
    server = FakeLicenseServer(clock)
    inventory = FakeInventory({Counted.EXTENSION: 34, Counted.VOICEMAIL: 28, Counted.RING_GROUP: 5})
    machine = FakeMachineReader()
    settings = Settings(
        instance=folder,
        license_server_url="https://license.example.test",
        license_root_key=server.root_key,
    )
    database = Database(settings.database)
    with database.write() as session:
        Base.metadata.create_all(session.connection())
    system = System(
        settings=settings,
        installation_id=INSTALLATION_ID,
        database=database,
        clock=clock,
        license_server=server,
        inventory=inventory,
        machine_reader=machine,
        mark_store=MarkFile(folder),
        seal_key=SEAL_KEY,
    )
    return Pbx(system, clock, server, inventory, machine)


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[Pbx]:
    """A PBX as `make_pbx` makes it."""
    made = make_pbx(tmp_path)
    yield made
    made.system.database.close()


@pytest.fixture
def active_pbx(pbx: Pbx) -> Pbx:
    """A PBX with a license for 40 extensions, 30 voicemail boxes and 5 ring groups."""
    pbx.activate()
    return pbx


@pytest.fixture
def system(pbx: Pbx) -> System:
    """The system of a PBX that was never activated."""
    return pbx.system
