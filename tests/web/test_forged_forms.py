"""Forms from another site, and markup in every name that a page shows."""

from __future__ import annotations

import hashlib
import html
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from sqlalchemy import update

from ayrix_foundation.audit import COMMAND_LINE, Actor
from ayrix_protocol.binding import Hardware
from ayrix_protocol.lease import Contacts, Customer, Lease
from ayrix_protocol.orders import LineRequest
from ayrix_web.adapters.inventory import SqlInventory
from ayrix_web.domain.access import Account
from ayrix_web.domain.order import OrderDraft, OrderStage
from ayrix_web.rows import EndpointRow, OrderRow, QueueRow, RingGroupRow
from ayrix_web.services import accounts, ordering
from ayrix_web.system import System
from examples.host.app import create_app
from tests.fakes import HARDWARE, FakeLicenseServer
from tests.pbx_fixtures import Pbx
from tests.web.conftest import PASSWORD
from tests.web.test_access_tables import account_with
from tests.web.test_attack_tables import host_routes, lock

SECRET, ANOTHER = (hashlib.sha256(text).hexdigest() for text in (b"one", b"another"))


@pytest.fixture
def host(active_pbx: Pbx) -> Flask:
    """The example host with our pages mounted."""
    return create_app(active_pbx.system)


@pytest.fixture
def target(active_pbx: Pbx) -> Account:
    """The user whom forms are about."""
    return accounts.create_account(active_pbx.system, "target", PASSWORD, False, COMMAND_LINE)


def browser(app: Flask, system: System, account: Account) -> FlaskClient:
    """A browser with the session of somebody, and a token in it."""
    client, found = app.test_client(), accounts.find(system, account.id)
    assert found is not None
    with client.session_transaction() as opened:
        opened["csrf_token"] = SECRET
        opened["_user_id"] = f"{account.id}:{found[1]}"
    return client


def token_of(app: Flask, secret: str) -> str:
    """The token that belongs to a session's secret."""
    with app.test_request_context():
        session["csrf_token"] = secret
        token: str = generate_csrf()
        return token


FORGERIES: Mapping[str, Callable[[Flask], dict[str, dict[str, str]]]] = {
    "no token": lambda _app: {},
    "empty token": lambda _app: {"data": {"csrf_token": ""}},
    "token of another session": lambda app: {"data": {"csrf_token": token_of(app, ANOTHER)}},
    "token cut short": lambda app: {"data": {"csrf_token": token_of(app, SECRET)[:-1]}},
    "the secret itself": lambda _app: {"data": {"csrf_token": SECRET}},
    "token in the query": lambda app: {"query_string": {"csrf_token": token_of(app, SECRET)}},
    "token in a cookie": lambda app: {"headers": {"Cookie": f"csrf_token={token_of(app, SECRET)}"}},
    "token of another session in a header": lambda app: {
        "headers": {"X-CSRFToken": token_of(app, ANOTHER)}
    },
}


def contents(system: System) -> list[str]:
    """Everything in the database."""
    file = Path(system.settings.instance) / "ayrix.db"
    with sqlite3.connect(file) as reader:
        lines = list(reader.iterdump())
    reader.close()
    return lines


def forms(app: Flask, target: Account) -> Iterator[str]:
    """Every URL that takes a form from a browser."""
    posts = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    for route in host_routes(app, target):
        if route.endpoint in posts and not route.endpoint.startswith("ayrix_api."):
            yield route.url


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_form_of_another_site_changes_anything(
    host: Flask, active_pbx: Pbx, target: Account, forgery: str
) -> None:
    system = active_pbx.system
    admin = account_with(system, "admin")
    assert admin is not None
    with system.database.write() as opened:
        opened.add(RingGroupRow(id=1, number="600", name="Sales"))
    urls = list(forms(host, target))
    assert len(urls) >= 20
    before, asked = contents(system), list(active_pbx.server.asked)
    for url in urls:
        answer = browser(host, system, admin).post(url, **FORGERIES[forgery](host))
        assert (answer.status_code, "This form has expired" in answer.text) == (422, True), url
    assert contents(system) == before
    assert active_pbx.server.asked == asked


def test_with_its_token_the_same_forms_are_taken(
    host: Flask, active_pbx: Pbx, target: Account
) -> None:
    system, token = active_pbx.system, token_of(host, SECRET)
    admin = account_with(system, "admin")
    assert admin is not None
    for url in forms(host, target):
        answer = browser(host, system, admin).post(url, data={"csrf_token": token})
        assert "This form has expired" not in answer.text, url


# markup


def evil(what: str) -> str:
    """Markup, quotes of three kinds and letters that are not ASCII, as the name of something."""
    return f"<img src=x onerror=alert(1)>\"'{what}'\"„Ü“&amp;{{{{7*7}}}}"


class EvilLicenseServer(FakeLicenseServer):
    """A vendor whose every name is markup."""

    def lease(self, hardware: Hardware = HARDWARE) -> Lease:
        """The lease with other names."""
        lease = super().lease(hardware)
        contacts = Contacts(
            support=lease.contacts.support.model_copy(update={"name": evil("support")}),
            seller=lease.contacts.seller.model_copy(update={"name": evil("seller")}),
        )
        customer = Customer(number=evil("number"), name=evil("customer"))
        return lease.model_copy(update={"customer": customer, "contacts": contacts})


@pytest.fixture
def evil_pbx(pbx: Pbx) -> Pbx:
    """An active PBX in which every name is markup."""
    server = EvilLicenseServer(pbx.clock)
    server.root, server.signing = pbx.server.root, pbx.server.signing
    names = {"en": evil("feature"), "de": evil("Merkmal")}
    server.features = [feature.model_copy(update={"names": names}) for feature in server.features]
    made = replace(pbx, server=server, system=replace(pbx.system, license_server=server))
    made.activate()
    with made.system.database.write() as opened:
        opened.add_all(
            [
                EndpointRow(id="200", callerid=f'"{evil("extension")}" <200>'),
                RingGroupRow(id=1, number="600", name=evil("ring group")),
                QueueRow(name=evil("queue")),
            ]
        )
    inventory = SqlInventory(made.system.settings.database)
    return replace(made, system=replace(made.system, inventory=inventory))


def ordered(pbx: Pbx, by: str) -> str:
    """An order by somebody, which the seller declined with markup."""
    lines = (LineRequest(code="extension", quantity=1),)
    proposal = ordering.propose(pbx.system, lines)
    draft = OrderDraft(proposal.key, lines, proposal.quote.quote_hash)
    order = ordering.place(pbx.system, draft, Actor(by, "127.0.0.1"))
    with pbx.system.database.write() as opened:
        changed = {"reason": evil("reason"), "stage": OrderStage.REJECTED}
        opened.execute(update(OrderRow).values(**changed))
    return order.reference


def pages_of(pbx: Pbx, client: FlaskClient, reference: str, target: Account) -> dict[str, str]:
    """Every page there is, with what it says, in both languages."""
    app = client.application
    views = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    urls = {route.url for route in host_routes(app, target) if route.endpoint in views}
    kinds = ("extension", "ring_group", "queue", "voicemail")
    urls |= {f"/orders/{reference}", "/license/order?feature=extension&quantity=1"}
    urls |= {f"/license/objects/{kind}" for kind in kinds}
    urls |= {f"/{evil('path')}", f"/login?next=/{evil('next')}", f"/audit?actor={evil('filter')}"}
    no_pages = {"/ayrix-static/shell/app.css", "/audit.csv"}
    asked = product(sorted(urls - no_pages), ("en", "de"))
    return {
        f"{url} {language}": client.get(url, headers={"Accept-Language": language}).text
        for url, language in asked
    }


def test_markup_in_any_name_stays_text_on_every_page(evil_pbx: Pbx) -> None:
    system = evil_pbx.system
    admin = accounts.create_account(system, evil("user"), PASSWORD, True, COMMAND_LINE)
    target = accounts.create_account(system, evil("target"), PASSWORD, False, COMMAND_LINE)
    reference = ordered(evil_pbx, evil("buyer"))
    client = browser(create_app(system), system, admin)
    pages = pages_of(evil_pbx, client, reference, target)
    lock(evil_pbx)
    pages |= {f"locked {language}": locked_page(client, language) for language in ("en", "de")}

    assert [url for url, text in pages.items() if "<img" in text or "49" in made_of(text)] == []
    seen = html.unescape("".join(pages.values()))
    names = ("support", "seller", "number", "customer", "feature", "Merkmal", "extension")
    more = ("ring group", "queue", "user", "target", "reason", "buyer")
    assert [name for name in (*names, *more) if evil(name) not in seen] == []


def locked_page(client: FlaskClient, language: str) -> str:
    """The activation page, which anybody may see."""
    return client.get("/activation", headers={"Accept-Language": language}).text


def made_of(text: str) -> str:
    """What stands where the braces of a name were."""
    return "".join(re.findall(r"„Ü“&amp;amp;(.{2})", text))
