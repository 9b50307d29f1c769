"""Getting back without asking anyone: what the pages say and offer for each thing that happens."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_protocol.activation_key import new_activation_key
from ayrix_protocol.binding import component_hash
from ayrix_protocol.jws import DocumentType
from ayrix_protocol.lease import Revocation, RevocationReason
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.rebindings import Decision
from ayrix_web.domain.access import Access, Module
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import Reason, Status
from ayrix_web.rows import INSTALLATION, InstallationRow
from ayrix_web.services import accounts, checks, licensing
from tests.fakes import HARDWARE, ORIGIN, refused
from tests.pbx_fixtures import TESTER, Pbx
from tests.web.conftest import PASSWORD, SignIn, make_app, post_form
from tests.web.pages import main_of, words_of

STEP = re.compile(r'<details class="step-x card-x" id="(\w+)"( open)?>')
MOVED_TO = "192.168.10.77"
SPARE = HARDWARE.model_copy(
    update={"nic_serial": component_hash("nic_serial", "d4ae52009999"), "cpu_serial": None}
)


def silence(pbx: Pbx, hours: int = 73) -> None:
    """Let the lease end without an answer."""
    pbx.server.away = FaultKind.CONNECTION
    pbx.clock.go_on(timedelta(hours=hours))
    checks.check(pbx.system, TESTER)


def refuse(code: ProblemCode) -> Callable[[Pbx], None]:
    """A license server that refuses until the lease is over."""

    def happen(pbx: Pbx) -> None:
        pbx.server.refusal = refused(code).problem
        pbx.clock.go_on(timedelta(hours=73))
        checks.check(pbx.system, TESTER)

    return happen


def fail(kind: FaultKind) -> Callable[[Pbx], None]:
    """A license server of which nothing usable comes until the lease is over."""

    def happen(pbx: Pbx) -> None:
        pbx.server.away = kind
        pbx.clock.go_on(timedelta(hours=73))
        checks.check(pbx.system, TESTER)

    return happen


def move(pbx: Pbx) -> None:
    """Change the address the wrong way, and do nothing for three days."""
    pbx.machine.address = MOVED_TO
    pbx.clock.go_on(timedelta(hours=73))
    checks.check(pbx.system, TESTER)


def move_disk(pbx: Pbx) -> None:
    """Put the disk into another machine."""
    pbx.machine.hardware = SPARE
    pbx.clock.go_on(timedelta(seconds=20))


def revoke(pbx: Pbx) -> None:
    """Let the vendor end the license with his signature."""
    revocation = Revocation(
        iss=ORIGIN,
        aud=pbx.system.installation_id,
        iat=int(pbx.clock.wall),
        reason=RevocationReason.REVOKED,
        gen=1,
        up_to_seq=99,
    )
    signed = revocation.model_dump_json().encode()
    token = pbx.server.signing.sign(DocumentType.REVOCATION, signed)
    pbx.server.refusal = refused(ProblemCode.REVOKED, revocation=token).problem
    checks.check(pbx.system, TESTER)


def damage(pbx: Pbx) -> None:
    """Edit what is stored."""
    with pbx.system.database.write() as session:
        row = session.get_one(InstallationRow, INSTALLATION)
        row.mark_time = (row.mark_time or 0) - 1
    pbx.clock.go_on(timedelta(seconds=6))


def go_ahead_and_back(pbx: Pbx) -> None:
    """A clock that is 30 days ahead for a while, and then right again."""
    pbx.clock.step(timedelta(days=30))
    licensing.write_mark(pbx.system)
    pbx.clock.step(timedelta(days=-30))
    pbx.clock.go_on(timedelta(seconds=6))


def run_far_ahead(pbx: Pbx) -> None:
    """A clock that jumps by years, which is not believed; the lease ends by the time since boot."""
    pbx.clock.step(timedelta(days=1000))
    pbx.clock.go_on(timedelta(hours=73))


def nothing(_pbx: Pbx) -> None:
    """A system that was never activated."""


@dataclass(frozen=True, slots=True)
class Case:
    """What happens, the reason shown for it, the open step, and what both pages must say."""

    happen: Callable[[Pbx], None]
    reason: Reason
    step: str
    english: tuple[str, ...]
    german: tuple[str, ...]
    is_activated: bool = True


CASES = {
    "never activated": Case(
        nothing,
        Reason.NEVER_ACTIVATED,
        "activation",
        ("Enter the activation key. If you have none, ask",),
        ("Geben Sie den Aktivierungsschlüssel ein. Wenn Sie keinen haben, fragen Sie",),
        is_activated=False,
    ),
    "silence": Case(
        silence,
        Reason.UNREACHABLE,
        "check",
        (
            "Check the internet connection and the firewall.",
            "This system also asks by itself, every 5 minutes.",
        ),
        (
            "Prüfen Sie die Internetverbindung und die Firewall.",
            "Dieses System fragt auch von selbst, alle 5 Minuten.",
        ),
    ),
    "an error of the server": Case(
        fail(FaultKind.SERVER_ERROR),
        Reason.SERVER_ERROR,
        "check",
        ("answered, but not as a license server does.", "Customer Service Center"),
        ("hat geantwortet, aber nicht wie ein Lizenzserver.", "Customer Service Center"),
    ),
    "a busy server": Case(
        fail(FaultKind.SERVER_BUSY),
        Reason.SERVER_ERROR,
        "check",
        ("License server busy", "It does so by itself, nothing needs to be done."),
        ("Lizenzserver ausgelastet", "Das geschieht von selbst, Sie müssen nichts tun."),
    ),
    "another address": Case(
        move,
        Reason.IP_MISMATCH,
        "address",
        (
            "Put the address 192.168.10.20 back, or let an administrator ask Example Reseller",
            "An address of the last 30 days is taken back by itself.",
            "User name of an administrator",
        ),
        (
            "Stellen Sie die Adresse 192.168.10.20 wieder her, oder ein Administrator bittet",
            "Eine Adresse der letzten 30 Tage wird von selbst wieder angenommen.",
            "Benutzername eines Administrators",
        ),
    ),
    "a disk in another machine": Case(
        move_disk,
        Reason.HARDWARE_MISMATCH,
        "replacement",
        (
            "Changed: NIC serial (now d4:ae:…:22).",
            "for up to 7 days the license may run on here. Request the replacement from Example",
        ),
        (
            "Geändert: Seriennummer der Netzwerkkarte (jetzt d4:ae:…:22).",
            "Bis zu 7 Tage kann die Lizenz hier weiterlaufen. Bitten Sie Example Reseller um",
        ),
    ),
    "suspended": Case(
        refuse(ProblemCode.SUSPENDED),
        Reason.SUSPENDED,
        "check",
        ("Ask the Customer Service Center why, and what resumes it.",),
        ("Fragen Sie das Customer Service Center nach dem Grund und nach der Freigabe.",),
    ),
    "revoked": Case(
        revoke,
        Reason.REVOKED,
        "activation",
        ("If you have a new activation key, enter it.",),
        ("Wenn Sie einen neuen Aktivierungsschlüssel haben, geben Sie ihn ein.",),
    ),
    "two machines of one identity": Case(
        refuse(ProblemCode.CLONE_SUSPECTED),
        Reason.CLONE_SUSPECTED,
        "activation",
        ("Enter the activation key on the right machine, the other one is shut out then.",),
        ("Geben Sie den Aktivierungsschlüssel auf dem richtigen Gerät ein, das andere wird",),
    ),
    "edited state": Case(
        damage,
        Reason.STATE_DAMAGED,
        "activation",
        (
            "Enter the activation key again.",
            "on the same hardware the key activates at once, once in 90 days",
        ),
        (
            "Geben Sie den Aktivierungsschlüssel erneut ein.",
            "auf derselben Hardware aktiviert der Schlüssel sofort, einmal in 90 Tagen",
        ),
    ),
    "a clock that was ahead": Case(
        go_ahead_and_back,
        Reason.CLOCK_BEHIND,
        "check",
        (
            "The clock of this system says Tuesday, 24 November, 09:00; by the license server it "
            "is Thursday, 24 December, 09:00 or later. It is behind.",
        ),
        (
            "Die Uhr dieses Systems zeigt Dienstag, 24. November, 09:00 Uhr; nach dem Lizenzserver "
            "ist es Donnerstag, 24. Dezember, 09:00 Uhr oder später. Sie geht nach.",
        ),
    ),
    "a clock that is years ahead": Case(
        run_far_ahead,
        Reason.CLOCK_AHEAD,
        "check",
        ("The next answer of the license server heals this", "It is ahead."),
        ("Die nächste Antwort des Lizenzservers behebt das", "Sie geht vor."),
    ),
}


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", CASES)
def test_a_locked_system_says_what_happened_and_opens_the_likely_way(
    pbx: Pbx, name: str, language: str
) -> None:
    case = CASES[name]
    if case.is_activated:
        pbx.activate()
    case.happen(pbx)
    page = make_app(pbx.system).test_client().get(f"/activation?lang={language}")
    assert page.status_code == 200
    said = words_of(page)
    for sentence in case.english if language == "en" else case.german:
        assert sentence in said
    assert str(case.reason) in said
    opened = [step for step, is_open in STEP.findall(main_of(page)) if is_open]
    assert opened == [case.step]
    assert {"check", "activation", "replacement"} <= dict(STEP.findall(main_of(page))).keys()
    if case.is_activated and case.reason is not Reason.STATE_DAMAGED:
        for contact in ("Customer Service Center", "Example Reseller"):
            assert contact in said


def lend(pbx: Pbx) -> None:
    """A license server that lends the license to a spare box for seven days."""
    move_disk(pbx)
    pbx.server.lends_for = timedelta(days=7)
    assert checks.check(pbx.system, TESTER).state.status is Status.GRACE


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        (
            "en",
            (
                "The license runs on for a while on other hardware",
                "Changed: NIC serial (now d4:ae:…:22).",
                "On this hardware the license runs on until Tuesday, 1 December, 09:00 at most.",
                "Request replacement",
            ),
        ),
        (
            "de",
            (
                "Die Lizenz läuft vorübergehend auf anderer Hardware weiter",
                "Geändert: Seriennummer der Netzwerkkarte (jetzt d4:ae:…:22).",
                "Auf dieser Hardware läuft die Lizenz höchstens bis Dienstag, 1. Dezember, 09:00 "
                "Uhr weiter.",
                "Hardwaretausch anfragen",
            ),
        ),
    ],
)
def test_on_lent_hardware_the_license_page_says_until_when_and_asks_in_one_click(
    sign_in: SignIn,
    active_pbx: Pbx,
    language: str,
    sentences: tuple[str, ...],
) -> None:
    client = sign_in()
    lend(active_pbx)
    said = words_of(client.get(f"/license?lang={language}"))
    for sentence in sentences:
        assert sentence in said
    answer = post_form(client, "/activation/replacement", form_at="/license")
    assert (answer.status_code, answer.location) == (303, "/license")
    assert active_pbx.server.wanted is not None
    after = client.get("/license")
    assert sentences[-1] not in words_of(after), "asked once is enough"


def ask_for_replacement(client: FlaskClient, **fields: str) -> TestResponse:
    """Send the form of the activation page."""
    return post_form(client, "/activation/replacement", form_at="/activation", **fields)


def test_the_request_its_state_and_the_sellers_answer_are_shown(
    app: Flask, active_pbx: Pbx
) -> None:
    move_disk(active_pbx)
    client = app.test_client()
    answer = ask_for_replacement(client, reason="The mainboard died.")
    assert (answer.status_code, answer.location) == (303, "/activation")
    page = client.get("/activation")
    assert "The request to Example Reseller was sent today at 09:00." in words_of(page)
    assert '<noscript><meta http-equiv="refresh"' in page.text
    active_pbx.server.answer_request(Decision.DECLINED, "Please call <b>us</b> first.")
    active_pbx.clock.go_on(timedelta(minutes=1))
    page = client.get("/activation")
    said = words_of(page)
    assert "The request to Example Reseller was declined: Please call <b>us</b> first." in said
    assert "&lt;b&gt;us" in page.text
    assert '<noscript><meta http-equiv="refresh"' not in page.text


def test_an_approval_opens_the_page_that_was_wanted(app: Flask, active_pbx: Pbx) -> None:
    move_disk(active_pbx)
    client = app.test_client()
    client.get("/orders", headers={"Accept": "text/html"})
    ask_for_replacement(client)
    active_pbx.server.answer_request(Decision.APPROVED)
    active_pbx.clock.go_on(timedelta(minutes=1))
    answer = client.get("/activation")
    assert (answer.status_code, answer.location) == (303, "/orders")
    assert licensing.current(active_pbx.system).status is Status.ACTIVE


def test_a_waiting_request_is_looked_at_no_more_often_than_the_server_said(
    app: Flask, active_pbx: Pbx
) -> None:
    move_disk(active_pbx)
    client = app.test_client()
    ask_for_replacement(client)
    active_pbx.server.asked.clear()
    for _look in range(3):
        client.get("/activation")
    assert active_pbx.server.asked == []


def test_a_key_that_is_bound_elsewhere_fills_the_request_in(pbx: Pbx) -> None:
    client = make_app(pbx.system).test_client()
    key = new_activation_key()
    pbx.server.refusal = refused(ProblemCode.BOUND_ELSEWHERE).problem
    page = post_form(client, "/activation", key=key)
    assert page.status_code == 422
    assert main_of(page).count(f'value="{key}"') == 2


def test_a_mistyped_key_of_a_request_is_said_at_its_field(pbx: Pbx) -> None:
    page = ask_for_replacement(make_app(pbx.system).test_client(), license_key="ABCD")
    assert page.status_code == 422
    assert 'href="#replacement-key"' in page.text
    assert pbx.server.asked == []


# Moving the address


def ask_to_move(client: FlaskClient, **fields: str) -> TestResponse:
    """Send the form of the activation page."""
    return post_form(client, "/activation/address", form_at="/activation", **fields)


@pytest.fixture
def moved(app: Flask, active_pbx: Pbx) -> FlaskClient:
    """Somebody before a system locked since its address changed, with two accounts."""
    accounts.create_account(active_pbx.system, "admin", PASSWORD, True, COMMAND_LINE)
    accounts.create_account(active_pbx.system, "reception", PASSWORD, False, COMMAND_LINE)
    move(active_pbx)
    active_pbx.server.asked.clear()
    return app.test_client()


def test_while_locked_an_administrators_password_asks_to_move(
    moved: FlaskClient, active_pbx: Pbx
) -> None:
    answer = ask_to_move(moved, username="admin", password=PASSWORD, reason="New provider.")
    assert (answer.status_code, answer.location) == (303, "/activation")
    wanted = active_pbx.server.wanted
    assert wanted is not None
    assert (wanted.kind, wanted.reason, wanted.device.address) == (
        "address",
        "New provider.",
        MOVED_TO,
    )
    assert moved.get("/account").location == "/activation", "nobody is signed in by it"


@pytest.mark.parametrize(
    ("username", "password", "sentence"),
    [
        ("admin", "wrong", "User name or password is wrong."),
        ("nobody", PASSWORD, "User name or password is wrong."),
        ("", "", "User name or password is wrong."),
        ("reception", PASSWORD, "Only an administrator of this system may ask for this."),
    ],
)
def test_nobody_else_asks_to_move(
    moved: FlaskClient, active_pbx: Pbx, username: str, password: str, sentence: str
) -> None:
    page = ask_to_move(moved, username=username, password=password, reason="Kept text")
    assert page.status_code == 422
    said = words_of(page)
    assert sentence in said
    assert "Kept text" in said
    assert f'value="{PASSWORD}"' not in page.text
    assert active_pbx.server.asked == []


def test_passwords_are_limited_here_as_at_the_login(moved: FlaskClient) -> None:
    for _try in range(10):
        ask_to_move(moved, username="admin", password="wrong")
    page = ask_to_move(moved, username="admin", password=PASSWORD)
    assert page.status_code == 422
    assert "Too many wrong passwords." in words_of(page)


def test_in_grace_only_an_administrator_asks_to_move(sign_in: SignIn, active_pbx: Pbx) -> None:
    colleague = sign_in("reception", {Module.LICENSE: Access.FULL})
    active_pbx.machine.address = MOVED_TO
    checks.check(active_pbx.system, TESTER)
    assert 'id="address"' not in colleague.get("/activation").text
    refusal = post_form(colleague, "/activation/address", form_at="/activation")
    assert refusal.status_code == 403
    admin = sign_in()
    page = admin.get("/activation")
    assert 'id="address" open' in main_of(page)
    assert "User name of an administrator" not in words_of(page)
    assert ask_to_move(admin).status_code == 303
    assert active_pbx.server.wanted is not None
