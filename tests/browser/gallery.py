"""Pictures of every page in every state: `make gallery`, or `python -m tests.browser.gallery NAME`.

They go to build/gallery; each page is also held to what tests/browser/test_pages.py asserts.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.browsing import LANGUAGES, faults_of, start_chromium
from tests.browser.states import STATES, State

FOLDER = Path("build") / "gallery"


def main() -> int:
    """Take the pictures of all states, or of those whose name contains an argument."""
    wanted = sys.argv[1:]
    states = [s for s in STATES if not wanted or any(part in s.name for part in wanted)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = 0
    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        for state in states:
            for fault in pictures(browser, state):
                print(fault)
                found += 1
        browser.close()
    print(f"{len(states)} states in {FOLDER}, {found} faults")
    return 1 if found else 0


def pictures(browser: Browser, state: State) -> list[str]:
    """Take all pictures of a state; gives back what is wrong with them."""
    return [
        f"{state.name}.{language}: {fault}"
        for language in LANGUAGES
        for fault in faults_of(browser, state, language, FOLDER)
    ]


if __name__ == "__main__":
    sys.exit(main())
