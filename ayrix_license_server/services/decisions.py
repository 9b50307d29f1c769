"""What sellers decide: to bind a license to another machine or address, or to end a doubt."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.domain.licenses import InstallationState, LicenseState
from ayrix_license_server.domain.requests import RequestKind, can_approve, can_decline
from ayrix_license_server.rows.base import audit_entries
from ayrix_license_server.rows.customers import InstallationRow, LicenseRow
from ayrix_license_server.rows.requests import RequestRow
from ayrix_license_server.services.installations import (
    NewDevice,
    bind,
    current_installation,
    forgive,
    locked_license,
    move_address,
    new_installation,
)
from ayrix_license_server.services.request_book import close
from ayrix_license_server.services.succession import retire_others
from ayrix_license_server.services.terms import repeat_terms
from ayrix_license_server.system import System
from ayrix_protocol.binding import Hardware
from ayrix_protocol.rebindings import Decision


def approve(system: System, request_id: int, reason: str, actor: Actor) -> None:
    """Do what was asked for; the device learns it with its next request. A declined request can
    still be approved.

    Raises Mistake for an unknown or approved request, and if it can no longer be done.
    """
    now = system.clock.now()
    with system.database.write() as session:
        request = _find(session, request_id)
        if not can_approve(Decision(request.state)):
            raise Mistake(f"Request {request_id} was approved already.")
        license_row = locked_license(session, request.license_id)
        if license_row.state == LicenseState.REVOKED:
            raise Mistake(f"The license {license_row.code} was revoked.")
        match RequestKind(request.kind):
            case RequestKind.HARDWARE:
                _bind_machine(session, request, license_row, now)
            case RequestKind.ADDRESS:
                row = _holder(session, request, license_row)
                move_address(session, row, (request.address,), now)
            case RequestKind.CLONE:
                _end_doubt(_holder(session, request, license_row))
        close(request, Decision.APPROVED, actor.name, reason, now)
        _note(session, request, actor, now)


def decline(system: System, request_id: int, reason: str, actor: Actor) -> None:
    """Tell the device no, and why. Raises Mistake for an unknown or decided request."""
    now = system.clock.now()
    with system.database.write() as session:
        request = _find(session, request_id)
        if not can_decline(Decision(request.state)):
            raise Mistake(f"Request {request_id} was decided already.")
        close(request, Decision.DECLINED, actor.name, reason, now)
        _note(session, request, actor, now)


def _find(session: Session, request_id: int) -> RequestRow:
    request = session.get(RequestRow, request_id, with_for_update=True)
    if request is None:
        raise Mistake(f"There is no request {request_id}.")
    return request


def _holder(session: Session, request: RequestRow, license_row: LicenseRow) -> InstallationRow:
    row = current_installation(session, license_row)
    if row is None or row.id != request.installation_id:
        raise Mistake(f"The device of request {request.id} holds the license no longer.")
    return row


def _bind_machine(
    session: Session, request: RequestRow, license_row: LicenseRow, now: datetime
) -> None:
    """Bind the license to the machine of the request; whoever else had it is shut out."""
    row = session.get(InstallationRow, request.installation_id, with_for_update=True)
    is_holder = row is not None and row is current_installation(session, license_row)
    highest = retire_others(session, license_row, row, int(now.timestamp()))
    if row is None:
        key = NewDevice(request.installation_id, request.public_key, request.counter, "")
        row = new_installation(key, license_row, now)
        session.add(row)
    if not is_holder:
        row.gen = max(row.gen, highest) + 1
    row.license_id = license_row.id
    row.replaced_at = row.provisional_until = row.provisional_hardware = row.nonce = None
    move_address(session, row, (request.address,), now)
    bind(row, Hardware.model_validate(request.hardware, strict=False))
    forgive(row)
    repeat_terms(session, license_row)


def _end_doubt(row: InstallationRow) -> None:
    if row.state == InstallationState.CLONE_SUSPECTED:
        forgive(row)


def _note(session: Session, request: RequestRow, actor: Actor, now: datetime) -> None:
    details: dict[str, object] = {
        "id": request.id,
        "kind": request.kind,
        "reason": request.answer,
    }
    action, subject = f"request.{request.state}", request.license.code
    record(session, audit_entries, Entry(now, actor, action, subject, details=details))
