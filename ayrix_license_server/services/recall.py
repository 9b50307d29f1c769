"""Knowing a device again that only its lease still knows: the database was restored."""

from __future__ import annotations

from sqlalchemy.orm import Session

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.history import History
from ayrix_license_server.domain.licenses import InstallationState, is_same_machine
from ayrix_license_server.rows.customers import InstallationRow, LicenseRow, license_id_of
from ayrix_license_server.services import devices, presented, succession
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.installations import (
    NewDevice,
    bound_hardware,
    current_installation,
    new_installation,
    remember,
)
from ayrix_license_server.system import System
from ayrix_protocol.lease import Lease
from ayrix_protocol.problems import ProblemCode


def recall(system: System, session: Session, call: Call, lease: Lease) -> InstallationRow:
    """The row of the caller, made again from a lease that we signed for it, with an alarm
    (protocol.md, Server behind its devices).

    Raises Refused: `unknown_installation` for a license that does not exist, `bound_elsewhere` if
    another device took it later.
    """
    license_row = session.get(LicenseRow, license_id_of(lease.sub), with_for_update=True)
    if license_row is None:
        raise Refused(ProblemCode.UNKNOWN_INSTALLATION)
    current = current_installation(session, license_row)
    if current is not None:
        if current.gen >= lease.gen:
            raise Refused(ProblemCode.BOUND_ELSEWHERE)
        _follow(system, current, lease)
    row = new_installation(NewDevice.of(call), license_row, system.clock.now())
    session.add(row)
    remember(row, History(shown=lease.jti, top=lease.seq))
    presented.adopt(system, session, row, lease, call)
    details: dict[str, object] = {"seq": lease.seq, "gen": lease.gen}
    subject = license_row.code
    devices.note(
        system,
        session,
        call,
        "license.recalled",
        subject=subject,
        result="alarm",
        details=details,
    )
    return row


def _follow(system: System, current: InstallationRow, lease: Lease) -> None:
    """Shut out whom the restored database takes for the holder: a later generation proves that the
    license went on. On equal hardware it was re-installed, and the elder may still be alive.
    """
    succession.follow(current, int(system.clock.now().timestamp()))
    if not is_same_machine(bound_hardware(current), lease.binding.bound_hardware):
        current.state = InstallationState.RETIRED
