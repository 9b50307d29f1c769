"""The product without JavaScript: every action is a link or a form."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.demo_process import TRIAL_LEASE, Demo, until

LATER = TRIAL_LEASE + timedelta(seconds=20)


def test_signing_in_ordering_users_and_checking_again_work_without_javascript(
    trial_demo: Demo, open_page: OpenPage
) -> None:
    demo, page = trial_demo, open_page(with_scripts=False)
    page.goto(demo.details.web_url + "/license")
    page.get_by_label("User name").fill(demo.details.admin["user"])
    page.get_by_label("Password").fill(demo.details.admin["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Licenses")

    order_two_ring_groups(page)
    make_reception_read_only(page, demo)

    demo.stop_license_server()
    until(lambda: is_locked(page, demo), LATER, "the lock")
    check_again(page)
    expect(page.locator(".checks li.bad")).to_contain_text("Connection")
    demo.start_license_server()
    check_again(page)
    page.wait_for_url(demo.details.web_url + "/orders?page=1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Orders")


def order_two_ring_groups(page: Page) -> None:
    """Add leads to a page; another quantity needs a look at its price first."""
    page.locator(".callout").get_by_role("link", name="Add ring groups").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Add ring groups")
    expect(page.get_by_role("button", name="One more")).to_be_hidden()
    page.get_by_label("Quantity").fill("2")
    page.get_by_role("button", name="Show the price").click()
    expect(page.get_by_label("Quantity")).to_have_value("2")
    expect(page.locator("dd.tot")).to_have_text("€11.66")  # 2 x 4.90 and 19 % of it
    page.get_by_role("button", name="Order for €11.66").click()
    page.wait_for_url(re.compile("/orders/"))
    expect(page.locator("[data-part=stage]")).to_contain_text("Active")
    page.get_by_role("link", name="To the licenses").click()
    expect(page.locator("#ring_group")).to_contain_text("5 of 7 used")


def make_reception_read_only(page: Page, demo: Demo) -> None:
    """Add a user, choose in the matrix, review, save."""
    page.goto(demo.details.web_url + "/users/new")
    page.get_by_label("User name").fill("reception")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Add user").click()
    cell = page.get_by_role("group", name="Licenses for reception")
    cell.get_by_label("Read-only", exact=True).check(force=True)
    page.get_by_role("button", name="Review changes").click()
    changes = page.get_by_role("row", name=re.compile("reception"))
    expect(changes).to_contain_text("Read-only")
    page.get_by_role("button", name="Save changes").click()
    cell = page.get_by_role("group", name="Licenses for reception")
    expect(cell.get_by_label("Read-only", exact=True)).to_be_checked()


def is_locked(page: Page, demo: Demo) -> bool:
    """Whether the page that is wanted, with its query, leads to the activation page."""
    page.goto(demo.details.web_url + "/orders?page=1")
    return urlsplit(page.url).path == "/activation"


def check_again(page: Page) -> None:
    """Press the button of the first step."""
    page.get_by_role("button", name="Check again").click()
