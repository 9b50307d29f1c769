"""Real Chromium for these tests: one browser, and windows that notice what no page may do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.browser.browsing import start_chromium
from tests.browser.demo_process import TRIAL_LEASE, Demo, running_demo
from tests.browser.languages import ENGLISH, Language

LONGEST_WAIT_MS = 20_000
"""A click that needs the license server, on two cores that run other tests too."""

LAST_WORDS = 2000
FIRST_FAULT = 400
REFUSED = "Failed to load resource"

OpenPage = Callable[..., Page]


@dataclass  # without slots, since Playwright keeps a note on whatever object listens
class Watch:
    """What the pages of a window did that they must not do; what an answer said is no fault."""

    faults: list[str] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)

    def watch(self, window: BrowserContext) -> None:
        """Follow every page of the window from now on."""
        window.on("request", self._on_request)
        window.on("response", self._on_response)
        window.on("console", self._on_console)
        window.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "data" and parts.hostname != "127.0.0.1":
            self.faults.append(f"external request: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= FIRST_FAULT and response.request.is_navigation_request():
            self._refused.add(response.url)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        place = str(message.location.get("url", ""))
        # Chromium says so of every page with a status of 400 and above: wanted for a 422.
        if message.text.startswith(REFUSED) and place in self._refused:
            return
        self.faults.append(f"console: {message.text} ({place})")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; these tests are worth nothing without it, so nothing is skipped."""
    expect.set_options(timeout=LONGEST_WAIT_MS)
    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """Open a window: `open_page(language)`, for a browser without scripts `with_scripts=False`.

    In the end no page may have asked another machine or complained; what each showed last is
    printed, which pytest shows of a test that failed.
    """
    watch, windows = Watch(), list[BrowserContext]()

    def opened(language: Language = ENGLISH, *, with_scripts: bool = True) -> Page:
        window = chromium.new_context(locale=language.locale, java_script_enabled=with_scripts)
        window.set_default_timeout(LONGEST_WAIT_MS)
        watch.watch(window)
        windows.append(window)
        return window.new_page()

    yield opened
    for window in windows:
        for page in window.pages:
            print(f"---- {page.url}\n{page.locator('body').inner_text()[:LAST_WORDS]}")
        window.close()
    assert not watch.faults


@pytest.fixture
def fresh_demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo that was never activated, with the host that has a page more, and short leases."""
    host = "tests.browser.host_with_door_phones:create_app"
    seconds = str(int(TRIAL_LEASE.total_seconds()))
    with running_demo(tmp_path, FRESH="1", HOST_APP=host, LEASE_SECONDS=seconds) as demo:
        yield demo


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo as `make demo` shows it: activated, ring groups used up, orders in the list."""
    with running_demo(tmp_path) as demo:
        yield demo


@pytest.fixture
def trial_demo(tmp_path: Path) -> Iterator[Demo]:
    """The same with short leases."""
    with running_demo(tmp_path, LEASE_SECONDS=str(int(TRIAL_LEASE.total_seconds()))) as demo:
        yield demo
