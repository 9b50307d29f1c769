"""Talking with a device: its counter is taken once, and a refusal is remembered, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.licenses import InstallationState
from ayrix_license_server.rows.base import audit_entries
from ayrix_license_server.rows.customers import InstallationRow
from ayrix_license_server.system import System
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.proof import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a device: who proved to have sent it, and the address it came from."""

    caller: Caller
    source: str

    @property
    def installation(self) -> str:
        """The id of the device's key."""
        return self.caller.installation

    @property
    def counter(self) -> int:
        """The request's number among those of the device."""
        return self.caller.proof.counter


LARGEST_JUMP = 2**32
"""How far a device's counter may run ahead (protocol.md, Counter)."""


@contextmanager
def keeping_refusals(system: System) -> Iterator[Session]:
    """One write() that is committed also when it ends in Refused.

    So the counter stays taken and what was noted on the way stays noted; whoever refuses does so
    before writing what the refusal forbids.
    """
    refusal: Refused | None = None
    with system.database.write() as session:
        try:
            yield session
        except Refused as error:
            refusal = error
    if refusal is not None:
        raise refusal


@contextmanager
def conversation(system: System, call: Call) -> Iterator[tuple[Session, InstallationRow]]:
    """The same with the caller's row, locked, once its counter is taken.

    Raises Refused: `unknown_installation`, `counter_behind`.
    """
    with keeping_refusals(system) as session:
        yield session, taken(session, call)


def taken(session: Session, call: Call) -> InstallationRow:
    """The caller's row with its counter taken; raises as `conversation`."""
    row = known(session, call)
    if row is None:
        raise Refused(ProblemCode.UNKNOWN_INSTALLATION)
    return row


def known(session: Session, call: Call) -> InstallationRow | None:
    """The caller's row with its counter taken, or None for a new device; raises Refused with
    `counter_behind`.
    """
    row = session.get(InstallationRow, call.installation, with_for_update=True)
    if row is None:
        return None
    if not row.counter < call.counter <= row.counter + LARGEST_JUMP:
        raise Refused(ProblemCode.COUNTER_BEHIND, counter=row.counter)
    row.counter = call.counter
    return row


def take_counter(system: System, call: Call) -> int:
    """Take the counter of a request that only reads, in one statement; gives the license's row id.

    Raises Refused: `unknown_installation`, `counter_behind`, and as `require_holder`.
    """
    counter = call.counter
    with system.database.statement() as connection:
        row = connection.execute(
            update(InstallationRow)
            .where(
                InstallationRow.id == call.installation,
                InstallationRow.counter < counter,
                InstallationRow.counter >= counter - LARGEST_JUMP,
            )
            .values(counter=counter)
            .returning(InstallationRow.license_id, InstallationRow.state)
        ).one_or_none()
    if row is not None:
        require_holder(row.state)
        license_id: int = row.license_id
        return license_id
    with system.database.read() as session:
        stored = session.scalar(
            select(InstallationRow.counter).where(InstallationRow.id == call.installation)
        )
    if stored is None:
        raise Refused(ProblemCode.UNKNOWN_INSTALLATION)
    raise Refused(ProblemCode.COUNTER_BEHIND, counter=stored)


def note(
    system: System,
    session: Session,
    call: Call,
    action: str,
    *,
    subject: str,
    result: str = "done",
    details: dict[str, object] | None = None,
) -> None:
    """Record what a device did."""
    actor = Actor(f"device {call.installation}", call.source)
    entry = Entry(system.clock.now(), actor, action, subject, result, details or {})
    record(session, audit_entries, entry)


def require_holder(state: str) -> None:
    """Raise Refused for a device that another has followed: what the license holds and orders is
    not its business, unless it proves with a check that it is alive (`prove_alive`).
    """
    if state == InstallationState.REPLACED:
        raise Refused(ProblemCode.PROVE_ALIVE)
    if state == InstallationState.RETIRED:
        raise Refused(ProblemCode.REVOKED)
