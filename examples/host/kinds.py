"""The five kinds of objects this PBX has, one entry for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask_babel import lazy_gettext as lazy

from ayrix_protocol.lease import Counted
from ayrix_web.adapters.inventory import caller_name
from ayrix_web.rows import (
    AnnouncementRow,
    Base,
    EndpointRow,
    QueueRow,
    RingGroupRow,
    VoicemailRow,
)

Row = TypeVar("Row", bound=Base)


@dataclass(frozen=True, slots=True)
class PbxObject:
    """One object as the pages show it; `key` stands in its URL, `number` may be empty."""

    key: str
    number: str
    name: str


@dataclass(frozen=True, slots=True)
class Kind(Generic[Row]):
    """How one kind of object is called, read and made.

    `first_number` is where its free numbers begin, None if it has no number; `key` reads the
    primary key from the text of a URL.
    """

    counted: Counted
    path: str
    title: str
    new_title: str
    row: type[Row]
    read: Callable[[Row], PbxObject]
    make: Callable[[str, str], Row]
    first_number: int | None = None
    key: Callable[[str], str | int] = int
    has_unique_names: bool = False


AnyKind = Kind[Any]
"""A kind whose row does not matter: the five have nothing in common but their columns' use."""

KINDS: tuple[AnyKind, ...] = (
    Kind(
        Counted.EXTENSION,
        path="extensions",
        title=lazy("Extensions"),
        new_title=lazy("New extension"),
        row=EndpointRow,
        read=lambda row: PbxObject(row.id, row.id, caller_name(row.callerid or "")),
        make=lambda number, name: EndpointRow(
            id=number, aors=number, auth=number, callerid=f'"{name}" <{number}>'
        ),
        first_number=200,
        key=str,
    ),
    Kind(
        Counted.VOICEMAIL,
        path="voicemail",
        title=lazy("Voicemail"),
        new_title=lazy("New voicemail box"),
        row=VoicemailRow,
        read=lambda row: PbxObject(str(row.uniqueid), row.mailbox, row.fullname or ""),
        make=lambda number, name: VoicemailRow(mailbox=number, fullname=name, password=""),
        first_number=200,
    ),
    Kind(
        Counted.ANNOUNCEMENT,
        path="announcements",
        title=lazy("Announcements"),
        new_title=lazy("New announcement"),
        row=AnnouncementRow,
        read=lambda row: PbxObject(str(row.id), "", row.name),
        make=lambda _number, name: AnnouncementRow(name=name),
        has_unique_names=True,
    ),
    Kind(
        Counted.RING_GROUP,
        path="ring-groups",
        title=lazy("Ring groups"),
        new_title=lazy("New ring group"),
        row=RingGroupRow,
        read=lambda row: PbxObject(str(row.id), row.number, row.name),
        make=lambda number, name: RingGroupRow(number=number, name=name),
        first_number=600,
    ),
    Kind(
        Counted.QUEUE,
        path="queues",
        title=lazy("Queues"),
        new_title=lazy("New queue"),
        row=QueueRow,
        read=lambda row: PbxObject(row.name, "", row.name),
        make=lambda _number, name: QueueRow(name=name, strategy="ringall"),
        key=str,
        has_unique_names=True,
    ),
)

BY_PATH = {kind.path: kind for kind in KINDS}
