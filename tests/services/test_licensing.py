"""The state of the license as services see it, on a real database."""

from datetime import timedelta
from pathlib import Path

import pytest

from ayrix_foundation.database import Database
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import Reason, Status
from ayrix_web.rows import INSTALLATION, Base, InstallationRow
from ayrix_web.services import checks, licensing
from tests.fakes import refused
from tests.pbx_fixtures import TESTER, Pbx

A_SECOND = timedelta(seconds=1)
THREE_DAYS = timedelta(hours=72)


def test_is_unlicensed_before_the_first_activation(pbx: Pbx) -> None:
    state = licensing.current(pbx.system)
    assert (state.status, state.reason) == (Status.UNLICENSED, Reason.NEVER_ACTIVATED)


def test_works_for_72_hours_of_silence_and_not_a_second_longer(active_pbx: Pbx) -> None:
    active_pbx.server.away = FaultKind.CONNECTION
    checks.check(active_pbx.system, TESTER)
    active_pbx.clock.go_on(THREE_DAYS - A_SECOND)
    assert licensing.current(active_pbx.system).status is Status.GRACE
    active_pbx.clock.go_on(A_SECOND)
    state = licensing.current(active_pbx.system)
    assert (state.status, state.reason) == (Status.DEACTIVATED, Reason.UNREACHABLE)


def test_a_good_check_reactivates_at_once(active_pbx: Pbx) -> None:
    active_pbx.clock.go_on(THREE_DAYS)
    assert licensing.current(active_pbx.system).status.is_locked
    outcome = checks.check(active_pbx.system, TESTER)
    assert outcome.state.status is Status.ACTIVE
    assert licensing.current(active_pbx.system).status is Status.ACTIVE


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (FaultKind.NAME_RESOLUTION, Reason.UNREACHABLE),
        (FaultKind.CONNECTION, Reason.UNREACHABLE),
        (FaultKind.CERTIFICATE, Reason.UNREACHABLE),
        (FaultKind.TIMEOUT, Reason.UNREACHABLE),
        (FaultKind.SERVER_ERROR, Reason.SERVER_ERROR),
        (FaultKind.UNTRUSTED, Reason.SERVER_ERROR),
    ],
)
def test_a_failed_check_only_uses_up_grace(
    active_pbx: Pbx, fault: FaultKind, reason: Reason
) -> None:
    before = licensing.current(active_pbx.system).valid_until
    active_pbx.server.away = fault
    state = checks.check(active_pbx.system, TESTER).state
    assert (state.status, state.reason, state.valid_until) == (Status.GRACE, reason, before)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (ProblemCode.SUSPENDED, Reason.SUSPENDED),
        (ProblemCode.IP_MISMATCH, Reason.IP_MISMATCH),
        (ProblemCode.HARDWARE_MISMATCH, Reason.HARDWARE_MISMATCH),
        (ProblemCode.CLONE_SUSPECTED, Reason.CLONE_SUSPECTED),
        (ProblemCode.REVOKED, Reason.REVOKED),
    ],
)
def test_an_unsigned_refusal_never_ends_a_lease_early(
    active_pbx: Pbx, code: ProblemCode, reason: Reason
) -> None:
    active_pbx.server.refusal = refused(code).problem
    state = checks.check(active_pbx.system, TESTER).state
    assert (state.status, state.reason) == (Status.GRACE, reason)


def test_retries_after_five_minutes_and_no_later_than_a_check_whatever_the_server_asks(
    active_pbx: Pbx,
) -> None:
    active_pbx.server.away = FaultKind.SERVER_BUSY
    active_pbx.server.retry_after_s = 10**9
    checks.check(active_pbx.system, TESTER)
    next_at = licensing.next_check_at(active_pbx.system)
    assert next_at is not None
    assert timedelta(minutes=5) < next_at - active_pbx.clock.now() <= timedelta(hours=3)


def test_a_clock_set_back_gives_no_time_back(active_pbx: Pbx) -> None:
    active_pbx.clock.go_on(THREE_DAYS - A_SECOND)
    licensing.write_mark(active_pbx.system)
    active_pbx.clock.step(-timedelta(days=365))
    active_pbx.clock.reboot()
    active_pbx.clock.go_on(2 * A_SECOND)
    assert licensing.current(active_pbx.system).status is Status.DEACTIVATED


def test_a_clock_step_makes_a_check_due_at_once(active_pbx: Pbx) -> None:
    licensing.write_mark(active_pbx.system)
    active_pbx.clock.step(timedelta(hours=2))
    licensing.write_mark(active_pbx.system)
    assert licensing.next_check_at(active_pbx.system) == active_pbx.clock.now()


@pytest.mark.parametrize(
    "damage",
    [
        {"lease": "not a lease"},
        {"lease": None},
        {"key_set": None},
        {"anchor_iat": None},
    ],
)
def test_damaged_state_fails_closed(active_pbx: Pbx, damage: dict[str, object]) -> None:
    with active_pbx.system.database.write() as session:
        row = session.get_one(InstallationRow, INSTALLATION)
        for name, value in damage.items():
            setattr(row, name, value)
    state = licensing.current(active_pbx.system)
    assert (state.status, state.reason) == (Status.UNLICENSED, Reason.STATE_DAMAGED)


def test_another_installations_lease_is_not_ours(active_pbx: Pbx) -> None:
    foreign = active_pbx.server.lease().model_copy(update={"aud": "x" * 43})
    with active_pbx.system.database.write() as session:
        row = session.get_one(InstallationRow, INSTALLATION)
        row.lease = active_pbx.server.sign_lease(foreign)
    assert licensing.current(active_pbx.system).reason is Reason.STATE_DAMAGED


def test_other_hardware_gets_no_grace(active_pbx: Pbx) -> None:
    active_pbx.machine.hardware = active_pbx.machine.hardware.model_copy(
        update={"cpu_serial": "y" * 43, "nic_serial": "z" * 43}
    )
    active_pbx.clock.go_on(timedelta(seconds=20))
    state = licensing.current(active_pbx.system)
    assert (state.status, state.reason) == (Status.DEACTIVATED, Reason.HARDWARE_MISMATCH)


def test_one_changed_component_is_grace(active_pbx: Pbx) -> None:
    active_pbx.machine.address = "192.168.10.50"
    active_pbx.clock.go_on(timedelta(seconds=20))
    state = licensing.current(active_pbx.system)
    assert (state.status, state.reason) == (Status.GRACE, Reason.IP_MISMATCH)


def database_file(pbx: Pbx) -> Path:
    return Path(str(pbx.system.database.engine.url.database))


def test_a_database_taken_away_fails_closed_at_once(active_pbx: Pbx) -> None:
    assert licensing.current(active_pbx.system).status is Status.ACTIVE
    database_file(active_pbx).unlink()
    state = licensing.current(active_pbx.system)
    assert (state.status, state.reason) == (Status.UNLICENSED, Reason.STATE_DAMAGED)


def test_a_database_put_in_the_place_of_another_is_noticed_at_once(
    active_pbx: Pbx, tmp_path: Path
) -> None:
    assert licensing.current(active_pbx.system).status is Status.ACTIVE
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with empty.write() as session:
        Base.metadata.create_all(session.connection())
    empty.close()
    file = database_file(active_pbx)
    for part in ("-wal", "-shm"):
        file.with_name(file.name + part).unlink(missing_ok=True)
    (tmp_path / "empty.db").rename(file)
    assert licensing.current(active_pbx.system).reason is Reason.NEVER_ACTIVATED
