"""What protocol.md says with "never", "always" and "only" of the server, where no other test of
this folder says it already.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import event, func, select, update

from ayrix_foundation.database import Database
from ayrix_license_server.app import app_of
from ayrix_license_server.domain.licenses import LicenseState
from ayrix_license_server.rows.customers import (
    ActivationKeyRow,
    EntitlementEventRow,
    EntitlementRow,
    InstallationRow,
)
from ayrix_license_server.rows.orders import OrderRow
from ayrix_license_server.services.decisions import approve
from ayrix_license_server.services.keys import load_keys, make_keys
from ayrix_license_server.services.licenses import change_state
from ayrix_license_server.services.request_list import waiting_requests
from ayrix_license_server.system import System
from ayrix_protocol.activation_key import key_hash, new_activation_key
from ayrix_protocol.jws import DocumentType, read
from ayrix_protocol.lease import Revocation, verify_revocation
from ayrix_protocol.orders import LineRequest, Quote
from tests.server.conftest import VENDOR, Server
from tests.server.device import Answer, TestDevice, hardware

AT_ONCE = 50
ONE_QUEUE = LineRequest(code="queue", quantity=1)


def revocation_of(server: Server, answer: Answer) -> Revocation:
    document = read(DocumentType.REVOCATION, answer.json["revocation"])
    published = server.system.keys.key_set.find(document.header["kid"])
    assert published is not None
    return verify_revocation(document, published.to_key())


@pytest.fixture
def traced(server: Server) -> Iterator[tuple[System, list[str]]]:
    """The system over a database that writes down every statement."""
    statements: list[str] = []
    database = Database(server.system.settings.database)

    @event.listens_for(database.engine, "connect")
    def _trace(connection: sqlite3.Connection, _entry: object) -> None:
        connection.set_trace_callback(statements.append)

    yield replace(server.system, database=database), statements
    database.close()


# --- identity and counter ---------------------------------------------------------------------


def test_touches_no_row_before_the_proof_is_verified(
    device: TestDevice, traced: tuple[System, list[str]]
) -> None:
    system, statements = traced
    device.client = app_of(system).test_client()
    body = {"license_key": new_activation_key(), "device": device.state()}
    for path in ("/checks", "/activations", "/orders", "/quotes", "/replacements"):
        assert device.send("POST", path, body, proof="of nobody").code == (401, "invalid_proof")
    assert statements == []


def test_counter_and_seq_are_never_mixed(server: Server, device: TestDevice) -> None:
    device.counter += 1_000_000
    device.check()
    assert device.held().seq == 2
    for _ in range(3):
        device.send("GET", "/offers")
    device.check()
    assert device.held().seq == 3
    with server.system.database.read() as session:
        row = session.get_one(InstallationRow, device.id)
        assert (row.counter, row.top) == (device.counter, 3)


def test_a_seq_is_never_given_twice(server: Server) -> None:
    """A random life: lost answers, backups, orders, re-activations and refusals."""
    chance, issued = random.Random(20261124), server.issue()
    device = server.device()
    device.activate(issued.key)
    quote = Quote.model_validate_json(device.quote(ONE_QUEUE).data)
    given, backups = [device.held().seq], [device.lease]
    for _ in range(150):
        server.clock.forward(timedelta(hours=chance.choice([1, 3, 24])))
        held = device.lease
        step = chance.choice(["check", "lost", "backup", "order", "key", "none", "refused"])
        if step == "backup":
            device.lease = chance.choice(backups)
        if step == "none":
            device.lease = None
        presented = device.lease
        answer = _act(device, step, issued.key, quote)
        if answer.status_code not in {200, 201}:
            assert answer.json["code"] in {"clone_suspected", "ip_mismatch", "bound_elsewhere"}
            for request in waiting_requests(server.system):
                approve(server.system, request.id, "", VENDOR)
            device.lease = held
            continue
        if device.lease != presented:
            assert device.held().seq > max(given)
            given.append(device.held().seq)
            backups.append(device.lease)
        if step == "lost":
            device.lease = held
    assert len(given) > 50


def _act(device: TestDevice, step: str, key: str, quote: Quote) -> Answer:
    if step == "order":
        return device.order(quote, ONE_QUEUE)
    if step == "key":
        return device.activate(key)
    if step != "refused":
        return device.check()
    elsewhere = replace(device, address="10.9.9.9")
    answer = elsewhere.check()
    device.counter = elsewhere.counter
    return answer


# --- keys -------------------------------------------------------------------------------------


def test_a_lease_of_a_key_that_was_left_out_is_no_reason_to_refuse(
    server: Server, device: TestDevice, tmp_path: Path
) -> None:
    backup = device.lease
    device.check()
    settings = replace(server.system.settings, instance=tmp_path / "new keys")
    settings.instance.mkdir()
    make_keys(settings, server.clock.now())
    rotated = replace(server.elsewhere(), keys=load_keys(settings))
    device.client = app_of(rotated).test_client()
    assert device.check().status_code == 200
    device.lease = backup
    assert device.check().status_code == 200
    assert device.check().status_code == 200
    assert "lease.clone_suspected" not in server.actions()


# --- revocation -------------------------------------------------------------------------------


def test_only_a_license_that_ended_brings_a_revocation(server: Server, device: TestDevice) -> None:
    refusals = [replace(device, address="10.9.9.9").check()]
    device.counter += 1
    change_state(server.system, device.held().sub, LicenseState.SUSPENDED, VENDOR)
    refusals.append(device.check())
    for refusal in refusals:
        assert refusal.status_code in {403, 409}
        assert "revocation" not in refusal.json


def test_a_later_lease_overrides_a_revocation(server: Server, device: TestDevice) -> None:
    code = device.held().sub
    new = server.device(hardware=hardware("new"))
    with server.system.database.write() as session:
        key = new_activation_key()
        session.execute(update(ActivationKeyRow).values(hash=key_hash(key)))
    new.ask_seller("hardware", key)
    approve(server.system, waiting_requests(server.system)[0].id, "", VENDOR)
    revocation = revocation_of(server, device.check())
    assert revocation.covers(device.held())
    device.ask_seller("hardware")
    approve(server.system, waiting_requests(server.system)[0].id, "", VENDOR)
    assert device.activate(None).status_code == 200
    assert device.held().sub == code
    assert not revocation.covers(device.held())


# --- activation keys --------------------------------------------------------------------------


def test_all_wrong_keys_take_the_same_statements(
    server: Server, traced: tuple[System, list[str]]
) -> None:
    system, statements = traced
    withdrawn, revoked = server.issue(), server.issue()
    with server.system.database.write() as session:
        last = select(func.min(ActivationKeyRow.id)).scalar_subquery()
        session.execute(
            update(ActivationKeyRow)
            .where(ActivationKeyRow.id == last)
            .values(revoked_at=server.clock.now())
        )
    change_state(server.system, revoked.code, LicenseState.REVOKED, VENDOR)
    client = app_of(system).test_client()
    seen = set()
    for number, key in enumerate((withdrawn.key, revoked.key, new_activation_key(), "x")):
        for ask in (TestDevice.activate, _ask_for_hardware):
            stranger = server.device(client=client, source=f"198.51.100.{number}")
            statements.clear()
            assert ask(stranger, key).code == (404, "unknown_key")
            shapes = tuple(text.partition("'")[0].partition("VALUES")[0] for text in statements)
            seen.add((ask, shapes))
    assert len(seen) == 2


def _ask_for_hardware(device: TestDevice, key: str) -> Answer:
    return device.ask_seller("hardware", key)


# --- orders -----------------------------------------------------------------------------------


def test_50_at_once_under_one_key_make_one_order(server: Server, device: TestDevice) -> None:
    key, line = uuid4(), LineRequest(code="ring_group", quantity=2)
    quote = Quote.model_validate_json(device.quote(line).data)
    before = device.counter

    def post(number: int) -> str:
        one = replace(device, client=server.client.application.test_client(), sent=[])
        one.counter = before + number
        answer = one.order(quote, line, key=key)
        while answer.json.get("code") in {"counter_behind", "busy"}:
            one.counter = int(answer.json.get("counter", one.counter))
            answer = one.order(quote, line, key=key)
        assert answer.status_code in {200, 201}
        return str(answer.json["order"]["code"])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = set(pool.map(post, range(AT_ONCE)))
    assert len(codes) == 1
    with server.system.database.read() as session:
        placed = select(func.count()).select_from(OrderRow).where(OrderRow.key == str(key))
        assert session.scalar(placed) == 1
        assert session.scalar(select(EntitlementRow.quantity)) == 5
        events = session.scalars(select(EntitlementEventRow.change)).all()
    assert sorted(events) == [2, 3]
    assert server.actions().count("order.placed") == 1


def test_only_the_order_is_compared_never_the_device(server: Server) -> None:
    device, issued = server.device(), server.issue()
    device.activate(issued.key)
    key, line = uuid4(), LineRequest(code="ring_group", quantity=2)
    quote = Quote.model_validate_json(device.quote(line).data)
    assert device.order(quote, line, key=key).status_code == 201
    changes: list[Callable[[], object]] = [
        lambda: device.usage.update(ring_group=3),
        lambda: setattr(device, "acked_orders", (key,)),
        lambda: setattr(device, "hardware", hardware("spare")),
        lambda: setattr(device, "hardware", hardware()),
        lambda: setattr(device, "nonce", "a nonce of nobody"),
        lambda: setattr(device, "lease", None),
    ]
    for change in changes:
        change()
        assert device.order(quote, line, key=key).status_code == 200


def test_a_reinstalled_pbx_finds_the_order_of_its_elder_key(server: Server) -> None:
    device, issued = server.device(), server.issue()
    device.activate(issued.key)
    key, line = uuid4(), LineRequest(code="ring_group", quantity=2)
    quote = Quote.model_validate_json(device.quote(line).data)
    code = device.order(quote, line, key=key).json["order"]["code"]
    again = server.device()
    again.activate(issued.key)
    repeated = again.order(quote, line, key=key)
    assert (repeated.status_code, repeated.json["order"]["code"]) == (200, code)
    listed = again.send("GET", "/orders").json["orders"]
    assert str(key) in {order["key"] for order in listed}


# --- load -------------------------------------------------------------------------------------


def test_who_must_wait_is_always_told_how_long(server: Server, device: TestDevice) -> None:
    for _ in range(server.system.settings.activation_tries_per_hour + 1):
        answer = device.activate("a wrong key")
    assert answer.code == (429, "too_many_requests")
    assert int(answer.headers["Retry-After"]) > 0
