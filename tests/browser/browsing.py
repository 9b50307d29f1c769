"""A real Chromium against a PBX in this process, and what a page must never do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.browser.states import PASSWORD, State, employ, furnish
from tests.pbx_fixtures import make_pbx
from tests.web.conftest import make_app, post_form

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",  # root has no user namespace to put the sandbox in
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LANGUAGES = ("en", "de")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = {"desktop": 1440, "phone": 375}
NARROWEST = 320
HEIGHT = 900
SESSION_COOKIE = "ayrix_session"
AXE = Axe()


def start_chromium(playwright: Playwright) -> Browser:
    """Debian's Chromium, without the requests it makes on its own."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@dataclass  # no slots: playwright marks the owner of a bound method
class Faults:
    """What a page did that it must not do."""

    origin: str
    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note every console message, script error and foreign request from now on."""
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))
        page.on("request", self._note_request)

    def _note_message(self, message: ConsoleMessage) -> None:
        # Chromium reports the status of a page that answers 404 or 422 on purpose.
        is_status = message.text.startswith("Failed to load resource: the server responded with")
        if not is_status:
            self.found.append(f"console: {message.text}")

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:")):
            self.found.append(f"foreign request: {request.url}")


class Quiet(WSGIRequestHandler):
    """A server that does not tell each request."""

    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The application on a free port of this machine; gives its origin."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def opened(browser: Browser, state: State, language: str) -> Iterator[tuple[Page, Faults]]:
    """The page of a state in a language, on a PBX of its own; as wide as a desktop, and light."""
    with TemporaryDirectory(prefix="ayrix-browser-") as folder:
        app = app_in(state, Path(folder))
        with served(app) as origin:
            context = browser.new_context(
                viewport={"width": WIDTHS["desktop"], "height": HEIGHT}, reduced_motion="reduce"
            )
            cookies = {"ayrix_lang": language}
            if state.account is not None:
                cookies[SESSION_COOKIE] = session_of(app, state.account)
            context.add_cookies(
                [{"name": name, "value": value, "url": origin} for name, value in cookies.items()]
            )
            page, faults = context.new_page(), Faults(origin)
            faults.watch(page)
            page.goto(origin + state.path)
            state.act(page)
            page.wait_for_load_state("load")
            page.evaluate("document.fonts.ready")
            yield page, faults
            context.close()


def faults_of(
    browser: Browser, state: State, language: str, pictures: Path | None = None
) -> list[str]:
    """What is wrong with a page in any appearance and width; a picture of each goes to a folder."""
    found = []
    with opened(browser, state, language) as (page, faults):
        for size, theme in product(WIDTHS, THEMES):
            page.set_viewport_size({"width": WIDTHS[size], "height": HEIGHT})
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            look = f"{theme}.{size}"
            if pictures is not None:
                path = pictures / f"{state.name}.{language}.{look}.png"
                page.screenshot(path=path, full_page=True)
            found += [f"{look}: {violation}" for violation in violations(page)]
        return [*found, *overflow(page), *faults.found]


def app_in(state: State, folder: Path) -> Flask:
    """The pages of a PBX that is in that state."""
    pbx = make_pbx(folder)
    furnish(pbx)
    if state.is_activated:
        pbx.activate()
    if state.account is not None:
        employ(pbx, state.account)
    app = make_app(pbx.system)
    state.prepare(pbx)
    return app


def session_of(app: Flask, account: str) -> str:
    """The session cookie of somebody who just signed in."""
    client = app.test_client()
    answer = post_form(client, "/login", username=account, password=PASSWORD)
    assert answer.status_code == 303, answer.text
    cookie = client.get_cookie(SESSION_COOKIE)
    assert cookie is not None
    return cookie.value


def violations(page: Page) -> list[str]:
    """What axe finds wrong, one line for each element."""
    results = AXE.run(page).response["violations"]
    return [
        f"axe: {result['id']}: {node['html'][:160]}"
        for result in results
        for node in result["nodes"]
    ]


def overflow(page: Page) -> list[str]:
    """What is wider than the narrowest screen."""
    page.set_viewport_size({"width": NARROWEST, "height": HEIGHT})
    width = page.evaluate("document.documentElement.scrollWidth")
    return [f"{width} px wide at {NARROWEST}"] if width > NARROWEST else []
