"""Bringing the database to what a catalog file says; repeatable, and nothing is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_license_server.domain.catalog_file import CatalogEntry, CatalogFile, PriceList
from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.rows.base import audit_entries
from ayrix_license_server.rows.catalog import FeatureRow, PriceListRow, PriceRow
from ayrix_license_server.system import System


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load changed; `features` counts all that are on sale now."""

    features: int
    added: int
    retired: int
    new_prices: int


def load_catalog(system: System, catalog: CatalogFile, actor: Actor) -> Loaded:
    """Make the catalog the one on sale.

    Names, descriptions and visibility follow the file, a feature that is missing is retired, a
    price that differs is valid from now on. Raises Mistake if a feature would change its category
    or what it counts.
    """
    now = system.clock.now()
    with system.database.write() as session:
        existing = {row.code: row for row in session.scalars(select(FeatureRow))}
        retired = _retire_missing(session, catalog, existing, now)
        added = sum(
            _bring_up(session, entry, position, existing.get(entry.code))
            for position, entry in enumerate(catalog.features)
        )
        session.flush()
        new_prices = sum(_price(session, entry, now) for entry in catalog.price_lists)
        loaded = Loaded(len(catalog.features), added, retired, new_prices)
        details: dict[str, object] = {
            "features": loaded.features,
            "added": added,
            "retired": retired,
            "new_prices": new_prices,
        }
        record(session, audit_entries, Entry(now, actor, "catalog.loaded", details=details))
    system.catalog.forget()
    return loaded


def _retire_missing(
    session: Session, catalog: CatalogFile, existing: dict[str, FeatureRow], now: datetime
) -> int:
    kept = {entry.code for entry in catalog.features}
    missing = [row for row in existing.values() if row.code not in kept and row.retired_at is None]
    for row in missing:
        row.retired_at = now
    # Before the others come: at most one feature on sale counts a kind of object.
    session.flush()
    return len(missing)


def _bring_up(session: Session, entry: CatalogEntry, position: int, row: FeatureRow | None) -> bool:
    is_new = row is None
    if row is None:
        row = FeatureRow(code=entry.code, category=entry.category, counts=entry.counts)
        session.add(row)
    if (row.category, row.counts) != (entry.category, entry.counts):
        raise Mistake(
            f"The feature {entry.code} is {_kind(row.category, row.counts)} and stays so."
            " Give a changed feature a new code."
        )
    row.names = entry.names.model_dump()
    row.descriptions = {} if entry.descriptions is None else entry.descriptions.model_dump()
    row.hidden = entry.hidden
    row.position = position
    row.retired_at = None
    return is_new


def _kind(category: str, counts: str | None) -> str:
    return category if counts is None else f"{category} counting {counts}"


def _price(session: Session, entry: PriceList, now: datetime) -> int:
    """The price list as the file says, with a new price wherever it differs; gives how many."""
    row = session.scalar(select(PriceListRow).where(PriceListRow.code == entry.code))
    if row is None:
        row = PriceListRow(code=entry.code, currency=entry.currency)
        session.add(row)
    if row.currency != entry.currency:
        raise Mistake(
            f"The price list {entry.code} is in {row.currency} and stays so."
            " Give a list in another currency a new code."
        )
    row.period, row.charge_by = entry.period, entry.charge_by
    row.tax_rate = entry.tax_rate
    session.flush()
    features = {
        feature.code: feature.id
        for feature in session.scalars(select(FeatureRow).where(FeatureRow.code.in_(entry.prices)))
    }
    changed = [
        PriceRow(
            price_list_id=row.id, feature_id=features[code], unit_amount=amount, valid_from=now
        )
        for code, amount in entry.prices.items()
        if _newest_price(session, row, features[code]) != amount
    ]
    session.add_all(changed)
    return len(changed)


def _newest_price(session: Session, price_list: PriceListRow, feature_id: int) -> int | None:
    return session.scalar(
        select(PriceRow.unit_amount)
        .where(PriceRow.price_list_id == price_list.id, PriceRow.feature_id == feature_id)
        .order_by(PriceRow.valid_from.desc())
        .limit(1)
    )
