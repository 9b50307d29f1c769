"""The count of this device's requests: durable before a request leaves, so that none can be
replayed.
"""

from __future__ import annotations

from ayrix_foundation.database import Database
from ayrix_web.services.acceptance import installation_row


def take_counter(database: Database) -> int:
    """The next number, on disk before it is used."""
    with database.write() as session:
        row = installation_row(session)
        row.counter += 1
        return row.counter


def raise_counter(database: Database, to: int) -> None:
    """Move the count up to what the license server has seen; it never falls."""
    with database.write() as session:
        row = installation_row(session)
        row.counter = max(row.counter, to)
