"""Every trick once over a raw socket against gunicorn, in bytes that no client would send."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_web.services import activation
from tests.processes.breakable import LicenseServer, Pbx, log_of
from tests.processes.programs import LONGEST_WAIT_S, free_port
from tests.web.test_attack_tables import METHODS, OVERRIDES, TRICKS

CUSTOMER = b"Example AG"
FILES = "/ayrix-static/"
URLS = ("/license", "/users", "/extensions")
HEAD = "Host: {host}\r\nConnection: close\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"

# What a request may look like beside its path; {url} and {host} are filled in.
SHAPES = {
    "absolute URI": "GET http://{host}{url} HTTP/1.1\r\n" + HEAD + "\r\n",
    "absolute URI elsewhere": "GET http://evil.example.test{url} HTTP/1.1\r\n" + HEAD + "\r\n",
    "absolute URI of an open page": "GET http://{host}/activation/..{url} HTTP/1.1\r\n"
    + HEAD
    + "\r\n",
    "two slashes and a host": "GET //evil.example.test{url} HTTP/1.1\r\n" + HEAD + "\r\n",
    "no slash": "GET license HTTP/1.1\r\n" + HEAD + "\r\n",
    "asterisk": "OPTIONS * HTTP/1.1\r\n" + HEAD + "\r\n",
    "tunnel": "CONNECT {host} HTTP/1.1\r\n" + HEAD + "\r\n",
    "HTTP/1.0 without a host": "GET {url} HTTP/1.0\r\n\r\n",
    "HTTP/0.9": "GET {url}\r\n\r\n",
    "HTTP/3.7": "GET {url} HTTP/3.7\r\n" + HEAD + "\r\n",
    "another host": "GET {url} HTTP/1.1\r\nHost: evil.example.test\r\nConnection: close\r\n\r\n",
    "two hosts": "GET {url} HTTP/1.1\r\nHost: evil.example.test\r\n" + HEAD + "\r\n",
    "lines without return": "GET {url} HTTP/1.1\nHost: {host}\nConnection: close\n\n",
    "space before the colon": "GET {url} HTTP/1.1\r\nHost : {host}\r\nConnection: close\r\n\r\n",
    "folded header": "GET {url} HTTP/1.1\r\nX-A: b\r\n c\r\n" + HEAD + "\r\n",
    "tab in the line": "GET\t{url}\tHTTP/1.1\r\n" + HEAD + "\r\n",
    "raw zero byte": "GET {url}\0 HTTP/1.1\r\n" + HEAD + "\r\n",
    "raw line break": "GET {url}\n HTTP/1.1\r\n" + HEAD + "\r\n",
    "raw fragment": "GET {url}#/activation HTTP/1.1\r\n" + HEAD + "\r\n",
    "two lengths": "POST /activation HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 9\r\n"
    + HEAD
    + "\r\nGET {url} ",
    "length and chunks": "POST /activation HTTP/1.1\r\nContent-Length: 4\r\n"
    "Transfer-Encoding: chunked\r\n" + HEAD + "\r\n0\r\n\r\nGET {url} HTTP/1.1\r\n\r\n",
    "hidden chunks": "POST /activation HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n"
    + HEAD
    + "\r\n0\r\n\r\n",
    "underscores": "GET {url} HTTP/1.1\r\nSCRIPT_NAME: /activation\r\nPATH_INFO: /activation\r\n"
    + HEAD
    + "\r\n",
    **{
        f"header {name}": f"GET {{url}} HTTP/1.1\r\n{name}: {value}\r\n" + HEAD + "\r\n"
        for name, value in OVERRIDES.items()
    },
}
TRICKS_INTO_FILES = {name for name, trick in TRICKS.items() if trick("/x").startswith(FILES)}
BY_GUNICORN = {400, 501, 505}
"""It refuses what is no HTTP, so that the pages never see it."""

BY_PAGES = {404, 405, 422}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back before the connection was closed."""

    status: int
    head: bytes
    body: bytes

    @property
    def location(self) -> str:
        """Where it leads."""
        lines = self.head.split(b"\r\n")
        found = [line[9:].strip() for line in lines if line.lower().startswith(b"location:")]
        return found[0].decode() if found else ""


@dataclass(frozen=True, slots=True)
class Pages:
    """Two PBXs: one with a license, one that was never activated."""

    active: Pbx
    locked: Pbx


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Both under gunicorn; one license server, which only the activation needs."""
    folder, port = tmp_path_factory.mktemp("raw"), free_port()
    license_server = LicenseServer(folder / "vendor", port, f"http://127.0.0.1:{port}")
    license_server.start()
    pages = Pages(Pbx(folder / "active", license_server), Pbx(folder / "locked", license_server))
    activation.activate(pages.active.system, license_server.sell(extension=4), COMMAND_LINE)
    license_server.program.kill()
    for pbx in (pages.active, pages.locked):
        pbx.start_web()
    yield pages
    for pbx in (pages.active, pages.locked):
        pbx.stop()
    license_server.system.database.close()


def ask(pbx: Pbx, request: str) -> Answer:
    """Send these very bytes, and read until the connection ends."""
    with socket.create_connection(("127.0.0.1", pbx.port), LONGEST_WAIT_S) as connection:
        connection.sendall(request.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65_536):
            received += part
    head, _end, body = received.partition(b"\r\n\r\n")
    status = head.split(b" ")[1] if head.startswith(b"HTTP/") else b"0"
    return Answer(int(status), head, body)


def by_path(method: str, trick: str, url: str) -> str:
    """An ordinary request for the path that a trick makes of a URL."""
    body = "" if method in {"GET", "HEAD"} else "Content-Length: 0\r\n" + FORM
    return f"{method} {TRICKS[trick](url)} HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n" + (
        f"{body}\r\n"
    )


def requests() -> Iterator[tuple[str, str]]:
    """Every path trick with every method, then every shape; each with a name."""
    for place, (method, trick) in enumerate(product(METHODS, TRICKS)):
        url = URLS[place % len(URLS)]
        yield f"{method} {url}, {trick}", by_path(method, trick, url)
    for shape, text in SHAPES.items():
        for url in URLS:
            yield f"{url}, {shape}", text.replace("{url}", url)


def fault(pbx: Pbx, name: str, request: str, leads_to: str) -> str:
    """What is wrong with the answer to somebody who is not signed in; nothing if it is right."""
    answer = ask(pbx, request.replace("{host}", f"127.0.0.1:{pbx.port}"))
    if CUSTOMER in answer.body or b"x-injected" in answer.head.lower():
        return f"says too much: {name}"
    if answer.status in BY_GUNICORN:
        return ""
    # While locked only the files answer by themselves, which are open to everybody.
    is_open = leads_to != "/activation" or name.rpartition(", ")[2] in TRICKS_INTO_FILES
    if is_open and (answer.status in BY_PAGES or is_list_of_methods(name, answer)):
        return ""
    local = answer.location.removeprefix(f"http://127.0.0.1:{pbx.port}")
    is_led = answer.status in {303, 308} and local.startswith("/") and not local.startswith("//")
    if leads_to == "/activation":
        is_led = answer.status == 303 and local == leads_to
    return "" if is_led else f"{answer.status} {answer.location!r}: {name}"


def is_list_of_methods(name: str, answer: Answer) -> bool:
    return name.startswith("OPTIONS") and answer.status == 200 and not answer.body


def test_a_locked_pbx_opens_nothing(pages: Pages) -> None:
    pbx = pages.locked
    found = [fault(pbx, name, request, "/activation") for name, request in requests()]
    assert [one for one in found if one] == []
    assert ask(pbx, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200


def test_an_active_pbx_opens_nothing_to_strangers(pages: Pages) -> None:
    pbx = pages.active
    found = [fault(pbx, name, request, "/login") for name, request in requests()]
    assert [one for one in found if one] == []
    assert ask(pbx, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200


def test_nobody_writes_a_line_of_the_log(pages: Pages) -> None:
    pbx, forged = pages.active, '{"level": "info", "message": "forged"}'
    pbx.post("/login", "/login", username=f"x\r\n{forged}\r\n", password="wrong-password")
    pbx.run("activate", f"x\n{forged}\n")
    for path in (f"/x%0d%0a{forged}", f"/license?x=%0a{forged}", f"/users/%0a{forged}"):
        target = path.replace(" ", "%20").replace('"', "%22")
        ask(pbx, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    ask(pbx, f"GET / HTTP/1.1\r\nHost: x\r\n{forged}\r\nConnection: close\r\n\r\n")
    lines = lines_of(log_of(pbx.folder, "web"))
    assert lines
    assert [line for line in lines if line.startswith("{") and message(line) == "forged"] == []
    assert [line for line in lines if not line.startswith(("{", "["))] == []


def lines_of(log: Path) -> list[str]:
    return log.read_text("utf-8").splitlines()


def message(line: str) -> object:
    return json.loads(line)["message"]
