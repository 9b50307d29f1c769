"""Listing, creating and deleting the objects of this PBX; creating asks the quota guard."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_web.services.quota import guard
from ayrix_web.system import System
from examples.host.kinds import Kind, PbxObject, Row

LAST_NUMBER = 999


class NameTaken(Exception):
    """There is an object of this kind with this name."""


class NoFreeNumber(Exception):
    """Every number of this kind is in use."""


def list_objects(system: System, kind: Kind[Row]) -> Sequence[PbxObject]:
    """All objects of a kind, sorted by number, then by name."""
    with system.database.read() as session:
        return sorted(_read(session, kind), key=lambda found: (found.number, found.name))


def create_object(system: System, kind: Kind[Row], name: str) -> None:
    """Create an object with the next free number.

    Raises UsedUp if the license allows no more, NameTaken and NoFreeNumber.
    """
    with guard(system, kind.counted), system.database.write() as session:
        there = _read(session, kind)
        if kind.has_unique_names and any(found.name == name for found in there):
            raise NameTaken
        session.add(kind.make(_free_number(kind, there), name))


def delete_object(system: System, kind: Kind[Row], key: str) -> bool:
    """Delete the object a URL names; False if there is none."""
    try:
        primary_key = kind.key(key)
    except ValueError:
        return False
    with system.database.write() as session:
        row = session.get(kind.row, primary_key)
        if row is not None:
            session.delete(row)
    return row is not None


def _read(session: Session, kind: Kind[Row]) -> list[PbxObject]:
    return [kind.read(row) for row in session.scalars(select(kind.row))]


def _free_number(kind: Kind[Row], there: Sequence[PbxObject]) -> str:
    if kind.first_number is None:
        return ""
    taken = {found.number for found in there}
    for number in range(kind.first_number, LAST_NUMBER + 1):
        if str(number) not in taken:
            return str(number)
    raise NoFreeNumber
