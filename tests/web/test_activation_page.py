"""The activation page: open to everybody while locked, to nobody else otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ayrix_protocol.activation_key import new_activation_key
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.access import Access, Module
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import Reason
from ayrix_web.services import checks
from ayrix_web.services.activation import ACTIVATION_LIMIT
from tests.fakes import refused
from tests.pbx_fixtures import TESTER, Pbx
from tests.web import sentences
from tests.web.conftest import SignIn, make_app, post_form
from tests.web.pages import fields_of, main_of, words_of

LANGUAGES = pytest.mark.parametrize(("position", "language"), [(0, "en"), (1, "de")])
MISTYPED = (
    "There is a typing mistake in this key. Compare it with your license document, character by "
    "character.",
    "Dieser Schlüssel enthält einen Tippfehler. Vergleichen Sie ihn Zeichen für Zeichen mit Ihrem "
    "Lizenzdokument.",
)
KEY_REFUSALS = (
    ProblemCode.BOUND_ELSEWHERE,
    ProblemCode.SUSPENDED,
    ProblemCode.REVOKED,
    ProblemCode.PROVE_ALIVE,
    ProblemCode.BUSY,
    ProblemCode.SERVER_ERROR,
)


@pytest.fixture
def stranger(pbx: Pbx) -> FlaskClient:
    """Somebody in front of a PBX that was never activated."""
    return make_app(pbx.system).test_client()


def lock(pbx: Pbx) -> None:
    """Let the lease end without a license server."""
    pbx.server.away = FaultKind.CONNECTION
    pbx.clock.go_on(timedelta(hours=73))
    checks.check(pbx.system, TESTER)


def try_key(client: FlaskClient, key: str, language: str = "en") -> TestResponse:
    """Enter an activation key."""
    client.get(f"/activation?lang={language}")
    return post_form(client, "/activation", key=key)


def test_a_new_system_welcomes_and_opens_the_key_step(stranger: FlaskClient) -> None:
    page = stranger.get("/activation")
    assert page.status_code == 200
    assert "Welcome" in words_of(page)
    assert sentences.REASON_TITLES[Reason.NEVER_ACTIVATED][0] in words_of(page)
    assert 'id="activation" open' in main_of(page)
    assert 'id="check" open' not in main_of(page)


def test_a_locked_system_says_since_when_why_and_that_nothing_is_lost(
    app: Flask, active_pbx: Pbx
) -> None:
    lock(active_pbx)
    page = app.test_client().get("/activation")
    said = words_of(page)
    assert "This system is deactivated Since Friday, 27 November, 09:00." in said
    assert "License server not reachable" in said
    assert "Your settings and recordings are untouched. Emergency calls still work." in said
    assert "Last successful check" in said
    assert "License ended" in said
    assert 'id="check" open' in main_of(page)
    assert "A firewall must allow connections to license.example.test:443." in said


def test_a_locked_system_shows_what_is_needed_to_be_helped_and_no_customer(
    app: Flask, active_pbx: Pbx
) -> None:
    lock(active_pbx)
    page = app.test_client().get("/activation")
    said = words_of(page)
    for shown in (
        active_pbx.system.installation_id,
        "unreachable",
        "192.168.10.20",
        "4c4c…4544",
        "Customer Service Center",
        "Example Reseller",
        "+49 30 1234",
    ):
        assert shown in said
    assert f'data-copy="{active_pbx.system.installation_id}"' in page.text
    assert "mailto:csc@example.com?subject=" in page.text
    assert "Example AG" not in page.text
    assert "10482" not in page.text


def test_a_changed_address_names_both(app: Flask, active_pbx: Pbx) -> None:
    active_pbx.machine.address = "192.168.10.77"
    active_pbx.clock.go_on(timedelta(hours=73))
    checks.check(active_pbx.system, TESTER)
    said = words_of(app.test_client().get("/activation"))
    assert "This system uses 192.168.10.77, the license is bound to 192.168.10.20." in said


@LANGUAGES
@pytest.mark.parametrize("typed", ["ABCD-EFGH", "U" * 27, "9TQ0-6M3X-ZK7B-2W4H-NR8C-5VPD-Y1"])
def test_a_mistyped_key_is_found_without_asking_anybody(
    stranger: FlaskClient, pbx: Pbx, typed: str, position: int, language: str
) -> None:
    page = try_key(stranger, typed, language)
    assert page.status_code == 422
    assert words_of(page).count(MISTYPED[position]) == 2, "summary and field"
    assert f'value="{typed}"' in main_of(page)
    assert pbx.server.asked == []


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "Enter the activation key."), ("de", "Geben Sie den Aktivierungsschlüssel ein.")],
)
def test_an_empty_field_asks_for_the_key(
    stranger: FlaskClient, language: str, sentence: str
) -> None:
    page = try_key(stranger, "", language)
    assert page.status_code == 422
    assert words_of(page).count(sentence) >= 2


@LANGUAGES
def test_a_wrong_key_is_unknown_and_never_unreachable(
    stranger: FlaskClient, position: int, language: str
) -> None:
    typed = new_activation_key()
    page = try_key(stranger, typed, language)
    assert page.status_code == 422
    assert sentences.REFUSALS[ProblemCode.UNKNOWN_KEY][position] in words_of(page)
    assert f'value="{typed}"' in main_of(page)
    assert ("reachable", "erreichbar")[position] not in words_of(page)


@LANGUAGES
@pytest.mark.parametrize("code", KEY_REFUSALS)
def test_each_refusal_of_a_key_has_its_own_words(
    stranger: FlaskClient, pbx: Pbx, code: ProblemCode, position: int, language: str
) -> None:
    pbx.server.refusal = refused(code).problem
    page = try_key(stranger, new_activation_key(), language)
    assert page.status_code == 422
    assert sentences.REFUSALS[code][position] in words_of(page)


@LANGUAGES
@pytest.mark.parametrize("kind", FaultKind)
def test_each_fault_of_the_connection_has_its_own_words(
    stranger: FlaskClient, pbx: Pbx, kind: FaultKind, position: int, language: str
) -> None:
    typed = new_activation_key()
    pbx.server.away = kind
    page = try_key(stranger, typed, language)
    assert page.status_code == 422
    assert sentences.FAULTS[kind][position] in words_of(page)
    assert f'value="{typed}"' in main_of(page)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Too many tries. Try again in 10 minutes."),
        ("de", "Zu viele Versuche. Versuchen Sie es in 10 Minuten erneut."),
    ],
)
def test_too_many_keys_must_wait(stranger: FlaskClient, language: str, sentence: str) -> None:
    for _try in range(ACTIVATION_LIMIT.tries):
        try_key(stranger, new_activation_key())
    page = try_key(stranger, new_activation_key(), language)
    assert page.status_code == 422
    assert sentence in words_of(page)


@pytest.mark.parametrize("written", [str, str.lower, lambda key: f" {key[:4]}-{key[4:]} "])
def test_the_right_key_leads_back_to_the_page_that_was_wanted(
    stranger: FlaskClient, pbx: Pbx, written: Callable[[str], str]
) -> None:
    pbx.server.key = new_activation_key()
    met = stranger.get("/orders?page=2", headers={"Accept": "text/html"})
    assert (met.status_code, met.location) == (303, "/activation")
    answer = try_key(stranger, written(pbx.server.key))
    assert (answer.status_code, answer.location) == (303, "/orders?page=2")


def test_without_a_wanted_page_the_right_key_leads_to_the_licenses(
    stranger: FlaskClient, pbx: Pbx
) -> None:
    pbx.server.key = new_activation_key()
    answer = try_key(stranger, pbx.server.key)
    assert (answer.status_code, answer.location) == (303, "/license")


def test_check_again_shows_the_result_of_each_step(app: Flask, active_pbx: Pbx) -> None:
    lock(active_pbx)
    page = post_form(app.test_client(), "/activation/check", form_at="/activation")
    assert page.status_code == 200
    said, fault = words_of(page), sentences.FAULTS[FaultKind.CONNECTION][0]
    assert re.search(r"Name resolution +OK", said)
    assert re.search(rf"Connection +{re.escape(fault)} +Failed", said)
    assert re.search(r"Certificate +Not tried", said)
    assert re.search(r"Answer of the license server +Not tried", said)


def test_check_again_opens_the_system_once_the_server_is_back(app: Flask, active_pbx: Pbx) -> None:
    lock(active_pbx)
    client = app.test_client()
    client.get("/orders", headers={"Accept": "text/html"})
    active_pbx.server.away = None
    answer = post_form(client, "/activation/check", form_at="/activation")
    assert (answer.status_code, answer.location) == (303, "/orders")


def test_a_locked_page_has_no_menu_and_no_account(sign_in: SignIn, active_pbx: Pbx) -> None:
    client = sign_in()
    lock(active_pbx)
    page = client.get("/activation")
    assert "Main menu" not in page.text
    assert "Sign out" not in page.text


POSTS = ("/activation", "/activation/check")


def test_while_active_nobody_gets_in_without_signing_in(client: FlaskClient) -> None:
    token = fields_of(client.get("/login"))
    answers = [client.get("/activation"), *(client.post(path, data=token) for path in POSTS)]
    for answer in answers:
        assert answer.status_code == 303
        assert answer.location.startswith("/login")


@pytest.mark.parametrize("access", [Access.NONE, Access.READ_ONLY])
def test_while_active_only_who_may_change_licenses_gets_in(
    sign_in: SignIn, active_pbx: Pbx, access: Access
) -> None:
    client = sign_in("reception", {Module.LICENSE: access})
    asked = list(active_pbx.server.asked)
    assert client.get("/activation").status_code == 403
    token = client.get("/account").text.partition('name="csrf_token" value="')[2]
    for path in POSTS:
        answer = client.post(path, data={"csrf_token": token.partition('"')[0], "key": "x"})
        assert answer.status_code == 403
    assert active_pbx.server.asked == asked


def test_an_administrator_may_activate_with_another_key(sign_in: SignIn, active_pbx: Pbx) -> None:
    client = sign_in()
    active_pbx.server.key = new_activation_key()
    answer = post_form(client, "/activation", key=active_pbx.server.key)
    assert (answer.status_code, answer.location) == (303, "/license")
    assert f"…-{active_pbx.server.key[-4:]}" in words_of(client.get("/license"))


def test_in_grace_an_administrator_sees_where_the_connection_breaks(
    sign_in: SignIn, active_pbx: Pbx
) -> None:
    client = sign_in()
    active_pbx.server.away = FaultKind.NAME_RESOLUTION
    page = post_form(client, "/activation/check", form_at="/activation")
    assert page.status_code == 200
    assert "Name resolution" in words_of(page)
    assert sentences.FAULTS[FaultKind.NAME_RESOLUTION][0] in words_of(page)
