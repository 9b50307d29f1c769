"""Every page in every state it can be in: how to bring a PBX there, and what to open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from playwright.sync_api import Page
from sqlalchemy import update

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_protocol.lease import Category, Counted, LicensedFeature
from ayrix_protocol.orders import LineRequest, OrderState, UpgradeType
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.rebindings import Decision, ReplacementKind
from ayrix_web.domain.access import Access, Module
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.order import OrderDraft
from ayrix_web.rows import InstallationRow
from ayrix_web.services import (
    accounts,
    checks,
    licensing,
    ordering,
    outbox,
    quota,
    replacement,
)
from tests.fakes import HARDWARE, refused
from tests.pbx_fixtures import TESTER, Pbx

ADMIN, VIEWER, GUEST = "admin", "reception", "guest"
PASSWORD = "correct horse battery"
SPARE_BOX = HARDWARE.model_copy(update={"cpu_serial": "y" * 43, "nic_serial": "z" * 43})

Prepare = Callable[[Pbx], None]
Act = Callable[[Page], None]


def nothing(_: object) -> None:
    """Nothing to prepare, nothing to do."""


@dataclass(frozen=True, slots=True)
class State:
    """A picture: who looks at which page of a PBX prepared how; `act` goes on from there."""

    name: str
    path: str
    prepare: Prepare = nothing
    account: str | None = ADMIN
    act: Act = nothing
    is_activated: bool = True


def furnish(pbx: Pbx) -> None:
    """Features, prices and objects as an office has them."""
    names = {
        "extension": ("Extensions", "Nebenstellen", "Phones, softphones and apps"),
        "voicemail": ("Voicemail", "Voicemail", "Mailbox with e-mail delivery"),
        "announcement": ("Announcements", "Ansagen", "Personal greeting before the call"),
        "ring_group": ("Ring groups", "Rufgruppen", "Several phones ring together"),
        "queue": ("Queues", "Warteschlangen", "Callers wait for the next free agent"),
        "call_transfer": ("Call transfer", "Vermitteln", ""),
        "music_on_hold": ("Music on hold", "Wartemusik", ""),
        "conference": ("Three-way calls", "Dreierkonferenz", ""),
        "phone_book": ("Phone book", "Telefonbuch", ""),
        "backup": ("Backups", "Datensicherung", ""),
    }
    quantities = {
        "extension": 40,
        "voicemail": 30,
        "announcement": 20,
        "ring_group": 5,
        "queue": 3,
    }
    pbx.server.features = [
        LicensedFeature(
            code=code,
            category=_category(code),
            counts=Counted(code) if code in quantities else None,
            quantity=quantities.get(code),
            names={"en": english, "de": german},
        )
        for code, (english, german, _text) in names.items()
    ]
    pbx.server.prices = {
        "extension": 490,
        "voicemail": 150,
        "announcement": 90,
        "ring_group": 1800,
        "queue": 2900,
    }
    pbx.inventory.current = {
        Counted.EXTENSION: 34,
        Counted.VOICEMAIL: 28,
        Counted.ANNOUNCEMENT: 8,
        Counted.RING_GROUP: 5,
        Counted.QUEUE: 2,
    }


def _category(code: str) -> Category:
    if code in {"extension", "voicemail", "announcement"}:
        return Category.GENERAL
    return Category.INSTANCE if code in {"ring_group", "queue"} else Category.CORE


def employ(pbx: Pbx, name: str) -> None:
    """An administrator, somebody who may look at everything, or somebody who may nothing."""
    accounts.create_account(pbx.system, name, PASSWORD, name == ADMIN, COMMAND_LINE)
    if name != ADMIN:
        access = Access.READ_ONLY if name == VIEWER else Access.NONE
        accounts.set_access(pbx.system, name, dict.fromkeys(Module, access), COMMAND_LINE)


def colleagues(pbx: Pbx) -> None:
    """The others, beside the administrator."""
    employ(pbx, VIEWER)
    employ(pbx, GUEST)


def order(pbx: Pbx, code: str = "ring_group", quantity: int = 2) -> None:
    """Somebody orders."""
    lines = (LineRequest(code=code, quantity=quantity),)
    quote = pbx.server.quote(lines)
    ordering.place(pbx.system, OrderDraft(uuid4(), lines, quote.quote_hash), TESTER)


def orders_of_all_kinds(pbx: Pbx) -> None:
    """One order fulfilled, one declined, one on the way, one that waits here."""
    order(pbx, "announcement", 1)
    pbx.clock.go_on(timedelta(minutes=5))
    pbx.server.fulfills = False
    order(pbx, "voicemail", 5)
    pbx.server.decide(newest(pbx), OrderState.REJECTED, "credit limit reached")
    pbx.clock.go_on(timedelta(minutes=5))
    order(pbx, "queue", 2)
    pbx.clock.go_on(timedelta(minutes=5))
    pbx.server.lose_order = True
    order(pbx, "extension", 1)


def newest(pbx: Pbx) -> UUID:
    """The key of the order placed last."""
    return next(reversed(pbx.server.placed))


def use_up(pbx: Pbx) -> None:
    """Queues are used up as well, ring groups more than that."""
    pbx.inventory.current = {**(pbx.inventory.current or {}), Counted.RING_GROUP: 6}


def check(pbx: Pbx) -> None:
    """The license check runs."""
    checks.check(pbx.system, TESTER)


def away(kind: FaultKind, after: timedelta) -> Prepare:
    """The license server is away, and some time has passed since."""

    def prepare(pbx: Pbx) -> None:
        pbx.clock.go_on(after)
        pbx.server.away = kind
        check(pbx)

    return prepare


def refuses(code: ProblemCode, after: timedelta) -> Prepare:
    """The license server refuses the check, and some time has passed since."""

    def prepare(pbx: Pbx) -> None:
        pbx.clock.go_on(after)
        pbx.server.refusal = refused(code).problem
        check(pbx)

    return prepare


def moved(pbx: Pbx) -> None:
    """The address was changed the wrong way, long ago."""
    pbx.machine.address = "192.168.10.77"
    pbx.clock.go_on(timedelta(hours=73))
    check(pbx)


def spare_box(pbx: Pbx) -> None:
    """The disk was moved to other hardware."""
    pbx.machine.hardware = SPARE_BOX
    pbx.clock.go_on(timedelta(seconds=20))


def lent(pbx: Pbx) -> None:
    """The license runs on there for seven days."""
    spare_box(pbx)
    pbx.server.lends_for = timedelta(days=7)
    check(pbx)


def asked_seller(pbx: Pbx) -> None:
    """The seller was asked for a replacement."""
    lent(pbx)
    replacement.request_replacement(pbx.system, ReplacementKind.HARDWARE, "", "", TESTER)


def seller_declined(pbx: Pbx) -> None:
    """He declined."""
    asked_seller(pbx)
    pbx.server.answer_request(Decision.DECLINED, "The mainboard is from another customer.")
    pbx.clock.go_on(timedelta(minutes=1))
    replacement.poll(pbx.system)


def clock_was_ahead(pbx: Pbx) -> None:
    """The clock was 30 days ahead for a while."""
    pbx.clock.step(timedelta(days=30))
    licensing.write_mark(pbx.system)
    pbx.clock.step(timedelta(days=-30))
    pbx.clock.go_on(timedelta(seconds=20))


def edited(pbx: Pbx) -> None:
    """Somebody edited what is stored."""
    with pbx.system.database.write() as session:
        session.execute(update(InstallationRow).values(mark_time=1))
    pbx.clock.go_on(timedelta(seconds=20))


def short_lease(pbx: Pbx) -> None:
    """A trial lease of 20 seconds, of which 8 have passed without the license server."""
    pbx.server.lease_duration = timedelta(seconds=20)
    check(pbx)
    away(FaultKind.CONNECTION, timedelta(seconds=8))(pbx)


def packages_only(pbx: Pbx) -> None:
    """The customer may order packages, and sees none."""
    pbx.server.upgrade_types = (UpgradeType.PACKAGE,)
    check(pbx)


def uncounted(pbx: Pbx) -> None:
    """The PBX was counted an hour ago and cannot be counted now."""
    quota.count(pbx.system)
    pbx.clock.go_on(timedelta(hours=1))
    check(pbx)
    pbx.inventory.current = None


def price_rises(pbx: Pbx) -> None:
    """A waiting order meets a new price."""
    pbx.server.lose_order = True
    order(pbx)
    pbx.server.prices["ring_group"] = 1900
    pbx.clock.go_on(timedelta(minutes=1))
    outbox.send_waiting(pbx.system)


def many_orders(pbx: Pbx) -> None:
    """More orders than one page shows."""
    for _number in range(23):
        order(pbx, "announcement", 1)
        pbx.clock.go_on(timedelta(minutes=5))


def wait_for_seller(pbx: Pbx) -> None:
    """An order the seller has not decided."""
    pbx.server.fulfills = False
    order(pbx, "queue", 2)


def lost_on_the_way(pbx: Pbx) -> None:
    """An order that waits here."""
    pbx.server.lose_order = True
    order(pbx)


def declined(pbx: Pbx) -> None:
    """An order the seller declined."""
    wait_for_seller(pbx)
    pbx.server.decide(newest(pbx), OrderState.REJECTED, "credit limit reached")
    pbx.clock.go_on(timedelta(minutes=1))
    outbox.send_waiting(pbx.system)


def first_order(page: Page) -> None:
    """Open the order at the top of the list."""
    page.locator(".ot tbody tr").first.locator("a").first.click()


def press(selector: str) -> Act:
    """Press a button."""
    return lambda page: page.locator(selector).first.click()


def open_dialog(page: Page) -> None:
    """Open the order sheet over the page."""
    page.locator(".ft .b-add").first.click()
    page.locator("dialog[open]").wait_for()


def ask_to_move(page: Page) -> None:
    """Ask for another address with a wrong password."""
    page.fill("#username", "admin")
    page.fill("#password", "wrong")
    page.locator("#address form button").click()


def try_key(text: str) -> Act:
    """Enter an activation key."""

    def act(page: Page) -> None:
        step = page.locator("#activation")
        if step.get_attribute("open") is None:
            step.locator("summary").click()
        page.fill("#key", text)
        step.locator("form button").click()

    return act


def open_menu(page: Page) -> None:
    """Unfold the account menu, and on a phone the main menu."""
    page.locator(".who summary").click()


HOURS = timedelta(hours=1)

STATES = (
    State("license-active", "/license", orders_of_all_kinds),
    State("license-no-orders", "/license"),
    State("license-over", "/license", use_up),
    State("license-grace", "/license", away(FaultKind.CONNECTION, 11 * HOURS)),
    State("license-grace-critical", "/license", away(FaultKind.TIMEOUT, 65 * HOURS)),
    State("license-suspended", "/license", refuses(ProblemCode.SUSPENDED, 4 * HOURS)),
    State("license-server-busy", "/license", away(FaultKind.SERVER_BUSY, 4 * HOURS)),
    State("license-lent", "/license", lent),
    State("license-replacement-asked", "/license", asked_seller),
    State("license-replacement-declined", "/license", seller_declined),
    State("license-short-lease", "/license", short_lease),
    State("license-read-only", "/license", orders_of_all_kinds, VIEWER),
    State("license-packages-only", "/license", packages_only),
    State("license-uncounted", "/license", uncounted),
    State("license-checked", "/license", act=press(".hero-a button")),
    State("license-order-dialog", "/license", act=open_dialog),
    State("license-account-menu", "/license", act=open_menu),
    State("objects", "/license/objects/ring_group"),
    State("order-form", "/license/order?feature=ring_group&quantity=2"),
    State("order-form-wrong", "/license/order?feature=ring_group&quantity=0"),
    State(
        "order-form-unreachable",
        "/license/order?feature=ring_group",
        away(FaultKind.NAME_RESOLUTION, HOURS),
    ),
    State("order-unknown", "/license/order?feature=nothing"),
    State("orders", "/orders", many_orders),
    State("orders-none", "/orders"),
    State("order-fulfilled", "/orders", order, act=first_order),
    State("order-placed", "/license/order?feature=ring_group", act=press(".dlg-f .b-add")),
    State("order-being-confirmed", "/orders", wait_for_seller, act=first_order),
    State("order-waiting", "/orders", lost_on_the_way, act=first_order),
    State("order-price-changed", "/orders", price_rises, act=first_order),
    State("order-declined", "/orders", declined, act=first_order),
    State("order-read-only", "/orders", wait_for_seller, VIEWER, act=first_order),
    State("network", "/network/interface"),
    State("activation-new", "/activation", account=None, is_activated=False),
    State(
        "activation-typing-mistake",
        "/activation",
        account=None,
        act=try_key("ABCD EFGH"),
        is_activated=False,
    ),
    State(
        "activation-unreachable",
        "/activation",
        away(FaultKind.CONNECTION, 80 * HOURS),
        account=None,
    ),
    State(
        "activation-diagnosis",
        "/activation",
        away(FaultKind.NAME_RESOLUTION, 80 * HOURS),
        account=None,
        act=press("#check form button"),
    ),
    State("activation-moved", "/activation", moved, account=None),
    State("activation-spare-box", "/activation", spare_box, account=None),
    State("activation-replacement-declined", "/activation", seller_declined),
    State("activation-wrong-password", "/activation", moved, account=None, act=ask_to_move),
    State("activation-clock", "/activation", clock_was_ahead, account=None),
    State("activation-damaged", "/activation", edited, account=None),
    State("activation-open", "/activation"),
    State("error-403", "/license", account=GUEST),
    State("error-404", "/nothing-here"),
    State("login", "/login", account=None),
    State("login-wrong", "/login", account=None, act=press("main form button")),
    State("account", "/account"),
    State("users", "/users", colleagues),
    State("users-read-only", "/users", account=VIEWER),
    State("user-new", "/users/new"),
    State("audit", "/audit", colleagues),
    State("audit-nothing-found", "/audit?user=nobody&since=2026-11-01"),
    State("audit-wrong-day", "/audit?since=yesterday"),
)
