"""Activation: a license goes to the device that brings its key, or back to one that held it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.licenses import LicenseState, lost_its_secret
from ayrix_license_server.rows.customers import InstallationRow
from ayrix_license_server.services import devices, renewal
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.enrollment import Enrollment, give_secret
from ayrix_license_server.services.installations import bind, bound_hardware
from ayrix_license_server.services.key_lookup import count_key_try, license_of_key
from ayrix_license_server.services.presented import lease_of_ours
from ayrix_license_server.services.recall import recall
from ayrix_license_server.system import System
from ayrix_protocol.device import ActivationRequest, Device, LeaseAnswer
from ayrix_protocol.problems import ProblemCode


@dataclass(frozen=True, slots=True)
class Activated:
    """The answer, and whether the device is new to this license."""

    answer: LeaseAnswer
    is_new: bool


def activate(system: System, call: Call, request: ActivationRequest) -> Activated:
    """Give the license of a key to the calling device, or (without key) back to a known one.

    Raises Refused: `unknown_key` (alike for unknown, mistyped and revoked keys),
    `bound_elsewhere`, `suspended`, `ip_mismatch`, `prove_alive`, `unknown_installation`,
    `counter_behind`, `too_many_requests`, and without a key whatever a check raises.
    """
    count_key_try(system, call, request.license_key)
    with devices.keeping_refusals(system) as session:
        row = devices.known(session, call)
        if request.license_key is None:
            return _recover(system, session, row, request.device, call)
        license_row = license_of_key(session, request.license_key)
        if license_row.state == LicenseState.SUSPENDED:
            raise Refused(ProblemCode.SUSPENDED)
        if row is None:
            row = _known_again(system, session, license_row.code, request.device, call)
        enrolled = Enrollment(system, session, call, license_row, request.device).enroll(row)
        lease = renewal.renew(system, session, enrolled.row, enrolled.device, call)
        answer = _answer(session, enrolled.row, enrolled.device, lease, enrolled.secret)
        return Activated(answer, enrolled.is_new)


def _known_again(
    system: System, session: Session, license_code: str, device: Device, call: Call
) -> InstallationRow | None:
    """The row of a device that brings its key where its lease alone would do: we have forgotten it,
    and the lease says what else we have forgotten.
    """
    held = device.lease and lease_of_ours(system, device.lease, call.installation)
    if not held or held.sub != license_code:
        return None
    try:
        return recall(system, session, call, held)
    except Refused:
        return None  # another device holds the license: who may follow it is for the key to say


def _recover(
    system: System, session: Session, row: InstallationRow | None, device: Device, call: Call
) -> Activated:
    """Without a key: a device we know, or one whose lease proves that we have forgotten it."""
    if row is None:
        held = device.lease and lease_of_ours(system, device.lease, call.installation)
        if not held:
            raise Refused(ProblemCode.UNKNOWN_INSTALLATION)
        row = recall(system, session, call, held)
    secret, bound = None, bound_hardware(row)
    if not bound.strong() and lost_its_secret(bound, device.hardware):
        # The seller bound the license to a machine that nothing but a secret can identify.
        device, secret = give_secret(device)
        bind(row, device.hardware)
    lease = renewal.renew(system, session, row, device, call)
    return Activated(_answer(session, row, device, lease, secret), is_new=False)


def _answer(
    session: Session,
    row: InstallationRow,
    device: Device,
    lease: str,
    secret: str | None = None,
) -> LeaseAnswer:
    missing = renewal.unknown_orders(session, row.license_id, row.known_orders, device)
    return LeaseAnswer(lease=lease, unknown_orders=missing, installation_secret=secret)
