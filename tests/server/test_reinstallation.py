"""The elder key after a re-installation: it must prove that it is alive, then it wins."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from ayrix_license_server.domain.licenses import ELDER_SPEAKS_FOR, NONCE_LASTS, InstallationState
from ayrix_license_server.rows.customers import InstallationRow
from ayrix_protocol.jws import DocumentType, read
from ayrix_protocol.lease import RevocationReason, verify_revocation
from tests.server.conftest import Server
from tests.server.device import Answer, TestDevice, hardware

SECOND = timedelta(seconds=1)


def row_of(server: Server, device: TestDevice) -> InstallationRow:
    with server.system.database.read() as session:
        return session.get_one(InstallationRow, device.id)


def assert_retired(server: Server, device: TestDevice, answer: Answer) -> None:
    """The answer ends every lease of the device, by a statement that we signed."""
    assert answer.code == (403, "revoked")
    document = read(DocumentType.REVOCATION, answer.json["revocation"])
    published = server.system.keys.key_set.find(document.header["kid"])
    assert published is not None
    revocation = verify_revocation(document, published.to_key())
    assert (revocation.aud, revocation.reason) == (device.id, RevocationReason.RETIRED)
    assert revocation.covers(device.held())


@pytest.fixture
def key(server: Server) -> str:
    return server.issue().key


@pytest.fixture
def elder(server: Server, key: str) -> TestDevice:
    """A device whose machine was re-installed by somebody."""
    elder = server.device()
    elder.activate(key)
    elder.check()
    return elder


@pytest.fixture
def newer(server: Server, key: str, elder: TestDevice) -> TestDevice:
    """The device key of that installation."""
    newer = server.device()
    assert newer.activate(key).status_code == 201
    return newer


def test_the_elder_is_asked_and_told_nothing_else(
    server: Server, newer: TestDevice, elder: TestDevice
) -> None:
    before = newer.held()
    asked = elder.check()
    assert asked.code == (409, "prove_alive")
    assert len(asked.json["nonce"]) == 43
    assert newer.check().status_code == 200
    assert newer.held().gen == before.gen
    assert server.actions()[-1] == "license.elder_speaks"


def test_the_echo_makes_the_elder_win_and_shuts_the_newer_out(
    server: Server, newer: TestDevice, elder: TestDevice
) -> None:
    elder.nonce = elder.check().json["nonce"]
    assert elder.check().status_code == 200
    elder.nonce = None
    assert elder.held().gen == newer.held().gen + 1
    assert server.actions()[-1] == "license.elder_alive"
    assert elder.check().status_code == 200
    assert_retired(server, newer, newer.check())


@pytest.mark.parametrize("request_of", ["check", "order", "recovery"])
def test_every_request_that_can_bring_a_lease_can_carry_the_echo(
    newer: TestDevice, elder: TestDevice, request_of: str
) -> None:
    def ask() -> Answer:
        if request_of == "check":
            return elder.check()
        if request_of == "recovery":
            return elder.activate(None)
        body = {
            "order": {"lines": [{"code": "queue", "quantity": 1}], "quote_hash": "A" * 43},
            "device": elder.state(),
        }
        return elder.send("POST", "/orders", body, headers={"Idempotency-Key": str(uuid4())})

    elder.nonce = ask().json["nonce"]
    assert ask().json.get("code") in {None, "price_changed"}
    elder.nonce = None
    assert elder.check().status_code == 200


def test_only_the_echo_counts(newer: TestDevice, elder: TestDevice) -> None:
    first = elder.check().json["nonce"]
    for wrong in ("", "A" * 43, first[:-1], first + "A", first.swapcase(), "ä" * 43):
        elder.nonce = wrong
        assert elder.check().code == (409, "prove_alive")
    assert newer.check().status_code == 200


def test_a_nonce_works_once_and_only_the_last_one(newer: TestDevice, elder: TestDevice) -> None:
    first = elder.check().json["nonce"]
    second = elder.check().json["nonce"]
    assert first != second
    elder.nonce = first
    asked_again = elder.check()
    assert asked_again.code == (409, "prove_alive")
    elder.nonce = second  # used up by the wrong echo
    assert elder.check().code == (409, "prove_alive")
    assert newer.check().status_code == 200


def test_a_nonce_does_not_live_long(server: Server, newer: TestDevice, elder: TestDevice) -> None:
    elder.nonce = elder.check().json["nonce"]
    server.clock.forward(NONCE_LASTS)
    again = elder.check()
    assert again.code == (409, "prove_alive")
    elder.nonce = again.json["nonce"]
    server.clock.forward(NONCE_LASTS - SECOND)
    assert elder.check().status_code == 200
    assert row_of(server, newer).state == InstallationState.RETIRED


def test_nobody_else_can_echo_for_the_elder(
    server: Server, key: str, newer: TestDevice, elder: TestDevice
) -> None:
    newer.nonce = elder.check().json["nonce"]
    newer.check()
    stranger = server.device(nonce=newer.nonce)
    assert stranger.activate(key).code == (409, "bound_elsewhere")
    assert row_of(server, elder).state == InstallationState.REPLACED


def test_the_elder_speaks_for_30_days(server: Server, newer: TestDevice, elder: TestDevice) -> None:
    server.clock.forward(ELDER_SPEAKS_FOR - SECOND)
    asked = elder.check()
    assert asked.code == (409, "prove_alive")
    server.clock.forward(SECOND)
    elder.nonce = asked.json["nonce"]
    assert_retired(server, elder, elder.check())
    assert newer.check().status_code == 200


def test_a_copy_of_the_elder_on_another_machine_never_wins(
    server: Server, newer: TestDevice, elder: TestDevice
) -> None:
    elder.hardware = hardware("another")
    elder.nonce = elder.check().json["nonce"]
    assert elder.check().code == (409, "hardware_mismatch")
    assert row_of(server, elder).state == InstallationState.REPLACED
    assert newer.check().status_code == 200
    elder.hardware = newer.hardware
    assert elder.check().code == (409, "prove_alive")  # the echo was used up


def test_the_elder_wins_also_with_the_key_in_its_hand(
    server: Server, key: str, newer: TestDevice, elder: TestDevice
) -> None:
    elder.nonce = elder.activate(key).json["nonce"]
    assert elder.activate(key).status_code == 200
    assert_retired(server, newer, newer.check())


def test_a_stolen_key_gains_nothing_a_second_time(
    server: Server, key: str, newer: TestDevice, elder: TestDevice
) -> None:
    elder.nonce = elder.check().json["nonce"]
    elder.check()
    assert server.device().activate(key).code == (409, "bound_elsewhere")
    assert newer.activate(key).code == (409, "bound_elsewhere")
    assert_retired(server, newer, newer.activate(None))


def test_an_old_backup_of_an_elder_that_won_accuses_nobody(
    server: Server, key: str, elder: TestDevice
) -> None:
    backup = elder.lease
    for _ in range(3):
        elder.check()
    server.device().activate(key)
    elder.nonce = elder.check().json["nonce"]
    elder.check()
    elder.check()
    elder.lease, elder.nonce = backup, None
    assert elder.check().status_code == 200
    assert server.actions()[-1] == "lease.backup_restored"


def test_a_doubted_key_never_wins(server: Server, key: str, elder: TestDevice) -> None:
    copy = elder.copy_of()
    while elder.check().status_code == 200:
        copy.counter = elder.counter
        copy.check()
        elder.counter = copy.counter
    right = server.device()
    assert right.activate(key).status_code == 201
    assert_retired(server, elder, elder.check())
    assert right.check().status_code == 200


def test_the_elder_never_hears_of_orders_and_prices(newer: TestDevice, elder: TestDevice) -> None:
    code = newer.buy("queue", 1).json["order"]["code"]
    for method, path, body in (
        ("GET", "/orders", None),
        ("GET", f"/orders/{code}", None),
        ("POST", f"/orders/{code}/cancellation", None),
        ("GET", "/offers", None),
        ("POST", "/quotes", {"lines": [{"code": "queue", "quantity": 1}]}),
    ):
        answer = elder.send(method, path, body)
        assert answer.code == (409, "prove_alive")
        assert "nonce" not in answer.json
        assert code not in answer.data.decode()


def test_a_revocation_covers_leases_that_the_database_lost(
    server: Server, newer: TestDevice, elder: TestDevice
) -> None:
    with server.system.database.write() as session:
        row = session.get_one(InstallationRow, elder.id)
        row.state, row.top, row.issued_jti, row.shown_jti = "retired", 1, None, None
    assert elder.held().seq == 2
    assert_retired(server, elder, elder.check())
