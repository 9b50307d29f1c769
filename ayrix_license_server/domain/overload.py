"""When the server is behind, and when whom it sends away may come again.

After an outage a million PBXs are due at once. Each one that is sent away gets a place in a line
that moves on at a pace every machine keeps, so that a short jam costs seconds and a long one is
spread over hours; nobody waits for longer than his lease and the usual pause between checks allow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from threading import Lock

from ayrix_protocol.lease import check_interval, retry_interval

PATIENCE = timedelta(seconds=1)
"""How long a request may have waited for its turn."""

STANDING = timedelta(seconds=1)
"""How long all requests must have been late for that to be a standing queue. A burst, a start and
a machine that paused pass within that time (the idea of CoDel, RFC 8289, section 3.2).
"""

SHORTEST_PAUSE = timedelta(seconds=5)

PACE = timedelta(milliseconds=20)
"""How soon one place in the line follows the other: 50 a second per process, which is far below
what a process answers and so leaves room for those who were not sent away.
"""

_PHASE_BYTES = 8


def phase(device: str) -> float:
    """A device's own place between 0 and 1, evenly spread over all devices."""
    digest = sha256(device.encode()).digest()[:_PHASE_BYTES]
    return int.from_bytes(digest) / (1 << 8 * _PHASE_BYTES)


def longest_pause(lease: timedelta, left: timedelta | None) -> timedelta:
    """The longest pause that may be asked for: half of what is left of the device's lease, so that
    it comes again in time; at least the pause after a failed check, at most the one between two
    checks, beyond which a PBX would not listen. `left` is None if it is unknown.
    """
    shortest, longest = retry_interval(lease), check_interval(lease)
    return shortest if left is None else min(max(left / 2, shortest), longest)


@dataclass(slots=True)
class Queue:
    """Whether the requests of this process wait in a standing queue; times are seconds of a clock
    that nobody sets.
    """

    _late_since: float | None = None
    _seen_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def is_standing(self, now: float, waited: timedelta) -> bool:
        """Whether a request whose turn is `now` is one too many."""
        with self._lock:
            was_idle = now - self._seen_at > STANDING.total_seconds()
            self._seen_at = now
            if waited <= PATIENCE:
                self._late_since = None
                return False
            if self._late_since is None or was_idle:
                self._late_since = now
            return now - self._late_since >= STANDING.total_seconds()


@dataclass(slots=True)
class WaitingLine:
    """The places given by this process; times as above."""

    _ends_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def pause(self, now: float, device: str, longest: timedelta) -> timedelta:
        """The pause until the next free place in the line. Where that is beyond `longest`, devices
        are spread over it by their own phase.
        """
        with self._lock:
            self._ends_at = max(self._ends_at, now) + PACE.total_seconds()
            place = timedelta(seconds=self._ends_at - now)
        if place > longest:
            place = longest * phase(device)
        return max(place, SHORTEST_PAUSE)
