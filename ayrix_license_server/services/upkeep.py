"""Deleting what nobody needs any longer."""

from __future__ import annotations

from ayrix_foundation.throttle import forget_old_tries
from ayrix_license_server.rows.base import attempts
from ayrix_license_server.system import System


def delete_old_rows(system: System) -> int:
    """Delete throttle counters whose window is over; gives how many."""
    return forget_old_tries(system.database, attempts, system.clock.now())
