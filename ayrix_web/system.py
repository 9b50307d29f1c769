"""Everything a service works with, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field

from ayrix_foundation.clock import Clock
from ayrix_foundation.database import Database
from ayrix_web.domain.license import LicenseState
from ayrix_web.domain.ports import Inventory, LicenseServer, MachineReader, MarkStore
from ayrix_web.settings import Settings


@dataclass(frozen=True, slots=True)
class Remembered:
    """A license state one process may use again while the row behind it is the same.

    `until_boot` is the reading of the boot clock, which nobody can set, at which it must be
    computed anew; `ends_boot` the one at which it is over in any case.
    """

    row: tuple[object, ...] | None
    state: LicenseState
    until_boot: float
    ends_boot: float


@dataclass(slots=True)
class Memory:
    """What one process keeps between two requests, so that the gate costs next to nothing."""

    remembered: Remembered | None = None


@dataclass(frozen=True, slots=True)
class System:
    """Settings, database, clock and the ports; built in `ayrix_web.app` and in the tests.

    `installation_id` is the thumbprint of the device key, which only the license server port holds;
    `seal_key` is derived from that key and seals what is stored of the license.
    """

    settings: Settings
    installation_id: str
    database: Database
    clock: Clock
    license_server: LicenseServer
    inventory: Inventory
    machine_reader: MachineReader
    mark_store: MarkStore
    seal_key: bytes = field(repr=False)
    memory: Memory = field(default_factory=Memory)
