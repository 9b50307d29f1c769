"""Licenses as the vendor issues them: with a key and a first purchase, suspended, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.domain.licenses import InstallationState, LicenseState
from ayrix_license_server.rows.base import audit_entries
from ayrix_license_server.rows.customers import (
    ActivationKeyRow,
    CustomerRow,
    InstallationRow,
    LicenseRow,
    license_id_of,
)
from ayrix_license_server.services.purchases import purchase
from ayrix_license_server.services.terms import repeat_terms
from ayrix_license_server.system import System
from ayrix_protocol.activation_key import key_hash, last_characters, new_activation_key
from ayrix_protocol.binding import Component


@dataclass(frozen=True, slots=True)
class Issued:
    """A new license and its activation key, which is shown this once and never again."""

    code: str
    key: str


@dataclass(frozen=True, slots=True)
class LicenseSummary:
    """One line of the list of licenses."""

    code: str
    customer_number: str
    customer_name: str
    state: LicenseState
    installations: int
    floor: dict[str, int]


def issue_license(
    system: System,
    customer_number: str,
    quantities: Mapping[str, int],
    actor: Actor,
    required: tuple[Component, ...] = tuple(Component),
) -> Issued:
    """A license with a fresh key and, as a fulfilled purchase, what it begins with.

    `quantities` are by feature code, hidden features too. Raises Mistake for an unknown customer,
    feature or quantity.
    """
    now, key = system.clock.now(), new_activation_key()
    with system.database.write() as session:
        customer = session.scalar(select(CustomerRow).where(CustomerRow.number == customer_number))
        if customer is None:
            raise Mistake(f"There is no customer {customer_number}.")
        row = LicenseRow(
            customer=customer,
            state=LicenseState.ACTIVE,
            required=sorted(required),
            created_at=now,
        )
        session.add(row)
        session.flush()
        session.add(
            ActivationKeyRow(
                hash=key_hash(key), last_four=last_characters(key), license=row, created_at=now
            )
        )
        purchase(system, session, row, quantities, actor)
        record(session, audit_entries, Entry(now, actor, "license.issued", row.code))
        return Issued(row.code, key)


def change_state(system: System, code: str, state: LicenseState, actor: Actor) -> None:
    """Suspend, resume or revoke a license; installations learn it with their next request.

    Raises Mistake for an unknown license, and for one that was revoked, which is for ever.
    """
    with system.database.write() as session:
        row = _find(session, code)
        if row.state == LicenseState.REVOKED and state != LicenseState.REVOKED:
            raise Mistake(f"The license {code} was revoked, which cannot be taken back.")
        row.state = state
        repeat_terms(session, row)
        entry = Entry(system.clock.now(), actor, f"license.{state}", code)
        record(session, audit_entries, entry)


def reconcile(system: System, code: str, actor: Actor) -> dict[str, int]:
    """Let the database's own quantities count again after it was restored; gives the floor that
    held until now, by feature code.

    Installations learn it with their next request. Raises Mistake for an unknown license.
    """
    with system.database.write() as session:
        row = _find(session, code)
        floor = row.floor or {}
        row.floor = None
        repeat_terms(session, row)
        details: dict[str, object] = {"floor": floor}
        entry = Entry(system.clock.now(), actor, "license.reconciled", row.code, details=details)
        record(session, audit_entries, entry)
        return floor


def list_licenses(system: System) -> list[LicenseSummary]:
    """All licenses, oldest first."""
    holding = InstallationRow.state.in_(
        [state for state in InstallationState if state.holds_license]
    )
    with system.database.read() as session:
        rows = session.execute(
            select(LicenseRow, func.count(InstallationRow.id))
            .outerjoin(InstallationRow, (InstallationRow.license_id == LicenseRow.id) & holding)
            .group_by(LicenseRow.id)
            .order_by(LicenseRow.id)
        ).all()
        return [
            LicenseSummary(
                row.code,
                row.customer.number,
                row.customer.name,
                LicenseState(row.state),
                installations,
                row.floor or {},
            )
            for row, installations in rows
        ]


def _find(session: Session, code: str) -> LicenseRow:
    row = session.get(LicenseRow, license_id_of(code), with_for_update=True)
    if row is None:
        raise Mistake(f"There is no license {code}.")
    return row
