"""Renewing a lease in a transaction: every case the one statement of a good check leaves over."""

from __future__ import annotations

import json
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_license_server.domain import history as histories
from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.history import Finding, Presented
from ayrix_license_server.domain.licenses import InstallationState, LicenseState, is_heard
from ayrix_license_server.rows.customers import InstallationRow, license_code
from ayrix_license_server.rows.orders import OrderRow
from ayrix_license_server.services import binding, devices, presented, request_book, succession
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.installations import (
    addresses,
    bound_hardware,
    history_of,
    remember,
)
from ayrix_license_server.services.leases import (
    Grant,
    new_lease_id,
    signed_lease,
    signed_revocation,
)
from ayrix_license_server.system import System
from ayrix_protocol.binding import Hardware
from ayrix_protocol.device import Device
from ayrix_protocol.lease import RevocationReason
from ayrix_protocol.problems import ProblemCode


def renew(
    system: System, session: Session, row: InstallationRow, device: Device, call: Call
) -> str:
    """A new lease for a device whose counter was taken; raises as `admit`."""
    admit(system, session, row, device, call)
    return issue(system, row, device, call)


def admit(
    system: System, session: Session, row: InstallationRow, device: Device, call: Call
) -> None:
    """Judge license, machine and history, and note in the row what they show.

    Raises Refused: `suspended`, `revoked`, `clone_suspected`, `prove_alive`, `hardware_mismatch`,
    `ip_mismatch`.
    """
    shown = presented.look_at(system, session, row, device.lease, call)
    _refuse_ended(system, row, shown.seq)
    is_elder = row.state == InstallationState.REPLACED
    if is_elder:
        succession.require_echo(system, session, row, device.nonce, call)
    if shown.is_shut_out:
        raise Refused(ProblemCode.CLONE_SUSPECTED)
    # Judged before it wins: a copy of the elder on another machine must not.
    binding.judge(system, session, row, device, call, lends=not is_elder)
    if is_elder:
        succession.win(system, session, row, call)
    _show(system, session, row, shown.presented, call)


def refuse_unless_active(system: System, row: InstallationRow) -> None:
    """Raise Refused (`suspended`, `revoked`, `clone_suspected`, `prove_alive`) for a license that
    is not in force, or is not the device's any longer.
    """
    _refuse_ended(system, row, presented_seq=0)
    devices.require_holder(row.state)


def _refuse_ended(system: System, row: InstallationRow, presented_seq: int) -> None:
    if row.license_state == LicenseState.REVOKED:
        raise _revoked(system, row, RevocationReason.REVOKED, presented_seq)
    if _is_retired(system, row):
        raise _revoked(system, row, RevocationReason.RETIRED, presented_seq)
    if row.license_state == LicenseState.SUSPENDED:
        raise Refused(ProblemCode.SUSPENDED)
    if row.state == InstallationState.CLONE_SUSPECTED:
        raise Refused(ProblemCode.CLONE_SUSPECTED)


def _is_retired(system: System, row: InstallationRow) -> bool:
    """Whether another device holds the license for good."""
    if row.state == InstallationState.REPLACED:
        return not is_heard(row.replaced_at, int(system.clock.now().timestamp()))
    return row.state == InstallationState.RETIRED


def _revoked(
    system: System, row: InstallationRow, reason: RevocationReason, presented_seq: int
) -> Refused:
    revocation = signed_revocation(system, row, reason, presented_seq)
    return Refused(ProblemCode.REVOKED, revocation=revocation)


def issue(system: System, row: InstallationRow, device: Device, call: Call) -> str:
    """Number, note and sign the next lease of an installation."""
    now = int(system.clock.now().timestamp())
    jti = new_lease_id()
    remember(row, histories.issue(history_of(row), jti))
    row.usage = dict(device.usage)
    row.version = device.version
    row.last_contact_at = now
    if row.source_address != call.source:
        row.source_address, row.source_changed_at = call.source, now
    bound = bound_hardware(row)
    grant = Grant(
        installation=row.id,
        license_id=row.license_id,
        jti=jti,
        seq=row.top,
        gen=row.gen,
        request=call.caller.proof.jti,
        required=json.dumps(row.required),
        hardware=_hardware_of(row, device, bound),
        bound_hardware=bound,
        addresses=addresses(row),
        entitlements=json.dumps(row.entitlements),
        customer=json.dumps(row.customer),
        seller=row.seller,
        provisional=row.provisional_until,
    )
    return signed_lease(system, grant, now)


def unknown_orders(
    session: Session, license_id: int, known: list[str], device: Device
) -> tuple[UUID, ...]:
    """Which of the orders a device says were acknowledged the license does not have."""
    asked = {str(key) for key in device.acked_orders} - set(known)
    if not asked:
        return ()
    found = session.scalars(
        select(OrderRow.key).where(OrderRow.license_id == license_id, OrderRow.key.in_(asked))
    )
    lost = asked - set(found)
    return tuple(key for key in device.acked_orders if str(key) in lost)


def _show(
    system: System,
    session: Session,
    row: InstallationRow,
    held: Presented | None,
    call: Call,
) -> None:
    now = int(system.clock.now().timestamp())
    history, finding = histories.present(history_of(row), held, now)
    if finding not in {Finding.CURRENT, Finding.ANSWER_LOST}:
        subject = license_code(row.license_id)
        devices.note(system, session, call, f"lease.{finding}", subject=subject)
    if finding is Finding.CLONE_SUSPECTED:
        row.state = InstallationState.CLONE_SUSPECTED
        request_book.open_clone_request(system, session, row, call)
        raise Refused(ProblemCode.CLONE_SUSPECTED)
    remember(row, history)


def _hardware_of(row: InstallationRow, device: Device, bound: Hardware) -> Hardware:
    if row.provisional_until is not None:
        return device.hardware
    # The device gets its secret with this very lease; from then on it says so by itself.
    secret = device.hardware.installation_secret or bound.installation_secret
    return device.hardware.model_copy(update={"installation_secret": secret})
