"""Error pages say what happened, that nothing was lost, and where to go."""

from __future__ import annotations

import sqlite3

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from ayrix_foundation.database import DatabaseFault
from ayrix_protocol.wire import LARGEST_BODY
from tests.pbx_fixtures import Pbx
from tests.web import sentences
from tests.web.conftest import SignIn, post_form
from tests.web.pages import words_of

LANGUAGES = pytest.mark.parametrize(("position", "language"), [(0, "en"), (1, "de")])
SQLITE_WORDS = {
    DatabaseFault.BUSY: "database is locked",
    DatabaseFault.READ_ONLY: "attempt to write a readonly database",
    DatabaseFault.FULL: "database or disk is full",
    DatabaseFault.OTHER: "malformed",
}


@LANGUAGES
def test_an_unknown_address_is_not_found(client: FlaskClient, position: int, language: str) -> None:
    page = client.get(f"/nothing-here?lang={language}")
    assert page.status_code == 404
    assert ("Page not found", "Seite nicht gefunden")[position] in words_of(page)
    assert "Content-Security-Policy" in page.headers


@LANGUAGES
def test_a_form_without_its_token_has_expired(
    sign_in: SignIn, position: int, language: str
) -> None:
    page = sign_in().post(f"/license/check?lang={language}")
    assert page.status_code == 422
    expected = ("This form has expired", "Dieses Formular ist abgelaufen")
    assert expected[position] in words_of(page)


def test_another_method_is_not_possible(sign_in: SignIn) -> None:
    page = sign_in().get("/license/check")
    assert page.status_code == 405
    assert "This is not possible here" in words_of(page)
    assert "POST" in page.headers["Allow"]


def test_too_much_is_refused(client: FlaskClient) -> None:
    page = client.post("/login", data={"username": "x" * (LARGEST_BODY + 1)})
    assert page.status_code == 413
    assert "That was too large" in words_of(page)


@LANGUAGES
@pytest.mark.parametrize("fault", DatabaseFault)
def test_each_database_fault_has_its_own_words(
    app: Flask, fault: DatabaseFault, position: int, language: str
) -> None:
    def fail() -> str:
        raise OperationalError("UPDATE", None, sqlite3.OperationalError(SQLITE_WORDS[fault]))

    app.add_url_rule("/fails", view_func=fail)
    page = app.test_client().get(f"/fails?lang={language}")
    assert page.status_code == 503
    assert page.headers["Retry-After"]
    assert sentences.DATABASE_FAULTS[fault][position] in words_of(page)


def test_a_database_that_another_process_keeps_loses_nothing(
    sign_in: SignIn, active_pbx: Pbx
) -> None:
    client = sign_in()
    client.get("/license")
    other = sqlite3.connect(active_pbx.system.settings.instance / "ayrix.db")
    other.execute("BEGIN IMMEDIATE")
    page = post_form(client, "/license/check", form_at="/license")
    other.rollback()
    other.close()
    assert page.status_code == 503
    assert sentences.DATABASE_FAULTS[DatabaseFault.BUSY][0] in words_of(page)
    answer = post_form(client, "/license/check", form_at="/license")
    assert answer.status_code == 303


@LANGUAGES
def test_a_fault_of_ours_shows_no_details(app: Flask, position: int, language: str) -> None:
    def fail() -> str:
        raise RuntimeError("secret detail")

    app.add_url_rule("/fails", view_func=fail)
    page = app.test_client().get(f"/fails?lang={language}")
    assert page.status_code == 500
    expected = ("Something went wrong here", "Hier ist etwas schiefgegangen")
    assert expected[position] in words_of(page)
    assert "secret detail" not in page.text
