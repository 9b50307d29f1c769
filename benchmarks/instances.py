"""What is measured: a license server with its licenses, and a PBX with 12 features, 200 orders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import requests
from sqlalchemy import select, update

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_foundation.clock import SystemClock
from ayrix_foundation.database import Database
from ayrix_foundation.migrations import upgrade
from ayrix_license_server import app as license_app
from ayrix_license_server.domain.catalog_file import read_catalog
from ayrix_license_server.services.catalog_loading import load_catalog
from ayrix_license_server.services.customers import NewCustomer, add_customer, add_seller
from ayrix_license_server.services.keys import make_keys
from ayrix_license_server.services.licenses import issue_license
from ayrix_license_server.settings import read_settings
from ayrix_protocol.lease import Contact
from ayrix_web import assembly
from ayrix_web import settings as web_settings
from ayrix_web.adapters.inventory import SqlInventory
from ayrix_web.rows import (
    AnnouncementRow,
    EndpointRow,
    InstallationRow,
    OrderRow,
    QueueRow,
    RingGroupRow,
    VoicemailRow,
)
from ayrix_web.services import accounts, activation, ordering
from ayrix_web.services.order_book import ORDERS_PER_PAGE
from ayrix_web.system import System
from benchmarks.load import LoadError

FEATURES = 12
ORDERS = 200
REAL_ORDERS = 10
USER, PASSWORD = "admin", "a long password"
TIMEOUT_S = 30.0

CUSTOMER = "10482"
QUANTITIES = {
    "extension": 40,
    "voicemail": 30,
    "announcement": 20,
    "ring_group": 5,
    "queue": 3,
    "fax_line": 2,
}
CATALOG = Path(__file__).with_name("catalog.yaml")

_ORDER = re.compile(r'href="/orders/([^"?]+)"')
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Vendor:
    """The instance folder of a license server, with activation keys nobody has used."""

    instance: Path
    root_key: str
    keys: tuple[str, ...]


def make_vendor(instance: Path, origin: str, licenses: int) -> Vendor:
    """A license server that is ready to start and to be reached at `origin`."""
    instance.mkdir()
    (instance / "settings.toml").write_text(
        f'public_url = "{origin}"\nlog_level = "WARNING"\nactivation_tries_per_hour = 1000\n'
    )
    settings = read_settings(instance)
    root_key = make_keys(settings, SystemClock().now())
    upgrade(Database(settings.database), license_app.MIGRATIONS)
    system = license_app.build_system(settings)
    load_catalog(system, read_catalog(CATALOG), COMMAND_LINE)
    add_seller(system, "reseller", Contact(name="Example Reseller"), COMMAND_LINE)
    add_customer(system, NewCustomer(CUSTOMER, "Example AG"), COMMAND_LINE)
    keys = tuple(
        issue_license(system, CUSTOMER, QUANTITIES, COMMAND_LINE).key for _ in range(licenses)
    )
    system.database.close()
    return Vendor(instance, root_key, keys)


def make_pbx(instance: Path, vendor: Vendor, origin: str) -> None:
    """A PBX with a user, objects, a license of the running license server, and orders."""
    instance.mkdir()
    (instance / "settings.toml").write_text(
        f'license_server_url = "{origin}"\nlicense_root_key = "{vendor.root_key}"\n'
        'log_level = "WARNING"\n'
    )
    upgrade(Database(web_settings.load(instance).database), assembly.MIGRATIONS)
    with pbx_system(instance) as system:
        accounts.create_account(system, USER, PASSWORD, is_admin=True, actor=COMMAND_LINE)
        _make_objects(system)
        activation.activate(system, vendor.keys[-1], COMMAND_LINE)
        _make_orders(system)


@contextmanager
def pbx_system(instance: Path) -> Iterator[System]:
    """The PBX in this very process."""
    system = assembly.build_system(web_settings.load(instance))
    try:
        yield system
    finally:
        system.database.close()
        if isinstance(system.inventory, SqlInventory):
            system.inventory.close()


def make_check_due(system: System) -> None:
    """Let the agent's next check be due at once."""
    with system.database.write() as session:
        session.execute(update(InstallationRow).values(next_check_at=system.clock.now()))


def sign_in(origin: str) -> requests.Session:
    """A browser of the PBX's administrator."""
    session = requests.Session()
    session.trust_env = False  # a proxy of the user does not lead to this machine
    submit(session, f"{origin}/login", f"{origin}/login", username=USER, password=PASSWORD)
    return session


def submit(session: requests.Session, page: str, target: str, **fields: str) -> None:
    """Send a form of `page` to `target`; raises LoadError unless that leads on with a 303."""
    token = _TOKEN.search(session.get(page, timeout=TIMEOUT_S).text)
    answer = session.post(
        target,
        {**fields, "csrf_token": token[1] if token else ""},
        allow_redirects=False,
        timeout=TIMEOUT_S,
    )
    if answer.status_code != requests.codes.see_other:
        raise LoadError(f"{target} answered {answer.status_code}")


def license_page(session: requests.Session, origin: str) -> bytes:
    """The request for the License page, once it shows what it must; raises LoadError."""
    page = session.get(f"{origin}/license", timeout=TIMEOUT_S)
    orders = set(_ORDER.findall(page.text))
    features = [entry for entry in read_catalog(CATALOG).features if entry.names.en in page.text]
    if (len(features), len(orders)) != (FEATURES, ORDERS_PER_PAGE):
        raise LoadError(
            f"/license answered {page.status_code}, {len(features)} features, {len(orders)} orders"
        )
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
    host = origin.removeprefix("http://")
    return (
        f"GET /license HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n"
        f"Accept-Language: en\r\nCookie: {cookies}\r\n\r\n"
    ).encode()


def _make_objects(system: System) -> None:
    with system.database.write() as session:
        for number in map(str, range(200, 234)):
            session.add(EndpointRow(id=number, aors=number, callerid=f'"Phone" <{number}>'))
        for number in map(str, range(200, 228)):
            session.add(VoicemailRow(mailbox=number, password="", fullname="Phone"))
        session.add_all(AnnouncementRow(name=f"Announcement {n}") for n in range(8))
        session.add_all(RingGroupRow(number=str(600 + n), name=f"Group {n}") for n in range(5))
        session.add_all(QueueRow(name=f"queue-{n}") for n in range(2))


def _make_orders(system: System) -> None:
    """Some real orders, and copies of them with other codes until there are enough."""
    for number in range(REAL_ORDERS):
        code = tuple(QUANTITIES)[number % len(QUANTITIES)]
        ordering.order_at_once(system, code, 1 + number % 3, COMMAND_LINE)
    with system.database.write() as session:
        rows = session.scalars(select(OrderRow)).all()
        for number in range(ORDERS - len(rows)):
            row = rows[number % len(rows)]
            session.add(_copied(row, number))


def _copied(row: OrderRow, number: int) -> OrderRow:
    values = {
        column.key: getattr(row, column.key)
        for column in OrderRow.__table__.columns
        if column.key != "id"
    }
    values["key"], values["code"] = uuid4(), f"A-2020-{number:04}"
    values["created_at"] = row.created_at - timedelta(days=1 + number)
    return OrderRow(**values)
