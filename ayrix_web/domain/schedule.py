"""When to ask the license server next, so that a million PBXs do not ask at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

JITTER = 0.1
"""The part of an interval by which a check is moved at random (protocol.md, Load)."""


def next_check(now: datetime, interval: timedelta, installation_id: str, chance: float) -> datetime:
    """The next regular check: this installation's own phase within `interval`, moved by chance.

    `chance` is a random number from 0 to 1. Never sooner than a twentieth of the interval, never
    later than 1.15 of it.
    """
    span = interval.total_seconds()
    phase = int.from_bytes(sha256(installation_id.encode()).digest()[:8]) % span
    earliest = now.timestamp() + JITTER * span
    slot = earliest + (phase - earliest) % span
    return datetime.fromtimestamp(slot + (chance - 0.5) * JITTER * span, UTC)


def next_retry(
    now: datetime, retry: timedelta, check: timedelta, asked_for_s: int | None, chance: float
) -> datetime:
    """The next try after a failed check.

    The server may ask for a later one (`asked_for_s`), but not for later than a regular check, so
    that no bad header can lock an honest machine out.
    """
    pause = retry * (1 + (2 * chance - 1) * JITTER)
    if asked_for_s is not None:
        pause = max(pause, min(timedelta(seconds=asked_for_s), check))
    return now + pause
