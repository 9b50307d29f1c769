"""The bound address: what was bound lately comes back by itself, nothing else does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from ayrix_license_server.domain.licenses import ADDRESS_RETURNS_FOR
from ayrix_license_server.rows.customers import InstallationRow
from ayrix_license_server.rows.requests import LeftAddressRow
from tests.server.conftest import Server
from tests.server.device import TestDevice, hardware

OLD, NEW = "192.168.10.20", "10.0.0.9"
SECOND = timedelta(seconds=1)


@pytest.fixture
def moved(server: Server) -> TestDevice:
    """A device that took a new address with its key."""
    device, issued = server.device(address=OLD), server.issue()
    device.activate(issued.key)
    device.address = NEW
    assert device.activate(issued.key).status_code == 200
    return device


def test_an_address_bound_lately_is_taken_back(server: Server, moved: TestDevice) -> None:
    server.clock.forward(ADDRESS_RETURNS_FOR - SECOND)
    moved.address = OLD
    assert moved.check().status_code == 200
    assert moved.held().binding.addresses == (OLD,)
    assert server.actions()[-1] == "address.taken_back"
    moved.address = NEW
    assert moved.check().status_code == 200


def test_an_address_left_30_days_ago_is_not(server: Server, moved: TestDevice) -> None:
    server.clock.forward(ADDRESS_RETURNS_FOR)
    moved.address = OLD
    answer = moved.check()
    assert answer.code == (409, "ip_mismatch")
    assert answer.json["bound"] == "10.0.0.x"


def test_an_address_that_never_was_bound_is_not(moved: TestDevice) -> None:
    moved.address = "192.168.10.21"
    assert moved.check().code == (409, "ip_mismatch")


def test_an_address_bound_to_another_installation_is_not(server: Server, moved: TestDevice) -> None:
    other = server.activated(hardware=hardware("other"), address="10.7.7.7")
    other.address = OLD
    assert other.check().code == (409, "ip_mismatch")


def test_every_address_that_was_left_is_recorded(server: Server, moved: TestDevice) -> None:
    moved.address = OLD
    moved.check()
    with server.system.database.read() as session:
        left = session.scalars(select(LeftAddressRow.address).order_by(LeftAddressRow.id)).all()
    assert left == [OLD, NEW]


def test_taking_back_ends_an_open_change(server: Server, moved: TestDevice) -> None:
    with server.system.database.write() as session:
        session.execute(update(InstallationRow).values(next_address="10.0.0.10"))
    moved.check()
    assert moved.held().binding.addresses == (NEW, "10.0.0.10")
    moved.address = OLD
    moved.check()
    assert moved.held().binding.addresses == (OLD,)


def test_an_address_that_need_not_match_is_followed(server: Server, device: TestDevice) -> None:
    with server.system.database.write() as session:
        session.execute(update(InstallationRow).values(required=["cpu_serial", "nic_serial"]))
    device.address = "10.2.2.2"
    assert device.check().status_code == 200
    assert device.held().binding.addresses == ("10.2.2.2",)
