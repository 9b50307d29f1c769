"""Whether a machine is the bound one, and what an honest one gets that is not."""

from __future__ import annotations

from sqlalchemy.orm import Session

from ayrix_license_server.domain.licenses import (
    hardware_mismatch,
    ip_mismatch,
    is_bound,
    learned,
)
from ayrix_license_server.rows.customers import InstallationRow, license_code
from ayrix_license_server.services import devices, provisional
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.installations import (
    addresses,
    bind,
    bound_hardware,
    left_lately,
    move_address,
)
from ayrix_license_server.system import System
from ayrix_protocol.binding import Component, fit
from ayrix_protocol.device import Device


def judge(
    system: System,
    session: Session,
    row: InstallationRow,
    device: Device,
    call: Call,
    *,
    lends: bool = True,
) -> None:
    """Let the bound machine pass, and learn what was unknown of it.

    Another one passes for a few days if `lends`, and an address that was bound lately is taken
    back. Raises Refused: `hardware_mismatch`, `ip_mismatch`.
    """
    bound = bound_hardware(row)
    required = [Component(name) for name in row.required]
    found = fit(required, bound, addresses(row), device.hardware, device.address)
    if is_bound(found):
        provisional.end(system, session, row, call)
        bind(row, learned(bound, device.hardware))
        _settle_address(system, session, row, device, call)
        return
    if not lends or not provisional.may_run_on(system, row, device.hardware):
        raise hardware_mismatch(found)
    _settle_address(system, session, row, device, call)
    provisional.lend(system, session, row, device.hardware, call)


def _settle_address(
    system: System, session: Session, row: InstallationRow, device: Device, call: Call
) -> None:
    if device.address in addresses(row):
        return
    now = system.clock.now()
    if Component.ADDRESS in row.required:
        if not left_lately(session, row, device.address, now):
            raise ip_mismatch(addresses(row))
        details: dict[str, object] = {"from": row.address, "to": device.address}
        subject, action = license_code(row.license_id), "address.taken_back"
        devices.note(system, session, call, action, subject=subject, details=details)
    # An address that need not match is followed, so that both sides agree on it.
    move_address(session, row, (device.address,), now)
