"""Whether the server can do its work."""

from __future__ import annotations

from sqlalchemy import select

from ayrix_license_server.rows.catalog import FeatureRow
from ayrix_license_server.system import System


def require_database(system: System) -> None:
    """Ask the database something; raises what the driver raises."""
    with system.database.read() as session:
        session.execute(select(FeatureRow.id).limit(1))
