"""Pages over a PBX with stand-ins: the application, a browser-like client, signing in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ayrix_foundation.assets import TEMPLATES
from ayrix_foundation.audit import COMMAND_LINE
from ayrix_web.app import configure, init_app
from ayrix_web.domain.access import Access, Module
from ayrix_web.services import accounts
from ayrix_web.system import System
from ayrix_web.web import errors
from tests.pbx_fixtures import Pbx

PASSWORD = "correct horse battery"
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')

SignIn = Callable[..., FlaskClient]


def make_app(system: System) -> Flask:
    """The pages as `create_app` puts them together, over a system of the test's."""
    app = Flask("ayrix", static_folder=None, template_folder=str(TEMPLATES))
    configure(app, system)
    init_app(app, system=system)
    errors.register(app)
    return app


@pytest.fixture
def app(active_pbx: Pbx) -> Flask:
    """The pages of a PBX with an active license."""
    return make_app(active_pbx.system)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody who is not signed in."""
    return app.test_client()


def token_of(page: TestResponse) -> str:
    """The CSRF token of a page with a form."""
    found = TOKEN.search(page.text)
    assert found, "the page has no form"
    return found[1]


def post_form(
    client: FlaskClient, path: str, form_at: str | None = None, **fields: object
) -> TestResponse:
    """Fill in the form of the page at `form_at` (else at `path`) and send it to `path`."""
    token = token_of(client.get(form_at or path))
    return client.post(path, data={"csrf_token": token, **fields})


@pytest.fixture
def sign_in(app: Flask, active_pbx: Pbx) -> SignIn:
    """Make an account (an administrator unless `access` says otherwise) and sign it in."""

    def signed_in(
        name: str = "admin", access: Mapping[Module, Access] | None = None
    ) -> FlaskClient:
        system = active_pbx.system
        accounts.create_account(system, name, PASSWORD, access is None, COMMAND_LINE)
        if access is not None:
            accounts.set_access(system, name, access, COMMAND_LINE)
        client = app.test_client()
        answer = post_form(client, "/login", username=name, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        return client

    return signed_in
