"""The time leases are judged by: the protocol's rule, sentence by sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayrix_foundation.clock import Moment
from ayrix_web.domain.trusted_time import (
    FARTHEST_AHEAD_S,
    Anchor,
    Mark,
    trusted_time,
    was_stepped,
)

IAT = 1_800_000_000
HOUR = 3_600
DAY = 24 * HOUR


def moment(wall: int, boot: float = 100.0, boot_id: str = "a") -> Moment:
    return Moment(wall, boot_id, boot)


def anchor(wall: int = IAT) -> Anchor:
    """The server's time, asked for when the wall clock said `wall`."""
    return Anchor(IAT, moment(wall))


def mark(time: int = IAT, boot: float = 100.0, boot_id: str = "a") -> Mark:
    return Mark(time, moment(IAT, boot, boot_id))


def now(anchor_: Anchor | None, mark_: Mark | None, moment_: Moment) -> int:
    return trusted_time(anchor_, mark_, moment_).now


def test_before_the_first_answer_the_wall_clock_is_all_there_is() -> None:
    assert now(None, None, moment(IAT)) == IAT


def test_a_right_wall_clock_is_believed() -> None:
    assert now(anchor(), mark(), moment(IAT + HOUR, 100.0 + HOUR)) == IAT + HOUR


def test_a_clock_set_back_gives_no_time_back() -> None:
    assert now(anchor(), mark(), moment(IAT - DAY, 100.0 + HOUR)) == IAT + HOUR


def test_after_a_reboot_the_mark_and_the_time_since_boot_count() -> None:
    later = mark(IAT + HOUR, 100.0 + HOUR)
    assert now(anchor(), later, moment(0, 60.0, "b")) == IAT + HOUR + 60


def test_a_mark_of_this_boot_does_not_count_the_boot_clock_twice() -> None:
    later = mark(IAT + HOUR, 50.0, "b")
    assert now(anchor(), later, moment(0, 60.0, "b")) == IAT + HOUR + 10


@pytest.mark.parametrize(
    ("asked_wall", "wall", "expected"),
    [
        pytest.param(IAT + 300, IAT + DAY, IAT + DAY, id="nearly right: believed"),
        pytest.param(IAT - DAY, IAT - DAY + HOUR, IAT + HOUR, id="a day behind: its pace counts"),
        pytest.param(IAT - DAY, IAT + HOUR, IAT + HOUR, id="behind, then set right: believed"),
        pytest.param(IAT + DAY, IAT + DAY + HOUR, IAT + HOUR, id="a day ahead: its pace counts"),
        pytest.param(IAT + DAY, IAT + HOUR, IAT + HOUR, id="ahead, then set right: believed"),
    ],
)
def test_wall_evidence_after_a_reboot(asked_wall: int, wall: int, expected: int) -> None:
    assert now(anchor(asked_wall), mark(), moment(wall, 1.0, "b")) == expected


def test_more_than_400_days_ahead_is_a_fault_and_ignored() -> None:
    time = trusted_time(anchor(), mark(), moment(IAT + FARTHEST_AHEAD_S + 1, 160.0))
    assert (time.now, time.is_wall_ahead) == (IAT + 60, True)


@given(
    st.integers(-2 * DAY, 2 * DAY),
    st.integers(0, 10 * DAY),
    st.integers(-(10**9), 10**9),
    st.integers(0, 10 * DAY),
)
def test_it_never_falls_behind_what_surely_passed(
    asked_off: int, passed: int, step: int, marked: int
) -> None:
    """However the wall clock is set, in one boot: at least the server's time and what passed."""
    before = mark(IAT + min(marked, passed), 100.0 + min(marked, passed))
    reading = moment(IAT + asked_off + passed + step, 100.0 + passed)
    assert now(anchor(IAT + asked_off), before, reading) >= IAT + passed


@given(st.integers(0, 10 * DAY), st.integers(-(10**6), 10**6))
def test_an_honest_clock_is_never_ahead(passed: int, asked_off: int) -> None:
    """A clock that is off but runs evenly never makes a lease end early."""
    reading = moment(IAT + asked_off + passed, 100.0 + passed)
    assert now(anchor(IAT + asked_off), mark(), reading) <= IAT + passed + 300


@pytest.mark.parametrize(
    ("wall", "boot", "boot_id", "stepped"),
    [
        (IAT + 100, 200.0, "a", False),
        (IAT + 159, 200.0, "a", False),
        (IAT + 160, 200.0, "a", True),
        (IAT - DAY, 200.0, "a", True),
        (IAT - DAY, 200.0, "b", False),
    ],
)
def test_a_step_is_a_minute_between_wall_and_boot_clock(
    wall: int, boot: float, boot_id: str, *, stepped: bool
) -> None:
    assert was_stepped(moment(IAT), moment(wall, boot, boot_id)) is stepped
