"""Every page in every state: accessible, no wider than any screen, and asking nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from ayrix_web.services import outbox
from tests.browser.browsing import LANGUAGES, faults_of, opened, overflow, violations
from tests.browser.states import STATES, State, first_order, lost_on_the_way
from tests.pbx_fixtures import Pbx


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


def test_an_order_on_the_way_shows_by_itself_how_it_ended(chromium: Browser) -> None:
    prepared = []

    def prepare(pbx: Pbx) -> None:
        lost_on_the_way(pbx)
        prepared.append(pbx)

    state = State("order-arrives", "/orders", prepare, act=first_order)
    with opened(chromium, state, "en") as (page, faults):
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text("Order without a number yet")
        prepared[0].clock.go_on(timedelta(minutes=1))
        outbox.send_waiting(prepared[0].system)
        expect(heading).to_have_text("Order A-2026-0001")
        assert faults.found == []
