"""The guard for other programs: a token, a right to create one more, and a way out when used up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ayrix_foundation.database import Database
from ayrix_protocol.lease import Counted
from ayrix_protocol.problems import PROBLEM_TYPE
from ayrix_web.app import init_app
from ayrix_web.assembly import guard_token
from ayrix_web.rows import ReservationRow, RingGroupRow
from ayrix_web.system import System
from tests.pbx_fixtures import Pbx
from tests.services.licensed_pbx import (
    Vendor,
    close_pbx,
    end_lease,
    feature,
    hold,
    make_pbx,
)
from tests.web.conftest import SignIn, make_app

LIMIT = 3
GUARD = "/api/v1/guard"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    system = make_pbx(tmp_path, {Counted.RING_GROUP: LIMIT})
    yield system
    close_pbx(system)


@pytest.fixture
def program(system: System) -> FlaskClient:
    """Another program, with the token of the instance folder."""
    return program_of(system)


def program_of(system: System, app: Flask | None = None) -> FlaskClient:
    client = (app or make_app(system)).test_client()
    token = guard_token(system.settings.instance).decode()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def is_problem(answer: TestResponse, status: int, code: str) -> bool:
    assert answer.status_code == status, answer.text
    assert answer.content_type == PROBLEM_TYPE
    assert answer.get_json(force=True)["status"] == status
    return bool(answer.get_json(force=True)["code"] == code)


def create(database: Database, number: int) -> None:
    with database.write() as session:
        session.add(RingGroupRow(number=str(600 + number), name="Sales"))


def reservations(system: System) -> int:
    with system.database.read() as session:
        return session.query(ReservationRow).count()


def test_gives_a_right_for_60_seconds(program: FlaskClient, system: System) -> None:
    before = int(system.clock.now().timestamp())
    answer = program.post(f"{GUARD}/ring_group")
    assert answer.status_code == 201
    given = answer.get_json()
    assert str(UUID(given["id"])) == given["id"]
    assert 60 <= given["until"] - before <= 62
    assert set(given) == {"id", "until"}
    assert reservations(system) == 1


def test_a_feature_code_means_what_the_feature_counts(program: FlaskClient) -> None:
    assert program.post(f"{GUARD}/more_ring_group").status_code == 201


def test_giving_back_can_be_repeated(program: FlaskClient, system: System) -> None:
    reservation = program.post(f"{GUARD}/ring_group").get_json()["id"]
    for gone in (reservation, reservation, str(uuid4())):
        answer = program.delete(f"{GUARD}/{gone}")
        assert (answer.status_code, answer.data) == (204, b"")
    assert reservations(system) == 0


def test_never_lets_more_be_created_than_licensed(program: FlaskClient, system: System) -> None:
    created = 0
    for _ in range(LIMIT + 2):
        answer = program.post(f"{GUARD}/ring_group")
        if answer.status_code == 201:
            create(system.database, created)
            created += 1
            program.delete(f"{GUARD}/{answer.get_json()['id']}")
    assert created == LIMIT


def test_used_up_says_how_much_and_where_to_order(program: FlaskClient, system: System) -> None:
    for number in range(LIMIT):
        create(system.database, number)
    answer = program.post(f"{GUARD}/ring_group")
    assert is_problem(answer, 409, "used_up")
    said = answer.get_json(force=True)
    assert (said["licensed"], said["used"]) == (LIMIT, LIMIT)
    assert said["order_url"] == "/license/order?feature=more_ring_group"


@pytest.mark.parametrize("is_hidden", [True, False])
def test_used_up_never_names_what_nobody_here_can_order(system: System, is_hidden: bool) -> None:
    vendor = Vendor()
    system = replace(system, settings=replace(system.settings, license_root_key=vendor.root_key))
    hold(system, vendor, [feature(Counted.RING_GROUP, 0, hidden=True)] if is_hidden else [])
    answer = program_of(system).post(f"{GUARD}/ring_group")
    assert is_problem(answer, 409, "used_up")
    assert answer.get_json(force=True)["order_url"] is None


@pytest.mark.parametrize("feature", ["trunk", "ring_groups", "RING_GROUP", "%00", "x" * 3000])
def test_an_unknown_feature_is_not_found(program: FlaskClient, feature: str) -> None:
    assert is_problem(program.post(f"{GUARD}/{feature}"), 404, "unknown_feature")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer",
        "Bearer wrong",
        "Bearer ",
        "Bearer wröng",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer {token} {token}",
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_without_the_token_nothing_is_given_or_taken(
    system: System, header: str | None, method: str
) -> None:
    token = guard_token(system.settings.instance).decode()
    path = f"{GUARD}/ring_group" if method == "POST" else f"{GUARD}/{uuid4()}"
    headers = {"Authorization": header.format(token=token)} if header else {}
    answer = make_app(system).test_client().open(path, method=method, headers=headers)
    assert is_problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")
    assert reservations(system) == 0


def test_an_administrators_session_is_no_token(sign_in: SignIn) -> None:
    client = sign_in()
    answer = client.post(f"{GUARD}/ring_group")
    assert is_problem(answer, 401, "unauthorized")
    assert "Set-Cookie" not in answer.headers


def test_answers_carry_no_session_and_are_never_kept(program: FlaskClient) -> None:
    answer = program.post(f"{GUARD}/ring_group")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_the_token_is_made_on_first_need_for_its_owner_only(system: System) -> None:
    file = system.settings.instance / "guard_token"
    assert not file.exists()
    answer = make_app(system).test_client().post(f"{GUARD}/ring_group")
    assert answer.status_code == 401
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text()) >= 43  # 256 bits in base64url


def test_a_deleted_token_is_replaced_and_no_longer_works(
    program: FlaskClient, system: System
) -> None:
    (system.settings.instance / "guard_token").unlink()
    assert is_problem(program.post(f"{GUARD}/ring_group"), 401, "unauthorized")


def test_a_locked_system_answers_as_to_everybody(program: FlaskClient, system: System) -> None:
    end_lease(system)
    answer = program.post(f"{GUARD}/ring_group", headers={"Accept": "application/json"})
    assert answer.status_code == 303
    assert answer.location == "/activation"
    assert answer.get_json(force=True)["code"] == "deactivated"


def test_a_pbx_that_was_never_counted_asks_to_come_again(active_pbx: Pbx) -> None:
    active_pbx.inventory.current = None
    answer = program_of(active_pbx.system).post(f"{GUARD}/ring_group")
    assert is_problem(answer, 503, "not_counted")
    assert answer.headers["Retry-After"]


def test_a_database_that_cannot_be_written_is_named(program: FlaskClient, system: System) -> None:
    program.post(f"{GUARD}/ring_group")
    other = sqlite3.connect(system.settings.instance / "ayrix.db")
    other.execute("DROP TABLE reservation")
    other.close()
    answer = program.post(f"{GUARD}/ring_group")
    assert is_problem(answer, 503, "database_other")
    assert "reservation" not in answer.text


def test_below_a_prefix_of_the_host_paths_begin_with_it(system: System) -> None:
    host = Flask("host", static_folder=None)
    host.secret_key = "the host's own"
    init_app(host, url_prefix="/licensing", identify=lambda: None, system=system)
    program = program_of(system, host)
    for number in range(LIMIT):
        create(system.database, number)
    answer = program.post(f"/licensing{GUARD}/ring_group")
    assert is_problem(answer, 409, "used_up")
    order_url = answer.get_json(force=True)["order_url"]
    assert order_url == "/licensing/license/order?feature=more_ring_group"
