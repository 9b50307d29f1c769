"""The catalog as leases need it, kept for a minute."""

from __future__ import annotations

from sqlalchemy import select

from ayrix_license_server.domain.catalog import Catalog, CatalogFeature
from ayrix_license_server.rows.catalog import FeatureRow
from ayrix_license_server.rows.customers import SellerRow
from ayrix_license_server.settings import Settings
from ayrix_license_server.system import System
from ayrix_protocol.lease import Category, Contact, Contacts, Counted


def current_catalog(system: System) -> Catalog:
    """Names and contacts, at most 60 s old (architecture.md, Database)."""
    return system.catalog.at(system.clock.now(), lambda: _read(system))


def public_contacts(system: System) -> Contacts:
    """Whom to ask before the first activation: the Customer Service Center and, for want of a
    customer, the vendor's first seller.
    """
    support = support_contact(system.settings)
    sellers = current_catalog(system).sellers.values()
    return Contacts(support=support, seller=next(iter(sellers), support))


def support_contact(settings: Settings) -> Contact:
    """The Customer Service Center, whom a PBX names when a check fails."""
    return Contact(
        name=settings.support_name,
        phone=settings.support_phone,
        email=settings.support_email,
        hours=settings.support_hours,
    )


def _read(system: System) -> Catalog:
    with system.database.read() as session:
        features = session.scalars(select(FeatureRow).order_by(FeatureRow.position, FeatureRow.id))
        sellers = session.scalars(select(SellerRow).order_by(SellerRow.id))
        return Catalog(
            {row.code: _feature(row) for row in features},
            {row.code: _contact(row) for row in sellers},
        )


def _feature(row: FeatureRow) -> CatalogFeature:
    return CatalogFeature(
        code=row.code,
        category=Category(row.category),
        counts=None if row.counts is None else Counted(row.counts),
        names=row.names,
        hidden=row.hidden,
        on_sale=row.retired_at is None,
    )


def _contact(row: SellerRow) -> Contact:
    return Contact(name=row.name, phone=row.phone, email=row.email, hours=row.hours)
