"""Who sees a feature, and what a lease says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ayrix_protocol.lease import Category, Contact, Counted, LicensedFeature


class ChargeBy(StrEnum):
    """What a period is charged for: what is licensed, or the highest use of the month."""

    LICENSED = "licensed"
    PEAK_USE = "peak_use"


def is_hidden(feature: bool, override: bool | None) -> bool:
    """Whether a customer must never learn of a feature (product.md, Features)."""
    return feature if override is None else override


@dataclass(frozen=True, slots=True)
class CatalogFeature:
    """What a lease says of a feature beside its quantity."""

    code: str
    category: Category
    counts: Counted | None
    names: dict[str, str]
    hidden: bool
    on_sale: bool


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """All features and all sellers' contacts as they were at one moment; compared by identity, so
    that what was made from it can be cached.
    """

    features: Mapping[str, CatalogFeature]
    sellers: Mapping[str, Contact]


@dataclass(frozen=True, slots=True)
class Entitlement:
    """How many of a feature a license may use (None: a core feature), and what overrides the
    feature's `hidden` for this customer.
    """

    code: str
    quantity: int | None
    hidden: bool | None


def licensed_features(
    catalog: Catalog, entitlements: Iterable[Entitlement]
) -> tuple[LicensedFeature, ...]:
    """What a lease lists: what is entitled, then all other core features on sale.

    A hidden feature is listed without its names: it works, and nobody sees it. Raises KeyError
    for a feature that the catalog does not know yet.
    """
    listed = {
        entitlement.code: _licensed(
            catalog.features[entitlement.code], entitlement.quantity, entitlement.hidden
        )
        for entitlement in entitlements
    }
    core = (
        _licensed(feature, None, None)
        for feature in catalog.features.values()
        if feature.category is Category.CORE and feature.on_sale and feature.code not in listed
    )
    return (*listed.values(), *core)


def _licensed(
    feature: CatalogFeature, quantity: int | None, override: bool | None
) -> LicensedFeature:
    hidden = is_hidden(feature.hidden, override)
    return LicensedFeature(
        code=feature.code,
        category=feature.category,
        counts=feature.counts,
        quantity=quantity,
        hidden=hidden,
        names={} if hidden else feature.names,
    )
