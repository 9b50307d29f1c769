"""Every route, role and method again, by every trick with the path: nothing opens that is shut.

The routes come from the url map of the example host with our pages mounted. What is right is read
from the url map and from what the views declare, never from the gate.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import product
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from flask import Flask, session
from flask_wtf.csrf import generate_csrf
from werkzeug.exceptions import HTTPException
from werkzeug.test import create_environ, run_wsgi_app

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_web.domain.access import Account
from ayrix_web.domain.errors import FaultKind
from ayrix_web.services import accounts, licensing
from ayrix_web.system import System
from examples.host.app import create_app
from tests.pbx_fixtures import Pbx
from tests.web.conftest import PASSWORD
from tests.web.test_access_tables import ANONYMOUS, LET_IN, ROLES, Route, account_with, expected

METHODS = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"),
    *("PROPFIND", "get", "FOO"),
)
CUSTOMER = b"Example AG"
TRICKS: Mapping[str, Callable[[str], str]] = {
    "as it is": lambda url: url,
    "double slash first": lambda url: f"/{url}",
    "double slashes": lambda url: url.replace("/", "//"),
    "slash last": lambda url: f"{url}/",
    "dot first": lambda url: f"/.{url}",
    "dot last": lambda url: f"{url}/.",
    "out of an open page": lambda url: f"/activation/..{url}",
    "out of the files": lambda url: f"/ayrix-static/..{url}",
    "encoded dots": lambda url: f"/activation/%2e%2e{url}",
    "encoded slash": lambda url: f"/ayrix-static/..%2f{url[1:]}",
    "encoded twice": lambda url: f"/activation/%252e%252e{url}",
    "encoded letters": lambda url: "/" + "".join(f"%{ord(letter):02x}" for letter in url[1:]),
    "overlong slash": lambda url: f"/activation/..%c0%af{url[1:]}",
    "backslash": lambda url: f"/activation/..\\{url[1:]}",
    "parameter": lambda url: f"{url};jsessionid=1",
    "parameter first": lambda url: f"/activation;{url}",
    "upper case": str.upper,
    "zero byte": lambda url: f"{url}%00",
    "line break": lambda url: f"{url}%0d%0aX-Injected:%201",
    "space": lambda url: f"{url}%20",
    "open page in the query": lambda url: f"{url}?endpoint=ayrix.show_activation&/activation",
    "ends like a file": lambda url: f"{url}/ayrix-static/shell/app.css",
}
OVERRIDES = {
    "X-Original-URL": "/activation",
    "X-Rewrite-URL": "/activation",
    "X-HTTP-Method-Override": "GET",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "evil.example.test",
    "X-Forwarded-Prefix": "/activation",
    "Forwarded": "host=evil.example.test",
}
"""Headers by which some servers change a request after it was judged."""

# Named here, not read from the gate: this is the promise.
OPEN_WHILE_LOCKED = frozenset(
    {
        *("ayrix.show_activation", "ayrix.check_again", "ayrix.activate"),
        *("ayrix.request_replacement", "ayrix.request_address"),
        *("ayrix.static_file", "ayrix.healthz"),
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an application answered."""

    status: int
    location: str
    allow: str
    body: bytes

    @property
    def leads_elsewhere(self) -> bool:
        """Whether a browser would leave this site."""
        return urlsplit(self.location).netloc not in {"", "localhost"} or (
            self.location.startswith(("//", "/\\"))
        )


@dataclass(frozen=True, slots=True)
class Attack:
    """One request of a table."""

    role: str
    method: str
    trick: str
    url: str

    @property
    def target(self) -> str:
        """The request target as it travels."""
        return TRICKS[self.trick](self.url)

    @property
    def path(self) -> str:
        """The path as the application gets it."""
        raw = unquote_to_bytes(self.target.partition("?")[0])
        return raw.decode("utf-8", "replace")


class Site:
    """The example host with a session for every role."""

    def __init__(self, system: System) -> None:
        self.app = create_app(system)
        self.system = system
        self.accounts = {role: account_with(system, role) for role in (ANONYMOUS, *ROLES)}
        target = accounts.create_account(system, "target", PASSWORD, False, COMMAND_LINE)
        self._cookies = {role: self._cookie(account) for role, account in self.accounts.items()}
        self.urls = sorted({route.url for route in host_routes(self.app, target)})

    def ask(self, attack: Attack, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to an attack, by someone who has a valid session and token."""
        cookie, token = self._cookies[attack.role]
        body = b"" if attack.method in {"GET", "HEAD"} else f"csrf_token={token}".encode()
        environ = create_environ(
            "/",
            method=attack.method,
            input_stream=io.BytesIO(body),
            content_length=len(body),
            content_type="application/x-www-form-urlencoded",
            headers={"Accept": "text/html", **(headers or {}), "Cookie": cookie},
        )
        path, _mark, query = attack.target.partition("?")
        # As gunicorn says it (PEP 3333): the bytes of the path, read as Latin-1.
        environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1")
        environ["QUERY_STRING"] = query
        chunks, status, answered = run_wsgi_app(self.app, environ, buffered=True)
        return Answer(
            int(status.split()[0]),
            answered.get("Location", ""),
            answered.get("Allow", ""),
            b"".join(chunks),
        )

    def endpoint(self, attack: Attack) -> str | None:
        """The view that the url map names for exactly this request, None without one."""
        try:
            return str(self.app.url_map.bind("localhost").match(attack.path, attack.method)[0])
        except HTTPException:
            return None

    def methods_of(self, attack: Attack) -> set[str]:
        """What an address takes, if it is one."""
        return set(self.app.url_map.bind("localhost").allowed_methods(attack.path))

    def _cookie(self, account: Account | None) -> tuple[str, str]:
        kept: dict[str, str] = {"csrf_token": hashlib.sha256(b"attack").hexdigest()}
        if account is not None and (found := accounts.find(self.system, account.id)) is not None:
            kept["_user_id"] = f"{account.id}:{found[1]}"
        with self.app.test_request_context():
            session["csrf_token"] = kept["csrf_token"]
            token = generate_csrf()
        serializer = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined] # Flask's own kind has it
        return f"ayrix_session={serializer.dumps(kept)}", token


def host_routes(app: Flask, target: Account) -> Iterator[Route]:
    """Every rule of the host and of ours, filled in; a new kind of argument needs its sample."""
    samples = {
        "account_id": target.id,
        "_form": "password",
        "feature": "extension",
        "reference": "A-2026-0001",
        "filename": "shell/app.css",
        "reservation_id": "00000000-0000-0000-0000-000000000001",
        "key": "1",
    }
    for rule in app.url_map.iter_rules():
        named = rule.arguments - (rule.defaults or {}).keys()
        built = rule.build({name: samples[name] for name in named})
        assert built is not None
        yield Route(rule.endpoint, built[1])


@pytest.fixture
def site(active_pbx: Pbx) -> Site:
    """The host while the license is active."""
    return Site(active_pbx.system)


@pytest.fixture
def locked_site(active_pbx: Pbx) -> Site:
    """The host after the license has ended."""
    site = Site(active_pbx.system)
    lock(active_pbx)
    return site


def lock(pbx: Pbx) -> None:
    """Let the license end, far from a license server that would bring it back."""
    pbx.server.away = FaultKind.CONNECTION
    lease = licensing.held_lease(pbx.system)
    assert lease is not None
    pbx.clock.go_on(lease.duration * 1.1)
    assert licensing.current(pbx.system).status.is_locked


def attacks(urls: Sequence[str], every: int = 1) -> Iterator[Attack]:
    """Each method, trick and URL, or every n-th of them with each pair of two in it; the roles
    take turns, so that each meets every trick.
    """
    roles = (ANONYMOUS, *ROLES)
    table = product(enumerate(METHODS), enumerate(TRICKS), enumerate(urls))
    for (first, method), (second, trick), (third, url) in table:
        turn = first + second + third
        if turn % every == 0:
            yield Attack(roles[turn % len(roles)], method, trick, url)


def all_attacks(urls: Iterable[str], role: str) -> Iterator[Attack]:
    """Each method, trick and URL by one role."""
    for method, trick, url in product(METHODS, TRICKS, urls):
        yield Attack(role, method, trick, url)


def locked_fault(site: Site, attack: Attack, headers: Mapping[str, str] | None = None) -> str:
    """What is wrong with an answer of a locked system; nothing if it is right."""
    answer = site.ask(attack, headers)
    if CUSTOMER in answer.body:
        return f"names the customer: {attack}"
    if site.endpoint(attack) in OPEN_WHILE_LOCKED:
        return "" if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR else f"{answer}: {attack}"
    is_led = (answer.status, answer.location) == (303, "/activation")
    return "" if is_led else f"{answer.status} {answer.location!r}: {attack}"


def active_fault(site: Site, attack: Attack, headers: Mapping[str, str] | None = None) -> str:
    """What is wrong with an answer of an active system; nothing if it is right."""
    answer = site.ask(attack, headers)
    if answer.leads_elsewhere:
        return f"leads to {answer.location!r}: {attack}"
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"{answer.status}: {attack}"
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        return ""
    if attack.method == "OPTIONS":
        # It tells which methods an address takes, which the manual does as well.
        is_bare = not answer.body and set(answer.allow.split(", ")) == site.methods_of(attack)
        return "" if is_bare else f"OPTIONS says more than it must: {attack}"
    if site.endpoint(attack) is None:
        return f"an address that does not exist answers {answer.status}: {attack}"
    wanted = expected(site.app, attack.path, attack.method, site.accounts[attack.role])
    return "" if wanted == LET_IN else f"{answer.status}, declared {wanted}: {attack}"


def faults(found: Iterable[str]) -> list[str]:
    """The first of the faults that there are."""
    return [fault for fault in found if fault][:20]


def test_while_locked_every_trick_ends_at_the_activation_page(locked_site: Site) -> None:
    table = attacks(locked_site.urls)
    assert faults(locked_fault(locked_site, attack) for attack in table) == []


def test_while_active_no_trick_opens_what_the_views_keep_shut(site: Site) -> None:
    table = attacks(site.urls, every=4)
    assert faults(active_fault(site, attack) for attack in table) == []


@pytest.mark.parametrize("header", OVERRIDES)
def test_no_header_stands_for_another_path_or_method(
    site: Site, active_pbx: Pbx, header: str
) -> None:
    headers = {header: OVERRIDES[header]}
    table = [
        Attack(role, method, "as it is", url)
        for role, method, url in product((ANONYMOUS, "none"), ("GET", "POST"), site.urls)
    ]
    assert faults(active_fault(site, attack, headers) for attack in table) == []
    lock(active_pbx)
    assert faults(locked_fault(site, attack, headers) for attack in table) == []


@pytest.mark.long
@pytest.mark.parametrize("role", [ANONYMOUS, *ROLES])
def test_every_role_meets_every_trick_while_locked(locked_site: Site, role: str) -> None:
    table = all_attacks(locked_site.urls, role)
    assert faults(locked_fault(locked_site, attack) for attack in table) == []


@pytest.mark.long
@pytest.mark.parametrize("role", [ANONYMOUS, *ROLES])
def test_every_role_meets_every_trick_while_active(site: Site, role: str) -> None:
    table = all_attacks(site.urls, role)
    assert faults(active_fault(site, attack) for attack in table) == []


def test_the_tables_would_notice_an_open_door(site: Site, active_pbx: Pbx) -> None:
    site.app.add_url_rule("/LICENSE", endpoint="ayrix.door", view_func=lambda: "Example AG")
    attack = Attack(ANONYMOUS, "GET", "upper case", "/license")
    with pytest.raises(AssertionError, match=r"ayrix\.door"):
        active_fault(site, attack)
    site.app.before_request_funcs[None].pop(0)  # the gate
    lock(active_pbx)
    assert "names the customer" in locked_fault(site, attack)
    assert "200" in locked_fault(site, Attack(ANONYMOUS, "GET", "as it is", "/login"))
