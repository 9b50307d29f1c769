"""Ordering by keyboard alone: everything is reached by Tab, and the focus is never lost."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.demo_process import Demo

MOST_TABS = 80
"""Links of the menu, the features and the orders: more than that nobody tabs."""


def test_a_license_is_ordered_by_keyboard_alone(demo: Demo, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(demo.details.web_url + "/license")
    sign_in(page, demo)
    use_skip_link(page)

    add = page.locator(".callout").get_by_role("link", name="Add ring groups")
    tab_to(page, add)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Add ring groups")
    quantity = dialog.get_by_label("Quantity")
    expect(quantity).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(add).to_be_focused()

    page.keyboard.press("Enter")
    expect(quantity).to_be_focused()
    page.keyboard.press("ArrowUp")
    order = dialog.get_by_role("button", name=re.compile("Order for"))
    expect(quantity).to_have_value("2")
    expect(dialog.locator("[data-part=after]")).to_contain_text("7 ring groups, 2 of them free")
    tab_to(page, order)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/orders/"))
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.locator("[data-part=stage]")).to_contain_text("Active")


def use_skip_link(page: Page) -> None:
    """The first Tab leads past the menu."""
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def sign_in(page: Page, demo: Demo) -> None:
    """Type name and password where the focus is, and wait for the page that was wanted."""
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type(demo.details.admin["user"])
    page.keyboard.press("Tab")
    page.keyboard.type(demo.details.admin["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Licenses")


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until `target` has the focus, which can be seen at every stop on the way."""
    for _ in range(MOST_TABS):
        if target.evaluate("element => element === document.activeElement"):
            assert is_visibly_focused(page)
            return
        page.keyboard.press("Tab")
        assert is_visibly_focused(page), page.evaluate("document.activeElement.outerHTML")
    raise AssertionError(f"not reached by {MOST_TABS} tabs: {target}")


def is_visibly_focused(page: Page) -> bool:
    """Whether the focused element has an outline or another mark of its own; the page itself, by
    which the focus leaves for the browser's controls, needs none.
    """
    return bool(
        page.evaluate(
            """() => {
              const focused = document.activeElement;
              if (focused === document.body) return true;
              const style = getComputedStyle(focused);
              return focused.matches(":focus-visible")
                && ((style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
                    || style.boxShadow !== "none");
            }"""
        )
    )
