"""A database that another process keeps, a full disk, a read-only file system.

Both programs say it in a sentence, lose nothing, and go on by themselves once it is over; none of
their processes is started again in between.
"""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_foundation.database import DatabaseFault
from ayrix_license_server.rows.orders import OrderRow as PlacedRow
from ayrix_protocol.orders import LineRequest
from ayrix_web.domain.license import Status
from ayrix_web.domain.order import OrderDraft, OrderStage
from ayrix_web.services import activation, licensing, order_book, ordering
from tests.processes.breakable import LicenseServer, Pbx
from tests.processes.programs import LONGEST_WAIT_S, free_port, wait_until
from tests.web import sentences

FEATURE, BOUGHT = "extension", 40
DISK = "size=6m"
PAGE = 4096
VENDOR_SENTENCES = {
    DatabaseFault.BUSY: "The database is busy. Try again in a moment.",
    DatabaseFault.READ_ONLY: "The database cannot be written: check who owns the folder.",
    DatabaseFault.FULL: "The disk is full.",
}
LANGUAGES = ("en", "de")


@dataclass(frozen=True, slots=True)
class Office:
    """A license server and an active PBX, each on a small disk of its own, all of it running."""

    license_server: LicenseServer
    pbx: Pbx

    @property
    def status(self) -> Status:
        """Whether the PBX works."""
        return licensing.current(self.pbx.system).status

    def page_after(self, path: str, language: str) -> tuple[int, str]:
        """What the pages answer to a form that has nothing but its button."""
        pbx = self.pbx
        pbx.browser.get(f"{pbx.url}/license?lang={language}", timeout=LONGEST_WAIT_S)
        answer = pbx.send("/license", path)
        return answer.status_code, unescape(answer.text)

    def orders(self) -> int:
        """How many orders the license server has."""
        with self.license_server.system.database.read() as session:
            return session.scalar(select(func.count()).select_from(PlacedRow)) or 0


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Both programs on file systems that hold nothing else."""
    folders = tmp_path / "vendor", tmp_path / "pbx"
    for folder in folders:
        folder.mkdir()
        mount("-t", "tmpfs", "-o", f"{DISK},mode=0700", "tmpfs", str(folder))
    port = free_port()
    license_server = LicenseServer(folders[0], port, f"http://127.0.0.1:{port}")
    license_server.start()
    pbx = Pbx(folders[1], license_server)
    try:
        activation.activate(pbx.system, license_server.sell(**{FEATURE: BOUGHT}), COMMAND_LINE)
        pbx.start_web()
        pbx.sign_in()
        pbx.agent.start()
        yield Office(license_server, pbx)
    finally:
        pbx.stop()
        license_server.program.kill()
        license_server.system.database.close()
        for folder in folders:
            subprocess.run(("umount", "--lazy", str(folder)), check=True)


def mount(*arguments: str) -> None:
    subprocess.run(("mount", *arguments), check=True)


@contextmanager
def kept_by_another(folder: Path) -> Iterator[None]:
    """Another process has the database for itself."""
    (file,) = folder.glob("*.db")
    other = sqlite3.connect(file)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Not one more page fits on the disk."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(PAGE))
        except OSError:
            pass
    try:
        yield
    finally:
        filler.unlink()


FAULTS: dict[DatabaseFault, Callable[[Path], AbstractContextManager[None]]] = {
    DatabaseFault.BUSY: kept_by_another,
    DatabaseFault.FULL: full,
}


@pytest.mark.needs_root
@pytest.mark.parametrize("fault", FAULTS)
def test_the_pbx_says_what_is_wrong_and_goes_on_by_itself(
    office: Office, fault: DatabaseFault
) -> None:
    pbx, before = office.pbx, seq(office)
    with FAULTS[fault](pbx.folder):
        for position, language in enumerate(LANGUAGES):
            status, page = office.page_after("/license/check", language)
            assert (status, sentences.DATABASE_FAULTS[fault][position] in page) == (503, True), page
        command = pbx.run("check")
        assert (command.code, command.err.strip()) == (1, sentences.DATABASE_FAULTS[fault][0])
        assert pbx.run("status").code == 0
        assert office.status in {Status.ACTIVE, Status.GRACE}
    wait_until(lambda: seq(office) > before, "the agent checks by itself")
    wait_until(lambda: office.status is Status.ACTIVE, "the license is active again")
    assert office.page_after("/license/check", "en")[0] == 303
    assert pbx.run("check").code == 0
    assert pbx.run("audit", "verify").code == 0
    assert both_are_running(office)


@pytest.mark.needs_root
@pytest.mark.parametrize("fault", FAULTS)
def test_the_license_server_says_what_is_wrong_and_no_order_is_lost(
    office: Office, fault: DatabaseFault
) -> None:
    pbx, vendor, orders = office.pbx, office.license_server, office.orders()
    draft = write_order_down(pbx)
    with FAULTS[fault](vendor.folder):
        command = vendor.run("customer", "add", "4712", "Another Example GmbH", "--seller", "S1")
        assert (command.code, command.err.strip()) == (1, VENDOR_SENTENCES[fault])
        answer = pbx.run("check")
        assert answer.code == 1
        assert answer.err.strip()
        assert office.orders() == orders
    wait_until(lambda: stage(pbx, draft) is OrderStage.FULFILLED, "the order arrives by itself")
    assert office.orders() == orders + 1
    assert pbx.run("check").code == 0
    done = vendor.run("customer", "add", "4712", "Another Example GmbH", "--seller", "S1")
    assert done.code == 0, done.err
    assert both_are_running(office)


@pytest.mark.needs_root
def test_a_read_only_file_system_is_said_and_writing_goes_on_once_it_is_over(
    office: Office,
) -> None:
    pbx, vendor = office.pbx, office.license_server
    fault = DatabaseFault.READ_ONLY
    pbx.web.stop()
    pbx.agent.stop()
    with read_only(pbx.folder), read_only(vendor.folder):
        pbx.start_web()  # whatever it opens cannot be written
        for position, language in enumerate(LANGUAGES):
            status, page = office.page_after("/license/check", language)
            assert (status, sentences.DATABASE_FAULTS[fault][position] in page) == (503, True), page
        command = pbx.run("check")
        assert (command.code, command.err.strip()) == (1, sentences.DATABASE_FAULTS[fault][0])
        assert pbx.run("status").code == 0
        command = vendor.run("customer", "add", "4712", "Another Example GmbH", "--seller", "S1")
        assert (command.code, command.err.strip()) == (1, VENDOR_SENTENCES[fault])
    # The first may still meet a connection that was opened for reading.
    tries = [office.page_after("/license/check", "en")[0] for _ in range(2)]
    assert tries[-1] == 303
    assert pbx.run("check").code == 0


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Whatever is opened now is on a file system that is read-only."""
    mount("--bind", str(folder), str(folder))
    mount("-o", "remount,bind,ro", str(folder))
    try:
        yield
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=True)


def seq(office: Office) -> int:
    lease = licensing.held_lease(office.pbx.system)
    return lease.seq if lease else 0


def stage(pbx: Pbx, draft: OrderDraft) -> OrderStage | None:
    order = order_book.find(pbx.system, str(draft.key))
    return order.stage if order else None


def write_order_down(pbx: Pbx) -> OrderDraft:
    """An order that the agent will send in a moment."""
    system, lines = pbx.system, (LineRequest(code=FEATURE, quantity=1),)
    proposal = ordering.propose(system, lines)
    draft = OrderDraft(proposal.key, lines, proposal.quote.quote_hash)
    with system.database.write() as session:
        due = system.clock.now()
        session.add(order_book.new_row(draft, proposal.quote, "admin", due))
    return draft


def both_are_running(office: Office) -> bool:
    programs = (office.pbx.web, office.pbx.agent, office.license_server.program)
    return all(one.process is not None and one.process.poll() is None for one in programs)
