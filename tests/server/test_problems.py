"""Every error is a problem document, whatever went wrong."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from sqlalchemy import event, select

from ayrix_foundation.database import Database
from ayrix_license_server.app import app_of
from ayrix_license_server.web.problems import TITLES
from ayrix_protocol.problems import PROBLEM_TYPE, STATUS, Problem, ProblemCode
from ayrix_protocol.wire import LARGEST_BODY
from tests.server.conftest import Server
from tests.server.device import Answer, TestDevice


def problem(answer: Answer) -> Problem:
    assert answer.headers["Content-Type"] == PROBLEM_TYPE
    read = Problem.model_validate_json(answer.data)
    assert read.status == answer.status_code
    return read


def test_every_code_has_a_status_and_a_title() -> None:
    assert set(TITLES) == set(STATUS) == set(ProblemCode)


def test_a_problem_names_the_request_it_answers(device: TestDevice) -> None:
    device.address = "10.4.4.4"
    assert problem(device.check()).req == device.sent[-1]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", ProblemCode.NOT_FOUND),
        ("GET", "/", ProblemCode.NOT_FOUND),
        ("GET", "/checks", ProblemCode.METHOD_NOT_ALLOWED),
        ("DELETE", "/orders", ProblemCode.METHOD_NOT_ALLOWED),
        ("POST", "/healthz", ProblemCode.METHOD_NOT_ALLOWED),
    ],
)
def test_wrong_addresses_and_methods(
    device: TestDevice, method: str, path: str, code: ProblemCode
) -> None:
    assert problem(device.send(method, path)).code is code


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"device": {}},
        {"device": None},
        {"device": {"hardware": "x"}},
    ],
)
def test_a_body_that_is_not_what_it_must_be(device: TestDevice, body: object) -> None:
    assert problem(device.send("POST", "/checks", body)).code is ProblemCode.INVALID


def test_a_member_nobody_knows_is_refused_wherever_it_stands(device: TestDevice) -> None:
    state = device.state()
    for body in (
        {"device": state, "extra": 1},
        {"device": {**state, "extra": 1}},
        {"device": {**state, "clock": {**state["clock"], "extra": 1}}},
    ):
        answer = problem(device.send("POST", "/checks", body))
        assert answer.code is ProblemCode.INVALID
        assert "extra" in answer.detail


def test_the_detail_says_where_and_never_repeats_what_was_sent(device: TestDevice) -> None:
    body = {"device": {**device.state(), "address": "<script>"}}
    answer = device.send("POST", "/checks", body)
    assert problem(answer).detail.startswith("device.address: ")
    assert "<script>" not in answer.data.decode()


@pytest.mark.parametrize(
    "data",
    [b"{", b"\xff\xfe", b'{"device": NaN}', b"[" * 20_000, b'{"device":' * 5_000],
    ids=["broken", "not UTF-8", "NaN", "deep lists", "deep objects"],
)
def test_a_body_that_is_no_json(device: TestDevice, data: bytes) -> None:
    answer = device.send_bytes("POST", "/checks", data)
    assert problem(answer).code is ProblemCode.INVALID


def test_a_body_over_64_kib_is_not_read(device: TestDevice) -> None:
    answer = device.send_bytes("POST", "/checks", b" " * (LARGEST_BODY + 1))
    assert problem(answer).code is ProblemCode.TOO_LARGE
    assert problem(device.send_bytes("POST", "/checks", b" " * LARGEST_BODY)).code is (
        ProblemCode.INVALID
    )


def _broken(server: Server, device: TestDevice, error: Exception) -> TestDevice:
    """The device at a server that gets this error from its database's driver."""
    database = Database(server.system.settings.database)

    @event.listens_for(database.engine, "do_connect")
    def _fail(*_: object) -> None:
        raise error

    app = app_of(replace(server.system, database=database))
    return replace(device, client=app.test_client())


def test_a_busy_database_asks_to_come_again(server: Server, device: TestDevice) -> None:
    error = sqlite3.OperationalError("database is locked")
    busy = _broken(server, device, error)
    for answer in (busy.check(), busy.send("GET", "/offers"), busy.send("GET", "/healthz")):
        assert problem(answer).code is ProblemCode.BUSY
        assert answer.headers["Retry-After"] == "5"


def test_a_database_that_waits_too_long_for_another_is_busy(
    server: Server, device: TestDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ayrix_foundation.database.BUSY_TIMEOUT_MS", 50)
    database = Database(server.system.settings.database)
    late = replace(device, client=app_of(replace(server.system, database=database)).test_client())
    with server.system.database.write() as session:
        session.execute(select(1))
        assert problem(late.check()).code is ProblemCode.BUSY
    assert late.check().status_code == 200


def test_a_fault_says_nothing_of_its_inside(
    server: Server, device: TestDevice, caplog: pytest.LogCaptureFixture
) -> None:
    answer = _broken(server, device, RuntimeError("secret words")).check()
    assert problem(answer).code is ProblemCode.SERVER_ERROR
    assert "secret words" not in answer.data.decode()
    assert "A request failed" in caplog.text
