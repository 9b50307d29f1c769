"""Signing in and out, sessions that end when they must, and the own password."""

from __future__ import annotations

import re
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_login import LoginManager
from werkzeug.test import TestResponse

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_web.app import configure, init_app
from ayrix_web.domain.access import Access, Module
from ayrix_web.services import accounts
from ayrix_web.system import System
from ayrix_web.web import errors
from ayrix_web.web.gate import WANTED
from tests.pbx_fixtures import Pbx
from tests.web.conftest import PASSWORD, TOKEN, SignIn, make_app, post_form, token_of

NEW_PASSWORD = "another long password"

WRONG = {
    "en": "User name or password is wrong.",
    "de": "Benutzername oder Passwort ist falsch.",
}


@pytest.fixture
def system(active_pbx: Pbx) -> System:
    """The system behind the pages, with an administrator."""
    accounts.create_account(active_pbx.system, "boss", PASSWORD, True, COMMAND_LINE)
    return active_pbx.system


def log_in(
    client: FlaskClient, name: str = "boss", password: str = PASSWORD, query: str = ""
) -> TestResponse:
    return post_form(client, f"/login{query}", username=name, password=password)


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


def without_token(page: str) -> str:
    return re.sub(r'value="[^"]{60,}"', "", page)


# -- the login page --------------------------------------------------------------------------------


def test_signing_in_leads_to_the_licenses(client: FlaskClient, system: System) -> None:
    answer = log_in(client)
    assert (answer.status_code, answer.location) == (303, "/license")
    assert is_signed_in(client)


def test_signing_in_leads_to_the_page_that_was_wanted(client: FlaskClient, system: System) -> None:
    sent = client.get("/orders?page=2")
    assert (sent.status_code, sent.location) == (303, "/login?next=/orders?page%3D2")
    page = client.get(sent.location)
    answer = client.post(
        "/login",
        data={
            "csrf_token": token_of(page),
            "username": "boss",
            "password": PASSWORD,
            "next": re.findall(r'name="next"[^>]*value="([^"]*)"', page.text)[0],
        },
    )
    assert answer.location == "/orders?page=2"


def test_the_wanted_page_is_found_again_below_a_prefix(client: FlaskClient, system: System) -> None:
    mounted = "http://localhost/pbx"
    sent = client.get("/orders", base_url=mounted)
    assert sent.location == "/pbx/login?next=/pbx/orders"
    token = token_of(client.get("/login", base_url=mounted))
    form = {"csrf_token": token, "username": "boss", "password": PASSWORD, "next": "/pbx/orders"}
    assert client.post("/login", base_url=mounted, data=form).location == "/pbx/orders"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example.com/",
        "//evil.example.com",
        "/\\evil.example.com",
        "\\\\evil.example.com",
        "/\t/evil.example.com",
        "/\n/evil.example.com",
        "javascript:alert(1)",
        "http:evil.example.com",
        "evil.example.com",
        " //evil.example.com",
    ],
)
def test_nobody_is_led_to_another_site(client: FlaskClient, system: System, target: str) -> None:
    page = client.get("/login", query_string={"next": target})
    assert "evil" not in page.text.partition("<main")[2]
    answer = post_form(client, "/login", username="boss", password=PASSWORD, next=target)
    assert answer.location == "/license"
    again = client.get("/login", query_string={"next": target})
    assert again.location == "/license", "also for whoever is signed in already"


def test_without_licenses_one_starts_at_ones_account(client: FlaskClient, system: System) -> None:
    accounts.create_account(system, "porter", PASSWORD, False, COMMAND_LINE)
    accounts.set_access(system, "porter", {Module.LICENSE: Access.NONE}, COMMAND_LINE)
    assert log_in(client, "porter").location == "/account"


@pytest.mark.parametrize("language", WRONG)
@pytest.mark.parametrize("name", ["boss", "nobody", "x" * 500])
def test_a_wrong_password_and_an_unknown_name_read_the_same(
    client: FlaskClient, system: System, language: str, name: str
) -> None:
    answer = log_in(client, name, "Secret-Guess-1", f"?lang={language}")
    assert answer.status_code == 422
    assert WRONG[language] in answer.text
    assert f'value="{name}"' in answer.text, "what was typed is kept"
    assert "Secret-Guess-1" not in answer.text, "but never a password"
    assert not is_signed_in(client)


def test_the_two_answers_are_equal_to_the_letter(client: FlaskClient, system: System) -> None:
    known = log_in(client, "boss", "a wrong guess").text
    unknown = log_in(client, "b0ss", "a wrong guess").text
    assert without_token(known) == without_token(unknown).replace("b0ss", "boss")


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ("Enter your user name.", "Enter your password.")),
        ("de", ("Geben Sie Ihren Benutzernamen ein.", "Geben Sie Ihr Passwort ein.")),
    ],
)
def test_an_empty_form_says_what_is_missing(
    client: FlaskClient, system: System, language: str, sentences: tuple[str, str]
) -> None:
    answer = log_in(client, "", "", f"?lang={language}")
    assert answer.status_code == 422
    assert all(sentence in answer.text for sentence in sentences)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Too many wrong passwords. Try again in 15 minutes."),
        ("de", "Zu viele falsche Passwörter. Versuchen Sie es in 15 Minuten erneut."),
    ],
)
def test_the_eleventh_try_must_wait(
    client: FlaskClient, active_pbx: Pbx, system: System, language: str, sentence: str
) -> None:
    for _ in range(10):
        assert log_in(client, password="a wrong guess").status_code == 422
    answer = log_in(client, query=f"?lang={language}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert sentence in answer.text
    active_pbx.clock.go_on(timedelta(minutes=15))
    assert log_in(client).status_code == 303


def test_a_login_without_a_token_is_refused(client: FlaskClient, system: System) -> None:
    answer = client.post("/login", data={"username": "boss", "password": PASSWORD})
    assert answer.status_code == 422
    assert not is_signed_in(client)


# -- sessions --------------------------------------------------------------------------------------


def test_a_session_of_before_the_login_is_worth_nothing(
    client: FlaskClient, system: System
) -> None:
    token = token_of(client.get("/login"))
    with client.session_transaction() as planted:
        planted["planted"] = "by an attacker"
        planted[WANTED] = "/orders"
    client.post("/login", data={"csrf_token": token, "username": "boss", "password": PASSWORD})
    with client.session_transaction() as kept:
        assert "planted" not in kept
        assert kept[WANTED] == "/orders", "the page somebody wanted when he met the lock"
    assert client.post("/logout", data={"csrf_token": token}).status_code == 422


def test_the_cookie_is_for_the_server_alone_and_ends_after_the_hours_set(
    client: FlaskClient, active_pbx: Pbx, system: System
) -> None:
    cookies = SimpleCookie(log_in(client).headers["Set-Cookie"])
    morsel = next(iter(cookies.values()))
    assert morsel["httponly"]
    assert morsel["samesite"] == "Lax"
    assert client.application.permanent_session_lifetime == timedelta(
        hours=system.settings.session_hours
    )
    assert morsel["expires"], "a permanent session, which the server ends by its age"


def test_signing_out_ends_the_session(client: FlaskClient, system: System) -> None:
    log_in(client)
    answer = post_form(client, "/logout", form_at="/account")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert not is_signed_in(client)


def test_signing_out_needs_a_token(client: FlaskClient, system: System) -> None:
    log_in(client)
    assert client.post("/logout").status_code == 422
    assert client.get("/logout").status_code == 405
    assert is_signed_in(client)


def test_a_new_password_ends_sessions(client: FlaskClient, system: System) -> None:
    log_in(client)
    accounts.set_password(system, "boss", NEW_PASSWORD, COMMAND_LINE)
    assert not is_signed_in(client)


def test_new_permissions_end_sessions(sign_in: SignIn, system: System) -> None:
    client = sign_in("clerk", {})
    accounts.set_access(system, "clerk", {Module.LICENSE: Access.NONE}, COMMAND_LINE)
    assert client.get("/license").location == "/login?next=/license"


def test_a_removed_user_is_out_with_his_next_click(sign_in: SignIn, system: System) -> None:
    client = sign_in("clerk", {})
    accounts.delete_account(system, "clerk", COMMAND_LINE)
    assert not is_signed_in(client)


def test_his_session_is_not_the_next_users_with_the_same_id(
    sign_in: SignIn, system: System
) -> None:
    client = sign_in("clerk", {})
    accounts.delete_account(system, "clerk", COMMAND_LINE)
    accounts.create_account(system, "successor", PASSWORD, True, COMMAND_LINE)
    assert not is_signed_in(client)


def test_a_session_goes_on_when_the_network_address_changes(
    client: FlaskClient, system: System
) -> None:
    log_in(client)
    moved = {"REMOTE_ADDR": "192.168.10.77", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    assert client.get("/account", environ_overrides=moved).status_code == 200


def test_a_claimed_forwarded_address_does_not_get_round_the_limit(
    client: FlaskClient, system: System
) -> None:
    for number in range(10):
        answer = client.post(
            "/login",
            data={
                "csrf_token": token_of(client.get("/login")),
                "username": "boss",
                "password": "a wrong guess",
            },
            headers={"X-Forwarded-For": f"203.0.113.{number}"},
        )
        assert answer.status_code == 422
    assert log_in(client).status_code == 429


@pytest.mark.parametrize("setting", [{"LOGIN_DISABLED": True}, {"TESTING": True}])
def test_flask_logins_switches_open_nothing(
    active_pbx: Pbx, system: System, setting: dict[str, bool]
) -> None:
    app = make_app(active_pbx.system)
    app.config.update(setting)
    for path in ("/license", "/users", "/account", "/orders"):
        assert app.test_client().get(path).status_code == 303


def test_a_host_with_a_login_of_its_own_must_say_who_is_signed_in(active_pbx: Pbx) -> None:
    host = Flask("host")
    host.secret_key = "secret"
    LoginManager(host)
    with pytest.raises(RuntimeError, match="identify"):
        init_app(host, system=active_pbx.system)


def test_a_host_that_has_been_set_up_differently_gets_the_hours_too(active_pbx: Pbx) -> None:
    host = Flask("host")
    configure(host, active_pbx.system)
    host.config["PERMANENT_SESSION_LIFETIME"] = timedelta(days=31)
    init_app(host, system=active_pbx.system)
    errors.register(host)
    assert host.permanent_session_lifetime == timedelta(hours=12)


# -- the own account -------------------------------------------------------------------------------


def change(
    client: FlaskClient, present: str, new: str, again: str, lang: str = "en"
) -> TestResponse:
    return post_form(client, f"/account?lang={lang}", present=present, new=new, again=again)


def test_the_own_password_changes_and_only_other_sessions_end(
    app: Flask, client: FlaskClient, system: System
) -> None:
    elsewhere = app.test_client()
    log_in(client)
    log_in(elsewhere)
    answer = change(client, PASSWORD, NEW_PASSWORD, NEW_PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/account")
    assert "Your password was changed." in client.get("/account").text
    assert not is_signed_in(elsewhere)
    assert log_in(elsewhere, password=NEW_PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("fields", "english", "german"),
    [
        (
            ("a wrong guess", NEW_PASSWORD, NEW_PASSWORD),
            "This is not your present password.",
            "Dies ist nicht Ihr jetziges Passwort.",
        ),
        (
            (PASSWORD, NEW_PASSWORD, NEW_PASSWORD + "!"),
            "The two new passwords are not the same.",
            "Die beiden neuen Passwörter stimmen nicht überein.",
        ),
        (
            (PASSWORD, "short", "short"),
            "A password has 10 to 200 characters.",
            "Ein Passwort hat 10 bis 200 Zeichen.",
        ),
        (
            (PASSWORD, "", ""),
            "A password has 10 to 200 characters.",
            "Ein Passwort hat 10 bis 200 Zeichen.",
        ),
        (
            ("", NEW_PASSWORD, NEW_PASSWORD),
            "Enter your password.",
            "Geben Sie Ihr Passwort ein.",
        ),
    ],
)
def test_a_password_that_cannot_be_changed_says_why(
    client: FlaskClient,
    system: System,
    fields: tuple[str, str, str],
    english: str,
    german: str,
) -> None:
    log_in(client)
    for language, sentence in (("en", english), ("de", german)):
        answer = change(client, *fields, language)
        assert answer.status_code == 422
        assert sentence in answer.text
        assert not any(field and field in without_token(answer.text) for field in fields)
    assert log_in(client.application.test_client()).status_code == 303


def test_the_present_password_cannot_be_guessed_from_an_open_session(
    client: FlaskClient, system: System
) -> None:
    log_in(client)
    for _ in range(10):
        change(client, "a wrong guess", NEW_PASSWORD, NEW_PASSWORD)
    answer = change(client, PASSWORD, NEW_PASSWORD, NEW_PASSWORD)
    assert answer.status_code == 422
    assert "Too many wrong passwords." in answer.text


def test_the_own_account_shows_what_one_may(sign_in: SignIn, system: System) -> None:
    page = sign_in("clerk", {Module.NETWORK: Access.READ_ONLY}).get("/account").text
    assert re.search(r"Network</dt><dd>Read-only", page)
    assert re.search(r"Licenses</dt><dd>Full", page)


def test_every_form_of_the_login_page_carries_a_token(client: FlaskClient) -> None:
    page = client.get("/login").text
    assert page.count('method="post"') == len(TOKEN.findall(page)) == 1


def test_the_sign_in_page_says_what_just_worked(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["_flashes"] = [("ayrix-ok", "This system is activated.")]
    assert "This system is activated." in client.get("/login").text
