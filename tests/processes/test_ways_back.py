"""Ways back over TCP, against the real license server process and its command line.

The PBX's machine is the only stand-in: no test can swap the mainboard.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import update

from ayrix_foundation.migrations import upgrade
from ayrix_protocol.activation_key import last_characters, normalized
from ayrix_protocol.binding import component_hash
from ayrix_protocol.lease import Lease
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.rebindings import Decision, ReplacementKind
from ayrix_web.adapters.inventory import SqlInventory
from ayrix_web.assembly import MIGRATIONS, build_system
from ayrix_web.domain.errors import Refused
from ayrix_web.domain.license import Reason, Status
from ayrix_web.rows import InstallationRow, SellerRequestRow
from ayrix_web.services import activation, checks, licensing, replacement
from ayrix_web.settings import Settings
from ayrix_web.system import System
from tests.fakes import HARDWARE, FakeMachineReader
from tests.pbx_fixtures import TESTER
from tests.processes.programs import Vendor

LEASE_SECONDS = 3 * 24 * 3600
SPARE = HARDWARE.model_copy(
    update={
        "cpu_serial": component_hash("cpu_serial", "product_uuid:spare"),
        "nic_serial": component_hash("nic_serial", "d4ae52009999"),
    }
)
MOVED_TO = "192.168.10.77"


@dataclass(frozen=True, slots=True)
class Box:
    """A PBX with a machine whose parts the test can change."""

    system: System
    machine: FakeMachineReader

    def verdict(self) -> tuple[Status, Reason | None]:
        """What holds after a check."""
        state = checks.check(self.system, TESTER).state
        return state.status, state.reason

    @property
    def lease(self) -> Lease:
        """The lease it holds."""
        lease = licensing.held_lease(self.system)
        assert lease is not None
        return lease

    def ask(self, kind: ReplacementKind, key: str = "") -> None:
        """Ask the seller."""
        replacement.request_replacement(self.system, kind, key, "a defect", TESTER)

    def poll(self) -> list[tuple[Decision, str]]:
        """Look for the seller's answer now, not in half a minute."""
        with self.system.database.write() as session:
            session.execute(update(SellerRequestRow).values(next_poll_at=self.system.clock.now()))
        replacement.poll(self.system)
        return [(known.state, known.reason) for known in replacement.requests_of(self.system)]


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    """A license server that is ready to be started by `key`."""
    (tmp_path / "vendor").mkdir()
    made = Vendor(tmp_path / "vendor", LEASE_SECONDS)
    yield made
    made.stop()


@pytest.fixture
def key(vendor: Vendor) -> str:
    """The activation key of its one customer; the server runs."""
    made = vendor.set_up()
    vendor.start()
    return made


def make_box(folder: Path, vendor: Vendor) -> Box:
    """A PBX that was never activated."""
    folder.mkdir()
    settings = Settings(
        instance=folder, license_server_url=vendor.url, license_root_key=vendor.root_key
    )
    machine = FakeMachineReader()
    system = replace(build_system(settings), machine_reader=machine)
    upgrade(system.database, MIGRATIONS)
    return Box(system, machine)


def close(box: Box) -> None:
    """Give its connections back."""
    box.system.database.close()
    assert isinstance(box.system.inventory, SqlInventory)
    box.system.inventory.close()


@pytest.fixture
def box(tmp_path: Path, vendor: Vendor, key: str) -> Iterator[Box]:
    """A PBX that was activated over TCP."""
    made = make_box(tmp_path / "pbx", vendor)
    activation.activate(made.system, key, TESTER)
    yield made
    close(made)


def only_request(vendor: Vendor) -> str:
    """The id of what waits for the seller."""
    waiting = json.loads(vendor.command("request", "list", "--json"))
    (found,) = [one["id"] for one in waiting if one["id"] is not None]
    return str(found)


def test_a_disk_in_a_spare_box_runs_on_until_the_seller_moves_the_license(
    box: Box, vendor: Vendor
) -> None:
    box.machine.hardware = SPARE
    assert box.verdict() == (Status.GRACE, Reason.HARDWARE_MISMATCH)
    assert licensing.facts(box.system).runs_until is not None
    box.ask(ReplacementKind.HARDWARE)
    assert box.poll() == [(Decision.WAITING, "")]
    vendor.command("request", "approve", only_request(vendor))
    assert box.poll() == []
    assert licensing.current(box.system).status is Status.ACTIVE
    assert box.lease.provisional is None
    assert box.lease.binding.bound_hardware == SPARE
    assert box.verdict() == (Status.ACTIVE, None)


def test_an_address_changed_the_wrong_way_is_moved_or_put_back(box: Box, vendor: Vendor) -> None:
    bound = box.machine.address
    box.machine.address = MOVED_TO
    assert box.verdict() == (Status.GRACE, Reason.IP_MISMATCH)
    box.ask(ReplacementKind.ADDRESS)
    vendor.command("request", "decline", only_request(vendor), "--reason", "Call us first.")
    assert box.poll() == [(Decision.DECLINED, "Call us first.")]
    box.machine.address = bound
    assert box.verdict() == (Status.ACTIVE, None)
    box.machine.address = MOVED_TO
    box.ask(ReplacementKind.ADDRESS)
    vendor.command("request", "approve", only_request(vendor))
    assert box.poll() == []
    assert box.lease.binding.addresses == (MOVED_TO,)
    assert box.verdict() == (Status.ACTIVE, None)


def test_a_new_box_gets_the_license_of_a_dead_one_by_key_and_approval(
    box: Box, vendor: Vendor, key: str, tmp_path: Path
) -> None:
    spare = make_box(tmp_path / "spare", vendor)
    spare.machine.hardware = SPARE
    with pytest.raises(Refused) as refusal:
        activation.activate(spare.system, key, TESTER)
    assert refusal.value.code is ProblemCode.BOUND_ELSEWHERE
    spare.ask(ReplacementKind.HARDWARE, key)
    assert spare.poll() == [(Decision.WAITING, "")]
    vendor.command("request", "approve", only_request(vendor))
    assert spare.poll() == []
    assert licensing.current(spare.system).status is Status.ACTIVE
    assert licensing.facts(spare.system).key_hint == last_characters(normalized(key))
    close(spare)
    assert box.verdict()[0] is Status.DEACTIVATED, "the old one is shut out"


def test_edited_state_is_mended_by_the_key(box: Box, key: str) -> None:
    with box.system.database.write() as session:
        session.execute(update(InstallationRow).values(mark_time=1))
    facts = licensing.facts(box.system)
    assert facts.state.reason is Reason.STATE_DAMAGED
    activation.activate(box.system, key, TESTER)
    assert licensing.current(box.system).status is Status.ACTIVE


def test_a_new_device_key_on_the_same_hardware_is_activated_by_the_key(
    box: Box, vendor: Vendor, key: str
) -> None:
    close(box)
    (box.system.settings.instance / "device_key.pem").unlink()
    system = replace(build_system(box.system.settings), machine_reader=box.machine)
    state = licensing.current(system)
    assert (state.status, state.reason) == (Status.UNLICENSED, Reason.STATE_DAMAGED)
    activation.activate(system, key, TESTER)
    assert licensing.current(system).status is Status.ACTIVE
    close(Box(system, box.machine))
