"""The whole story of a PBX in real Chromium, against the processes of `make demo`, on real clocks.

The license server is really ended (SIGTERM, its port refuses) and started again by the same
command; only the process that watches over the demo sleeps meanwhile, because it would rightly end
the demo. Nothing knows that it is tested: no clock is faked, the lease of 20 seconds is the
license server's own setting.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from ayrix_protocol.activation_key import ALPHABET, grouped, new_activation_key
from ayrix_protocol.lease import Counted
from examples.demo.processes import ROOT
from tests.browser import host_with_door_phones
from tests.browser.conftest import OpenPage
from tests.browser.demo_process import (
    COMMAND,
    TRIAL_LEASE,
    Demo,
    Process,
    listening_ports,
    until,
)
from tests.browser.every_url import METHODS, Url, every_url
from tests.browser.languages import ENGLISH, GERMAN, Language
from tests.browser.random_sale import USED, Sale, random_sale, sell
from tests.pbx_fixtures import Pbx

WANTED = host_with_door_phones.PATH
ORDERED = 2
OPEN_WHILE_LOCKED = {
    "ayrix.show_activation",
    "ayrix.activate",
    "ayrix.request_replacement",
    "ayrix.request_address",
    "ayrix.check_again",
    "ayrix.static_file",
    "ayrix.healthz",
}
USED_UP = {
    "en": "Ring groups are used up. Refused group was not created. Existing groups keep working; "
    "you cannot create a new one until you add a license.",
    "de": "Rufgruppen sind aufgebraucht. „Refused group“ wurde nicht angelegt. Bestehende Gruppen "
    "funktionieren weiter; für eine neue brauchen Sie eine weitere Lizenz.",
}
"""Word for word, where the other sentences of this story are looked up in the catalogue."""

UNKNOWN = tuple(
    Url(path, None) for path in ("/no/such/page", "/license/", "/.git/config", "/users/one/two")
)

SOON = timedelta(seconds=20)
FIRST_SECOND = timedelta(seconds=1)
"""Leases count whole seconds, so by the wall clock one may end this much early."""

LATEST_LOCK = timedelta(seconds=4)
"""A page may be on its way when the lease ends, and the machine busy."""


@pytest.fixture
def urls(pbx: Pbx) -> list[Url]:
    """The url map of the demo's host application, built here, and paths that no rule knows."""
    known = every_url(host_with_door_phones.create_app(pbx.system))
    assert WANTED in {url.path for url in known}
    assert {url.endpoint for url in known} > OPEN_WHILE_LOCKED
    return [*known, *UNKNOWN]


@pytest.mark.parametrize("language", [ENGLISH, GERMAN], ids=str)
def test_a_pbx_is_activated_orders_locks_and_comes_back(
    fresh_demo: Demo, open_page: OpenPage, urls: Sequence[Url], language: Language
) -> None:
    demo, sale, page = fresh_demo, random_sale(), open_page(language)
    key = sell(demo, sale)
    assert_three_processes(demo)

    assert_everything_leads_to_activation(page, demo, urls)
    activate(page, demo, language, key)
    assert_license_page(page, demo, language, sale)
    assert_next_ring_group_is_refused(page, demo, language)
    order_ring_groups(page, language, sale)
    create_ring_group(page, demo, language, "Evening shift")

    demo.stop_license_server()
    deadline = assert_grace(page, demo, language)
    assert_locks_at(page, demo, language, deadline)
    assert_everything_leads_to_activation(page, demo, urls)
    check_again_in_vain(page, demo, language)
    demo.start_license_server()
    check_again(page, demo, language)
    assert_license_page(page, demo, language, sale, ordered=ORDERED, created=2)


def test_these_tests_start_what_make_demo_starts() -> None:
    said = subprocess.run(
        ["make", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.split()[-len(COMMAND) + 1 :] == [*COMMAND[1:]]


def assert_three_processes(demo: Demo) -> None:
    """License server, web and agent are processes of their own, and the two answer at the ports."""
    ids = demo.details.processes
    assert ids.keys() == {"license server", "web", "agent"}
    assert len({*ids.values(), demo.supervisor.pid}) == len(ids) + 1
    processes = {name: Process.of(number) for name, number in ids.items()}
    assert {process.parent for process in processes.values()} == {demo.supervisor.pid}
    for name, url, words in (
        ("license server", demo.details.license_url, "gunicorn"),
        ("web", demo.details.web_url, "gunicorn"),
    ):
        assert listening_ports(ids[name]) == {urlsplit(url).port}
        assert words in processes[name].command
    assert processes["agent"].command[-2:] == ("ayrix_web.cli", "agent")
    assert not listening_ports(ids["agent"])


def assert_everything_leads_to_activation(page: Page, demo: Demo, urls: Sequence[Url]) -> None:
    """Every URL but those of the activation page answers 303 to it: signed in or not, also in
    the browser.
    """
    activation = demo.details.web_url + "/activation"
    request = page.context.request
    for url in urls:
        for method in METHODS:
            if url.endpoint in OPEN_WHILE_LOCKED:
                continue
            where = demo.details.web_url + url.path
            answer = request.fetch(where, method=method, max_redirects=0)
            led = (answer.status, answer.headers.get("location"))
            assert led == (303, "/activation"), f"{method} {url.path}: {answer.status}"
    for path in ("/", "/license", "/users", "/ring-groups/new", "/no/such/page"):
        page.goto(demo.details.web_url + path)
        assert page.url == activation


def activate(page: Page, demo: Demo, language: Language, key: str) -> None:
    """A mistyped key, an unknown one, then the right one as a person writes it; then sign in."""
    say = language.say
    page.goto(demo.details.web_url + WANTED)
    expect(page.get_by_role("heading", level=1)).to_have_text(say("Welcome"))
    last = key[-1]
    mistyped = key[:-1] + ALPHABET[(ALPHABET.index(last) + 1) % len(ALPHABET)]
    for wrong, sentence in (
        (
            mistyped,
            "There is a typing mistake in this key. Compare it with your license document, "
            "character by character.",
        ),
        (
            grouped(new_activation_key()),
            "The license server does not know this activation key. Compare it with your license "
            "document, or ask your reseller.",
        ),
    ):
        enter_key(page, language, wrong)
        expect(page.locator("#problems")).to_contain_text(say(sentence))
        expect(page.locator("#problems")).to_be_focused()
        expect(page.get_by_label(say("Activation key"))).to_have_value(wrong)
        assert page.title().startswith(say("Error:"))
    enter_key(page, language, key.replace("-", " ").lower())
    page.wait_for_url(re.compile("/login"))
    sign_in(page, demo, language)
    expect(page.get_by_role("heading", level=1)).to_have_text(host_with_door_phones.HEADING)


def enter_key(page: Page, language: Language, key: str) -> None:
    """Fill in the form of the activation page and send it."""
    page.get_by_label(language.say("Activation key")).fill(key)
    page.get_by_role("button", name=language.say("Activate"), exact=True).click()


def sign_in(page: Page, demo: Demo, language: Language) -> None:
    """Sign in as the administrator of the demo."""
    page.get_by_label(language.say("User name")).fill(demo.details.admin["user"])
    page.get_by_label(language.say("Password")).fill(demo.details.admin["password"])
    page.get_by_role("button", name=language.say("Sign in")).click()


def assert_license_page(
    page: Page, demo: Demo, language: Language, sale: Sale, *, ordered: int = 0, created: int = 0
) -> None:
    """Every visible feature with what is used, licensed and its price, and no hidden one."""
    say = language.say
    page.goto(demo.details.web_url + "/license")
    expect(page.get_by_role("heading", name=say("Your license is active"))).to_be_visible()
    expect(page.locator(".head")).to_contain_text(sale.customer)
    for counted, feature in sale.features.items():
        is_ordered = counted is Counted.RING_GROUP
        licensed = feature.licensed + ordered * is_ordered
        used = USED[counted] + created * is_ordered
        row = page.locator(f"[id='{feature.code}']")
        expect(row).to_contain_text(feature.names[language.code])
        expect(row).to_contain_text(
            say("%(used)s of %(licensed)s used", used=used, licensed=licensed)
        )
        expect(row).to_contain_text(language.money(feature.price))
    expect(page.locator(f"[id='{sale.core.code}']")).to_have_text(sale.core.names[language.code])
    assert sale.hidden.code not in page.content()
    assert sale.hidden.names[language.code] not in page.content()


def assert_next_ring_group_is_refused(page: Page, demo: Demo, language: Language) -> None:
    """The form of the host is answered by the license's own words, with Add."""
    send_new_ring_group(page, demo, language, "Refused group")
    refusal = refusal_of(page)
    expect(refusal).to_be_focused()
    expect(refusal).to_contain_text(USED_UP[language.code])
    expect(page.get_by_role("table")).not_to_contain_text("Refused group")
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(1 + USED[Counted.RING_GROUP])


def refusal_of(page: Page) -> Locator:
    """The callout that says why nothing was created."""
    return page.locator(".callout.bad")


def order_ring_groups(page: Page, language: Language, sale: Sale) -> None:
    """From the refusal to Add, two of them at the price this test computes, to the fulfilled
    order.
    """
    say, feature = language.say, sale.features[Counted.RING_GROUP]
    refusal_of(page).get_by_role("link", name=say("Add")).click()
    total = page.locator("dd.tot")
    expect(total).to_have_text(language.money(sale.total(Counted.RING_GROUP, 1)))
    page.get_by_role("button", name=say("One more")).click()
    expect(total).to_have_text(language.money(sale.total(Counted.RING_GROUP, ORDERED)))
    amount = language.count("%(num)s ring group", "%(num)s ring groups", feature.licensed + ORDERED)
    after = say("You will have %(amount)s, %(free)s of them free.", amount=amount, free=ORDERED)
    expect(page.locator("[data-part=after]")).to_have_text(after)
    shown = language.money(sale.total(Counted.RING_GROUP, ORDERED))
    page.get_by_role("button", name=say("Order for %(total)s", total=shown)).click()
    page.wait_for_url(re.compile("/orders/"))
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.locator("[data-part=stage]")).to_contain_text(say("Active"))
    expect(page.locator("dd.tot")).to_have_text(shown)


def create_ring_group(page: Page, demo: Demo, language: Language, name: str) -> None:
    """Creating one works, and says so."""
    send_new_ring_group(page, demo, language, name)
    expect(page.locator(".notice")).to_contain_text(
        language.say("%(name)s was created.", name=name)
    )
    expect(page.get_by_role("table")).to_contain_text(name)


def send_new_ring_group(page: Page, demo: Demo, language: Language, name: str) -> None:
    """Fill in the form for a new ring group and send it."""
    page.goto(demo.details.web_url + "/ring-groups/new")
    page.get_by_label(language.say("Name")).fill(name)
    page.get_by_role("button", name=language.say("Create")).click()


def assert_grace(page: Page, demo: Demo, language: Language) -> datetime:
    """Once a check has failed a banner names the deadline, given back, and everything works."""
    say, banner = language.say, page.locator(".banner")

    def has_banner() -> bool:
        page.goto(demo.details.web_url + "/license")
        return banner.count() == 1

    until(has_banner, SOON, "a banner of the grace period")
    said = banner.inner_text()
    assert say("License server not reachable") in said
    any_number, whole = 999, int(TRIAL_LEASE.total_seconds())
    left = language.count(
        "%(num)s second left of %(whole)s",
        "%(num)s seconds left of %(whole)s",
        any_number,
        whole=whole,
    )
    expect(page.locator(".hours-left")).to_have_text(
        re.compile(re.escape(left).replace(str(any_number), r"\d+"))
    )
    create_ring_group(page, demo, language, "Late shift")
    valid_until = json.loads(demo.pbx("status", "--json").stdout)["valid_until"]
    deadline = datetime.fromisoformat(valid_until).astimezone(UTC)
    assert language.moment(deadline) in said
    return deadline


def assert_locks_at(page: Page, demo: Demo, language: Language, deadline: datetime) -> None:
    """The pages work until the lease ends and lead to the activation page from then on."""

    def is_locked() -> bool:
        page.goto(demo.details.web_url + "/license")
        return urlsplit(page.url).path == "/activation"

    until(is_locked, TRIAL_LEASE + SOON, "the lock")
    locked_at = datetime.now(UTC)
    assert deadline - FIRST_SECOND <= locked_at <= deadline + LATEST_LOCK
    expect(page.get_by_role("heading", level=1)).to_have_text(
        language.say("This system is deactivated")
    )
    expect(page.locator("main")).to_contain_text(language.moment(deadline))


def check_again_in_vain(page: Page, demo: Demo, language: Language) -> None:
    """While the license server is away, Check again shows how far the connection gets."""
    page.goto(demo.details.web_url + WANTED)
    press_check_again(page, language)
    failed = page.locator(".checks li.bad")
    expect(failed).to_have_count(1)
    expect(failed).to_contain_text(language.say("Connection"))
    expect(failed).to_contain_text(
        language.say(
            "The license server is not reachable. Check the internet connection and the firewall."
        )
    )


def check_again(page: Page, demo: Demo, language: Language) -> None:
    """Once it is back, Check again leads to the page the user wanted, still signed in."""
    press_check_again(page, language)
    page.wait_for_url(demo.details.web_url + WANTED)
    expect(page.get_by_role("heading", level=1)).to_have_text(host_with_door_phones.HEADING)


def press_check_again(page: Page, language: Language) -> None:
    """Press the button of the first step."""
    page.get_by_role("button", name=language.say("Check again")).click()
