"""Every route, method and role, from the url map: each gives what its view declares."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.test import TestResponse

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_web.domain.access import Access, Account, Module
from ayrix_web.services import accounts
from ayrix_web.system import System
from ayrix_web.web.access import (
    ADMINISTRATOR,
    ADMINISTRATOR_UNLESS_LOCKED,
    DECLARATION,
    OTHER_PROGRAM,
    PUBLIC,
    PUBLIC_WHILE_LOCKED,
    SIGNED_IN,
)
from tests.pbx_fixtures import Pbx
from tests.web.conftest import PASSWORD, make_app

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
OURS = ("ayrix.", "ayrix_accounts.", "ayrix_api.")

LET_IN, TO_LOGIN, REFUSED, NO_SUCH_METHOD = "let in", "to login", "refused", "no such method"
NEEDS_TOKEN = "needs a token"

ROLES: Mapping[str, Access | None] = {
    "none": Access.NONE,
    "read-only": Access.READ_ONLY,
    "full": Access.FULL,
    "admin": None,
}
ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Route:
    """One URL of ours that a request can name."""

    endpoint: str
    url: str


class Undeclared(AssertionError):
    """A route does not say who may use it."""


def declared(app: Flask, endpoint: str) -> object:
    found = getattr(app.view_functions[endpoint], DECLARATION, None)
    if found is None:
        raise Undeclared(endpoint)
    return found


def routes(app: Flask, target: Account) -> Iterator[Route]:
    """Every rule of ours, filled in; a new kind of argument needs its sample here."""
    samples = {
        "account_id": target.id,
        "_form": "password",
        "feature": "extension",
        "reference": "A-2026-0001",
        "filename": "shell/icon.svg",
        "reservation_id": UUID(int=1),
    }
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(OURS):
            filled = {name: samples[name] for name in rule.arguments}
            built = rule.build(filled)
            assert built is not None
            yield Route(rule.endpoint, built[1])


def expected(app: Flask, url: str, method: str, account: Account | None) -> str:
    """What the declaration of the view behind a URL promises to this account."""
    try:
        endpoint, _arguments = app.url_map.bind("localhost").match(url, method)
    except MethodNotAllowed:
        return NO_SUCH_METHOD
    promise = declared(app, endpoint)
    if promise == PUBLIC:
        return LET_IN
    if promise == OTHER_PROGRAM:
        return NEEDS_TOKEN
    if account is None:
        return TO_LOGIN
    if promise == SIGNED_IN:
        return LET_IN
    # The system of these tests is not locked.
    if promise in {ADMINISTRATOR, ADMINISTRATOR_UNLESS_LOCKED}:
        return LET_IN if account.is_admin else REFUSED
    if promise == PUBLIC_WHILE_LOCKED:
        promise = (Module.LICENSE, Access.FULL)
    assert isinstance(promise, tuple)
    return LET_IN if account.may(*promise) else REFUSED


def outcome(client: FlaskClient, answer: TestResponse, account: Account | None) -> str:
    if answer.status_code == 405:
        return NO_SUCH_METHOD
    if answer.status_code == 403:
        return REFUSED
    if answer.status_code == 401:
        return NEEDS_TOKEN
    if answer.status_code != 303 or answer.location.partition("?")[0] != "/login":
        return LET_IN
    with client.session_transaction() as kept:
        signed_out = account is not None and "_user_id" not in kept
    return LET_IN if signed_out else TO_LOGIN


def ask(app: Flask, system: System, account: Account | None, url: str, method: str) -> str:
    """One request in a session of its own, with a valid token."""
    client = app.test_client()
    secret = hashlib.sha256(url.encode()).hexdigest()
    with app.test_request_context():
        session["csrf_token"] = secret
        token = generate_csrf()
    with client.session_transaction() as opened:
        opened["csrf_token"] = secret
        if account is not None:
            found = accounts.find(system, account.id)
            assert found is not None
            opened["_user_id"] = f"{account.id}:{found[1]}"
    data = None if method in {"GET", "HEAD"} else {"csrf_token": token}
    return outcome(client, client.open(url, method=method, data=data), account)


def differences(app: Flask, system: System, account: Account | None, target: Account) -> set[str]:
    """Where the answer is not what the view declares."""
    return {
        f"{method} {route.url}: {got}, declared {wanted}"
        for route in routes(app, target)
        for method in METHODS
        if (wanted := expected(app, route.url, method, account))
        != (got := ask(app, system, account, route.url, method))
    }


@pytest.fixture
def target(active_pbx: Pbx) -> Account:
    """The user that the URLs about one user name."""
    accounts.create_account(active_pbx.system, "boss", PASSWORD, True, COMMAND_LINE)
    return accounts.create_account(active_pbx.system, "target", PASSWORD, False, COMMAND_LINE)


def account_with(system: System, role: str) -> Account | None:
    if role == ANONYMOUS:
        return None
    access = ROLES[role]
    made = accounts.create_account(system, role, PASSWORD, access is None, COMMAND_LINE)
    if access is not None:
        accounts.set_access(system, role, dict.fromkeys(Module, access), COMMAND_LINE)
    found = accounts.find(system, made.id)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("role", [ANONYMOUS, *ROLES])
def test_every_route_gives_what_it_declares(
    app: Flask, active_pbx: Pbx, target: Account, role: str
) -> None:
    account = account_with(active_pbx.system, role)
    assert differences(app, active_pbx.system, account, target) == set()


@pytest.mark.parametrize("module", Module)
def test_each_module_opens_its_own_routes_only(
    app: Flask, active_pbx: Pbx, target: Account, module: Module
) -> None:
    system = active_pbx.system
    made = accounts.create_account(system, "clerk", PASSWORD, False, COMMAND_LINE)
    access = {**dict.fromkeys(Module, Access.NONE), module: Access.FULL}
    accounts.set_access(system, "clerk", access, COMMAND_LINE)
    found = accounts.find(system, made.id)
    assert found is not None
    assert differences(app, system, found[0], target) == set()


def test_the_table_has_every_page_there_is(app: Flask, target: Account) -> None:
    urls = {route.url for route in routes(app, target)}
    assert {"/license", "/orders", "/activation", "/users", "/login", "/network/interface"} <= urls


def test_nothing_but_login_lock_and_files_is_public(app: Flask, target: Account) -> None:
    public = {r.endpoint for r in routes(app, target) if declared(app, r.endpoint) == PUBLIC}
    assert public == {
        "ayrix.static_file",
        "ayrix.healthz",
        "ayrix_accounts.show_login",
        "ayrix_accounts.sign_in",
    }


def test_a_route_that_declares_nothing_is_found(active_pbx: Pbx, target: Account) -> None:
    app = make_app(active_pbx.system)
    app.add_url_rule("/forgotten", endpoint="ayrix.forgotten", view_func=lambda: "open")
    with pytest.raises(Undeclared, match=r"ayrix\.forgotten"):
        differences(app, active_pbx.system, None, target)


def test_a_route_that_only_claims_to_be_guarded_is_found(active_pbx: Pbx, target: Account) -> None:
    def claiming() -> str:
        return "open"

    setattr(claiming, DECLARATION, (Module.USERS, Access.FULL))
    app = make_app(active_pbx.system)
    app.add_url_rule("/claiming", endpoint="ayrix.claiming", view_func=claiming)
    account = account_with(active_pbx.system, "read-only")
    assert differences(app, active_pbx.system, account, target) == {
        "GET /claiming: let in, declared refused",
        "HEAD /claiming: let in, declared refused",
    }
