"""What the figures were measured on, and how much else ran meanwhile."""

from __future__ import annotations

import os
import platform
import re
from datetime import date
from pathlib import Path

from benchmarks.processes import CORES

_MODEL = re.compile(r"^model name\s*: (.+)$", re.MULTILINE)
_TOTAL = re.compile(r"^MemTotal: +(\d+) kB$", re.MULTILINE)


class Others:
    """Watches how much CPU time went to processes that are not ours."""

    def __init__(self) -> None:
        self._busy, self._all = _ticks()
        self._ours = _our_ticks()

    def share(self) -> float:
        """The part of all cores' time that others took since the beginning."""
        busy, everything = _ticks()
        passed = max(1, everything - self._all)
        return max(0.0, (busy - self._busy - (_our_ticks() - self._ours)) / passed)


def description(others: Others, today: date) -> str:
    """One paragraph; names no host."""
    model = _MODEL.search(Path("/proc/cpuinfo").read_text())
    total = _TOTAL.search(Path("/proc/meminfo").read_text())
    gigabytes = int(total[1]) / 1024**2 if total else 0
    return (
        f"Measured on {today:%Y-%m-%d}: {len(CORES)} cores"
        f" ({model[1].strip() if model else platform.machine()}), {gigabytes:.0f} GB,"
        f" Linux {platform.release().split('-')[0]}, Python {platform.python_version()}."
        f" Processes that are no part of the benchmark took {others.share():.0%} of the cores'"
        f" time meanwhile."
    )


def _ticks() -> tuple[int, int]:
    """Busy and all ticks of the machine so far."""
    times = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = times[3] + times[4]
    return sum(times) - idle, sum(times)


def _our_ticks() -> int:
    """Ticks of this process and of its ended children."""
    times = os.times()
    seconds = times.user + times.system + times.children_user + times.children_system
    return round(seconds * os.sysconf("SC_CLK_TCK"))
