"""What a license begins with: a fulfilled order that the seller places."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_foundation.audit import Actor
from ayrix_license_server.domain.catalog import is_hidden
from ayrix_license_server.domain.errors import Mistake, Refused
from ayrix_license_server.domain.orders import wanted_hash
from ayrix_license_server.domain.pricing import Orderable, quote
from ayrix_license_server.rows.catalog import FeatureRow
from ayrix_license_server.rows.customers import CustomerRow, LicenseRow
from ayrix_license_server.services import fulfillment
from ayrix_license_server.services.offers import newest_prices, price_terms
from ayrix_license_server.services.terms import overrides
from ayrix_license_server.system import System
from ayrix_protocol.lease import Category
from ayrix_protocol.orders import LineRequest, OrderState, Quote, UpgradeType, WantedOrder

MOST_SOLD_AT_ONCE = 1_000_000
"""Far more than any PBX has; a larger number is a typing slip."""

PURCHASE = "Purchase"
"""The reason of the order that a license begins with."""


def purchase(
    system: System,
    session: Session,
    license_row: LicenseRow,
    quantities: Mapping[str, int],
    actor: Actor,
) -> None:
    """Entitle a license to quantities by feature code, also of features the customer does not see.

    Hidden features make an order of their own, which the customer does not see either. Raises
    Mistake for an unknown feature or quantity.
    """
    hidden = _hidden_by_code(session, license_row.customer)
    for code in quantities:
        if code not in hidden:
            raise Mistake(f"There is no feature {code} to order.")
    for is_secret in (False, True):
        lines = tuple(
            LineRequest(code=code, quantity=quantity)
            for code, quantity in quantities.items()
            if hidden[code] is is_secret
        )
        if not lines:
            continue
        priced = _priced(system, session, license_row.customer, lines)
        draft = fulfillment.Draft(
            license_row,
            uuid4(),
            wanted_hash(WantedOrder(lines=lines, quote_hash=priced.quote_hash)),
            priced,
            actor.name,
            PURCHASE,
            hidden=is_secret,
        )
        order = fulfillment.add_order(system, session, draft)
        fulfillment.step(session, order, OrderState.APPROVED, actor.name, order.created_at)
        fulfillment.fulfill(session, order, order.created_at)


def _priced(
    system: System, session: Session, customer: CustomerRow, lines: tuple[LineRequest, ...]
) -> Quote:
    now = system.clock.now()
    prices = newest_prices(session, customer, now)
    sellable = {
        feature.code: Orderable(feature.code, feature.names, prices.get(feature.id, 0))
        for feature in session.scalars(
            select(FeatureRow).where(
                FeatureRow.retired_at.is_(None), FeatureRow.category != Category.CORE
            )
        )
    }
    try:
        return quote(
            lines,
            sellable,
            frozenset({UpgradeType.SINGLE}),
            price_terms(customer),
            int(now.timestamp()),
            largest_quantity=MOST_SOLD_AT_ONCE,
        )
    except Refused as refusal:
        raise Mistake(refusal.detail) from refusal


def _hidden_by_code(session: Session, customer: CustomerRow) -> dict[str, bool]:
    words = overrides(session, customer)
    return {
        feature.code: is_hidden(feature.hidden, words.get(feature.id))
        for feature in session.scalars(select(FeatureRow))
    }
