"""Users of the PBX: names, passwords, access, and that one administrator always stays."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ayrix_foundation.audit import Actor
from ayrix_foundation.clock import Moment
from ayrix_foundation.passwords import UnfitPassword
from ayrix_web.domain.access import (
    SYSTEM_DEFAULTS,
    Access,
    AccessChange,
    Account,
    ChangedMeanwhile,
    InvalidName,
    LastAdministrator,
    Module,
    NameTaken,
    UnknownAccount,
    WrongPassword,
)
from ayrix_web.domain.errors import TooManyTries
from ayrix_web.rows import AUDIT, AccountRow, GrantRow
from ayrix_web.services import accounts, password_check
from ayrix_web.system import System
from tests.services.licensed_pbx import close_pbx, make_pbx

PASSWORD = "correct horse battery"
ADMIN = Actor("admin", "192.0.2.1")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(slots=True)
class SetClock:
    """A wall clock that the test sets."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    def moment(self) -> Moment:
        raise NotImplementedError

    def is_synchronized(self) -> bool:
        return True


@pytest.fixture(name="clock")
def clock_of_system() -> SetClock:
    return SetClock()


@pytest.fixture
def pbx(tmp_path: Path, clock: SetClock) -> Iterator[System]:
    system = replace(make_pbx(tmp_path, {}), clock=clock)
    accounts.create_account(system, "admin", PASSWORD, True, ADMIN)
    yield system
    close_pbx(system)


@pytest.fixture
def reception(pbx: System) -> Account:
    return accounts.create_account(pbx, "reception", PASSWORD, False, ADMIN)


def found(system: System, account: Account) -> tuple[Account, str]:
    result = accounts.find(system, account.id)
    assert result is not None
    return result


def stamp(system: System, account: Account) -> str:
    return found(system, account)[1]


def account_named(system: System, name: str) -> Account:
    return next(v.account for v in accounts.list_accounts(system) if v.account.name == name)


def recorded(system: System) -> list[tuple[str, str, str]]:
    with system.database.read() as session:
        query = select(AUDIT.c.actor, AUDIT.c.action, AUDIT.c.subject).order_by(AUDIT.c.id)
        return [(row.actor, row.action, row.subject) for row in session.execute(query)]


def audit_count(system: System) -> int:
    return len(recorded(system))


# -- names and passwords ---------------------------------------------------------------------------


def test_a_new_user_has_the_systems_defaults(pbx: System, reception: Account) -> None:
    assert reception == found(pbx, reception)[0]
    assert reception.grants == SYSTEM_DEFAULTS
    assert not reception.is_admin


def test_users_are_listed_by_name_whatever_the_case(pbx: System) -> None:
    for name in ("Zoe", "bert", "Änne"):
        accounts.create_account(pbx, name, PASSWORD, False, ADMIN)
    names = [view.account.name for view in accounts.list_accounts(pbx)]
    assert names == ["admin", "bert", "Zoe", "Änne"]


@pytest.mark.parametrize("name", ["Reception", "  reception ", "RECEPTION"])
def test_a_name_is_taken_in_any_letters(pbx: System, reception: Account, name: str) -> None:
    with pytest.raises(NameTaken):
        accounts.create_account(pbx, name, PASSWORD, False, ADMIN)


def test_an_unfit_name_or_password_leaves_nothing_behind(pbx: System) -> None:
    before = audit_count(pbx)
    with pytest.raises(InvalidName):
        accounts.create_account(pbx, " ", PASSWORD, False, ADMIN)
    for password in ("short", "x" * 201):
        with pytest.raises(UnfitPassword):
            accounts.create_account(pbx, "sales", password, False, ADMIN)
    assert len(accounts.list_accounts(pbx)) == 1
    assert audit_count(pbx) == before


def test_the_password_is_stored_as_argon2id_only(pbx: System, reception: Account) -> None:
    with pbx.database.read() as session:
        stored = session.scalars(select(AccountRow.password_hash)).all()
    assert all(password.startswith("$argon2id$") for password in stored)
    assert len(set(stored)) == 2, "equal passwords must not look equal"


@pytest.mark.parametrize("account_id", ["", "0", "-1", "1e3", "٣", "9" * 30, "1 OR 1=1"])
def test_a_made_up_id_finds_nobody(pbx: System, account_id: str) -> None:
    assert accounts.find(pbx, account_id) is None


# -- sessions end ----------------------------------------------------------------------------------

Action = Callable[[System], None]

ENDING: dict[str, Action] = {
    "a new password": lambda s: accounts.set_password(s, "reception", "another password", ADMIN),
    "an own access": lambda s: accounts.set_access(
        s, "reception", {Module.LICENSE: Access.READ_ONLY}, ADMIN
    ),
    "a default that applies": lambda s: accounts.set_default(s, Module.LICENSE, Access.NONE, ADMIN),
    "becoming an administrator": lambda s: accounts.set_admin(s, "reception", True, ADMIN),
    "a reviewed change": lambda s: accounts.change_access(
        s, [AccessChange("reception", Module.USERS, None, Access.FULL)], ADMIN
    ),
}


@pytest.mark.parametrize("action", ENDING.values(), ids=ENDING.keys())
def test_sessions_end_with(pbx: System, reception: Account, action: Action) -> None:
    admin = account_named(pbx, "admin")
    before, others = stamp(pbx, reception), stamp(pbx, admin)
    action(pbx)
    assert stamp(pbx, reception) != before
    assert stamp(pbx, admin) == others


def test_a_default_leaves_those_alone_who_have_their_own_setting(
    pbx: System, reception: Account
) -> None:
    accounts.set_access(pbx, "reception", {Module.LICENSE: Access.FULL}, ADMIN)
    before = stamp(pbx, reception)
    accounts.set_default(pbx, Module.LICENSE, Access.NONE, ADMIN)
    assert stamp(pbx, reception) == before
    assert found(pbx, reception)[0].may(Module.LICENSE, Access.FULL)


def test_setting_what_already_stands_changes_and_records_nothing(
    pbx: System, reception: Account
) -> None:
    before, entries = stamp(pbx, reception), audit_count(pbx)
    accounts.set_access(pbx, "reception", {Module.LICENSE: None}, ADMIN)
    accounts.set_default(pbx, Module.LICENSE, Access.FULL, ADMIN)
    accounts.set_admin(pbx, "reception", False, ADMIN)
    assert (stamp(pbx, reception), audit_count(pbx)) == (before, entries)


# -- access ----------------------------------------------------------------------------------------


def test_an_own_access_wins_over_the_default_and_can_be_taken_back(
    pbx: System, reception: Account
) -> None:
    accounts.set_access(pbx, "reception", {Module.NETWORK: Access.READ_ONLY}, ADMIN)
    assert found(pbx, reception)[0].access(Module.NETWORK) is Access.READ_ONLY
    accounts.set_access(pbx, "reception", {Module.NETWORK: None}, ADMIN)
    assert found(pbx, reception)[0].access(Module.NETWORK) is Access.NONE


def test_a_changed_default_applies_at_once_and_to_new_users(
    pbx: System, reception: Account
) -> None:
    accounts.set_default(pbx, Module.NETWORK, Access.READ_ONLY, ADMIN)
    assert accounts.defaults(pbx)[Module.NETWORK] is Access.READ_ONLY
    assert found(pbx, reception)[0].access(Module.NETWORK) is Access.READ_ONLY
    sales = accounts.create_account(pbx, "sales", PASSWORD, False, ADMIN)
    assert sales.access(Module.NETWORK) is Access.READ_ONLY


def test_changes_are_made_all_or_none(pbx: System, reception: Account) -> None:
    changes = [
        AccessChange("reception", Module.NETWORK, None, Access.FULL),
        AccessChange("reception", Module.USERS, Access.READ_ONLY, Access.FULL),
    ]
    entries = audit_count(pbx)
    with pytest.raises(ChangedMeanwhile):
        accounts.change_access(pbx, changes, ADMIN)
    assert found(pbx, reception)[0].grants == SYSTEM_DEFAULTS
    assert audit_count(pbx) == entries


def test_a_default_has_nothing_to_follow(pbx: System) -> None:
    with pytest.raises(ValueError, match="nothing to follow"):
        accounts.change_access(pbx, [AccessChange(None, Module.LICENSE, Access.FULL, None)], ADMIN)


def test_access_of_a_removed_user_goes_with_him(pbx: System, reception: Account) -> None:
    accounts.set_access(pbx, "reception", {Module.NETWORK: Access.FULL}, ADMIN)
    accounts.delete_account(pbx, "reception", ADMIN)
    assert accounts.find(pbx, reception.id) is None
    with pbx.database.read() as session:
        assert session.scalar(select(func.count()).select_from(GrantRow)) == 0


ON_NOBODY: dict[str, Action] = {
    "set_password": lambda s: accounts.set_password(s, "nobody", PASSWORD, ADMIN),
    "set_admin": lambda s: accounts.set_admin(s, "nobody", True, ADMIN),
    "set_access": lambda s: accounts.set_access(s, "nobody", {Module.USERS: None}, ADMIN),
    "delete_account": lambda s: accounts.delete_account(s, "nobody", ADMIN),
    "change_access": lambda s: accounts.change_access(
        s, [AccessChange("nobody", Module.USERS, None, Access.FULL)], ADMIN
    ),
}


@pytest.mark.parametrize("action", ON_NOBODY.values(), ids=ON_NOBODY.keys())
def test_an_unknown_user_is_said_to_be_unknown_by(pbx: System, action: Action) -> None:
    with pytest.raises(UnknownAccount):
        action(pbx)


# -- the last administrator ------------------------------------------------------------------------


def test_the_last_administrator_can_neither_be_removed_nor_demoted(
    pbx: System, reception: Account
) -> None:
    with pytest.raises(LastAdministrator):
        accounts.set_admin(pbx, "admin", False, ADMIN)
    with pytest.raises(LastAdministrator):
        accounts.delete_account(pbx, "admin", ADMIN)
    assert account_named(pbx, "admin").is_admin


def test_an_administrator_can_go_when_another_stays(pbx: System, reception: Account) -> None:
    accounts.set_admin(pbx, "reception", True, ADMIN)
    accounts.delete_account(pbx, "admin", ADMIN)
    assert [view.account.name for view in accounts.list_accounts(pbx)] == ["reception"]


def test_two_processes_demoting_each_other_leave_one_administrator(
    pbx: System, tmp_path: Path
) -> None:
    accounts.create_account(pbx, "deputy", PASSWORD, True, ADMIN)
    with racers(tmp_path, 2) as racing:
        for _ in range(25):
            for name in ("admin", "deputy"):
                accounts.set_admin(pbx, name, True, ADMIN)
            answers = ask(racing, ["demote admin", "demote deputy"])
            assert sorted(answers) == ["done", "last"]
            left = [v.account.name for v in accounts.list_accounts(pbx) if v.account.is_admin]
            assert len(left) == 1


# -- signing in ------------------------------------------------------------------------------------


def test_signing_in_gives_the_account_in_any_letters(pbx: System, reception: Account) -> None:
    assert accounts.verify(pbx, " Reception", PASSWORD, "192.0.2.7") == reception


@pytest.mark.parametrize("password", ["", "Correct horse battery", PASSWORD + " ", "x" * 5000])
def test_another_password_is_wrong(pbx: System, password: str) -> None:
    with pytest.raises(WrongPassword):
        accounts.verify(pbx, "admin", password, "192.0.2.7")


def test_a_new_password_replaces_the_old_one(pbx: System, reception: Account) -> None:
    accounts.change_own_password(pbx, "reception", PASSWORD, "another password", ADMIN)
    with pytest.raises(WrongPassword):
        accounts.verify(pbx, "reception", PASSWORD, "192.0.2.7")
    assert accounts.verify(pbx, "reception", "another password", "192.0.2.7") == reception


def test_a_user_must_know_his_password_to_change_it(pbx: System, reception: Account) -> None:
    before = stamp(pbx, reception)
    with pytest.raises(WrongPassword):
        accounts.change_own_password(pbx, "reception", "a guess", "another password", ADMIN)
    assert stamp(pbx, reception) == before


def try_wrong(system: System, name: str, times: int, address: str = "192.0.2.7") -> None:
    for _ in range(times):
        with pytest.raises(WrongPassword):
            accounts.verify(system, name, "a wrong guess", address)


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing takes long on purpose; here only the counting matters."""
    monkeypatch.setattr(
        password_check, "password_fits", lambda password, stored: password == PASSWORD
    )


@pytest.mark.parametrize("name", ["reception", "nobody"])
def test_after_ten_wrong_passwords_an_account_waits_known_or_not(
    pbx: System, reception: Account, clock: SetClock, name: str
) -> None:
    try_wrong(pbx, name, 10)
    clock.time += timedelta(minutes=5)
    with pytest.raises(TooManyTries) as caught:
        accounts.verify(pbx, name, PASSWORD, "192.0.2.99")
    assert caught.value.wait == timedelta(minutes=10)


def test_after_the_window_the_account_may_try_again(
    pbx: System, reception: Account, clock: SetClock
) -> None:
    try_wrong(pbx, "reception", 10)
    clock.time += timedelta(minutes=15)
    assert accounts.verify(pbx, "reception", PASSWORD, "192.0.2.7") == reception


def test_other_letters_are_no_other_account(pbx: System, reception: Account) -> None:
    for name in ("reception", "Reception", "RECEPTION ", "\uff52eception", "receptioN") * 2:
        try_wrong(pbx, name, 1)
    with pytest.raises(TooManyTries):
        accounts.verify(pbx, "reception", PASSWORD, "192.0.2.7")


@pytest.mark.usefixtures("cheap_passwords")
def test_after_fifty_wrong_passwords_an_address_waits(pbx: System, reception: Account) -> None:
    for number in range(50):
        try_wrong(pbx, f"user{number}", 1)
    with pytest.raises(TooManyTries):
        accounts.verify(pbx, "reception", PASSWORD, "192.0.2.7")
    assert accounts.verify(pbx, "reception", PASSWORD, "192.0.2.8") == reception


@pytest.mark.usefixtures("cheap_passwords")
def test_all_addresses_of_an_ipv6_site_count_as_one(pbx: System, reception: Account) -> None:
    for number in range(50):
        try_wrong(pbx, f"user{number}", 1, f"2001:db8::{number + 1:x}")
    with pytest.raises(TooManyTries):
        accounts.verify(pbx, "reception", PASSWORD, "2001:db8::ffff:1")
    assert accounts.verify(pbx, "reception", PASSWORD, "2001:db8:0:1::1") == reception


@pytest.mark.usefixtures("cheap_passwords")
def test_right_passwords_use_nothing_up(pbx: System, reception: Account) -> None:
    for _ in range(60):
        assert accounts.verify(pbx, "reception", PASSWORD, "192.0.2.7") == reception


@pytest.mark.usefixtures("cheap_passwords")
def test_an_own_account_does_not_wash_an_address_clean(pbx: System, reception: Account) -> None:
    for number in range(50):
        accounts.verify(pbx, "reception", PASSWORD, "192.0.2.7")
        try_wrong(pbx, f"user{number}", 1)
    with pytest.raises(TooManyTries):
        accounts.verify(pbx, "user51", "a wrong guess", "192.0.2.7")


@pytest.mark.usefixtures("cheap_passwords")
def test_an_address_that_is_shut_out_cannot_shut_out_accounts(
    pbx: System, reception: Account
) -> None:
    for number in range(50):
        try_wrong(pbx, f"user{number}", 1)
    for _ in range(20):
        with pytest.raises(TooManyTries):
            accounts.verify(pbx, "reception", "a wrong guess", "192.0.2.7")
    assert accounts.verify(pbx, "reception", PASSWORD, "192.0.2.8") == reception


def test_a_password_from_the_administrator_ends_the_wait(pbx: System, reception: Account) -> None:
    try_wrong(pbx, "reception", 10)
    accounts.set_password(pbx, "reception", "another password", ADMIN)
    assert accounts.verify(pbx, "reception", "another password", "192.0.2.7") == reception


@pytest.mark.usefixtures("cheap_passwords")
def test_a_clock_that_was_years_ahead_does_not_shut_out_for_years(
    pbx: System, reception: Account, clock: SetClock
) -> None:
    clock.time = NOON + timedelta(days=3650)
    try_wrong(pbx, "reception", 10)
    clock.time = NOON
    assert accounts.verify(pbx, "reception", PASSWORD, "192.0.2.7") == reception


def test_processes_trying_at_once_get_ten_tries_together(
    pbx: System, reception: Account, tmp_path: Path
) -> None:
    with racers(tmp_path, 2) as racing:
        answers = [
            answer for _ in range(8) for answer in ask(racing, ["try reception a-wrong-guess"] * 2)
        ]
    assert (answers.count("wrong"), answers.count("wait")) == (10, 6)


@pytest.mark.real_passwords
def test_an_unknown_name_costs_as_much_as_a_wrong_password(pbx: System, reception: Account) -> None:
    def cost(name: str) -> float:
        began = time.process_time()
        try_wrong(pbx, name, 1)
        return time.process_time() - began

    cost("nobody")  # what is loaded once is loaded
    known = min(cost("reception") for _ in range(5))
    unknown = min(cost("nobody") for _ in range(5))
    assert 0.6 < unknown / known < 1.6


# -- the record ------------------------------------------------------------------------------------


def test_every_action_is_recorded_with_who_and_whom(pbx: System, reception: Account) -> None:
    for action in ENDING.values():
        action(pbx)
    accounts.verify(pbx, "reception", "another password", "192.0.2.7")
    try_wrong(pbx, "reception", 1)
    accounts.delete_account(pbx, "reception", ADMIN)
    assert recorded(pbx) == [
        ("admin", "account.created", "admin"),
        ("admin", "account.created", "reception"),
        ("admin", "account.password_changed", "reception"),
        ("admin", "access.changed", "reception"),
        ("admin", "access.default_changed", ""),
        ("admin", "account.role_changed", "reception"),
        ("admin", "access.changed", "reception"),
        ("reception", "session.opened", "reception"),
        ("anonymous", "session.refused", "reception"),
        ("admin", "account.deleted", "reception"),
    ]


def test_a_change_of_access_is_recorded_with_old_and_new(pbx: System, reception: Account) -> None:
    accounts.set_access(pbx, "reception", {Module.LICENSE: Access.READ_ONLY}, ADMIN)
    with pbx.database.read() as session:
        newest = session.execute(select(AUDIT).order_by(AUDIT.c.id.desc()).limit(1)).one()
    assert newest.details == {"module": "license", "old": "default", "new": "read_only"}
    assert (newest.address, newest.at) == ("192.0.2.1", NOON)


def test_a_password_typed_as_a_name_is_written_nowhere(pbx: System, tmp_path: Path) -> None:
    try_wrong(pbx, "my-Secret-Passw0rd", 1)
    files = [path.read_bytes() for path in tmp_path.glob("ayrix.db*")]
    assert files
    assert not any(b"my-Secret-Passw0rd" in content for content in files)


# -- interpreters of their own ---------------------------------------------------------------------

Racer = subprocess.Popen[str]


@contextmanager
def racers(folder: Path, count: int) -> Iterator[list[Racer]]:
    command = [sys.executable, "-m", "tests.services.account_racer", str(folder)]
    racing = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        assert [heard(racer) for racer in racing] == ["ready"] * count
        yield racing
    finally:
        for racer in racing:
            racer.communicate(timeout=20)


def ask(racing: Sequence[Racer], lines: Sequence[str]) -> list[str]:
    """Tell each its line before any answer is awaited, so that they run at the same time."""
    for racer, line in zip(racing, lines, strict=True):
        assert racer.stdin is not None
        racer.stdin.write(line + "\n")
        racer.stdin.flush()
    return [heard(racer) for racer in racing]


def heard(racer: Racer) -> str:
    assert racer.stdout is not None
    return racer.stdout.readline().strip()
