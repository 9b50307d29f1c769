"""Deleting what nobody needs any more."""

from __future__ import annotations

from sqlalchemy import delete

from ayrix_foundation.throttle import forget_old_tries
from ayrix_web.rows import ATTEMPTS, ReservationRow
from ayrix_web.system import System


def tidy(system: System) -> None:
    """Delete throttle windows and reservations that are over."""
    now = system.clock.now()
    forget_old_tries(system.database, ATTEMPTS, now)
    with system.database.statement() as connection:
        connection.execute(delete(ReservationRow).where(ReservationRow.until <= now))
