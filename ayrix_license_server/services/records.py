"""Looking after the audit."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from ayrix_foundation.audit import FIRST_HASH, Broken, verify_chain
from ayrix_license_server.rows.base import audit_entries
from ayrix_license_server.system import System


@dataclass(frozen=True, slots=True)
class Verified:
    """What a walk along the chain found; `newest` is the hash to keep elsewhere."""

    broken: Broken | None
    entries: int
    newest: str


def verify(system: System) -> Verified:
    """Walk the audit's chain, in one snapshot."""
    entries = audit_entries.c
    with system.database.read() as session:
        broken = verify_chain(session, audit_entries)
        count = session.scalar(select(func.count()).select_from(audit_entries)) or 0
        newest = session.scalar(select(entries.hash).order_by(entries.id.desc()).limit(1))
        return Verified(broken, count, newest or FIRST_HASH)
