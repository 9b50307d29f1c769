"""Overload: who is sent away, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ayrix_license_server.domain.overload import (
    PACE,
    PATIENCE,
    SHORTEST_PAUSE,
    STANDING,
    Queue,
    WaitingLine,
    longest_pause,
    phase,
)
from ayrix_protocol.lease import DEFAULT_LEASE

LATE = PATIENCE + timedelta(milliseconds=1)
HOUR = timedelta(hours=1)


def answers(*turns: tuple[float, timedelta]) -> list[bool]:
    """For requests whose turn was at a second, after a wait: whether the queue was standing."""
    queue = Queue()
    return [queue.is_standing(1000 + at, waited) for at, waited in turns]


def test_a_burst_is_answered_however_late() -> None:
    late = timedelta(seconds=30)
    assert not any(answers((0, late), (0.3, late), (0.6, late), (0.99, late)))


def test_a_queue_that_stands_for_a_second_is_one() -> None:
    assert answers((0, LATE), (0.5, LATE), (1.0, LATE), (1.1, LATE)) == [False, False, True, True]


def test_a_request_in_time_ends_it() -> None:
    assert answers((0, LATE), (0.5, LATE), (0.9, PATIENCE), (1.0, LATE)) == [False] * 4


def test_late_requests_with_nothing_between_them_are_no_queue() -> None:
    gap = STANDING.total_seconds() + 0.1
    assert not any(answers(*((number * gap, LATE) for number in range(5))))


@pytest.mark.parametrize(
    ("left", "longest"),
    [
        (None, timedelta(minutes=5)),
        (timedelta(0), timedelta(minutes=5)),
        (timedelta(minutes=8), timedelta(minutes=5)),
        (2 * HOUR, HOUR),
        (5 * HOUR, timedelta(hours=2.5)),
        (72 * HOUR, 3 * HOUR),
    ],
)
def test_a_pause_never_outlasts_half_of_the_lease(
    left: timedelta | None, longest: timedelta
) -> None:
    assert longest_pause(DEFAULT_LEASE, left) == longest


def test_a_short_jam_costs_seconds() -> None:
    line = WaitingLine()
    pauses = [line.pause(1000.0, f"device {number}", 3 * HOUR) for number in range(100)]
    assert pauses[0] == SHORTEST_PAUSE
    assert max(pauses) == SHORTEST_PAUSE


def test_the_line_moves_on_while_nobody_is_sent_away() -> None:
    line = WaitingLine()
    for _ in range(1000):
        last = line.pause(1000.0, "device", 3 * HOUR)
    assert last == 1000 * PACE
    assert line.pause(1000.0 + 3600, "device", 3 * HOUR) == SHORTEST_PAUSE


def test_a_million_devices_are_spread_over_the_hours() -> None:
    line = WaitingLine(_ends_at=1000.0 + 1_000_000 * PACE.total_seconds())
    pauses = [line.pause(1000.0, f"device {number}", 3 * HOUR) for number in range(6000)]
    per_half_hour = [0] * 6
    for pause in pauses:
        assert SHORTEST_PAUSE <= pause < 3 * HOUR
        per_half_hour[int(pause / (HOUR / 2))] += 1
    assert min(per_half_hour) > 800
    assert max(per_half_hour) < 1200


def test_a_device_s_phase_is_its_own_and_always_the_same() -> None:
    phases = {phase(f"device {number}") for number in range(1000)}
    assert len(phases) == 1000
    assert all(0 <= one < 1 for one in phases)
    assert phase("device 1") == phase("device 1")
