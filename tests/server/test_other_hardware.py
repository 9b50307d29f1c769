"""A known device on other hardware: a few days, once, and only until the bound one speaks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ayrix_license_server.domain.licenses import PROVISIONAL_EVERY, PROVISIONAL_LASTS
from ayrix_protocol.binding import Hardware, component_hash
from tests.server.conftest import Server
from tests.server.device import TestDevice, hardware

SPARE = hardware("spare box")
SECOND = timedelta(seconds=1)
LEASE = timedelta(hours=72)


@pytest.fixture
def moved(device: TestDevice) -> TestDevice:
    """A device whose disk is in a spare box now."""
    device.hardware = SPARE
    return device


def now(server: Server) -> int:
    return int(server.clock.now().timestamp())


def test_a_moved_disk_runs_on(server: Server, moved: TestDevice) -> None:
    assert moved.check().status_code == 200
    lease = moved.held()
    assert lease.binding.hardware == SPARE
    assert lease.binding.bound_hardware == hardware()
    assert lease.provisional == now(server) + PROVISIONAL_LASTS.total_seconds()
    assert lease.exp == now(server) + LEASE.total_seconds()
    assert server.actions()[-1] == "license.machine_changed"


def test_a_swapped_part_is_a_moved_disk_too(device: TestDevice) -> None:
    swapped = component_hash("nic_serial", "another card")
    device.hardware = device.hardware.model_copy(update={"nic_serial": swapped})
    assert device.check().status_code == 200
    assert device.held().provisional is not None


def test_is_renewed_for_seven_days_from_the_first_and_never_beyond(
    server: Server, moved: TestDevice
) -> None:
    moved.check()
    end = moved.held().provisional
    assert end is not None
    days = 0
    while now(server) < end:
        assert moved.check().status_code == 200
        lease = moved.held()
        assert lease.provisional == end
        assert lease.exp == min(end, now(server) + LEASE.total_seconds())
        server.clock.forward(timedelta(days=1))
        days += 1
    assert days == 7
    answer = moved.check()
    assert answer.code == (409, "hardware_mismatch")
    assert answer.json["components"] == ["cpu_serial", "nic_serial"]
    assert server.actions().count("license.machine_changed") == 1


def test_the_last_provisional_lease_ends_with_the_seven_days(
    server: Server, moved: TestDevice
) -> None:
    moved.check()
    end = moved.held().provisional
    server.clock.forward(PROVISIONAL_LASTS - SECOND)
    moved.check()
    assert (moved.held().exp, moved.held().provisional) == (end, end)
    server.clock.forward(SECOND)
    assert moved.check().status_code == 409


def test_comes_once_in_90_days(server: Server, moved: TestDevice) -> None:
    moved.check()
    server.clock.forward(PROVISIONAL_EVERY - SECOND)
    assert moved.check().code == (409, "hardware_mismatch")
    server.clock.forward(SECOND)
    assert moved.check().status_code == 200


def test_is_for_one_machine_only(moved: TestDevice) -> None:
    moved.check()
    moved.hardware = hardware("a third box")
    assert moved.check().code == (409, "hardware_mismatch")
    moved.hardware = SPARE
    assert moved.check().status_code == 200


def test_a_request_from_the_bound_hardware_ends_it(server: Server, moved: TestDevice) -> None:
    moved.check()
    moved.hardware = hardware()
    assert moved.check().status_code == 200
    assert moved.held().provisional is None
    assert server.actions()[-1] == "license.machine_returned"
    moved.hardware = SPARE
    assert moved.check().code == (409, "hardware_mismatch")


def test_the_bound_hardware_ends_it_also_with_a_wrong_address(
    server: Server, moved: TestDevice
) -> None:
    moved.check()
    moved.hardware, moved.address = hardware(), "10.1.1.1"
    assert moved.check().code == (409, "ip_mismatch")
    assert server.actions()[-1] == "license.machine_returned"


def test_the_bound_hardware_ends_it_also_after_it_ran_out(
    server: Server, moved: TestDevice
) -> None:
    moved.check()
    server.clock.forward(PROVISIONAL_LASTS)
    moved.hardware = hardware()
    assert moved.check().status_code == 200
    assert moved.held().provisional is None


def test_two_keys_of_one_license_have_it_once(server: Server) -> None:
    issued, first = server.issue(), server.device()
    first.activate(issued.key)
    first.hardware = SPARE
    first.check()
    again = server.device()
    assert again.activate(issued.key).status_code == 201
    again.hardware = SPARE
    assert again.check().code == (409, "hardware_mismatch")


def test_the_address_must_fit_all_the_same(moved: TestDevice) -> None:
    moved.address = "192.168.10.21"
    answer = moved.check()
    assert answer.code == (409, "ip_mismatch")
    assert answer.json["bound"] == "192.168.10.x"
    moved.address = "192.168.10.20"
    assert moved.check().status_code == 200


def test_a_machine_without_strong_parts_could_not_take_one(device: TestDevice) -> None:
    device.hardware = Hardware(
        cpu_serial=None, nic_serial=component_hash("nic_serial", "5254"), weak=("nic_serial",)
    )
    assert device.check().code == (409, "hardware_mismatch")


def test_a_device_in_the_spare_box_can_order(moved: TestDevice) -> None:
    moved.check()
    assert moved.buy("queue", 1).status_code == 201
    assert moved.held().provisional is not None
    assert moved.held().binding.bound_hardware == hardware()


def test_the_key_does_not_bind_to_other_hardware(server: Server) -> None:
    issued, device = server.issue(), server.device()
    device.activate(issued.key)
    device.hardware = SPARE
    assert device.activate(issued.key).code == (409, "bound_elsewhere")
    assert device.check().status_code == 200
