"""What every answer and every request is held to: headers, cookies, hosts, bodies, sessions."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_foundation.logs import JsonLines
from ayrix_foundation.settings import SettingsError
from ayrix_protocol.wire import LARGEST_BODY
from ayrix_web import settings
from ayrix_web.app import init_app
from ayrix_web.domain.access import Access, Module
from ayrix_web.services import accounts
from ayrix_web.system import System
from tests.pbx_fixtures import Pbx, make_pbx
from tests.web.conftest import PASSWORD, SignIn, make_app, post_form, token_of
from tests.web.pages import words_of

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HOST = "pbx.example.test"
UNSAFE = re.compile(r"""<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:""", re.IGNORECASE)
SAMPLES = {
    "account_id": "1",
    "_form": "password",
    "feature": "extension",
    "reference": "A-2026-0001",
    "filename": "shell/app.css",
    "reservation_id": UUID(int=1),
}


@pytest.fixture
def system(active_pbx: Pbx) -> System:
    return active_pbx.system


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[FlaskClient]:
    """A browser before a PBX that was never activated."""
    folder = tmp_path / "locked"
    folder.mkdir()
    pbx = make_pbx(folder)
    yield make_app(pbx.system).test_client()
    pbx.system.database.close()


def urls(app: Flask, method: str) -> list[str]:
    """Every URL of the application that takes the method."""
    found = []
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()):
            built = rule.build({name: SAMPLES[name] for name in rule.arguments})
            assert built is not None
            found.append(built[1])
    return found


def is_hardened(answer: TestResponse) -> bool:
    """Whether an answer has the headers of docs/security.md."""
    headers = answer.headers
    return (
        headers.get("Content-Security-Policy") == CSP
        and headers.get("X-Content-Type-Options") == "nosniff"
        and headers.get("Referrer-Policy") == "same-origin"
        and headers.get("Cross-Origin-Opener-Policy") == "same-origin"
        and "Cache-Control" in headers
    )


# headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "TRACE"])
def test_every_answer_of_every_url_has_the_security_headers(
    app: Flask, sign_in: SignIn, method: str
) -> None:
    known = sign_in()
    paths = [*urls(app, "GET"), *urls(app, "POST"), *urls(app, "DELETE"), "/nothing", "/%2e%2e/x"]
    for client in (app.test_client(), known):
        bare = [path for path in paths if not is_hardened(client.open(path, method=method))]
        assert bare == []


def test_every_answer_of_a_locked_system_has_them_too(locked: FlaskClient) -> None:
    app = locked.application
    for path in (*urls(app, "GET"), *urls(app, "POST"), "/nothing"):
        for method in ("GET", "POST", "PUT"):
            assert is_hardened(locked.open(path, method=method)), path


def test_errors_have_them_too(app: Flask) -> None:
    def fail() -> str:
        raise RuntimeError

    app.add_url_rule("/fails", view_func=fail)
    client = app.test_client()
    answers = {
        500: client.get("/fails"),
        404: client.get("/ayrix-static/no-such-file.css"),
        405: client.put("/login"),
        422: client.post("/login"),
        413: client.post("/login", data={"x": "x" * LARGEST_BODY}),
        401: client.post("/api/v1/guard/queue"),
    }
    assert {status: answer.status_code for status, answer in answers.items()} == {
        status: status for status in answers
    }
    assert all(is_hardened(answer) for answer in answers.values())


def test_no_page_needs_what_the_policy_forbids(app: Flask, sign_in: SignIn) -> None:
    known = sign_in()
    for client in (known, app.test_client()):
        for path in (*urls(app, "GET"), "/nothing"):
            answer = client.get(path)
            if answer.mimetype == "text/html":
                assert UNSAFE.search(answer.text) is None, path


def test_pages_are_never_kept_and_files_are(app: Flask, sign_in: SignIn) -> None:
    client = sign_in()
    assert client.get("/license").headers["Cache-Control"] == "no-store"
    style = re.search(r'href="(/ayrix-static/shell/app\.[^"]+)"', client.get("/license").text)
    assert style is not None
    assert "immutable" in client.get(style[1]).headers["Cache-Control"]


# cookies


def cookies(answer: TestResponse) -> dict[str, str]:
    return {line.partition("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}


def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites(
    client: FlaskClient,
) -> None:
    cookie = cookies(client.get("/login"))["ayrix_session"]
    assert "; HttpOnly" in cookie
    assert "; SameSite=Lax" in cookie
    assert "; Secure" not in cookie
    assert "; Domain" not in cookie


def test_over_https_no_cookie_travels_in_the_clear(client: FlaskClient) -> None:
    sent = cookies(client.get("/login?lang=de&theme=dark", base_url="https://localhost"))
    assert set(sent) == {"ayrix_session", "ayrix_lang", "ayrix_theme"}
    assert all("; Secure" in cookie for cookie in sent.values())
    assert all("; SameSite=Lax" in cookie for cookie in sent.values())


def test_over_https_a_form_from_another_site_is_refused(client: FlaskClient) -> None:
    secure = "https://localhost"
    token = token_of(client.get("/login", base_url=secure))
    fields = {"csrf_token": token, "username": "x", "password": PASSWORD}
    for referrer, expected in (
        ("https://localhost/login", 422),  # the form is taken, the password is wrong
        ("https://evil.example.test/login", 422),
        ("http://localhost/login", 422),
        (None, 422),
    ):
        headers = {"Referer": referrer} if referrer else {}
        answer = client.post("/login", data=fields, base_url=secure, headers=headers)
        assert answer.status_code == expected
        is_ours = referrer == "https://localhost/login"
        assert ("This form has expired" in words_of(answer)) is not is_ours


def test_a_long_address_while_locked_does_not_blow_up_the_session(locked: FlaskClient) -> None:
    answer = locked.get("/license?x=" + "y" * 3_900)
    assert answer.status_code == 303
    assert all(len(cookie) < 4_096 for cookie in cookies(answer).values())


# hosts


def with_hosts(system: System, *hosts: str) -> FlaskClient:
    changed = replace(system, settings=replace(system.settings, trusted_hosts=hosts))
    return make_app(changed).test_client()


@pytest.mark.parametrize("is_locked", [False, True])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example.test",
        f"{HOST}.evil.example.test",
        f"evil.example.test#{HOST}",
        f"evil.example.test@{HOST}",
        "127.0.0.1",
        "[::1]:8000",
        f"{HOST}:99999",
        "a b",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/login", "/nothing", "/activation", "/api/v1/guard/queue"])
def test_a_host_name_that_is_not_ours_gets_a_400_page(
    pbx: Pbx, is_locked: bool, host: str, path: str
) -> None:
    if not is_locked:
        pbx.activate()
    answer = with_hosts(pbx.system, HOST).get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "This request was not understood" in words_of(answer)
    assert "evil" not in answer.text
    assert is_hardened(answer)


def test_a_strange_host_name_is_explained_in_german_too(system: System) -> None:
    answer = with_hosts(system, HOST).get("/login?lang=de", headers={"Host": "evil.example.test"})
    assert "Dieses System antwortet nicht unter dem Namen" in words_of(answer)


@pytest.mark.parametrize("host", [HOST, f"{HOST}:8000"])
def test_the_set_host_names_are_let_in(system: System, host: str) -> None:
    assert with_hosts(system, HOST).get("/login", headers={"Host": host}).status_code == 200


def test_a_set_domain_includes_its_names(system: System) -> None:
    client = with_hosts(system, ".example.test")
    assert client.get("/login", headers={"Host": HOST}).status_code == 200
    assert client.get("/login", headers={"Host": "example.org"}).status_code == 400


def test_links_and_redirects_never_repeat_the_host_name(client: FlaskClient) -> None:
    for path in ("/license", "/login", "/login?_external=1", "/nothing"):
        answer = client.get(path, headers={"Host": "evil.example.test"})
        assert "evil.example.test" not in answer.text
        assert "evil.example.test" not in answer.headers.get("Location", "")


@pytest.mark.parametrize(
    "query", ["_anchor=x", "_method=PUT", "_scheme=javascript&_external=1", "endpoint=x", "self=x"]
)
@pytest.mark.parametrize("path", ["/login", "/nothing"])
def test_no_name_in_the_query_upsets_a_page(client: FlaskClient, path: str, query: str) -> None:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code in {200, 404}
    assert UNSAFE.search(answer.text) is None


# bodies


def test_no_form_takes_more_than_64_kib(app: Flask, sign_in: SignIn) -> None:
    client = sign_in()
    body = b"x=" + b"x" * LARGEST_BODY
    form = "application/x-www-form-urlencoded"
    for path in urls(app, "POST"):
        if path.startswith("/api/"):
            continue  # reads no body at all
        answer = client.post(path, data=body, content_type=form)
        assert answer.status_code == 413, path
        assert "That was too large" in words_of(answer)


def test_of_a_body_without_a_length_no_more_is_read(client: FlaskClient) -> None:
    body = io.BytesIO(b"x=" + b"x" * 2 * LARGEST_BODY)
    answer = client.post(
        "/login",
        input_stream=body,
        content_type="application/x-www-form-urlencoded",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},  # as gunicorn says of chunks
    )
    assert answer.status_code == 422
    assert body.tell() <= LARGEST_BODY


def test_a_host_may_take_larger_bodies_and_our_pages_still_do_not(system: System) -> None:
    host = Flask("host", static_folder=None)
    host.secret_key = "the host's own"
    host.add_url_rule("/upload", view_func=lambda: str(len(request.data)), methods=["POST"])
    init_app(host, system=system)
    client = host.test_client()
    large = b"x" * (LARGEST_BODY + 1)
    assert client.post("/upload", data=large, content_type="audio/wav").text == str(len(large))
    answer = client.post("/login", data={"username": large})
    assert answer.status_code == 413


# sessions


CHANGES: dict[str, Callable[[System], None]] = {
    "password": lambda s: accounts.set_password(s, "reception", PASSWORD + "2", COMMAND_LINE),
    "own password": lambda s: accounts.change_own_password(
        s, "reception", PASSWORD, PASSWORD + "2", COMMAND_LINE
    ),
    "access": lambda s: accounts.set_access(
        s, "reception", {Module.USERS: Access.READ_ONLY}, COMMAND_LINE
    ),
    "default": lambda s: accounts.set_default(s, Module.NETWORK, Access.FULL, COMMAND_LINE),
    "role": lambda s: accounts.set_admin(s, "reception", True, COMMAND_LINE),
    "removal": lambda s: accounts.delete_account(s, "reception", COMMAND_LINE),
}


@pytest.mark.parametrize("change", CHANGES)
def test_sessions_end_with_a_change_of_password_or_permission(
    sign_in: SignIn, system: System, change: str
) -> None:
    other = sign_in("boss")
    client = sign_in("reception", {Module.LICENSE: Access.FULL})
    assert client.get("/license").status_code == 200
    CHANGES[change](system)
    answer = client.get("/license")
    assert (answer.status_code, answer.location) == (303, "/login?next=/license")
    assert other.get("/license").status_code == 200


def test_a_session_is_new_after_signing_in(client: FlaskClient, sign_in: SignIn) -> None:
    sign_in("boss")
    client.get("/login")
    with client.session_transaction() as planted:
        planted["anything"] = "of an attacker"
        before = planted["csrf_token"]
    post_form(client, "/login", username="boss", password=PASSWORD)
    with client.session_transaction() as kept:
        assert "anything" not in kept
        assert kept.get("csrf_token") != before


# the license server's address


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://license.example.com",
        "//license.example.com",
        "license.example.com",
        "http://license.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://169.254.169.254",
        "https://169.254.169.254",
        "https://[fe80::1]",
        "https://[::ffff:169.254.169.254]",
        "https://admin@license.example.com",
        "https://license.example.com@169.254.169.254",
        "https://license.example.com\\@169.254.169.254",
        "https://license.example.com/api",
        "https://license.example.com?",
        "https://license.example.com#",
        "https://license.example.com:0",
        "https://license.example.com:99999",
        "https://license.example.com:https",
        "https://license.exa\nmple.com",
        "https://license.example.com\r\nX: y",
        " https://license.example.com",
        "https://[::1",
        "https://",
        "",
    ],
)
def test_no_other_address_can_be_set_for_the_license_server(system: System, url: str) -> None:
    environ = {
        "AYRIX_LICENSE_SERVER_URL": url,
        "AYRIX_LICENSE_ROOT_KEY": system.settings.license_root_key,
    }
    with pytest.raises(SettingsError, match="LICENSE_SERVER_URL"):
        settings.load(system.settings.instance, environ)


@pytest.mark.parametrize(
    "url",
    [
        "https://license.example.com",
        "https://license.example.com/",
        "HTTPS://License.Example.com:8443",
        "https://192.0.2.7",
        "https://[2001:db8::1]:8443",
        "http://localhost:5000",
        "http://127.0.0.1:5000",
        "http://[::1]:5000",
    ],
)
def test_an_ordinary_address_can_be_set(system: System, url: str) -> None:
    environ = {
        "AYRIX_LICENSE_SERVER_URL": url,
        "AYRIX_LICENSE_ROOT_KEY": system.settings.license_root_key,
    }
    loaded = settings.load(system.settings.instance, environ)
    assert loaded.license_server_url == url.rstrip("/")


def test_the_address_cannot_be_changed_over_the_web(app: Flask) -> None:
    rules = [rule.rule for rule in app.url_map.iter_rules()]
    assert not [rule for rule in rules if "setting" in rule]


# logs


def test_nobody_can_forge_a_line_of_the_log() -> None:
    record = logging.makeLogRecord(
        {"msg": 'x\n{"level": "info"}', "name": "n\r\n", "levelname": "INFO", "user": "a\u2028\nb"}
    )
    line = JsonLines().format(record)
    assert "\n" not in line
    assert "\r" not in line
    assert json.loads(line)["message"] == 'x\n{"level": "info"}'
