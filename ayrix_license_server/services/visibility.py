"""Hiding a feature from one seller's customers or from one customer, or showing it to them."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.rows.base import audit_entries
from ayrix_license_server.rows.catalog import (
    CustomerVisibilityRow,
    FeatureRow,
    SellerVisibilityRow,
)
from ayrix_license_server.rows.customers import CustomerRow, LicenseRow, SellerRow
from ayrix_license_server.services.terms import repeat_terms
from ayrix_license_server.system import System


def set_visibility(
    system: System,
    code: str,
    hidden: bool | None,
    actor: Actor,
    *,
    seller: str = "",
    customer: str = "",
) -> None:
    """Let a seller's (or one customer's) word override a feature's own `hidden`; None takes the
    word back.

    Give exactly one of the seller's code and the customer's number. Raises Mistake for what does
    not exist.
    """
    with system.database.write() as session:
        feature = session.scalar(select(FeatureRow).where(FeatureRow.code == code))
        if feature is None:
            raise Mistake(f"There is no feature {code}.")
        if seller:
            customers = _for_seller(session, seller, feature.id, hidden)
        else:
            customers = _for_customer(session, customer, feature.id, hidden)
        session.flush()
        for license_row in session.scalars(
            select(LicenseRow).where(LicenseRow.customer_id.in_(customers))
        ):
            repeat_terms(session, license_row)
        details: dict[str, object] = {"hidden": hidden, "for": seller or customer}
        entry = Entry(system.clock.now(), actor, "feature.visibility", code, details=details)
        record(session, audit_entries, entry)


def _for_seller(session: Session, code: str, feature_id: int, hidden: bool | None) -> list[int]:
    row = session.scalar(select(SellerRow).where(SellerRow.code == code))
    if row is None:
        raise Mistake(f"There is no seller {code}.")
    of_both = {"seller_id": row.id, "feature_id": feature_id}
    session.execute(delete(SellerVisibilityRow).filter_by(**of_both))
    if hidden is not None:
        session.add(SellerVisibilityRow(**of_both, hidden=hidden))
    return list(session.scalars(select(CustomerRow.id).where(CustomerRow.seller_id == row.id)))


def _for_customer(session: Session, number: str, feature_id: int, hidden: bool | None) -> list[int]:
    row = session.scalar(select(CustomerRow).where(CustomerRow.number == number))
    if row is None:
        raise Mistake(f"There is no customer {number}.")
    of_both = {"customer_id": row.id, "feature_id": feature_id}
    session.execute(delete(CustomerVisibilityRow).filter_by(**of_both))
    if hidden is not None:
        session.add(CustomerVisibilityRow(**of_both, hidden=hidden))
    return [row.id]
