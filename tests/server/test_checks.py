"""The license check: the good case, and every other one with its reason."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event, select, update

from ayrix_foundation.database import Database
from ayrix_license_server.app import app_of
from ayrix_license_server.domain.catalog_file import CatalogFile, read_catalog
from ayrix_license_server.domain.licenses import LicenseState
from ayrix_license_server.rows.customers import InstallationRow
from ayrix_license_server.services.catalog_loading import load_catalog
from ayrix_license_server.services.customers import NewCustomer, add_customer, add_seller
from ayrix_license_server.services.licenses import change_state
from ayrix_protocol.binding import component_hash
from ayrix_protocol.jws import DocumentType, read
from ayrix_protocol.lease import Category, Contact, Lease, read_lease, verify_revocation
from tests.server.conftest import CATALOG, VENDOR, Server
from tests.server.device import TestDevice, hardware


def row_of(server: Server, device: TestDevice) -> InstallationRow:
    with server.system.database.read() as session:
        return session.get_one(InstallationRow, device.id)


def test_every_check_brings_a_newer_lease(server: Server, device: TestDevice) -> None:
    for number in range(2, 6):
        server.clock.forward(timedelta(hours=3))
        assert device.check().status_code == 200
        assert device.held().seq == number
        assert device.held().iat == int(server.clock.now().timestamp())


def test_a_good_check_is_one_statement(server: Server, device: TestDevice) -> None:
    statements: list[str] = []
    database = Database(server.system.settings.database)

    @event.listens_for(database.engine, "connect")
    def _trace(connection: sqlite3.Connection, _entry: object) -> None:
        connection.set_trace_callback(statements.append)

    device.client = app_of(replace(server.system, database=database)).test_client()
    device.check()  # the catalog is read, the connection made
    statements.clear()
    assert device.check().status_code == 200
    assert [text.partition(" SET ")[0] for text in statements] == ["UPDATE installation"]


def test_remembers_what_the_device_says_of_itself(server: Server, device: TestDevice) -> None:
    device.usage = {"ring_group": 2}
    device.check()
    row = row_of(server, device)
    assert (row.usage, row.version, row.counter) == ({"ring_group": 2}, "0.1.0", device.counter)
    assert row.last_contact_at == int(server.clock.now().timestamp())


def test_remembers_when_the_source_address_changed(server: Server, device: TestDevice) -> None:
    device.check()
    assert row_of(server, device).source_changed_at is None
    server.clock.forward(timedelta(hours=1))
    device.source = "198.51.100.20"
    device.check()
    changed = int(server.clock.now().timestamp())
    server.clock.forward(timedelta(hours=1))
    device.check()
    row = row_of(server, device)
    assert (row.source_address, row.source_changed_at) == ("198.51.100.20", changed)


def test_writes_claims_as_the_model_does(server: Server, device: TestDevice) -> None:
    assert device.lease is not None
    payload = read_lease(device.lease).payload
    assert Lease.model_validate_json(payload).model_dump_json().encode() == payload


# --- states -----------------------------------------------------------------------------------


def test_a_suspended_license_has_no_lease_until_it_is_resumed(
    server: Server, device: TestDevice
) -> None:
    code = device.held().sub
    change_state(server.system, code, LicenseState.SUSPENDED, VENDOR)
    assert device.check().code == (403, "suspended")
    change_state(server.system, code, LicenseState.ACTIVE, VENDOR)
    assert device.check().status_code == 200


def test_a_revoked_license_brings_a_signed_revocation(server: Server, device: TestDevice) -> None:
    change_state(server.system, device.held().sub, LicenseState.REVOKED, VENDOR)
    answer = device.check()
    assert answer.code == (403, "revoked")
    document = read(DocumentType.REVOCATION, answer.json["revocation"])
    published = server.system.keys.key_set.find(document.header["kid"])
    assert published is not None
    revocation = verify_revocation(document, published.to_key())
    assert revocation.aud == device.id
    assert revocation.covers(device.held())


# --- counter ----------------------------------------------------------------------------------


def test_a_used_counter_is_refused_with_the_server_s(server: Server, device: TestDevice) -> None:
    device.check()
    device.counter -= 1
    answer = device.check()
    assert answer.code == (409, "counter_behind")
    assert answer.json["counter"] == device.counter
    assert device.check().status_code == 200


def test_a_replayed_request_is_refused(server: Server, device: TestDevice) -> None:
    body = {"device": device.state()}
    proof = device.proof("POST", "/api/v1/checks", device.encoded(body))
    assert device.send("POST", "/checks", body, proof=proof).status_code == 200
    assert device.send("POST", "/checks", body, proof=proof).code == (409, "counter_behind")


def test_a_counter_may_jump_but_not_over_2_to_the_32(server: Server, device: TestDevice) -> None:
    device.counter += 2**32 - 1
    assert device.check().status_code == 200
    device.counter += 2**32
    assert device.check().code == (409, "counter_behind")


def test_a_refused_request_has_used_its_counter(server: Server, device: TestDevice) -> None:
    device.address = "10.1.1.1"
    device.check()
    assert row_of(server, device).counter == device.counter


# --- binding ----------------------------------------------------------------------------------


def _other_cpu(device: TestDevice) -> None:
    other = component_hash("cpu_serial", "another")
    device.hardware = device.hardware.model_copy(update={"cpu_serial": other})


def _other_nic(device: TestDevice) -> None:
    other = component_hash("nic_serial", "another")
    device.hardware = device.hardware.model_copy(update={"nic_serial": other})


def _other_machine(device: TestDevice) -> None:
    device.hardware = hardware("another")


@pytest.mark.parametrize(
    ("change", "components"),
    [
        (_other_cpu, ["cpu_serial"]),
        (_other_nic, ["nic_serial"]),
        (_other_machine, ["cpu_serial", "nic_serial"]),
    ],
)
def test_other_hardware_is_named(
    server: Server,
    device: TestDevice,
    change: Callable[[TestDevice], None],
    components: list[str],
) -> None:
    bound = device.hardware
    change(device)
    assert device.check().status_code == 200  # for a few days
    server.clock.forward(timedelta(days=7))
    answer = device.check()
    assert answer.code == (409, "hardware_mismatch")
    assert answer.json["components"] == components
    device.hardware = bound
    assert device.check().status_code == 200


def test_another_address_is_refused_without_saying_the_bound_one(device: TestDevice) -> None:
    device.address = "192.168.10.21"
    answer = device.check()
    assert answer.code == (409, "ip_mismatch")
    assert answer.json["bound"] == "192.168.10.x"


def test_a_component_that_cannot_be_read_is_no_mismatch(device: TestDevice) -> None:
    device.hardware = device.hardware.model_copy(update={"nic_serial": None})
    assert device.check().status_code == 200


def test_a_component_that_was_unknown_is_learned(server: Server) -> None:
    full = hardware()
    device = server.activated(hardware=full.model_copy(update={"nic_serial": None}))
    device.hardware = full
    assert device.check().status_code == 200
    assert device.held().binding.bound_hardware == full
    _other_nic(device)
    device.check()
    assert device.held().provisional is not None


def test_only_required_components_are_compared(server: Server, device: TestDevice) -> None:
    with server.system.database.write() as session:
        session.execute(update(InstallationRow).values(required=["cpu_serial"]))
    device.address = "10.2.2.2"
    _other_nic(device)
    assert device.check().status_code == 200
    assert [str(name) for name in device.held().binding.required] == ["cpu_serial"]


def test_the_bound_machine_is_never_locked_out_by_another(
    server: Server, device: TestDevice
) -> None:
    stranger = device.copy_of()
    stranger.hardware = hardware("another")
    for expected in (200, 409, 409):  # a provisional lease, which the bound machine ends
        stranger.counter = device.counter
        assert stranger.check().status_code == expected
        device.counter = stranger.counter
        assert device.check().status_code == 200
        assert device.held().provisional is None


# --- history ----------------------------------------------------------------------------------


def test_lost_answers_accuse_nobody(server: Server, device: TestDevice) -> None:
    for _ in range(20):
        held = device.lease
        assert device.check().status_code == 200
        device.lease = held
    assert device.check().status_code == 200
    assert "lease.clone_suspected" not in server.actions()


def test_a_restored_backup_accuses_nobody(server: Server, device: TestDevice) -> None:
    backup = device.lease
    for _ in range(5):
        device.check()
    device.lease = backup
    assert device.check().status_code == 200
    assert device.check().status_code == 200
    assert server.actions()[-1] == "lease.backup_restored"


def test_two_live_copies_are_found_within_three_checks(server: Server, device: TestDevice) -> None:
    device.check()
    copy = device.copy_of()
    found = 0
    for checks in range(1, 4):
        for one, other in ((device, copy), (copy, device)):
            found = found or (one.check().status_code == 403) * checks
            other.counter = one.counter
    assert 1 <= found <= 3
    assert device.check().code == (403, "clone_suspected")


def test_the_key_lets_the_right_copy_in_and_shuts_the_other_out(server: Server) -> None:
    device, issued = server.device(), server.issue()
    device.activate(issued.key)
    copy = device.copy_of()
    for _ in range(4):
        device.check()
        copy.counter = device.counter
        copy.check()
        device.counter = copy.counter
    assert device.check().code == (403, "clone_suspected")
    assert device.activate(issued.key).status_code == 200
    copy.counter = device.counter
    assert copy.check().code == (403, "clone_suspected")
    device.counter = copy.counter
    assert device.check().status_code == 200


def test_a_server_behind_its_devices_takes_over_what_they_know(
    server: Server, device: TestDevice
) -> None:
    with server.system.database.read() as session:
        before = session.execute(
            select(InstallationRow.issued_jti, InstallationRow.shown_jti, InstallationRow.top)
        ).one()
    for _ in range(4):
        device.check()
    held = device.held()
    with server.system.database.write() as session:
        session.execute(
            update(InstallationRow).values(
                issued_jti=before.issued_jti, shown_jti=before.shown_jti, top=before.top
            )
        )
    assert device.check().status_code == 200
    assert device.held().seq == held.seq + 1
    assert server.actions()[-1] == "lease.server_behind"


@pytest.mark.parametrize("spoil", [lambda lease: lease[:-4] + "AAAA", lambda _: "no lease at all"])
def test_a_damaged_lease_is_replaced_like_a_lost_one(
    device: TestDevice, spoil: Callable[[str], str]
) -> None:
    assert device.lease is not None
    device.lease = spoil(device.lease)
    assert device.check().status_code == 200
    assert device.check().status_code == 200


def test_names_orders_it_does_not_know(device: TestDevice) -> None:
    placed, lost = uuid4(), uuid4()
    device.buy("ring_group", 1, key=placed)
    device.acked_orders = (placed, lost)
    assert device.check().json["unknown_orders"] == [str(lost)]
    held = device.lease
    device.check()
    device.lease = held  # explained, not the good case
    assert device.check().json["unknown_orders"] == [str(lost)]


# --- names, contacts and visibility -----------------------------------------------------------


def _renamed(name: str) -> CatalogFile:
    catalog = read_catalog(CATALOG)
    features = tuple(
        entry.model_copy(update={"names": entry.names.model_copy(update={"en": name})})
        if entry.code == "ring_group"
        else entry
        for entry in catalog.features
    )
    return catalog.model_copy(update={"features": features})


def test_a_new_name_is_in_the_leases_after_a_minute(server: Server, device: TestDevice) -> None:
    elsewhere = server.elsewhere()
    load_catalog(elsewhere, _renamed("Hunt group"), VENDOR)
    device.check()
    assert device.names_of("ring_group")["en"] == "Ring groups"
    server.clock.forward(timedelta(seconds=60))
    device.check()
    assert device.names_of("ring_group")["en"] == "Hunt group"


def test_a_feature_and_a_seller_that_came_a_moment_ago_are_in_the_lease(
    server: Server, device: TestDevice
) -> None:
    device.check()
    elsewhere = server.elsewhere()
    catalog = read_catalog(CATALOG)
    fax = catalog.features[-1].model_copy(update={"code": "fax", "category": Category.INSTANCE})
    features = (*catalog.features, fax)
    load_catalog(elsewhere, catalog.model_copy(update={"features": features}), VENDOR)
    add_seller(elsewhere, "south", Contact(name="Another Reseller"), VENDOR)
    add_customer(elsewhere, NewCustomer("4712", "Third Example KG", seller="south"), VENDOR)
    other = server.device()
    server.system.catalog.at(server.clock.now(), lambda: pytest.fail("it is kept"))
    assert other.activate(server.issue("4712", fax=1).key).status_code == 201
    assert other.held().feature("fax") is not None
    assert other.held().contacts.seller.name == "Another Reseller"
