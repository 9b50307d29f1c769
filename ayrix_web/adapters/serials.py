"""The serial numbers a machine's firmware tells, cleaned of what vendors leave as filler."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

LONGEST_FILE = 64 * 1024
FEWEST_CHARACTERS = 4
FEWEST_UUID_DIGITS = 4

HARDWARE_FILE = Path("machine/hardware")
"""In the instance folder: what only root can read, one `source=value` a line, written at boot."""

FILLER = frozenset(
    {
        "none", "null", "n/a", "not specified", "not applicable", "not available", "not settable",
        "unknown", "undefined", "invalid", "empty", "default", "default string", "defaultstring",
        "to be filled by o.e.m.", "to be filled by oem", "o.e.m.", "serial",
        "system serial number", "base board serial number", "chassis serial number",
        "type2 - board serial number", "123456789", "0123456789", "1234567890",
    }
)  # fmt: skip
"""What boards carry in the place of a serial number nobody entered."""

FILLER_UUIDS = frozenset(
    {
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "12345678-1234-5678-90ab-cddeefaabbcc",
    }
)
"""UUIDs that whole product lines share, because nobody replaced the firmware's example."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CPUINFO_SERIAL = re.compile(r"^Serial\s*:\s*(\S+)\s*$", re.MULTILINE)


def clean_serial(text: str) -> str | None:
    """A serial in lower case with single spaces; None if it says nothing (protocol.md, Hardware
    identity).
    """
    value = " ".join(text.replace("\0", " ").split()).lower()
    telling = re.sub(r"[^0-9a-z]", "", value)
    if value in FILLER or len(telling) < FEWEST_CHARACTERS or len(set(telling)) == 1:
        return None
    return value


def clean_uuid(text: str) -> str | None:
    """A UUID in lower case; None for all zeros, all ones and firmware examples."""
    value = text.replace("\0", "").strip().lower()
    if not _UUID.fullmatch(value) or value in FILLER_UUIDS:
        return None
    return value if len(set(value) - {"-"}) >= FEWEST_UUID_DIGITS else None


def _whole(text: str) -> str:
    return text


def _cpuinfo_serial(text: str) -> str:
    found = _CPUINFO_SERIAL.search(text)
    return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class SerialSource:
    """Where one serial is: `path` below the root folder, how to find and how to clean it."""

    name: str
    path: str
    find: Callable[[str], str]
    clean: Callable[[str], str | None]


CPU_SOURCES = (
    SerialSource("device_tree", "proc/device-tree/serial-number", _whole, clean_serial),
    SerialSource("cpuinfo", "proc/cpuinfo", _cpuinfo_serial, clean_serial),
    SerialSource("product_uuid", "sys/class/dmi/id/product_uuid", _whole, clean_uuid),
    SerialSource("board_serial", "sys/class/dmi/id/board_serial", _whole, clean_serial),
)
"""ARM's own serials first, then what stands for one on x86. The order is part of the identity."""


def cpu_serial(
    chosen: str | None, root: Path, told: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """The source and its serial: the chosen source, else the first that says something.

    `told` holds the values of the boot file, used where the machine's own file is not readable.
    A chosen source that is silent gives no serial, so that no other takes its place unnoticed.
    """
    for source in CPU_SOURCES:
        if chosen not in {None, source.name}:
            continue
        serial = source.clean(source.find(read_text(root / source.path)))
        serial = serial or source.clean(told.get(source.name, ""))
        if serial is not None:
            return source.name, serial
    return chosen, None


def told_at_boot(instance: Path) -> dict[str, str]:
    """The values of the file that root writes at boot; empty without one."""
    lines = read_text(instance / HARDWARE_FILE).splitlines()
    pairs = (line.partition("=") for line in lines)
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def read_text(path: Path) -> str:
    """The beginning of a file; empty if it is missing or not for us to read."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_FILE).decode("utf-8", "replace")
    except OSError:
        return ""
