"""The few days for which a known device runs on other hardware until the seller has helped."""

from __future__ import annotations

from sqlalchemy.orm import Session

from ayrix_license_server.domain.licenses import PROVISIONAL_LASTS, is_same_machine, may_lend
from ayrix_license_server.rows.customers import InstallationRow, license_code
from ayrix_license_server.services import devices
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.installations import locked_license
from ayrix_license_server.system import System
from ayrix_protocol.binding import Hardware


def may_run_on(system: System, row: InstallationRow, hardware: Hardware) -> bool:
    """Whether the device may have a provisional lease on this machine (protocol.md, moved
    hardware): a first one in 90 days, or one more on the very machine that has the first.

    A machine without any strong component could not tell that such a lease is its own.
    """
    if not hardware.strong():
        return False
    now = system.clock.now()
    if row.provisional_until is not None and now.timestamp() < row.provisional_until:
        lent = Hardware.model_validate(row.provisional_hardware, strict=False)
        return is_same_machine(lent, hardware)
    return may_lend(row.license.provisional_from, now)


def lend(
    system: System, session: Session, row: InstallationRow, hardware: Hardware, call: Call
) -> None:
    """Begin the few days, unless they are running; what is bound stays bound."""
    now = system.clock.now()
    if row.provisional_until is not None and now.timestamp() < row.provisional_until:
        return
    locked_license(session, row.license_id).provisional_from = now
    row.provisional_until = int((now + PROVISIONAL_LASTS).timestamp())
    row.provisional_hardware = hardware.model_dump(mode="json")
    details: dict[str, object] = {"until": row.provisional_until, "seller": row.seller}
    subject, action = license_code(row.license_id), "license.machine_changed"
    devices.note(system, session, call, action, subject=subject, details=details)


def end(system: System, session: Session, row: InstallationRow, call: Call) -> None:
    """The bound machine speaks: no other one may go on."""
    if row.provisional_until is None:
        return
    row.provisional_until = row.provisional_hardware = None
    subject = license_code(row.license_id)
    devices.note(system, session, call, "license.machine_returned", subject=subject)
