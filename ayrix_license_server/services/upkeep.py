"""Deleting what nobody needs any longer."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from ayrix_foundation.audit import prune
from ayrix_foundation.throttle import forget_old_tries
from ayrix_license_server.rows.base import attempts, audit_entries
from ayrix_license_server.rows.requests import LeftAddressRow, RequestRow
from ayrix_license_server.system import System


def delete_old_rows(system: System) -> int:
    """Delete throttle counters whose window is over, and audit, left addresses and requests beyond
    what the settings keep; gives how many.
    """
    settings, now = system.settings, system.clock.now()
    deleted = forget_old_tries(system.database, attempts, now)
    kept_since = now - timedelta(days=settings.keep_history_days)
    with system.database.write() as session:
        deleted += prune(
            session,
            audit_entries,
            now - timedelta(days=settings.keep_audit_days),
            settings.keep_audit_entries,
        )
        for old in (
            delete(LeftAddressRow).where(LeftAddressRow.left_at < kept_since),
            delete(RequestRow).where(RequestRow.created_at < kept_since),
        ):
            deleted += session.connection().execute(old).rowcount
    return deleted
