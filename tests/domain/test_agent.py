"""The agent on a clock of the test's own: when it checks, when the PBX locks, what it survives."""

import threading
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from ayrix_foundation.database import Database
from ayrix_foundation.throttle import Limit, count_try
from ayrix_protocol.lease import Counted
from ayrix_protocol.problems import ProblemCode
from ayrix_web.agent import LONGEST_NAP, Agent, Every, Job, jobs_of, run_once
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import Reason, Status
from ayrix_web.domain.order import OrderStage
from ayrix_web.rows import ATTEMPTS, InstallationRow, ReservationRow, UsageRow
from ayrix_web.services import licensing, ordering
from tests.fakes import FakeClock, refused
from tests.pbx_fixtures import TESTER, Pbx

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
RETRY = timedelta(minutes=5)


def run_for(clock: FakeClock, span: timedelta, *jobs: Job, nap: timedelta = SECOND) -> list[str]:
    """Let an agent run so long, its naps at least `nap`; gives back what it told systemd."""
    said: list[str] = []
    stopping, end = threading.Event(), clock.now() + span

    def sleep(asked: timedelta) -> None:
        assert SECOND <= asked <= LONGEST_NAP
        clock.go_on(min(max(asked, nap), max(end - clock.now(), SECOND)))
        if clock.now() >= end:
            stopping.set()

    Agent(jobs, clock, sleep, said.append).run(stopping)
    return said


class Diary(list[str]):
    """What the license server was asked, and when for a check."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.check_times: list[datetime] = []

    def append(self, what: str) -> None:
        super().append(what)
        if what == "check":
            self.check_times.append(self.clock.now())


@pytest.fixture
def check_times(active_pbx: Pbx) -> list[datetime]:
    """When the license server of `active_pbx` was asked for a check."""
    diary = active_pbx.server.asked = Diary(active_pbx.clock)
    return diary.check_times


def distances(times: list[datetime]) -> list[timedelta]:
    return [later - earlier for earlier, later in pairwise(times)]


def status(pbx: Pbx) -> Status:
    return licensing.current(pbx.system).status


# When it checks


def test_checks_every_three_hours(active_pbx: Pbx, check_times: list[datetime]) -> None:
    run_for(active_pbx.clock, 31 * HOUR, *jobs_of(active_pbx.system), nap=RETRY)
    assert 9 <= len(check_times) <= 12
    assert all(2.6 * HOUR <= apart <= 3.4 * HOUR for apart in distances(check_times))
    assert status(active_pbx) is Status.ACTIVE


def test_tries_again_every_five_minutes_after_a_failure_until_it_works(
    active_pbx: Pbx, check_times: list[datetime]
) -> None:
    active_pbx.server.away = FaultKind.CONNECTION
    run_for(active_pbx.clock, 3.3 * HOUR, *jobs_of(active_pbx.system), nap=RETRY)
    run_for(active_pbx.clock, HOUR, *jobs_of(active_pbx.system), nap=LONGEST_NAP)
    del check_times[:-9]
    longest = RETRY * 1.1 + LONGEST_NAP
    assert all(RETRY * 0.9 <= apart <= longest for apart in distances(check_times))
    assert status(active_pbx) is Status.GRACE
    active_pbx.server.away = None
    check_times.clear()
    run_for(active_pbx.clock, HOUR, *jobs_of(active_pbx.system), nap=LONGEST_NAP)
    assert len(check_times) in {1, 2}  # the first success, perhaps this PBX's own phase
    assert status(active_pbx) is Status.ACTIVE


def test_works_for_71_59_59_without_an_answer_and_locks_at_72_00_00(active_pbx: Pbx) -> None:
    active_pbx.server.away = FaultKind.TIMEOUT
    jobs = jobs_of(active_pbx.system)
    run_for(active_pbx.clock, timedelta(hours=71, minutes=59, seconds=59), *jobs, nap=4 * RETRY)
    assert status(active_pbx) is Status.GRACE
    run_for(active_pbx.clock, SECOND, *jobs)
    state = licensing.current(active_pbx.system)
    assert (state.status, state.reason) == (Status.DEACTIVATED, Reason.UNREACHABLE)


def test_a_locked_pbx_keeps_asking_and_comes_back_by_itself(
    active_pbx: Pbx, check_times: list[datetime]
) -> None:
    active_pbx.server.away = FaultKind.NAME_RESOLUTION
    active_pbx.clock.go_on(73 * HOUR)
    jobs = jobs_of(active_pbx.system)
    run_for(active_pbx.clock, HOUR, *jobs, nap=MINUTE)
    assert status(active_pbx) is Status.DEACTIVATED
    assert len(check_times) >= 9
    active_pbx.server.away = None
    run_for(active_pbx.clock, RETRY * 1.1 + LONGEST_NAP, *jobs)
    assert status(active_pbx) is Status.ACTIVE


def test_a_suspended_pbx_asks_like_one_without_an_answer(
    active_pbx: Pbx, check_times: list[datetime]
) -> None:
    active_pbx.server.refusal = refused(ProblemCode.SUSPENDED).problem
    run_for(active_pbx.clock, 5 * HOUR, *jobs_of(active_pbx.system), nap=RETRY)
    assert len(check_times) > 15
    assert licensing.current(active_pbx.system).reason is Reason.SUSPENDED


def test_a_pbx_that_was_never_activated_asks_nobody(pbx: Pbx) -> None:
    run_for(pbx.clock, 4 * HOUR, *jobs_of(pbx.system), nap=RETRY)
    assert pbx.server.asked == []


@pytest.mark.parametrize("step", [-HOUR, -timedelta(days=365), HOUR, timedelta(days=40)])
def test_checks_at_once_after_the_clock_was_set(
    active_pbx: Pbx, check_times: list[datetime], step: timedelta
) -> None:
    jobs = jobs_of(active_pbx.system)
    run_for(active_pbx.clock, MINUTE, *jobs)
    check_times.clear()
    active_pbx.clock.step(step)
    run_for(active_pbx.clock, LONGEST_NAP + SECOND, *jobs)
    assert len(check_times) == 1
    assert status(active_pbx) is Status.ACTIVE


def test_checks_at_once_after_a_restart_with_a_dead_clock(
    active_pbx: Pbx, check_times: list[datetime]
) -> None:
    run_for(active_pbx.clock, MINUTE, *jobs_of(active_pbx.system))
    check_times.clear()
    active_pbx.clock.reboot()
    active_pbx.clock.wall = 0.0
    run_for(active_pbx.clock, LONGEST_NAP + SECOND, *jobs_of(active_pbx.system))
    assert len(check_times) == 1


def test_naps_follow_the_shorter_checks_of_a_trial_lease(pbx: Pbx) -> None:
    pbx.server.lease_duration = timedelta(seconds=10)
    pbx.activate()
    pbx.server.asked.clear()
    jobs, states = jobs_of(pbx.system), set()
    for _second in range(60):
        run_for(pbx.clock, SECOND, *jobs)
        states.add(status(pbx))
    assert states == {Status.ACTIVE}
    assert 20 <= pbx.server.asked.count("check") <= 40


def test_a_check_made_due_by_another_process_is_noticed_within_a_nap(
    active_pbx: Pbx, check_times: list[datetime]
) -> None:
    with active_pbx.system.database.write() as session:
        session.execute(update(InstallationRow).values(next_check_at=active_pbx.clock.now()))
    run_for(active_pbx.clock, SECOND, *jobs_of(active_pbx.system))
    assert len(check_times) == 1


# What else it does


def test_an_order_whose_answer_was_lost_is_sent_again_and_placed_once(active_pbx: Pbx) -> None:
    server = active_pbx.server
    server.lose_order_answer = True
    placed = ordering.order_at_once(active_pbx.system, "ring_group", 1, TESTER)
    assert placed.stage is OrderStage.WAITING
    run_for(active_pbx.clock, MINUTE, *jobs_of(active_pbx.system))
    lease = licensing.held_lease(active_pbx.system)
    assert lease is not None
    assert len(server.placed) == 1
    ring_groups = lease.feature("ring_group")
    assert ring_groups is not None
    assert ring_groups.quantity == 6


def counts(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {row.counted: row.count for row in session.scalars(select(UsageRow))}


def test_counts_every_minute_and_keeps_the_last_counts(active_pbx: Pbx) -> None:
    jobs = jobs_of(active_pbx.system)
    run_for(active_pbx.clock, SECOND, *jobs)
    assert counts(active_pbx.system.database)["extension"] == 34
    active_pbx.inventory.current = {Counted.EXTENSION: 35}
    run_for(active_pbx.clock, MINUTE, *jobs)
    assert counts(active_pbx.system.database)["extension"] == 35
    active_pbx.inventory.current = None
    run_for(active_pbx.clock, 2 * MINUTE, *jobs)
    assert counts(active_pbx.system.database)["extension"] == 35


def test_tidies_up_what_is_over(active_pbx: Pbx) -> None:
    system, now = active_pbx.system, active_pbx.clock.now()
    count_try(system.database, ATTEMPTS, "old", Limit(1, MINUTE), now)
    with system.database.write() as session:
        session.add(ReservationRow(id=uuid4(), counted="queue", until=now + MINUTE))
    active_pbx.clock.go_on(2 * MINUTE)
    count_try(system.database, ATTEMPTS, "new", Limit(1, HOUR), active_pbx.clock.now())
    run_for(active_pbx.clock, SECOND, *jobs_of(system))
    with system.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ReservationRow)) == 0
        assert "old" not in session.scalars(select(ATTEMPTS.c.bucket)).all()
        assert "new" in session.scalars(select(ATTEMPTS.c.bucket)).all()


def test_one_pass_names_what_failed(active_pbx: Pbx) -> None:
    assert run_once(active_pbx.system) == frozenset()
    active_pbx.inventory.current = None
    assert run_once(active_pbx.system) == {"counts"}


# What it survives


def broken() -> None:
    raise ValueError("broken")


def idle() -> None:
    """Nothing to do."""


def unreadable() -> datetime:
    raise OSError("the database is away")


@pytest.mark.parametrize(
    "bad", [Job("bad", broken), Job("bad", broken, FakeClock().now), Job("bad", print, unreadable)]
)
def test_a_broken_job_does_not_stop_the_others(bad: Job) -> None:
    clock, ran = FakeClock(), []
    run_for(clock, MINUTE, bad, Job("good", lambda: ran.append(1), clock.now))
    assert len(ran) == 60


def test_a_broken_job_rests_before_it_is_tried_again() -> None:
    clock, tries = FakeClock(), []

    def failing() -> None:
        tries.append(clock.now())
        broken()

    run_for(clock, MINUTE, Job("bad", failing, clock.now), Job("busy", idle, clock.now))
    assert distances(tries) == [LONGEST_NAP] * 3


def test_a_job_on_a_timer_ignores_the_wall_clock() -> None:
    clock, ran = FakeClock(), []
    timer = Every(MINUTE, clock, lambda: ran.append(clock.boot))
    job = Job("timer", timer.run, timer.due)
    run_for(clock, 30 * SECOND, job)
    clock.step(-timedelta(days=1))
    run_for(clock, timedelta(minutes=2), job)
    assert [later - earlier for earlier, later in pairwise(ran)] == [60, 60]


def test_systemd_hears_ready_then_signs_of_life_then_stopping() -> None:
    clock = FakeClock()
    said = run_for(clock, timedelta(minutes=2), Job("job", idle, lambda: None))
    assert said[0] == "READY=1"
    assert said[-1] == "STOPPING=1"
    assert said[1:-1] == ["WATCHDOG=1"] * 8


def test_a_stop_is_heard_after_the_nap_it_ended() -> None:
    clock, stopping, passes = FakeClock(), threading.Event(), []
    job = Job("job", lambda: passes.append(1))
    Agent([job], clock, lambda _span: stopping.set(), lambda _message: None).run(stopping)
    assert passes == [1]
