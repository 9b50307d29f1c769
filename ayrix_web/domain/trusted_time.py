"""The time a lease is judged by: it never runs backwards and a wrong wall clock cannot stretch it.

The rule is the protocol's "Clock": every source that can only say "at least this late" counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ayrix_foundation.clock import Moment

TRUSTWORTHY_DIFFERENCE_S = 300
"""A wall clock this close to the server's at the last answer is believed."""

FARTHEST_AHEAD_S = int(timedelta(days=400).total_seconds())
"""A wall clock farther than this behind the last answer's time is a fault, no evidence."""

STEP_S = 60
"""Wall and boot clock differing by this much since the last look means that the clock was set."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last online lease: the server's time, and this machine's clocks when it was asked for."""

    iat: int
    asked: Moment


@dataclass(frozen=True, slots=True)
class Mark:
    """The latest trusted time ever written down, and the clocks at that moment."""

    time: int
    seen: Moment


@dataclass(frozen=True, slots=True)
class TrustedTime:
    """Epoch seconds to judge by; `is_wall_ahead` means that the wall clock was too far off to
    count.
    """

    now: int
    is_wall_ahead: bool = False


def trusted_time(anchor: Anchor | None, mark: Mark | None, moment: Moment) -> TrustedTime:
    """What the time is at least, from the last answer, the mark and the wall clock."""
    candidates = []
    if mark is not None:
        candidates.append(mark.time + _elapsed(mark.seen, moment))
    if anchor is None:
        return TrustedTime(max([*candidates, moment.wall]))
    if anchor.asked.boot_id == moment.boot_id:
        candidates.append(anchor.iat + _elapsed(anchor.asked, moment))
    evidence = _wall_evidence(anchor, moment.wall)
    if evidence - anchor.iat > FARTHEST_AHEAD_S:
        return TrustedTime(max([*candidates, anchor.iat]), is_wall_ahead=True)
    return TrustedTime(max([*candidates, evidence]))


def was_stepped(before: Moment, after: Moment) -> bool:
    """Whether somebody set the wall clock between two readings of one boot."""
    if before.boot_id != after.boot_id:
        return False
    return abs((after.wall - before.wall) - (after.boot - before.boot)) >= STEP_S


def _elapsed(since: Moment, now: Moment) -> int:
    """Seconds that have surely passed; after a reboot only the time since boot is known."""
    return int(now.boot - since.boot if since.boot_id == now.boot_id else now.boot)


def _wall_evidence(anchor: Anchor, wall: int) -> int:
    difference = anchor.asked.wall - anchor.iat
    since_asked = wall - anchor.asked.wall
    if abs(difference) <= TRUSTWORTHY_DIFFERENCE_S:
        return wall
    if difference < 0:
        # The wall clock was behind when asked: it may have been set right since.
        return (
            anchor.iat + since_asked if wall < anchor.iat else min(wall, anchor.iat + since_asked)
        )
    return wall if since_asked < 0 else anchor.iat + since_asked
