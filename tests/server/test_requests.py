"""Requests to the seller: asked once, decided on the command line, done at once."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect, select
from sqlalchemy.exc import IntegrityError

from ayrix_license_server.cli import main
from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.domain.licenses import InstallationState, LicenseState
from ayrix_license_server.rows.customers import InstallationRow
from ayrix_license_server.rows.requests import RequestRow
from ayrix_license_server.services.decisions import approve, decline
from ayrix_license_server.services.licenses import Issued, change_state
from ayrix_license_server.services.request_list import (
    WaitingRequest,
    changed_machines,
    waiting_requests,
)
from ayrix_license_server.services.upkeep import delete_old_rows
from ayrix_protocol.activation_key import new_activation_key
from ayrix_protocol.binding import Hardware, component_hash
from ayrix_protocol.jws import DocumentType, read
from ayrix_protocol.lease import RevocationReason, verify_revocation
from tests.server.conftest import VENDOR, Server
from tests.server.device import TestDevice, hardware

Capture = pytest.CaptureFixture[str]
NEW_BOX = hardware("new box")


@pytest.fixture
def issued(server: Server) -> Issued:
    return server.issue(ring_group=3)


@pytest.fixture
def old(server: Server, issued: Issued) -> TestDevice:
    """The machine that holds the license."""
    device = server.device()
    device.activate(issued.key)
    return device


@pytest.fixture
def new(server: Server, old: TestDevice) -> TestDevice:
    """A machine that is to take over, at the address of the old one."""
    return server.device(hardware=NEW_BOX, address=old.address)


def only_request(server: Server) -> WaitingRequest:
    (request,) = waiting_requests(server.system)
    return request


# --- asking -----------------------------------------------------------------------------------


def test_a_new_machine_asks_with_the_key(server: Server, issued: Issued, new: TestDevice) -> None:
    asked = new.ask_seller("hardware", issued.key, "The board died.")
    assert asked.status_code == 202
    assert asked.json["poll_url"].startswith("/api/v1/replacements/")
    assert asked.json["retry_after_s"] == 30
    request = only_request(server)
    assert (request.kind, request.license, request.seller) == ("hardware", issued.code, "north")
    assert (request.customer_number, request.reason) == ("4711", "The board died.")
    assert server.actions()[-1] == "request.opened"
    assert new.poll(asked).json == {"state": "waiting", "reason": ""}


def test_a_known_device_asks_without_the_key(server: Server, old: TestDevice) -> None:
    old.hardware = NEW_BOX
    assert old.ask_seller("hardware").status_code == 202
    assert only_request(server).kind == "hardware"


def test_asking_again_finds_the_open_request(
    server: Server, issued: Issued, new: TestDevice
) -> None:
    asked = [new.ask_seller("hardware", issued.key, f"Try {number}.") for number in range(3)]
    assert len({answer.json["poll_url"] for answer in asked}) == 1
    assert only_request(server).reason == "Try 2."
    assert server.actions().count("request.opened") == 1


def test_asking_again_states_the_machine_of_now(
    server: Server, issued: Issued, new: TestDevice
) -> None:
    new.ask_seller("hardware", issued.key)
    new.hardware, new.address = hardware("a better box"), "10.0.0.5"
    new.ask_seller("hardware", issued.key)
    approve(server.system, only_request(server).id, "", VENDOR)
    assert new.activate(None).status_code == 200
    assert new.held().binding.bound_hardware == new.hardware
    assert new.held().binding.addresses == ("10.0.0.5",)


def test_a_decided_request_is_followed_by_a_new_one(
    server: Server, issued: Issued, new: TestDevice
) -> None:
    first = new.ask_seller("hardware", issued.key)
    decline(server.system, only_request(server).id, "Please call us.", VENDOR)
    assert new.poll(first).json == {"state": "declined", "reason": "Please call us."}
    second = new.ask_seller("hardware", issued.key)
    assert second.json["poll_url"] != first.json["poll_url"]
    assert new.poll(second).json["state"] == "waiting"


@pytest.mark.parametrize("kind", ["hardware", "address"])
def test_nobody_asks_with_a_wrong_key(server: Server, new: TestDevice, kind: str) -> None:
    for key in (new_activation_key(), "nonsense"):
        assert new.ask_seller(kind, key).code == (404, "unknown_key")
    assert waiting_requests(server.system) == []


def test_a_stranger_needs_the_key(new: TestDevice) -> None:
    assert new.ask_seller("hardware").code == (401, "unknown_installation")


def test_only_the_holder_asks_for_an_address(issued: Issued, new: TestDevice) -> None:
    assert new.ask_seller("address", issued.key).code == (409, "bound_elsewhere")


def test_there_is_no_request_of_kind_clone_to_ask_for(old: TestDevice) -> None:
    assert old.ask_seller("clone").code == (422, "invalid")


def test_keys_guessed_here_count_like_keys_guessed_at_activation(
    server: Server, issued: Issued
) -> None:
    limit = server.system.settings.activation_tries_per_hour
    for number in range(limit):
        stranger = server.device(source=f"198.51.100.{number}")
        assert stranger.ask_seller("hardware", "a wrong key").status_code == 404
    late = server.device(source="203.0.113.1")
    assert late.ask_seller("hardware", "a wrong key").code == (429, "too_many_requests")
    assert late.activate("a wrong key").code == (429, "too_many_requests")


def test_nobody_else_learns_what_was_decided(
    server: Server, issued: Issued, new: TestDevice, old: TestDevice
) -> None:
    asked = new.ask_seller("hardware", issued.key)
    for curious in (old, server.device()):
        assert curious.poll(asked).code == (404, "not_found")
    assert new.send("GET", "/replacements/AAAA").code == (404, "not_found")


def test_a_request_of_a_stranger_has_its_counter(issued: Issued, new: TestDevice) -> None:
    asked = new.ask_seller("hardware", issued.key)
    new.counter -= 1
    assert new.poll(asked).code == (409, "counter_behind")
    new.counter -= 1
    again = new.ask_seller("hardware", issued.key)
    assert again.code == (409, "counter_behind")
    assert again.json["counter"] == 1
    assert new.poll(asked).status_code == 200


# --- hardware ---------------------------------------------------------------------------------


def test_an_approved_machine_takes_over_everything(
    server: Server, issued: Issued, old: TestDevice, new: TestDevice
) -> None:
    old.buy("ring_group", 4)
    asked = new.ask_seller("hardware", issued.key)
    assert new.activate(None).code == (401, "unknown_installation")
    approve(server.system, only_request(server).id, "As agreed.", VENDOR)
    assert new.poll(asked).json == {"state": "approved", "reason": "As agreed."}
    assert new.activate(None).status_code == 200
    lease = new.held()
    assert (lease.sub, lease.gen) == (issued.code, 2)
    assert lease.binding.hardware == lease.binding.bound_hardware == NEW_BOX
    feature = lease.feature("ring_group")
    assert feature is not None
    assert feature.quantity == 7
    assert new.check().status_code == 200
    assert "request.approved" in server.actions()


def test_the_old_machine_is_retired_by_a_signed_statement(
    server: Server, issued: Issued, old: TestDevice, new: TestDevice
) -> None:
    new.ask_seller("hardware", issued.key)
    approve(server.system, only_request(server).id, "", VENDOR)
    answer = old.check()
    assert answer.code == (403, "revoked")
    document = read(DocumentType.REVOCATION, answer.json["revocation"])
    published = server.system.keys.key_set.find(document.header["kid"])
    assert published is not None
    revocation = verify_revocation(document, published.to_key())
    assert revocation.reason is RevocationReason.RETIRED
    assert revocation.covers(old.held())
    for method, path in (("GET", "/orders"), ("GET", "/offers")):
        assert old.send(method, path).code == (403, "revoked")
    assert old.activate(issued.key).code == (409, "bound_elsewhere")


def test_a_device_whose_disk_moved_stays_the_same_device(server: Server, old: TestDevice) -> None:
    old.hardware = NEW_BOX
    old.check()
    assert old.held().provisional is not None
    old.ask_seller("hardware")
    approve(server.system, only_request(server).id, "", VENDOR)
    assert changed_machines(server.system) == []
    assert old.activate(None).status_code == 200
    assert (old.held().provisional, old.held().gen) == (None, 1)
    assert old.held().binding.bound_hardware == NEW_BOX
    assert old.check().status_code == 200


def test_an_approval_does_not_use_up_the_customer_s_own_move(
    server: Server, issued: Issued, new: TestDevice
) -> None:
    new.ask_seller("hardware", issued.key)
    approve(server.system, only_request(server).id, "", VENDOR)
    new.activate(None)
    assert server.device(hardware=NEW_BOX).activate(issued.key).status_code == 201


def test_a_retired_machine_can_be_brought_back_by_the_seller(
    server: Server, issued: Issued, old: TestDevice, new: TestDevice
) -> None:
    new.ask_seller("hardware", issued.key)
    approve(server.system, only_request(server).id, "", VENDOR)
    new.activate(None)
    assert old.ask_seller("hardware").status_code == 202
    approve(server.system, only_request(server).id, "", VENDOR)
    assert old.activate(None).status_code == 200
    assert old.held().gen == 3
    assert new.check().code == (403, "revoked")


def test_an_approval_shuts_a_replaced_elder_out_for_good(
    server: Server, issued: Issued, old: TestDevice, new: TestDevice
) -> None:
    server.device().activate(issued.key)  # re-installed: `old` may still prove that it lives
    new.ask_seller("hardware", issued.key)
    approve(server.system, only_request(server).id, "", VENDOR)
    assert old.check().code == (403, "revoked")


def test_an_approved_machine_without_strong_parts_gets_a_secret(
    server: Server, issued: Issued, new: TestDevice
) -> None:
    new.hardware = Hardware(
        cpu_serial=None, nic_serial=component_hash("nic_serial", "5254"), weak=("nic_serial",)
    )
    new.ask_seller("hardware", issued.key)
    approve(server.system, only_request(server).id, "", VENDOR)
    secret = new.activate(None).json["installation_secret"]
    known = component_hash("installation_secret", secret)
    assert new.held().binding.bound_hardware.installation_secret == known
    new.hardware = new.hardware.model_copy(update={"installation_secret": known})
    assert new.check().status_code == 200
    assert new.activate(None).json["installation_secret"] is None


def test_a_waiting_or_declined_request_gives_nothing(
    server: Server, issued: Issued, old: TestDevice, new: TestDevice
) -> None:
    new.ask_seller("hardware", issued.key)
    assert new.activate(None).status_code == 401
    decline(server.system, only_request(server).id, "No.", VENDOR)
    assert new.activate(None).status_code == 401
    assert old.check().status_code == 200


# --- address ----------------------------------------------------------------------------------


def test_an_approved_address_is_bound(server: Server, old: TestDevice) -> None:
    before = old.address
    old.address = "10.0.0.9"
    assert old.check().code == (409, "ip_mismatch")
    asked = old.ask_seller("address")
    approve(server.system, only_request(server).id, "", VENDOR)
    assert old.poll(asked).json["state"] == "approved"
    assert old.activate(None).status_code == 200
    assert old.held().binding.addresses == ("10.0.0.9",)
    old.address = before
    assert old.check().status_code == 200  # bound until now, so it is taken back


def test_an_address_of_a_machine_that_was_replaced_cannot_be_approved(
    server: Server, issued: Issued, old: TestDevice, new: TestDevice
) -> None:
    old.ask_seller("address")
    address = only_request(server)
    new.ask_seller("hardware", issued.key)
    approve(server.system, address.id + 1, "", VENDOR)
    with pytest.raises(Mistake, match="holds the license no longer"):
        approve(server.system, address.id, "", VENDOR)


# --- copies -----------------------------------------------------------------------------------


def doubted(device: TestDevice) -> TestDevice:
    """Let a copy live until the two are found; gives the copy."""
    copy = device.copy_of()
    for _ in range(4):
        device.check()
        copy.counter = device.counter
        copy.check()
        device.counter = copy.counter
    assert device.check().code == (403, "clone_suspected")
    return copy


def test_suspected_copies_ask_the_seller_once(server: Server, old: TestDevice) -> None:
    doubted(old)
    old.check()
    assert only_request(server).kind == "clone"


@pytest.mark.parametrize("is_copy", [False, True])
def test_the_seller_clears_the_suspicion_whichever_was_right(
    server: Server, old: TestDevice, is_copy: bool
) -> None:
    copy = doubted(old)
    copy.counter = old.counter
    approve(server.system, only_request(server).id, "", VENDOR)
    right = copy if is_copy else old
    for _ in range(5):
        assert right.check().status_code == 200
    assert waiting_requests(server.system) == []


def test_copies_that_go_on_are_found_again(server: Server, old: TestDevice) -> None:
    copy = doubted(old)
    approve(server.system, only_request(server).id, "", VENDOR)
    copy.counter = old.counter
    doubted(old)
    assert only_request(server).kind == "clone"


def test_a_declined_suspicion_stays_and_can_still_be_cleared(
    server: Server, old: TestDevice
) -> None:
    doubted(old)
    request = only_request(server).id
    decline(server.system, request, "Which one is it?", VENDOR)
    assert old.check().code == (403, "clone_suspected")
    approve(server.system, request, "", VENDOR)
    assert old.check().status_code == 200


def test_the_key_closes_the_seller_s_question(
    server: Server, issued: Issued, old: TestDevice
) -> None:
    doubted(old)
    assert old.activate(issued.key).status_code == 200
    assert waiting_requests(server.system) == []


# --- deciding ---------------------------------------------------------------------------------


def test_nothing_is_decided_twice(server: Server, old: TestDevice) -> None:
    old.address = "10.0.0.9"
    old.ask_seller("address")
    request = only_request(server).id
    approve(server.system, request, "", VENDOR)
    with pytest.raises(Mistake, match="approved already"):
        approve(server.system, request, "", VENDOR)
    with pytest.raises(Mistake, match="decided already"):
        decline(server.system, request, "", VENDOR)


def test_nothing_is_approved_for_a_revoked_license(
    server: Server, issued: Issued, new: TestDevice
) -> None:
    new.ask_seller("hardware", issued.key)
    change_state(server.system, issued.code, LicenseState.REVOKED, VENDOR)
    with pytest.raises(Mistake, match="was revoked"):
        approve(server.system, only_request(server).id, "", VENDOR)
    with server.system.database.read() as session:
        assert session.get(InstallationRow, new.id) is None


def test_two_waiting_requests_of_one_device_cannot_be_stored(
    server: Server, issued: Issued, new: TestDevice
) -> None:
    new.ask_seller("hardware", issued.key)
    with server.system.database.read() as session:
        first = session.scalars(select(RequestRow)).one()
        copied = {
            column.key: getattr(first, column.key)
            for column in inspect(RequestRow).columns
            if column.key not in {"id", "token"}
        }
    statement = insert(RequestRow).values(**copied, token="another")
    with (
        server.system.database.statement() as connection,
        pytest.raises(IntegrityError, match=r"request\.kind"),
    ):
        connection.execute(statement)


@pytest.fixture
def command_line(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Capture:
    """The command line on the server under test."""
    for name in os.environ:
        if name.startswith("LICENSE_SERVER_"):
            monkeypatch.delenv(name)
    folder: Path = server.system.settings.instance
    (folder / "settings.toml").write_text('public_url = "https://license.example.test"\n')
    monkeypatch.setenv("LICENSE_SERVER_INSTANCE", str(folder))
    return capsys


def test_the_seller_decides_on_the_command_line(
    server: Server, issued: Issued, old: TestDevice, new: TestDevice, command_line: Capture
) -> None:
    asked = new.ask_seller("hardware", issued.key, "The board died.\x1b[2J")
    old.address = "10.0.0.9"
    refused = old.ask_seller("address")
    main(["request", "list", "--json"])
    first, second = json.loads(command_line.readouterr().out)
    assert (first["kind"], first["license"], first["customer_number"]) == (
        "hardware",
        issued.code,
        "4711",
    )
    main(["request", "list"])
    listed = command_line.readouterr().out
    assert "The board died." in listed
    assert "\x1b" not in listed
    main(["request", "approve", str(first["id"]), "--reason", "As agreed."])
    main(["request", "decline", str(second["id"]), "--reason", "Not now."])
    command_line.readouterr()
    assert new.poll(asked).json == {"state": "approved", "reason": "As agreed."}
    assert old.poll(refused).json == {"state": "declined", "reason": "Not now."}
    main(["request", "list", "--json"])
    assert json.loads(command_line.readouterr().out) == []


def test_the_list_names_machines_that_changed(
    server: Server, old: TestDevice, command_line: Capture
) -> None:
    old.hardware = NEW_BOX
    old.check()
    main(["request", "list", "--json"])
    (line,) = json.loads(command_line.readouterr().out)
    assert (line["id"], line["kind"]) == (None, "machine_changed")
    assert line["until"] == old.held().provisional
    main(["request", "list"])
    assert "machine changed" in command_line.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["request", "approve", "17"],
        ["request", "decline", "17", "--reason", "x"],
        ["request", "decline", "17"],
        ["request", "approve", "17", "--reason", "x" * 2001],
        ["request", "approve", "seventeen"],
    ],
)
def test_a_mistake_on_the_command_line_ends_with_2(
    server: Server, command_line: Capture, arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


def test_old_requests_do_not_stay_for_ever(server: Server, old: TestDevice) -> None:
    old.address = "10.0.0.9"
    old.ask_seller("address")
    days = server.system.settings.keep_history_days
    server.clock.forward(timedelta(days=days))
    delete_old_rows(server.system)
    assert len(waiting_requests(server.system)) == 1
    server.clock.forward(timedelta(seconds=1))
    delete_old_rows(server.system)
    assert waiting_requests(server.system) == []
    with server.system.database.read() as session:
        assert session.get_one(InstallationRow, old.id).state == InstallationState.ACTIVE
