"""Renewing a lease in a transaction: every case the one statement of a good check leaves over."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_license_server.domain import history as histories
from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.history import Finding, Presented
from ayrix_license_server.domain.licenses import InstallationState, LicenseState, judge_machine
from ayrix_license_server.rows.customers import InstallationRow, license_code
from ayrix_license_server.rows.orders import OrderRow
from ayrix_license_server.services import devices
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.installations import (
    addresses,
    bind,
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
from ayrix_protocol.binding import Component, Hardware
from ayrix_protocol.device import Device
from ayrix_protocol.jws import InvalidDocument
from ayrix_protocol.lease import Lease, read_lease, verify_lease
from ayrix_protocol.problems import ProblemCode

_JTI = re.compile(rb'"jti":"([A-Za-z0-9_-]{1,43})"')
# Base64 characters that hold the claims before and including `jti`; a multiple of four.
_HEAD = 600


def claimed_lease_id(token: str | None) -> str | None:
    """The `jti` a presented lease claims, without looking at its signature; None if it claims none.

    That is enough to compare with the newest lease's own: see `leases.new_lease_id`. Only the head
    of our own leases is looked at, because reading 3 KB of JSON would be a tenth of a check.
    """
    if token is None:
        return None
    payload = token[token.find(".") + 1 :][:_HEAD].partition(".")[0]
    try:
        head = urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except ValueError:
        return None
    found = _JTI.search(head)
    return None if found is None else found[1].decode()


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

    Raises Refused: `suspended`, `revoked`, `clone_suspected`, `hardware_mismatch`, `ip_mismatch`.
    """
    refuse_unless_active(system, row)
    presented = _presented(system, row, device.lease)
    hardware = judge_machine(
        [Component(name) for name in row.required],
        bound_hardware(row),
        addresses(row),
        device.hardware,
        device.address,
    )
    bind(row, hardware)
    _show(system, session, row, presented, call)


def refuse_unless_active(system: System, row: InstallationRow) -> None:
    """Raise Refused (`suspended`, `revoked`, `clone_suspected`) for a license that is not in
    force.
    """
    if row.license_state == LicenseState.SUSPENDED:
        raise Refused(ProblemCode.SUSPENDED)
    if row.license_state == LicenseState.REVOKED:
        now = int(system.clock.now().timestamp())
        revocation = signed_revocation(system, row, now)
        raise Refused(ProblemCode.REVOKED, revocation=revocation)
    if row.state != InstallationState.ACTIVE:
        raise Refused(ProblemCode.CLONE_SUSPECTED)


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
        hardware=_with_secret(device.hardware, bound),
        bound_hardware=bound,
        addresses=addresses(row),
        entitlements=json.dumps(row.entitlements),
        customer=json.dumps(row.customer),
        seller=row.seller,
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


def _presented(system: System, row: InstallationRow, token: str | None) -> Presented | None:
    """Which lease of ours the device holds; None for none, and for what we did not sign.

    Takes over what that lease knows better than the row. Raises Refused for a copy that the
    customer shut out when he activated the other one with the key.
    """
    if token is None:
        return None
    jti = claimed_lease_id(token)
    if jti is not None and jti in {row.issued_jti, row.shown_jti, row.offline_jti}:
        return Presented(jti, row.top)
    lease = lease_of_ours(system, token, row.id)
    if lease is None:
        return None
    if lease.gen < row.gen:
        raise Refused(ProblemCode.CLONE_SUSPECTED)
    if lease.seq > row.top:
        _adopt(row, lease)
    return Presented(lease.jti, lease.seq)


def _show(
    system: System,
    session: Session,
    row: InstallationRow,
    presented: Presented | None,
    call: Call,
) -> None:
    now = int(system.clock.now().timestamp())
    history, finding = histories.present(history_of(row), presented, now)
    if finding not in {Finding.CURRENT, Finding.ANSWER_LOST}:
        subject = license_code(row.license_id)
        devices.note(system, session, call, f"lease.{finding}", subject=subject)
    if finding is Finding.CLONE_SUSPECTED:
        row.state = InstallationState.CLONE_SUSPECTED
        raise Refused(ProblemCode.CLONE_SUSPECTED)
    remember(row, history)


def lease_of_ours(system: System, token: str, installation: str) -> Lease | None:
    """The lease if one of our keys signed it for this installation, else None."""
    try:
        document = read_lease(token)
        key = system.keys.key_set.find(str(document.header["kid"]))
        lease = None if key is None else verify_lease(document, key.to_key())
    except InvalidDocument:
        return None
    return lease if lease is not None and lease.aud == installation else None


def _adopt(row: InstallationRow, lease: Lease) -> None:
    """Take over what a lease of ours knows better: the database was restored or lost its last
    writes (protocol.md, Server behind its devices).
    """
    row.gen = lease.gen
    row.address, *rest = lease.binding.addresses
    row.next_address = rest[0] if rest else None
    bind(row, lease.binding.bound_hardware)


def _with_secret(hardware: Hardware, bound: Hardware) -> Hardware:
    # The device gets its secret with this very lease; from then on it says so by itself.
    secret = hardware.installation_secret or bound.installation_secret
    return hardware.model_copy(update={"installation_secret": secret})
