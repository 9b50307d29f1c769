"""Every route of the license server by every method and trick with the path: without a proof of its
own no request gets anything but the public documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.test import create_environ, run_wsgi_app

from ayrix_protocol.problems import PROBLEM_TYPE
from ayrix_protocol.proof import PROOF_HEADER
from tests.server.conftest import Server
from tests.server.device import API, ORIGIN, TestDevice
from tests.web.test_attack_tables import METHODS, OVERRIDES, TRICKS

PUBLIC = {
    f"{API}/contact",
    f"{API}/healthz",
    f"{API}/openapi.json",
    "/.well-known/license-keys",
}
SAMPLES = {"code": "A-2026-0001", "token": "x" * 43}
CALLERS = ("nobody", "proof of another request", "proof of a stranger", "used proof")


def urls(app: Flask) -> list[str]:
    """Every URL there is; a new kind of argument needs its sample."""
    built = [
        rule.build({name: SAMPLES[name] for name in rule.arguments})
        for rule in app.url_map.iter_rules()
    ]
    return sorted({found[1] for found in built if found is not None})


def headers_of(caller: str, server: Server, device: TestDevice) -> Mapping[str, str]:
    """What somebody sends who has no right to an answer."""
    if caller == "nobody":
        return {}
    if caller == "proof of a stranger":
        return {PROOF_HEADER: server.device().proof("GET", f"{API}/orders", b"")}
    if caller == "proof of another request":
        return {PROOF_HEADER: device.proof("DELETE", f"{API}/elsewhere", b"")}
    used = device.proof("GET", f"{API}/orders", b"")
    assert device.send("GET", "/orders", proof=used).status_code == 200
    return {PROOF_HEADER: used}


def fault(app: Flask, method: str, target: str, headers: Mapping[str, str]) -> str:
    """What is wrong with an answer; nothing if it is right."""
    environ = create_environ("/", ORIGIN, method=method, headers=dict(headers))
    path, _mark, query = target.partition("?")
    environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1")
    environ["QUERY_STRING"] = query
    chunks, status, answered = run_wsgi_app(app, environ, buffered=True)
    body, code = b"".join(chunks), int(status.split()[0])
    what = f"{code} to {method} {target}"
    location = answered.get("Location", "")
    if code >= 500 or (location and not location.startswith((f"{ORIGIN}/", "/"))):
        return f"{what} {location}"
    if code >= 400:
        is_problem = answered.get("Content-Type") == PROBLEM_TYPE
        return "" if is_problem or method == "HEAD" else f"no problem document: {what}"
    if method == "OPTIONS" or code >= 300:
        return "" if not body or code >= 300 else f"says too much: {what}"
    return "" if is_public(app, method, path) else what


def is_public(app: Flask, method: str, path: str) -> bool:
    """Whether the url map leads exactly this path to a public document."""
    raw = unquote_to_bytes(path).decode("utf-8", "replace")
    try:
        rule, _arguments = app.url_map.bind("localhost").match(raw, method, return_rule=True)
    except HTTPException:
        return False
    return rule.rule in PUBLIC


def table(app: Flask) -> Iterator[tuple[str, str]]:
    for method, trick, url in product(METHODS, TRICKS.values(), urls(app)):
        yield method, trick(url)


@pytest.mark.parametrize("caller", CALLERS)
def test_no_trick_gets_more_than_the_public_documents(
    server: Server, device: TestDevice, caller: str
) -> None:
    app = server.client.application
    headers = headers_of(caller, server, device)
    assert set(urls(app)) >= PUBLIC
    before = server.actions()
    found = [fault(app, method, target, headers) for method, target in table(app)]
    assert [one for one in found if one] == []
    assert server.actions() == before


@pytest.mark.parametrize("header", OVERRIDES)
def test_no_header_stands_for_another_path(server: Server, header: str) -> None:
    app = server.client.application
    headers = {header: OVERRIDES[header].replace("/activation", f"{API}/healthz")}
    found = [fault(app, method, url, headers) for method in METHODS for url in urls(app)]
    assert [one for one in found if one] == []


def test_the_table_would_notice_an_open_door(server: Server) -> None:
    app = server.client.application
    app.add_url_rule(f"{API}/door", endpoint="door", view_func=lambda: "open")
    assert fault(app, "GET", f"{API}/door", {}) == f"200 to GET {API}/door"
