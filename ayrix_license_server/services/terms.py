"""What a lease says of a license, repeated in the installation's one row for the check."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ayrix_license_server.rows.catalog import (
    CustomerVisibilityRow,
    FeatureRow,
    SellerVisibilityRow,
)
from ayrix_license_server.rows.customers import (
    CustomerRow,
    EntitlementRow,
    InstallationRow,
    LicenseRow,
)
from ayrix_license_server.rows.orders import OrderRow
from ayrix_protocol.device import MOST_ACKNOWLEDGED_ORDERS
from ayrix_protocol.lease import Category

MOST_KNOWN_ORDERS = 2 * MOST_ACKNOWLEDGED_ORDERS
"""How many of the newest orders the row repeats; an older one is looked up."""


def repeat_terms(session: Session, license_row: LicenseRow) -> None:
    """Rewrite the installations of a license from what the other tables say now.

    Belongs into every transaction that changes entitlements, visibility, the customer, the
    license's state or its orders.
    """
    session.flush()
    customer = license_row.customer
    entitlements = _entitlements(session, license_row)
    known_orders = _newest_orders(session, license_row)
    for installation in session.scalars(
        select(InstallationRow).where(InstallationRow.license_id == license_row.id)
    ):
        installation.license_state = license_row.state
        installation.required = license_row.required
        installation.entitlements = entitlements
        installation.customer = {"number": customer.number, "name": customer.name}
        installation.seller = customer.seller.code
        installation.known_orders = known_orders


def overrides(session: Session, customer: CustomerRow) -> dict[int, bool]:
    """What overrides a feature's `hidden` for this customer, by feature id; his own word comes
    before his seller's.
    """
    seller = session.execute(
        select(SellerVisibilityRow.feature_id, SellerVisibilityRow.hidden).where(
            SellerVisibilityRow.seller_id == customer.seller_id
        )
    )
    own = session.execute(
        select(CustomerVisibilityRow.feature_id, CustomerVisibilityRow.hidden).where(
            CustomerVisibilityRow.customer_id == customer.id
        )
    )
    return {row.feature_id: row.hidden for rows in (seller, own) for row in rows}


def _entitlements(session: Session, license_row: LicenseRow) -> list[dict[str, object]]:
    """Entitlements with their overrides, none below the license's floor, and core features that
    have an override (without quantity).
    """
    words, floor = overrides(session, license_row.customer), license_row.floor or {}
    of_license = (EntitlementRow.feature_id == FeatureRow.id) & (
        EntitlementRow.license_id == license_row.id
    )
    paid = session.execute(
        select(FeatureRow.id, FeatureRow.code, func.coalesce(EntitlementRow.quantity, 0))
        .outerjoin(EntitlementRow, of_license)
        .where(EntitlementRow.id.is_not(None) | FeatureRow.code.in_(floor))
        .order_by(FeatureRow.position, FeatureRow.id)
    ).all()
    core = session.execute(
        select(FeatureRow.id, FeatureRow.code).where(
            FeatureRow.category == Category.CORE, FeatureRow.id.in_(words)
        )
    ).all()
    return [
        *(
            {
                "code": code,
                "quantity": max(quantity, floor.get(code, 0)),
                "hidden": words.get(feature_id),
            }
            for feature_id, code, quantity in paid
        ),
        *({"code": row.code, "quantity": None, "hidden": words[row.id]} for row in core),
    ]


def _newest_orders(session: Session, license_row: LicenseRow) -> list[str]:
    return list(
        session.scalars(
            select(OrderRow.key)
            .where(OrderRow.license_id == license_row.id)
            .order_by(OrderRow.id.desc())
            .limit(MOST_KNOWN_ORDERS)
        )
    )
