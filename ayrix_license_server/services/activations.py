"""Activation: a license goes to the device that brings its key, or back to one that held it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_foundation.throttle import Limit, count_try
from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.licenses import LicenseState
from ayrix_license_server.rows.base import attempts
from ayrix_license_server.rows.customers import ActivationKeyRow, InstallationRow, LicenseRow
from ayrix_license_server.services import devices, renewal
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.enrollment import Enrollment, recall
from ayrix_license_server.system import System
from ayrix_protocol.activation_key import MistypedKey, key_hash, normalized
from ayrix_protocol.device import ActivationRequest, Device, LeaseAnswer
from ayrix_protocol.problems import ProblemCode

WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Activated:
    """The answer, and whether the device is new to this license."""

    answer: LeaseAnswer
    is_new: bool


def activate(system: System, call: Call, request: ActivationRequest) -> Activated:
    """Give the license of a key to the calling device, or (without key) back to a known one.

    Raises Refused: `unknown_key` (alike for unknown, mistyped and revoked keys),
    `bound_elsewhere`, `suspended`, `ip_mismatch`, `unknown_installation`, `counter_behind`,
    `too_many_requests`, and without a key whatever a check raises.
    """
    _throttle(system, call, request)
    with devices.keeping_refusals(system) as session:
        row = devices.known(session, call)
        if request.license_key is None:
            return _recover(system, session, row, request.device, call)
        license_row = _license_of(session, request.license_key)
        if license_row.state == LicenseState.SUSPENDED:
            raise Refused(ProblemCode.SUSPENDED)
        enrolled = Enrollment(system, session, call, license_row, request.device).enroll(row)
        lease = renewal.renew(system, session, enrolled.row, enrolled.device, call)
        answer = _answer(session, enrolled.row, enrolled.device, lease, enrolled.secret)
        return Activated(answer, enrolled.is_new)


def _throttle(system: System, call: Call, request: ActivationRequest) -> None:
    """Count the try against the address and against the key, whether it exists or not."""
    limit = Limit(system.settings.activation_tries_per_hour, WINDOW)
    buckets = [f"activation from {call.source}"]
    if request.license_key is not None:
        buckets.append(f"activation of {_hash(request.license_key)}")
    waits = [
        count_try(system.database, attempts, bucket, limit, system.clock.now())
        for bucket in buckets
    ]
    if wait := max((wait for wait in waits if wait is not None), default=None):
        raise Refused(ProblemCode.TOO_MANY_REQUESTS, retry_after=wait)


def _hash(text: str) -> str:
    try:
        return key_hash(normalized(text))
    except MistypedKey:
        return key_hash(text)


def _license_of(session: Session, key: str) -> LicenseRow:
    # A mistyped key is looked up like any other, so that all wrong keys take the same time.
    license_row = session.scalar(
        select(LicenseRow)
        .join(ActivationKeyRow, ActivationKeyRow.license_id == LicenseRow.id)
        .where(
            ActivationKeyRow.hash == _hash(key),
            ActivationKeyRow.revoked_at.is_(None),
            LicenseRow.state != LicenseState.REVOKED,
        )
        .with_for_update()
    )
    if license_row is None:
        raise Refused(ProblemCode.UNKNOWN_KEY)
    return license_row


def _recover(
    system: System, session: Session, row: InstallationRow | None, device: Device, call: Call
) -> Activated:
    """Without a key: a device we know, or one whose lease proves that we have forgotten it."""
    if row is None:
        held = device.lease and renewal.lease_of_ours(system, device.lease, call.installation)
        if not held:
            raise Refused(ProblemCode.UNKNOWN_INSTALLATION)
        row = recall(system, session, call, held)
    lease = renewal.renew(system, session, row, device, call)
    return Activated(_answer(session, row, device, lease), is_new=False)


def _answer(
    session: Session,
    row: InstallationRow,
    device: Device,
    lease: str,
    secret: str | None = None,
) -> LeaseAnswer:
    missing = renewal.unknown_orders(session, row.license_id, row.known_orders, device)
    return LeaseAnswer(lease=lease, unknown_orders=missing, installation_secret=secret)
