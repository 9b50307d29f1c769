"""Every page in every state: accessible, no wider than any screen, and asking nobody else."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.browsing import LANGUAGES, faults_of, opened, overflow, violations
from tests.browser.states import STATES, State


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_page_is_accessible_in_every_look_and_fits_the_narrowest_screen(
    chromium: Browser, state: State, language: str
) -> None:
    assert faults_of(chromium, state, language) == []


def test_what_a_page_must_not_do_is_noticed(chromium: Browser) -> None:
    state = next(state for state in STATES if state.name == "login")
    with opened(chromium, state, "en") as (page, faults):
        page.evaluate("document.querySelector('main').append(document.createElement('input'))")
        page.evaluate("document.querySelector('main').append('x'.repeat(400))")
        page.evaluate("console.warn('odd')")
        page.evaluate("fetch('http://127.0.0.1:9/').catch(() => null)")
        assert any(found.startswith("axe: label:") for found in violations(page))
        assert overflow(page)
        assert "console: odd" in faults.found
        assert any(found.startswith("foreign request:") for found in faults.found) or any(
            "Content Security Policy" in found for found in faults.found
        )
