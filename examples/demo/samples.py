"""A small company's objects, in the PBX before anybody asks what is licensed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from ayrix_foundation.database import Database
from ayrix_protocol.lease import Counted
from ayrix_web import settings
from examples.host.kinds import KINDS

DEPARTMENTS = (
    ("Reception", 3),
    ("Sales", 8),
    ("Support", 7),
    ("Accounting", 4),
    ("Warehouse", 5),
    ("Workshop", 4),
    ("Management", 2),
    ("Meeting room", 1),
)

NAMES: Mapping[Counted, tuple[str, ...]] = {
    Counted.ANNOUNCEMENT: (
        "Welcome",
        "Opening hours",
        "Closed",
        "Weekend",
        "Public holiday",
        "All lines busy",
        "Recording notice",
        "Works meeting",
    ),
    Counted.RING_GROUP: ("Reception", "Sales", "Support", "Warehouse", "On-call service"),
    Counted.QUEUE: ("Sales hotline", "Support hotline"),
}

VOICEMAIL_BOXES = 28


def create_samples(instance: Path) -> None:
    """Write the objects into the inventory of a PBX that has none yet."""
    database = Database(settings.load(instance, {}).database)
    with database.write() as session:
        for kind in KINDS:
            for offset, name in enumerate(_names(kind.counted)):
                session.add(kind.make(str((kind.first_number or 0) + offset), name))
    database.close()


def _names(counted: Counted) -> Iterator[str]:
    if counted is Counted.EXTENSION:
        return _phones()
    if counted is Counted.VOICEMAIL:
        return islice(_phones(), VOICEMAIL_BOXES)
    return iter(NAMES[counted])


def _phones() -> Iterator[str]:
    """One name for each phone: "Sales 1", "Sales 2", and so on."""
    for department, phones in DEPARTMENTS:
        for number in range(1, phones + 1):
            yield department if phones == 1 else f"{department} {number}"
