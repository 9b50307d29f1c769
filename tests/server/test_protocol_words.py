"""What protocol.md says "never" and "always" about on the server, and no other test says."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from ayrix_license_server.rows.customers import InstallationRow
from ayrix_protocol.orders import LineRequest, Quote
from tests.server.conftest import Server
from tests.server.device import TestDevice


def test_seq_counts_leases_and_never_requests(device: TestDevice) -> None:
    before = device.held().seq
    for _ in range(3):
        assert device.send("GET", "/offers").status_code == 200
    assert device.check().status_code == 200
    assert device.held().seq == before + 1
    assert device.counter > before + 1


def test_only_the_order_is_compared_never_the_device(server: Server) -> None:
    device, key = server.activated(), uuid4()
    line = LineRequest(code="ring_group", quantity=1)
    quote = Quote.model_validate_json(device.quote(line).data)
    assert device.order(quote, line, key=key).status_code == 201
    server.clock.forward(timedelta(days=400))
    device.usage, device.acked_orders = {"ring_group": 2}, (key,)
    again = device.order(quote, line, key=key)
    assert again.status_code == 200
    assert again.json["order"]["key"] == str(key)


def test_a_refusal_never_uses_up_a_lease(device: TestDevice) -> None:
    device.address = "192.168.10.99"
    for _ in range(5):
        assert device.check().code == (409, "ip_mismatch")
    device.address = "192.168.10.20"
    before = device.held().seq
    assert device.check().status_code == 200
    assert device.held().seq == before + 1


def test_another_device_s_lease_is_never_held_against_anybody(
    device: TestDevice, server: Server
) -> None:
    other = server.activated(hardware=device.hardware)
    stolen, device.lease = device.lease, other.lease
    assert device.check().status_code == 200
    device.lease = stolen
    for _ in range(3):
        assert device.check().status_code == 200


def forget(server: Server, device: TestDevice) -> None:
    """The database is as it was before the device's activation."""
    with server.system.database.write() as session:
        session.delete(session.get_one(InstallationRow, device.id))


def test_a_forgotten_device_that_brings_its_key_never_gets_an_older_lease(server: Server) -> None:
    key, device = server.issue().key, server.device()
    device.activate(key)
    for _ in range(5):
        device.check()
    before = device.held()
    forget(server, device)
    assert device.activate(key).status_code in {200, 201}
    after = device.held()
    assert (after.gen, after.seq) > (before.gen, before.seq)
    assert device.check().status_code == 200
    assert device.held().seq == after.seq + 1


def test_a_device_forgotten_while_another_followed_it_gets_a_newer_lease_by_its_key(
    server: Server,
) -> None:
    key, device = server.issue().key, server.device()
    device.activate(key)
    for _ in range(5):
        device.check()
    before = device.held()
    forget(server, device)
    assert server.device().activate(key).status_code == 201
    assert device.activate(key).status_code == 201
    after = device.held()
    assert (after.gen, after.seq) > (before.gen, before.seq)
