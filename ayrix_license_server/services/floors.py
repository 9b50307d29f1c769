"""The floor of a license: quantities that a device proved to have after we lost them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_license_server.rows.catalog import FeatureRow
from ayrix_license_server.rows.customers import EntitlementRow, LicenseRow
from ayrix_license_server.services import devices
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.terms import repeat_terms
from ayrix_license_server.system import System
from ayrix_protocol.lease import Lease


def raise_floor(
    system: System, session: Session, license_row: LicenseRow, lease: Lease, call: Call
) -> None:
    """Keep what a lease of ours grants beyond what the database knows, and raise an alarm.

    A floor and no entitlement: the lost orders that the device sends again must not add to it.
    """
    known = _entitled(session, license_row)
    floor = license_row.floor or {}
    higher = {
        feature.code: feature.quantity
        for feature in lease.features
        if feature.quantity is not None
        and feature.quantity > max(known.get(feature.code, 0), floor.get(feature.code, 0))
    }
    if higher:
        license_row.floor = {**floor, **higher}
        details: dict[str, object] = {"quantities": higher}
        subject, action = license_row.code, "license.floor_raised"
        devices.note(
            system, session, call, action, subject=subject, result="alarm", details=details
        )
    repeat_terms(session, license_row)


def _entitled(session: Session, license_row: LicenseRow) -> dict[str, int]:
    rows = session.execute(
        select(FeatureRow.code, EntitlementRow.quantity)
        .join(FeatureRow, FeatureRow.id == EntitlementRow.feature_id)
        .where(EntitlementRow.license_id == license_row.id)
    )
    return {row.code: row.quantity for row in rows}
