"""The machine's clocks, the only place that asks for the time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading of a machine's clocks.

    `wall` is what the machine believes the time is, epoch seconds; `boot` are seconds since this
    boot, suspended time included, which nobody can set; `boot_id` says which boot.
    """

    wall: int
    boot_id: str
    boot: float


class Clock(Protocol):
    """What the time is."""

    def now(self) -> datetime:
        """The wall clock's time, aware, in UTC."""

    def moment(self) -> Moment:
        """All clocks in one reading."""

    def is_synchronized(self) -> bool:
        """Whether the system says that a time server set the wall clock."""


class SystemClock:
    """The clocks of a Linux machine."""

    def __init__(self) -> None:
        self._boot_id = _BOOT_ID.read_text().strip()

    def now(self) -> datetime:
        """The wall clock's time, aware, in UTC."""
        return datetime.now(UTC)

    def moment(self) -> Moment:
        """All clocks in one reading; CLOCK_BOOTTIME counts suspended time (clock_gettime(2))."""
        return Moment(int(time.time()), self._boot_id, time.clock_gettime(time.CLOCK_BOOTTIME))

    def is_synchronized(self) -> bool:
        """Whether systemd-timesyncd has set the clock since boot."""
        return _SYNCHRONIZED.exists()
