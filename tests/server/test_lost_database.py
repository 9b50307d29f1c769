"""A license server restored from an old backup: its devices bring back what it forgot."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from ayrix_foundation.database import Database
from ayrix_license_server.app import app_of
from ayrix_license_server.domain.licenses import LicenseState
from ayrix_license_server.rows.customers import EntitlementRow, InstallationRow
from ayrix_license_server.services import decisions
from ayrix_license_server.services.licenses import change_state, list_licenses, reconcile
from ayrix_license_server.services.request_list import waiting_requests
from ayrix_protocol.orders import Order
from tests.server.conftest import VENDOR, Server
from tests.server.device import TestDevice, hardware

Restore = Callable[[], Server]


@pytest.fixture
def backup(server: Server, tmp_path: Path) -> Callable[[], Restore]:
    """Take a backup now; what it gives puts the database back and starts the server again."""

    def take() -> Restore:
        saved = tmp_path / "backup.db"
        with server.system.database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(tmp_path / "license_server.db", saved)

        def restore() -> Server:
            server.system.database.close()
            for file in tmp_path.glob("license_server.db*"):
                file.unlink()
            shutil.copyfile(saved, tmp_path / "license_server.db")
            database = Database(server.system.settings.database)
            system = replace(server.elsewhere(), database=database)
            return replace(server, system=system, client=app_of(system).test_client())

        return restore

    return take


def quantity(device: TestDevice, code: str = "ring_group") -> int | None:
    feature = device.held().feature(code)
    return None if feature is None else feature.quantity


def entitled(server: Server) -> int | None:
    with server.system.database.read() as session:
        return session.scalar(select(EntitlementRow.quantity))


# --- the database is behind -------------------------------------------------------------------


def test_a_bought_quantity_is_a_floor_until_the_vendor_reconciles(
    server: Server, device: TestDevice, backup: Callable[[], Restore]
) -> None:
    restore = backup()
    device.buy("ring_group", 2)
    held, behind = device.held(), restore()
    device.client = behind.client
    assert device.check().status_code == 200
    assert (device.held().seq, quantity(device)) == (held.seq + 1, 5)
    assert entitled(behind) == 3
    assert behind.results("license.floor_raised") == ["alarm"]
    assert list_licenses(behind.system)[0].floor == {"ring_group": 5}
    device.check()
    assert quantity(device) == 5
    assert reconcile(behind.system, held.sub, VENDOR) == {"ring_group": 5}
    device.check()
    assert quantity(device) == 3
    assert list_licenses(behind.system)[0].floor == {}


def test_lost_orders_sent_again_do_not_add_to_the_floor(
    server: Server, device: TestDevice, backup: Callable[[], Restore]
) -> None:
    restore, key = backup(), uuid4()
    device.buy("ring_group", 2, key=key)
    behind = restore()
    device.client, device.acked_orders = behind.client, (key,)
    unknown = device.check().json["unknown_orders"]
    assert unknown == [str(key)]
    again = device.buy("ring_group", 2, key=UUID(unknown[0]))
    assert again.status_code == 201
    assert Order.model_validate(again.json["order"], strict=False).key == key
    assert (quantity(device), entitled(behind)) == (5, 5)
    reconcile(behind.system, device.held().sub, VENDOR)
    device.check()
    assert quantity(device) == 5
    assert device.check().json["unknown_orders"] == []


def test_what_the_database_knows_better_needs_no_floor(
    server: Server, device: TestDevice, backup: Callable[[], Restore]
) -> None:
    restore = backup()
    device.check()
    behind = restore()
    device.client = behind.client
    assert device.check().status_code == 200
    assert behind.results("lease.server_behind") == ["done"]
    assert behind.results("license.floor_raised") == []


def test_a_lowered_quantity_stays_lowered_without_a_restored_backup(
    server: Server, device: TestDevice
) -> None:
    old = device.lease
    device.check()
    device.lease = old
    device.check()
    assert "license.floor_raised" not in server.actions()


def test_a_forgotten_address_comes_back(server: Server, backup: Callable[[], Restore]) -> None:
    device, issued = server.device(), server.issue()
    device.activate(issued.key)
    restore = backup()
    device.address = "10.0.0.9"
    device.activate(issued.key)
    device.client = restore().client
    assert device.check().status_code == 200
    assert device.held().binding.addresses == ("10.0.0.9",)


def test_the_seven_days_go_on(
    server: Server, device: TestDevice, backup: Callable[[], Restore]
) -> None:
    restore = backup()
    device.hardware = hardware("spare")
    device.check()
    end = device.held().provisional
    server.clock.forward(timedelta(days=1))
    device.client = restore().client
    assert device.check().status_code == 200
    assert device.held().provisional == end
    assert device.held().binding.bound_hardware == hardware()


# --- the database does not know the device ------------------------------------------------------


def test_a_forgotten_device_brings_everything_back(
    server: Server, backup: Callable[[], Restore]
) -> None:
    issued = server.issue()
    restore = backup()
    device = server.device()
    device.activate(issued.key)
    device.buy("ring_group", 4)
    held, behind = device.held(), restore()
    device.client = behind.client
    assert device.check().code == (401, "unknown_installation")
    assert device.activate(None).status_code == 200
    lease = device.held()
    assert (lease.seq, lease.gen, lease.sub) == (held.seq + 1, held.gen, held.sub)
    assert lease.binding == held.binding
    assert lease.features == held.features
    assert behind.results("license.recalled") == ["alarm"]
    assert device.check().status_code == 200


def test_a_license_that_is_lost_brings_nobody_back(
    server: Server, backup: Callable[[], Restore]
) -> None:
    restore = backup()
    device = server.activated()
    device.client = restore().client
    assert device.activate(None).code == (401, "unknown_installation")


def test_a_suspended_license_brings_nobody_a_lease(
    server: Server, backup: Callable[[], Restore]
) -> None:
    issued = server.issue()
    restore = backup()
    device = server.device()
    device.activate(issued.key)
    behind = restore()
    device.client = behind.client
    change_state(behind.system, issued.code, LicenseState.SUSPENDED, VENDOR)
    assert device.activate(None).code == (403, "suspended")


def test_only_a_lease_of_ours_brings_a_device_back(
    server: Server, backup: Callable[[], Restore]
) -> None:
    issued = server.issue()
    restore = backup()
    device = server.device()
    device.activate(issued.key)
    behind = restore()
    for spoilt in (None, "", device.lease and device.lease[:-6] + "AAAAAA"):
        forger = replace(device, client=behind.client, lease=spoilt)
        assert forger.activate(None).code == (401, "unknown_installation")
    thief = behind.device(lease=device.lease)
    assert thief.activate(None).code == (401, "unknown_installation")


def test_a_forgotten_replacement_shuts_the_old_machine_out_again(
    server: Server, backup: Callable[[], Restore]
) -> None:
    issued, old = server.issue(), server.device()
    old.activate(issued.key)
    restore = backup()
    new = server.device(hardware=hardware("new box"))
    new.ask_seller("hardware", issued.key)
    decisions.approve(server.system, waiting_requests(server.system)[0].id, "", VENDOR)
    new.activate(None)
    behind = restore()
    old.client = new.client = behind.client
    assert old.check().status_code == 200
    assert new.activate(None).status_code == 200
    assert old.check().code == (403, "revoked")
    assert new.check().status_code == 200


def test_a_forgotten_reinstallation_lets_the_elder_prove_itself(
    server: Server, backup: Callable[[], Restore]
) -> None:
    issued, old = server.issue(), server.device()
    old.activate(issued.key)
    restore = backup()
    new = server.device()
    new.activate(issued.key)
    behind = restore()
    old.client = new.client = behind.client
    assert new.activate(None).status_code == 200
    assert old.check().code == (409, "prove_alive")


def test_a_device_forgotten_before_another_took_the_license_stays_out(
    server: Server, backup: Callable[[], Restore]
) -> None:
    issued = server.issue()
    restore = backup()
    first = server.device()
    first.activate(issued.key)
    behind = restore()
    second = behind.device(hardware=hardware("second"))
    assert second.activate(issued.key).status_code == 201
    first.client = behind.client
    assert first.activate(None).code == (409, "bound_elsewhere")
    with behind.system.database.read() as session:
        assert session.scalars(select(InstallationRow.id)).all() == [second.id]
