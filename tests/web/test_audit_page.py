"""The audit log: who may see it, what it says, how it is narrowed, and as a file."""

from __future__ import annotations

import ast
import csv
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert
from werkzeug.test import TestResponse

import ayrix_web.services
from ayrix_foundation.audit import AGENT, COMMAND_LINE, Actor, Entry, record
from ayrix_protocol.lease import Category, LicensedFeature
from ayrix_protocol.orders import OrderState
from ayrix_protocol.rebindings import Decision
from ayrix_web.domain.access import Access, Module
from ayrix_web.domain.license import Reason
from ayrix_web.rows import AUDIT
from ayrix_web.services import audit_log
from ayrix_web.system import System
from ayrix_web.web import audit_words
from tests.pbx_fixtures import TESTER, Pbx
from tests.web.conftest import PASSWORD, SignIn, make_app, post_form
from tests.web.pages import main_of, words_of

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
READER = {Module.USERS: Access.READ_ONLY}
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def system(active_pbx: Pbx) -> System:
    return active_pbx.system


def note(
    system: System,
    action: str = "order.placed",
    at: datetime = NOON,
    actor: Actor = TESTER,
    **rest: object,
) -> None:
    details = rest.pop("details", {})
    assert isinstance(details, dict)
    subject, result = str(rest.pop("subject", "")), str(rest.pop("result", "done"))
    assert not rest
    with system.database.write() as session:
        record(session, AUDIT, Entry(at, actor, action, subject, result, details))


def headings(page: TestResponse) -> list[str]:
    """The actions on a page, in their order."""
    rows = main_of(page).split('<th role="rowheader" scope="row"><b>')[1:]
    return [row.partition("</b>")[0] for row in rows]


def rows_of(answer: TestResponse, delimiter: str = ",") -> list[dict[str, str]]:
    text = answer.data.decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text, newline=""), delimiter=delimiter))


# who may


def test_who_may_see_users_may_see_it_and_finds_it_in_the_menu(sign_in: SignIn) -> None:
    client = sign_in("auditor", READER)
    assert client.get("/audit").status_code == 200
    assert client.get("/audit.csv").status_code == 200
    assert "Audit log" in client.get("/audit").text.partition("<main")[0]


def test_who_may_not_is_told_whom_to_ask(sign_in: SignIn) -> None:
    client = sign_in("reception", {Module.LICENSE: Access.FULL})
    for path in ("/audit", "/audit.csv"):
        page = client.get(path)
        assert page.status_code == 403
        assert "Ask an administrator" in words_of(page)
    assert "Audit log" not in client.get("/license").text


def test_nobody_sees_it_without_signing_in(client: FlaskClient) -> None:
    for path in ("/audit", "/audit.csv"):
        assert client.get(path).status_code == 303


# the page


def test_the_newest_entry_comes_first_fifty_on_a_page(sign_in: SignIn, system: System) -> None:
    client = sign_in()
    for number in range(60):
        note(system, subject=f"number-{number}")
    first, second = client.get("/audit"), client.get("/audit?page=2")
    assert len(headings(first)) == 50
    assert main_of(first).index("number-59") < main_of(first).index("number-58")
    assert "number-10" in main_of(first)
    assert "number-9<" not in main_of(first)
    assert "number-9<" in main_of(second)
    assert "Page 1 of 2" in words_of(first)


@pytest.mark.parametrize("number", ["0", "-1", "99", "x", "9" * 40, ""])
def test_a_page_that_does_not_exist_is_the_nearest(sign_in: SignIn, number: str) -> None:
    assert sign_in().get(f"/audit?page={number}").status_code == 200


def test_an_entry_says_who_did_what_when_from_where_and_how_it_went(
    sign_in: SignIn, system: System
) -> None:
    note(
        system,
        "access.changed",
        actor=Actor("boss", "192.0.2.7"),
        subject="reception",
        details={"module": "license", "old": "default", "new": "read_only"},
    )
    words = words_of(sign_in().get("/audit?user=boss"))
    for expected in (
        "Access of a user changed reception",
        "20 Nov 2026, 12:00:00",
        "boss 192.0.2.7",
        "Module: Licenses",
        "Before: Default",
        "After: Read-only",
        "Done",
    ):
        assert expected in words


def test_times_are_those_of_the_pbx(active_pbx: Pbx, sign_in: SignIn) -> None:
    sign_in()
    settings = replace(active_pbx.system.settings, time_zone="Europe/Berlin")
    system = replace(active_pbx.system, settings=settings)
    client = make_app(system).test_client()
    post_form(client, "/login", username="admin", password=PASSWORD)
    note(system, subject="here")
    assert "20 Nov 2026, 13:00:00" in words_of(client.get("/audit"))
    assert "2026-11-20 13:00:00+01:00" in client.get("/audit.csv").text


def test_the_page_speaks_german(sign_in: SignIn, system: System) -> None:
    note(system, "session.refused", result="wrong_password", actor=Actor("anonymous", "192.0.2.7"))
    note(system, "license.check_failed", result=Reason.UNREACHABLE, actor=AGENT)
    page = sign_in().get("/audit?lang=de")
    words = words_of(page)
    for expected in ("Protokoll", "Anmeldung abgelehnt", "Falsches Passwort", "Nicht angemeldet"):
        assert expected in words
    assert "Lizenzprüfung fehlgeschlagen" in words
    assert "Lizenzserver nicht erreichbar" in words


def test_markup_in_names_stays_text(sign_in: SignIn, system: System) -> None:
    note(
        system,
        EVIL,
        actor=Actor(EVIL, EVIL[:45]),
        subject=EVIL,
        result=EVIL,
        details={EVIL: EVIL, "old": EVIL, "module": EVIL, "addresses": [EVIL, {EVIL: None}]},
    )
    page = sign_in().get("/audit")
    assert page.status_code == 200
    assert "<img" not in page.text
    assert "onerror" in page.text


def test_hidden_features_are_never_recorded(system: System, active_pbx: Pbx) -> None:
    hidden = LicensedFeature(
        code="secret_thing", category=Category.GENERAL, counts=None, quantity=3, hidden=True
    )
    active_pbx.server.features.append(hidden)
    active_pbx.activate()
    entries = list(audit_log.every_entry(system, audit_log.AuditFilter(action="license.changed")))
    assert entries
    assert all("secret_thing" not in str(entry.details) for entry in entries)


# words


def recorded_actions() -> set[str]:
    """Every constant of the services that reads like an action."""
    files = Path(ayrix_web.services.__path__[0]).glob("*.py")
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts = node.value.split(".")
                is_action = len(parts) == 2 and all(p.isidentifier() for p in parts)
                if is_action and node.value.islower():
                    found.add(node.value)
    return found


def test_every_action_that_is_recorded_has_words() -> None:
    actions = recorded_actions()
    assert len(actions) >= 18
    assert actions <= set(audit_words.ACTIONS)


def test_every_outcome_a_person_can_cause_has_words() -> None:
    outcomes = {
        "done",
        "wrong_password",
        *Reason,
        *OrderState,
        Decision.APPROVED,
        Decision.DECLINED,
    }
    assert outcomes <= set(audit_words.RESULTS)


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_two_actions_read_alike(app: Flask, language: str) -> None:
    with app.test_request_context(f"/audit?lang={language}"):
        app.preprocess_request()
        said = [str(words) for words in audit_words.ACTIONS.values()]
    assert len(set(said)) == len(said)


# the filter


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("user=boss", {"a", "b"}),
        ("user=BOS", {"a", "b"}),
        ("user=b%25s", set()),
        ("user=_", set()),
        ("user=command+line", {"c"}),
        ("user=Befehlszeile&lang=de", {"c"}),
        ("action=order.sent", {"b"}),
        ("action=no.such", set()),
        ("user=boss&action=order.placed", {"a"}),
        ("since=2026-11-20&until=2026-11-20&user=boss", {"a"}),
        ("since=2026-11-21&user=boss", {"b"}),
        ("until=2026-11-20&user=boss", {"a"}),
        ("since=2026-11-22&until=2026-11-20", set()),
    ],
)
def test_the_filter_narrows_page_and_file_alike(
    sign_in: SignIn, system: System, query: str, expected: set[str]
) -> None:
    client = sign_in()
    note(system, "order.placed", subject="a", actor=Actor("boss", "192.0.2.7"))
    late = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
    note(system, "order.sent", late, Actor("boss", "192.0.2.7"), subject="b")
    note(system, "account.created", subject="c", actor=COMMAND_LINE)
    page = client.get(f"/audit?{query}")
    shown = {name for name in "abc" if f"<small>{name}</small>" in main_of(page)}
    assert shown == expected
    file = client.get(f"/audit.csv?{query}")
    delimiter = ";" if "lang=de" in query else ","
    column = "Betrifft" if "lang=de" in query else "Concerns"
    found = {row[column] for row in rows_of(file, delimiter)}
    assert found & set("abc") == expected


def test_a_filter_is_kept_by_its_form_its_file_and_its_pages(
    sign_in: SignIn, system: System
) -> None:
    for _ in range(51):
        note(system, actor=Actor("boss", "192.0.2.7"))
    page = sign_in().get("/audit?user=boss&since=2026-11-20")
    assert 'value="boss"' in page.text
    assert 'value="2026-11-20"' in page.text
    assert "/audit.csv?user=boss&amp;since=2026-11-20" in page.text
    assert "/audit?user=boss&amp;since=2026-11-20&amp;page=2" in page.text


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "0001-01-01", "9999-12-31", "20.11.26"])
@pytest.mark.parametrize("path", ["/audit", "/audit.csv"])
def test_a_day_that_is_none_is_said_and_kept(sign_in: SignIn, path: str, day: str) -> None:
    page = sign_in().get(path, query_string={"since": day, "user": "boss"})
    assert page.status_code == 422
    assert "Write the date as year-month-day" in words_of(page)
    assert "<title>Error:" in page.text
    assert f'value="{day}"' in page.text
    assert 'value="boss"' in page.text


def test_nothing_found_says_so(sign_in: SignIn) -> None:
    page = sign_in().get("/audit?user=nobody-of-that-name")
    assert "Nothing was recorded that fits." in words_of(page)
    assert "Download as CSV" not in words_of(page)


# the file


def test_the_file_has_every_entry_with_code_and_hash(sign_in: SignIn, system: System) -> None:
    client = sign_in()
    for number in range(120):
        note(system, subject=f"number-{number}")
    answer = client.get("/audit.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-2026-11-24.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    rows = rows_of(answer)
    entries = audit_log.listing(system, audit_log.AuditFilter(), 1)
    assert len(rows) == entries.page.total
    assert [row["Entry"] for row in rows[:50]] == [str(entry.id) for entry in entries.entries]
    assert [row["Hash"] for row in rows[:50]] == [entry.hash for entry in entries.entries]
    assert rows[0]["Code"] == "order.placed"
    assert rows[0]["Action"] == "Order placed"


def test_the_german_file_opens_in_german_spreadsheets(sign_in: SignIn, system: System) -> None:
    note(system, "order.placed", subject="x")
    answer = sign_in().get("/audit.csv?lang=de")
    assert answer.data.startswith(b"\xef\xbb\xbfEintrag;Zeit;Benutzer")
    assert "Bestellung aufgegeben" in {row["Aktion"] for row in rows_of(answer, ";")}


@pytest.mark.parametrize("sign", "=+-@")
def test_no_cell_of_the_file_is_a_formula(sign_in: SignIn, system: System, sign: str) -> None:
    formula = f"{sign}HYPERLINK(1)"
    note(system, formula, actor=Actor(formula, ""), subject=formula, details={formula: formula})
    for language, delimiter in (("en", ","), ("de", ";")):
        text = sign_in(f"u-{language}").get(f"/audit.csv?lang={language}").data.decode("utf-8-sig")
        cells = [
            cell
            for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter)
            for cell in row
        ]
        assert any(formula in cell for cell in cells)
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_a_large_file_is_sent_in_bounded_memory(sign_in: SignIn, system: System) -> None:
    client = sign_in()
    values = [
        {
            "at": NOON + timedelta(seconds=number),
            "actor": "boss",
            "address": "192.0.2.7",
            "action": "order.placed",
            "subject": "x" * 150,
            "result": "done",
            "details": {"key": "y" * 200},
            "previous_hash": str(number),
            "hash": str(number),
        }
        for number in range(10_000)
    ]
    with system.database.write() as session:
        session.execute(insert(AUDIT), values)
    del values
    answer = client.get("/audit.csv", buffered=False)
    tracemalloc.start()
    size = sum(len(piece) for piece in answer.response)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    answer.close()
    assert size > 4_000_000
    assert peak < 2_000_000
