"""What a customer may order, and at which prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ayrix_license_server.domain.catalog import is_hidden
from ayrix_license_server.domain.pricing import Orderable, PriceTerms, quote
from ayrix_license_server.rows.catalog import FeatureRow, PriceRow
from ayrix_license_server.rows.customers import CustomerRow, InstallationRow, LicenseRow
from ayrix_license_server.services.devices import Call, take_counter
from ayrix_license_server.services.renewal import refuse_unless_active
from ayrix_license_server.services.terms import overrides
from ayrix_license_server.system import System
from ayrix_protocol.lease import Category, Counted
from ayrix_protocol.orders import (
    LineRequest,
    OfferedFeature,
    Offers,
    Period,
    Quote,
    UpgradeType,
)

QUOTE_VALID_FOR = timedelta(hours=1)
"""How long a quote is announced to hold; an order is compared with the prices of its moment."""


@dataclass(frozen=True, slots=True)
class PricedFeature:
    """A feature on sale that this customer sees, with its price per unit in minor units."""

    feature: FeatureRow
    unit_amount: int


def offers(system: System, call: Call) -> Offers:
    """What `GET /offers` answers. Raises Refused: `unknown_installation`, `counter_behind`."""
    license_id = take_counter(system, call)
    with system.database.read() as session:
        customer = session.get_one(LicenseRow, license_id).customer
        terms = price_terms(customer)
        types = upgrade_types(customer)
        features = priced_features(session, customer, system.clock.now())
        return Offers(
            upgrade_types=tuple(sorted(types)),
            currency=terms.currency,
            period=terms.period,
            tax_rate=terms.tax_rate,
            features=tuple(_offered(priced) for priced in features),
        )


def quote_for(system: System, call: Call, lines: tuple[LineRequest, ...]) -> Quote:
    """The binding price of a wish.

    Raises Refused: `unknown_feature`, `invalid_quantity`, `upgrade_not_available`, `invalid`, and
    what a check refuses for the license's state.
    """
    take_counter(system, call)
    now = system.clock.now()
    with system.database.read() as session:
        row = session.get_one(InstallationRow, call.installation)
        refuse_unless_active(system, row)
        return quote_of(session, row.license.customer, lines, now)


def quote_of(
    session: Session, customer: CustomerRow, lines: tuple[LineRequest, ...], now: datetime
) -> Quote:
    """The price of a wish at `now`; raises as `quote_for`."""
    orderable = {
        priced.feature.code: Orderable(
            priced.feature.code, priced.feature.names, priced.unit_amount
        )
        for priced in priced_features(session, customer, now)
    }
    types = upgrade_types(customer)
    until = _prices_hold_until(session, customer, now)
    return quote(lines, orderable, types, price_terms(customer), int(until.timestamp()))


def priced_features(session: Session, customer: CustomerRow, now: datetime) -> list[PricedFeature]:
    """Everything this customer may order singly: offers, quotes and orders all ask here, so that a
    hidden feature cannot be had by guessing its code.
    """
    if UpgradeType.SINGLE not in upgrade_types(customer):
        return []
    features = session.scalars(
        select(FeatureRow)
        .where(FeatureRow.retired_at.is_(None), FeatureRow.category != Category.CORE)
        .order_by(FeatureRow.position, FeatureRow.id)
    )
    prices = newest_prices(session, customer, now)
    words = overrides(session, customer)
    return [
        PricedFeature(feature, prices[feature.id])
        for feature in features
        if feature.id in prices and not is_hidden(feature.hidden, words.get(feature.id))
    ]


def newest_prices(session: Session, customer: CustomerRow, now: datetime) -> dict[int, int]:
    """What a unit costs this customer at `now`, in minor units, by feature id."""
    valid = session.execute(
        select(PriceRow.feature_id, PriceRow.unit_amount)
        .where(PriceRow.price_list_id == customer.price_list_id, PriceRow.valid_from <= now)
        .order_by(PriceRow.valid_from)
    )
    return {row.feature_id: row.unit_amount for row in valid}


def price_terms(customer: CustomerRow) -> PriceTerms:
    """Currency, period and tax rate of the customer's price list."""
    price_list = customer.price_list
    rate = plain_rate(price_list.tax_rate)
    return PriceTerms(price_list.currency, Period(price_list.period), rate)


def plain_rate(rate: Decimal) -> Decimal:
    """A rate without the zeros that the column adds: 0.1900 is 0.19."""
    return rate.normalize()


def upgrade_types(customer: CustomerRow) -> frozenset[UpgradeType]:
    """In which ways the customer may upgrade."""
    return frozenset(UpgradeType(name) for name in customer.upgrade_types)


def _prices_hold_until(session: Session, customer: CustomerRow, now: datetime) -> datetime:
    until = now + QUOTE_VALID_FOR
    change = session.scalar(
        select(func.min(PriceRow.valid_from)).where(
            PriceRow.price_list_id == customer.price_list_id, PriceRow.valid_from > now
        )
    )
    return until if change is None else min(until, change)


def _offered(priced: PricedFeature) -> OfferedFeature:
    feature = priced.feature
    return OfferedFeature(
        code=feature.code,
        category=Category(feature.category),
        counts=None if feature.counts is None else Counted(feature.counts),
        names=feature.names,
        descriptions=feature.descriptions,
        unit_amount=priced.unit_amount,
    )
