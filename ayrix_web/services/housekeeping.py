"""Deleting what nobody needs any more, so that the database of a small PBX stays small."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from ayrix_foundation.audit import prune
from ayrix_foundation.throttle import forget_old_tries
from ayrix_web.rows import ATTEMPTS, AUDIT, ReservationRow
from ayrix_web.services import licensing
from ayrix_web.system import System


def tidy(system: System) -> None:
    """Delete throttle windows and reservations that are over, and what the audit log keeps no
    longer.

    Orders are never deleted: they are what was bought, and as few. Counts are one row for each
    kind of object.
    """
    now = system.clock.now()
    forget_old_tries(system.database, ATTEMPTS, now)
    with system.database.statement() as connection:
        connection.execute(delete(ReservationRow).where(ReservationRow.until <= now))
    prune_audit(system)


def prune_audit(system: System) -> int:
    """Delete the entries that the settings keep no longer; gives how many. The chain still
    verifies.
    """
    settings = system.settings
    # The earlier of the two: a clock that runs years ahead must not empty the log.
    now = min(system.clock.now(), licensing.trusted_now(system))
    before = now - timedelta(days=settings.keep_audit_days)
    with system.database.write() as session:
        return prune(session, AUDIT, before, settings.keep_audit_entries)
