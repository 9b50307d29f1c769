"""The history of leases: nobody honest is accused, two live copies are found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayrix_license_server.domain.history import (
    MOST_LEFT,
    REMEMBERED,
    Finding,
    History,
    Presented,
    issue,
    present,
)

HOUR = int(timedelta(hours=1).total_seconds())


@dataclass
class Line:
    """A server's history of one installation, at a time that moves."""

    history: History
    now: int = 1_000_000
    numbers: count[int] = field(default_factory=lambda: count(1))

    def check(self, held: Presented | None, hours: int = 3) -> tuple[Finding, Presented | None]:
        """One check three hours later: what it means, and the lease it brings."""
        self.now += hours * HOUR
        history, finding = present(self.history, held, self.now)
        if finding is Finding.CLONE_SUSPECTED:
            return finding, None
        jti = f"L{next(self.numbers)}"
        self.history = issue(history, jti)
        return finding, Presented(jti, self.history.top)


@pytest.fixture
def line() -> Line:
    return Line(History())


def test_a_device_that_hears_every_answer_is_always_current(line: Line) -> None:
    _, held = line.check(None)
    for _ in range(50):
        finding, held = line.check(held)
        assert finding is Finding.CURRENT
    assert line.history.left == ()


def test_lost_answers_are_lost_answers_however_many(line: Line) -> None:
    _, held = line.check(None)
    _, held = line.check(held)
    for _ in range(300):
        _, _ = line.check(held)
    finding, _ = line.check(held)
    assert finding is Finding.ANSWER_LOST
    assert len(line.history.left) <= MOST_LEFT


def test_the_first_answer_may_be_lost_too(line: Line) -> None:
    line.check(None)
    finding, held = line.check(None)
    assert finding is Finding.ANSWER_LOST
    assert line.check(held)[0] is Finding.CURRENT


def test_an_old_backup_is_taken_back_without_accusation(line: Line) -> None:
    _, backup = line.check(None)
    held = backup
    for _ in range(10):
        _, held = line.check(held)
    finding, held = line.check(backup)
    assert finding is Finding.BACKUP_RESTORED
    assert line.check(held)[0] is Finding.CURRENT


def test_going_back_and_forth_once_is_a_return_twice_is_a_copy(line: Line) -> None:
    _, first = line.check(None)
    _, backup = line.check(first)
    _, newest = line.check(backup)
    assert line.check(first)[0] is Finding.BACKUP_RESTORED
    assert line.check(newest)[0] is Finding.RETURNED
    assert line.check(backup)[0] is Finding.CLONE_SUSPECTED


def test_a_return_counts_for_30_days(line: Line) -> None:
    _, first = line.check(None)
    _, second = line.check(first)
    _, third = line.check(second)
    line.check(first)
    assert line.check(third)[0] is Finding.RETURNED
    given_up = line.history.left[0][0]
    line.now += int(REMEMBERED.total_seconds())
    finding, _ = line.check(Presented(given_up, 1))
    assert finding is Finding.BACKUP_RESTORED


def test_a_lease_above_the_highest_proves_the_server_behind(line: Line) -> None:
    _, held = line.check(None)
    finding, newer = line.check(Presented("from before the restore", 40))
    assert held is not None
    assert newer is not None
    assert (finding, newer.seq) == (Finding.SERVER_BEHIND, 41)
    assert line.check(newer)[0] is Finding.CURRENT


def test_an_offline_lease_counts_as_current(line: Line) -> None:
    line.check(None)
    line.history = History(offline="file", issued="L1", top=7)
    assert line.check(Presented("file", 7))[0] is Finding.CURRENT


@given(st.lists(st.sampled_from(["heard", "lost"]), max_size=60))
def test_no_mixture_of_lost_answers_accuses(fates: list[str]) -> None:
    line = Line(History())
    held: Presented | None = None
    for fate in fates:
        finding, answer = line.check(held)
        assert finding in {Finding.CURRENT, Finding.ANSWER_LOST}
        held = answer if fate == "heard" else held


@given(st.lists(st.sampled_from(["heard", "lost", "backup", "restore"]), max_size=60))
def test_restoring_one_s_own_older_backups_is_never_an_accusation(fates: list[str]) -> None:
    """A backup is always older than what is held, and what was held is gone after a restore."""
    line = Line(History())
    held: Presented | None = None
    backup: Presented | None = None
    for fate in fates:
        if fate == "backup":
            backup = held
        if fate == "restore":
            held = backup
        finding, answer = line.check(held, hours=24 * 31 if fate == "restore" else 3)
        assert finding is not Finding.CLONE_SUSPECTED
        held = held if fate == "lost" else answer


@given(
    st.integers(min_value=0, max_value=5),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_two_live_copies_are_found_within_three_checks_each(before: int, order: list[bool]) -> None:
    line = Line(History())
    _, held = line.check(None)
    for _ in range(before):
        _, held = line.check(held)
    one = other = held
    for checks, first_speaks_first in enumerate(order, start=1):
        for speaks_first in (first_speaks_first, not first_speaks_first):
            finding, answer = line.check(one if speaks_first else other, hours=1)
            if finding is Finding.CLONE_SUSPECTED:
                assert checks <= 3
                return
            one, other = (answer, other) if speaks_first else (one, answer)
    pytest.fail("two live copies were not found")
