"""How much memory processes take together, from what the kernel tells in /proc."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_KILOBYTES = re.compile(r"^(\w+): +(\d+) kB", re.MULTILINE)
_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of several processes together.

    `pss` shares each page among all processes of the machine that have it; `alone` counts pages
    of files once, as if nobody else on the machine ran Python.
    """

    pss: float
    alone: float


def measure(pids: Sequence[int]) -> Memory:
    """The memory of these processes now."""
    rollups = [_members(Path(f"/proc/{pid}/smaps_rollup").read_text()) for pid in pids]
    pss = sum(rollup["Pss"] for rollup in rollups)
    own = sum(rollup["Pss_Anon"] + rollup["Pss_Shmem"] for rollup in rollups)
    files: Counter[str] = Counter()
    for pid in pids:
        # Each process has about the same pages of a file; the larger part stands for both.
        files |= _pages_of_files(pid)
    return Memory(pss / 1024, (own + files.total()) / 1024)


def _pages_of_files(pid: int) -> Counter[str]:
    """Kilobytes in memory of each part of each file, without pages that were written to."""
    pages: Counter[str] = Counter()
    smaps = Path(f"/proc/{pid}/smaps").read_text()
    for mapping in _MAPPING.split(smaps)[1:]:
        head, _newline, body = mapping.partition("\n")
        _permissions, offset, _device, inode, *path = head.split(maxsplit=4)
        if inode == "0":
            continue
        members = _members(body)
        pages[f"{path} {offset}"] += members["Rss"] - members["Anonymous"]
    return pages


def _members(text: str) -> dict[str, int]:
    return {name: int(kilobytes) for name, kilobytes in _KILOBYTES.findall(text)}
