"""Activation: who gets a license, who gets it back, and who does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from ayrix_license_server.domain.licenses import LicenseState
from ayrix_license_server.rows.customers import ActivationKeyRow, InstallationRow
from ayrix_license_server.services.licenses import change_state
from ayrix_protocol.activation_key import grouped, new_activation_key
from ayrix_protocol.binding import Hardware, component_hash
from ayrix_protocol.keys import new_key
from ayrix_protocol.lease import read_lease, verify_lease
from tests.server.conftest import VENDOR, Server
from tests.server.device import TestDevice, hardware

VIRTUAL = Hardware(
    cpu_serial=None, nic_serial=component_hash("nic_serial", "525400123456"), weak=("nic_serial",)
)
"""A virtual machine: nothing strong identifies it."""


def test_gives_a_lease_for_this_device_and_machine(server: Server) -> None:
    device = server.device()
    response = device.activate(server.issue(ring_group=3).key)
    lease = device.held()
    assert response.status_code == 201
    assert (lease.aud, lease.cnf.jkt, lease.sub) == (device.id, device.id, "L-000001")
    assert (lease.seq, lease.gen, lease.exp - lease.iat) == (1, 1, 259_200)
    assert (lease.check_interval_s, lease.retry_interval_s) == (10_800, 300)
    assert lease.binding.hardware == lease.binding.bound_hardware == device.hardware
    assert lease.binding.addresses == (device.address,)
    assert (lease.customer.number, lease.contacts.seller.name) == ("4711", "Example Reseller")
    assert lease.feature("ring_group") is not None


def test_signs_the_lease_with_the_key_of_the_key_set(server: Server, device: TestDevice) -> None:
    assert device.lease is not None
    document = read_lease(device.lease)
    published = server.system.keys.key_set.find(document.header["kid"])
    assert published is not None
    assert verify_lease(document, published.to_key()) == device.held()
    assert published.signed_at(device.held().iat)


def test_names_the_request_it_answers(server: Server) -> None:
    device = server.device()
    body = {"license_key": server.issue().key, "device": device.state()}
    device.send("POST", "/activations", body)
    assert device.held().req == device.sent[-1]


def test_takes_a_key_however_a_person_writes_it(server: Server) -> None:
    key = grouped(server.issue().key).lower().replace("-", " ")
    assert server.device().activate(key).status_code == 201


def test_repeats_the_activation_of_the_same_device(server: Server) -> None:
    device, issued = server.device(), server.issue()
    device.activate(issued.key)
    device.lease = None  # the answer was lost
    assert device.activate(issued.key).status_code == 200
    assert device.check().status_code == 200


def _unknown(server: Server) -> str:
    return new_activation_key()


def _mistyped(server: Server) -> str:
    key = new_activation_key()
    return key[:-1] + ("0" if key[-1] != "0" else "1")


def _withdrawn(server: Server) -> str:
    issued = server.issue()
    with server.system.database.write() as session:
        session.execute(update(ActivationKeyRow).values(revoked_at=server.clock.now()))
    return issued.key


def _of_a_revoked_license(server: Server) -> str:
    issued = server.issue()
    change_state(server.system, issued.code, LicenseState.REVOKED, VENDOR)
    return issued.key


@pytest.mark.parametrize("wrong", [_unknown, _mistyped, _withdrawn, _of_a_revoked_license])
def test_answers_every_wrong_key_alike(server: Server, wrong: Callable[[Server], str]) -> None:
    response = server.device().activate(wrong(server))
    problem = response.json
    assert response.status_code == 404
    del problem["req"]
    assert problem == {
        "type": "about:blank",
        "title": "There is no such activation key.",
        "status": 404,
        "detail": "",
        "code": "unknown_key",
    }


def test_refuses_a_second_machine_and_leaves_the_first_alone(server: Server) -> None:
    first, issued = server.device(), server.issue()
    first.activate(issued.key)
    second = server.device(hardware=hardware("second"))
    response = second.activate(issued.key)
    assert response.code == (409, "bound_elsewhere")
    assert first.check().status_code == 200
    assert server.results("license.activated") == ["done", "bound_elsewhere"]


def test_refuses_a_suspended_license(server: Server) -> None:
    issued = server.issue()
    change_state(server.system, issued.code, LicenseState.SUSPENDED, VENDOR)
    response = server.device().activate(issued.key)
    assert response.code == (403, "suspended")


def test_a_reinstalled_machine_comes_back_with_the_key_alone(server: Server) -> None:
    first, issued = server.device(), server.issue()
    first.activate(issued.key)
    again = server.device(address="192.168.10.99")
    assert again.activate(issued.key).status_code == 201
    assert again.held().gen == first.held().gen + 1
    assert again.check().status_code == 200
    for answer in (first.check(), first.send("GET", "/orders"), first.send("GET", "/offers")):
        assert answer.code == (409, "prove_alive")


def test_a_customer_moves_by_himself_once_in_90_days(server: Server) -> None:
    issued = server.issue()
    for expected in (201, 201, 409):
        assert server.device().activate(issued.key).status_code == expected
    server.clock.forward(timedelta(days=89))
    assert server.device().activate(issued.key).status_code == 409
    server.clock.forward(timedelta(days=1))
    assert server.device().activate(issued.key).status_code == 201


def test_the_same_machine_may_take_its_new_address_with_the_key(server: Server) -> None:
    device, issued = server.device(), server.issue()
    device.activate(issued.key)
    device.address = "10.0.0.9"
    assert device.check().json["code"] == "ip_mismatch"
    assert device.activate(issued.key).status_code == 200
    assert device.held().binding.addresses == ("10.0.0.9",)
    device.address = "10.0.0.10"
    assert device.activate(issued.key).json["code"] == "bound_elsewhere"


def test_a_known_device_on_another_machine_needs_more_than_the_key(server: Server) -> None:
    device, issued = server.device(), server.issue()
    device.activate(issued.key)
    device.hardware = hardware("another")
    assert device.activate(issued.key).json["code"] == "bound_elsewhere"


def test_gives_a_machine_without_strong_parts_a_secret(server: Server) -> None:
    device = server.device(hardware=VIRTUAL)
    response = device.activate(server.issue().key)
    secret = response.json["installation_secret"]
    assert len(secret) == 43
    known = component_hash("installation_secret", secret)
    assert device.held().binding.bound_hardware.installation_secret == known
    device.hardware = device.hardware.model_copy(update={"installation_secret": known})
    assert device.check().status_code == 200
    assert device.check().json["installation_secret"] is None


def test_gives_a_machine_with_strong_parts_no_secret(server: Server) -> None:
    assert server.device().activate(server.issue().key).json["installation_secret"] is None


def test_makes_the_secret_anew_when_the_answer_was_lost(server: Server) -> None:
    device, issued = server.device(hardware=VIRTUAL), server.issue()
    first = device.activate(issued.key).json["installation_secret"]
    device.lease = None
    again = device.activate(issued.key)
    secret = again.json["installation_secret"]
    assert again.status_code == 200
    assert secret not in {None, first}
    known = component_hash("installation_secret", secret)
    device.hardware = device.hardware.model_copy(update={"installation_secret": known})
    assert device.check().status_code == 200


def test_a_reinstalled_virtual_machine_is_known_by_weak_parts_and_address(server: Server) -> None:
    issued = server.issue()
    assert server.device(hardware=VIRTUAL).activate(issued.key).status_code == 201
    elsewhere = server.device(hardware=VIRTUAL, address="10.9.9.9")
    assert elsewhere.activate(issued.key).json["code"] == "bound_elsewhere"
    assert server.device(hardware=VIRTUAL).activate(issued.key).status_code == 201


def test_a_device_we_know_comes_back_without_its_key(server: Server, device: TestDevice) -> None:
    device.lease = None
    assert device.activate(None).status_code == 200


def test_a_device_nobody_knows_needs_a_key(server: Server) -> None:
    response = server.device().activate(None)
    assert response.code == (401, "unknown_installation")


def test_a_device_the_database_forgot_comes_back_with_its_lease(
    server: Server, device: TestDevice
) -> None:
    device.check()
    held = device.held()
    with server.system.database.write() as session:
        session.execute(delete(InstallationRow))
    assert device.check().json["code"] == "unknown_installation"
    assert device.activate(None).status_code == 200
    assert (device.held().seq, device.held().gen) == (held.seq + 1, held.gen)


def test_a_lease_of_somebody_else_brings_nobody_back(server: Server, device: TestDevice) -> None:
    thief = server.device(lease=device.lease)
    with server.system.database.write() as session:
        session.execute(delete(InstallationRow))
    assert thief.activate(None).json["code"] == "unknown_installation"


def test_a_device_can_take_another_license(server: Server, device: TestDevice) -> None:
    other = server.issue(queue=2)
    assert device.activate(other.key).status_code == 201
    assert (device.held().sub, device.held().gen) == (other.code, 2)
    assert device.check().status_code == 200


def test_tries_are_counted_per_address_and_per_key(server: Server) -> None:
    limit = server.system.settings.activation_tries_per_hour
    for number in range(limit):
        device = server.device(source=f"198.51.100.{number}")
        assert device.activate("the same wrong key").status_code == 404
    response = server.device(source="203.0.113.1").activate("the same wrong key")
    assert response.code == (429, "too_many_requests")
    assert response.headers["Retry-After"] == "3600"
    assert server.device(source="203.0.113.1").activate("another").status_code == 404


def test_a_seller_s_own_quantities_can_be_hidden_ones(server: Server) -> None:
    device = server.device()
    device.activate(server.issue(call_recording=2, ring_group=1).key)
    feature = device.held().feature("call_recording")
    assert feature is not None
    assert (feature.quantity, feature.hidden, feature.names) == (2, True, {})


def test_a_new_device_key_starts_at_any_counter(server: Server) -> None:
    device = replace(server.device(), counter=500, key=new_key())
    assert device.activate(server.issue().key).status_code == 201
