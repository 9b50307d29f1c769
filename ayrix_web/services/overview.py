"""What the License page shows: every visible feature, how much of it is used, what was ordered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from ayrix_protocol.lease import Category, Counted, Lease, LicensedFeature
from ayrix_protocol.orders import OfferedFeature, Offers, UpgradeType
from ayrix_web.domain.order import PlacedOrder
from ayrix_web.services import licensing, offers, order_book, quota
from ayrix_web.services.held import stored_installation
from ayrix_web.services.license_facts import LicenseFacts
from ayrix_web.system import System

SCARCE_PART = 0.12
"""With no more than this part of a feature free its row turns amber."""


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """A feature as its row shows it; `licensed` and `used` are None where nothing is counted."""

    code: str
    category: Category
    counts: Counted | None
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    licensed: int | None
    used: int | None
    on_the_way: int
    unit_amount: int | None
    is_orderable: bool

    @property
    def left(self) -> int:
        """How many more can be created; negative if there are too many."""
        return (self.licensed or 0) - (self.used or 0)

    @property
    def is_counted(self) -> bool:
        """Whether there is a use to show."""
        return self.licensed is not None and self.used is not None

    @property
    def is_used_up(self) -> bool:
        """Whether the next object would be refused."""
        return self.is_counted and self.left <= 0

    @property
    def is_over(self) -> bool:
        """Whether more exist than are licensed, because a quantity was lowered."""
        return self.is_counted and self.left < 0

    @property
    def is_scarce(self) -> bool:
        """Whether few are left."""
        return self.is_counted and 0 < self.left <= SCARCE_PART * (self.licensed or 0)


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole License page; hidden features are not in it."""

    facts: LicenseFacts
    general: tuple[FeatureUse, ...]
    instance: tuple[FeatureUse, ...]
    core: tuple[FeatureUse, ...]
    orders: tuple[PlacedOrder, ...]
    order_count: int
    offers: Offers | None
    counted_at: datetime | None
    counts_are_fresh: bool

    @property
    def used_up(self) -> tuple[FeatureUse, ...]:
        """The features of which nothing is left, those on the way included."""
        return tuple(use for use in (*self.general, *self.instance) if use.is_used_up)

    @property
    def can_upgrade(self) -> bool:
        """Whether there is anything to order."""
        return self.offers is not None and self.offers.can_upgrade


def overview(system: System) -> Overview:
    """Everything the License page shows; asks nobody outside this machine."""
    usage = quota.usage(system)
    with system.database.read() as session:
        installation = stored_installation(session)
        orders = order_book.newest_orders(session)
        order_count = order_book.number_of_orders(session)
        on_the_way = order_book.on_the_way(session)
    facts = licensing.facts_of(system, installation)
    offered = offers.known_of(installation)
    uses = tuple(_feature_uses(facts.lease, offered, usage.counts, on_the_way))
    return Overview(
        facts=facts,
        general=tuple(use for use in uses if use.category is Category.GENERAL),
        instance=tuple(use for use in uses if use.category is Category.INSTANCE),
        core=tuple(use for use in uses if use.category is Category.CORE),
        orders=orders,
        order_count=order_count,
        offers=offered,
        counted_at=usage.at,
        counts_are_fresh=usage.is_fresh,
    )


def _feature_uses(
    lease: Lease | None,
    offered: Offers | None,
    counts: Mapping[Counted, int],
    on_the_way: tuple[PlacedOrder, ...],
) -> Iterator[FeatureUse]:
    """Licensed features in the lease's order, then what can be ordered and is not licensed yet."""
    can_order_singly = offered is not None and UpgradeType.SINGLE in offered.upgrade_types
    offers_by_code = {feature.code: feature for feature in offered.features} if offered else {}
    licensed = {feature.code: feature for feature in lease.features} if lease else {}
    features: dict[str, LicensedFeature | OfferedFeature] = {**offers_by_code, **licensed}
    for code in [*licensed, *(code for code in offers_by_code if code not in licensed)]:
        feature, offer = features[code], offers_by_code.get(code)
        if isinstance(feature, LicensedFeature) and feature.hidden:
            continue
        yield _feature_use(
            feature,
            offer,
            counts,
            sum(order.quantity_of(code) for order in on_the_way),
            is_orderable=offer is not None and can_order_singly,
        )


def _feature_use(
    feature: LicensedFeature | OfferedFeature,
    offer: OfferedFeature | None,
    counts: Mapping[Counted, int],
    on_the_way: int,
    *,
    is_orderable: bool,
) -> FeatureUse:
    quantity = feature.quantity if isinstance(feature, LicensedFeature) else 0
    used = counts.get(feature.counts) if feature.counts is not None else None
    return FeatureUse(
        code=feature.code,
        category=feature.category,
        counts=feature.counts,
        names=feature.names,
        descriptions=offer.descriptions if offer else {},
        licensed=quantity,
        used=used,
        on_the_way=on_the_way,
        unit_amount=offer.unit_amount if offer else None,
        is_orderable=is_orderable,
    )
