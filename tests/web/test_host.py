"""The example host: a PBX whose pages create and delete what the license counts."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ayrix_foundation.audit import Actor
from ayrix_protocol.lease import Counted
from ayrix_web.domain.access import Access, Module
from ayrix_web.services import accounts
from ayrix_web.system import System
from examples.host.app import create_app
from examples.host.kinds import KINDS, AnyKind
from examples.host.objects import list_objects
from tests.services.licensed_pbx import close_pbx, end_lease, make_pbx

LIMIT = 2
PASSWORD = "correct horse battery"
BY_ADMIN = Actor("admin", "127.0.0.1")
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.path)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    system = make_pbx(tmp_path, dict.fromkeys(Counted, LIMIT))
    accounts.create_account(system, "admin", PASSWORD, True, BY_ADMIN)
    yield system
    close_pbx(system)


@pytest.fixture
def browser(system: System) -> FlaskClient:
    return signed_in(system, "admin")


def signed_in(system: System, name: str) -> FlaskClient:
    """A browser with the session of somebody who signed in; the login page has its own tests."""
    account = next(
        view.account for view in accounts.list_accounts(system) if view.account.name == name
    )
    found = accounts.find(system, account.id)
    assert found is not None
    browser = create_app(system).test_client()
    with browser.session_transaction() as session:
        session["_user_id"] = f"{account.id}:{found[1]}"
    return browser


def token_of(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def create(browser: FlaskClient, kind: AnyKind, name: str) -> TestResponse:
    token = token_of(browser.get(f"/{kind.path}/new"))
    return browser.post(f"/{kind.path}/new", data={"name": name, "csrf_token": token})


def delete_first(browser: FlaskClient, kind: AnyKind) -> TestResponse:
    """Press the first Delete button of the list."""
    page = browser.get(f"/{kind.path}")
    action = re.search(rf'action="(/{kind.path}/[^"]+/delete)"', page.text)
    assert action is not None
    return browser.post(unescape(action[1]), data={"csrf_token": token_of(page)})


def names(system: System, kind: AnyKind) -> list[tuple[str, str]]:
    return [(found.number, found.name) for found in list_objects(system, kind)]


def test_the_start_page_leads_to_the_extensions(browser: FlaskClient) -> None:
    answer = browser.get("/")
    assert (answer.status_code, answer.location) == (303, "/extensions")


@EVERY_KIND
def test_creates_lists_and_deletes(browser: FlaskClient, system: System, kind: AnyKind) -> None:
    answer = create(browser, kind, "Sales")
    assert (answer.status_code, answer.location) == (303, f"/{kind.path}")
    page = browser.get(f"/{kind.path}")
    assert "Sales was created." in page.text
    assert "1 of 2 used" in page.text
    answer = delete_first(browser, kind)
    assert (answer.status_code, answer.location) == (303, f"/{kind.path}")
    assert names(system, kind) == []


@EVERY_KIND
def test_one_more_than_licensed_is_refused_with_the_way_to_add_it(
    browser: FlaskClient, system: System, kind: AnyKind
) -> None:
    for name in ("Sales", "Support"):
        assert create(browser, kind, name).status_code == 303
    answer = create(browser, kind, "Warehouse")
    assert answer.status_code == 409
    assert "Warehouse was not created." in answer.text
    assert f'href="/license/order?feature=more_{kind.counted}"' in answer.text
    assert len(names(system, kind)) == LIMIT


@EVERY_KIND
def test_free_numbers_are_assigned_and_used_again(
    browser: FlaskClient, system: System, kind: AnyKind
) -> None:
    create(browser, kind, "Sales")
    create(browser, kind, "Support")
    first = str(kind.first_number or "")
    second = str(kind.first_number + 1) if kind.first_number else ""
    assert sorted(names(system, kind)) == [(first, "Sales"), (second, "Support")]
    delete_first(browser, kind)
    create(browser, kind, "Warehouse")
    assert (first, "Warehouse") in names(system, kind)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Enter a name."),
        ("   ", "Enter a name."),
        ("x" * 31, "Enter at most 30 characters."),
        ('Sales "north"', "Enter a name without quotation marks"),
        ("a/b", "Enter a name without quotation marks"),
        ("two\nlines", "Enter a name without quotation marks"),
    ],
)
def test_a_name_that_does_not_work_is_refused_in_a_sentence_and_kept(
    browser: FlaskClient, system: System, name: str, sentence: str
) -> None:
    answer = create(browser, KINDS[0], name)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert names(system, KINDS[0]) == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.has_unique_names])
def test_a_name_that_must_be_unique_is_taken_once(
    browser: FlaskClient, system: System, kind: AnyKind
) -> None:
    create(browser, kind, "Sales")
    answer = create(browser, kind, "Sales")
    assert answer.status_code == 422
    assert "This name is in use already." in answer.text


@EVERY_KIND
def test_names_of_any_language_can_be_created_and_deleted(
    browser: FlaskClient, system: System, kind: AnyKind
) -> None:
    create(browser, kind, "Geschäftsführung & Büro #1?")
    delete_first(browser, kind)
    assert names(system, kind) == []


@EVERY_KIND
@pytest.mark.parametrize("key", ["999", "nothing"])
def test_what_is_not_there_cannot_be_deleted(browser: FlaskClient, kind: AnyKind, key: str) -> None:
    token = token_of(browser.get(f"/{kind.path}"))
    answer = browser.post(f"/{kind.path}/{key}/delete", data={"csrf_token": token})
    assert answer.status_code == 404
    assert "Page not found" in answer.text


@EVERY_KIND
def test_nothing_is_created_or_deleted_without_a_token(
    browser: FlaskClient, system: System, kind: AnyKind
) -> None:
    assert browser.post(f"/{kind.path}/new", data={"name": "Sales"}).status_code == 422
    assert names(system, kind) == []
    create(browser, kind, "Sales")
    key = list_objects(system, kind)[0].key
    assert browser.post(f"/{kind.path}/{key}/delete").status_code == 422
    assert len(names(system, kind)) == 1


@EVERY_KIND
@pytest.mark.parametrize("page", ["", "/new"])
def test_nobody_sees_a_page_without_signing_in(system: System, kind: AnyKind, page: str) -> None:
    answer = create_app(system).test_client().get(f"/{kind.path}{page}")
    assert answer.status_code == 303
    assert answer.location.startswith("/login?next=")


def test_who_may_not_order_is_told_whom_to_ask(system: System) -> None:
    accounts.create_account(system, "reception", PASSWORD, False, BY_ADMIN)
    accounts.set_access(system, "reception", {Module.LICENSE: Access.READ_ONLY}, BY_ADMIN)
    browser = signed_in(system, "reception")
    for name in ("Sales", "Support"):
        create(browser, KINDS[0], name)
    answer = create(browser, KINDS[0], "Warehouse")
    assert answer.status_code == 409
    assert "You cannot order licenses. Ask an administrator." in answer.text
    assert "/license/order" not in answer.text


@EVERY_KIND
def test_every_page_speaks_german(browser: FlaskClient, kind: AnyKind) -> None:
    for page in (f"/{kind.path}", f"/{kind.path}/new"):
        assert '<html lang="de"' in browser.get(f"{page}?lang=de").text
    assert "Anlegen" in browser.get(f"/{kind.path}/new").text


@EVERY_KIND
@pytest.mark.parametrize("page", ["", "/new"])
def test_a_locked_pbx_leads_to_the_activation_page(
    browser: FlaskClient, system: System, kind: AnyKind, page: str
) -> None:
    end_lease(system)
    answer = browser.get(f"/{kind.path}{page}")
    assert (answer.status_code, answer.location) == (303, "/activation")


def test_the_menu_shows_what_this_host_registers(browser: FlaskClient) -> None:
    page = browser.get("/extensions").text
    for kind in KINDS:
        assert f'href="/{kind.path}"' in page
    assert 'href="/license"' in page
