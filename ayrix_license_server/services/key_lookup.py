"""Finding a license by its activation key: counted, and alike for all wrong keys."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_foundation.throttle import Limit, count_try
from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.licenses import LicenseState
from ayrix_license_server.rows.base import attempts
from ayrix_license_server.rows.customers import ActivationKeyRow, LicenseRow
from ayrix_license_server.services.devices import Call
from ayrix_license_server.system import System
from ayrix_protocol.activation_key import MistypedKey, key_hash, normalized
from ayrix_protocol.problems import ProblemCode

WINDOW = timedelta(hours=1)


def count_key_try(system: System, call: Call, key: str | None) -> None:
    """Count a try against the address and against the key, whether it exists or not.

    Activations and requests to the seller share their counts, so that neither is a second way to
    guess. Raises Refused with `too_many_requests`.
    """
    limit = Limit(system.settings.activation_tries_per_hour, WINDOW)
    buckets = [f"activation from {call.source}"]
    if key is not None:
        buckets.append(f"activation of {_hash(key)}")
    waits = [
        count_try(system.database, attempts, bucket, limit, system.clock.now())
        for bucket in buckets
    ]
    if wait := max((wait for wait in waits if wait is not None), default=None):
        raise Refused(ProblemCode.TOO_MANY_REQUESTS, retry_after=wait)


def license_of_key(session: Session, key: str) -> LicenseRow:
    """The license of a key, locked; raises Refused with `unknown_key`."""
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


def _hash(text: str) -> str:
    try:
        return key_hash(normalized(text))
    except MistypedKey:
        return key_hash(text)
