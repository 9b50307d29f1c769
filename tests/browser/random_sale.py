"""A catalog, a customer and a license that nobody could have known beforehand."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from secrets import token_hex

from ayrix_protocol.lease import Category, Counted
from tests.browser.demo_process import Demo

CATEGORIES = {
    Counted.EXTENSION: Category.GENERAL,
    Counted.VOICEMAIL: Category.GENERAL,
    Counted.ANNOUNCEMENT: Category.GENERAL,
    Counted.RING_GROUP: Category.INSTANCE,
    Counted.QUEUE: Category.INSTANCE,
}
USED = {
    Counted.EXTENSION: 34,
    Counted.VOICEMAIL: 28,
    Counted.ANNOUNCEMENT: 8,
    Counted.RING_GROUP: 5,
    Counted.QUEUE: 2,
}
"""The objects every demo begins with."""

PERIODS = ("one_off", "monthly", "yearly")
BASIS = 10_000
"""Tax rates have four decimals: this many parts."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature on sale; `price` in cents, `licensed` as many as the license begins with."""

    code: str
    names: Mapping[str, str]
    price: int
    licensed: int


@dataclass(frozen=True, slots=True)
class Sale:
    """What is sold to whom; every feature counts one kind of object."""

    customer: str
    number: str
    features: Mapping[Counted, Feature]
    hidden: Feature
    core: Feature
    period: str
    tax_basis: int
    """The tax rate in hundredths of a percent."""

    def total(self, counted: Counted, quantity: int) -> int:
        """What so many cost with tax, in cents: the tax rounded half up once."""
        net = self.features[counted].price * quantity
        return net + int(net * Fraction(self.tax_basis, BASIS) + Fraction(1, 2))

    def catalog(self) -> dict[str, object]:
        """The catalog file; YAML reads JSON."""
        rows: list[dict[str, object]] = [
            {
                "code": feature.code,
                "category": CATEGORIES[counted],
                "counts": counted,
                "names": feature.names,
            }
            for counted, feature in self.features.items()
        ]
        hidden, core = self.hidden, self.core
        rows += [
            {"code": hidden.code, "category": "instance", "hidden": True, "names": hidden.names},
            {"code": core.code, "category": "core", "names": core.names},
        ]
        prices = {feature.code: feature.price for feature in (*self.features.values(), hidden)}
        price_list = {
            "code": f"list_{token_hex(3)}",
            "currency": "EUR",
            "period": self.period,
            "tax_rate": f"0.{self.tax_basis:04}",
            "prices": prices,
        }
        return {"features": rows, "price_lists": [price_list]}


def random_sale() -> Sale:
    """Something to sell, with all ring groups used up."""
    return Sale(
        customer=f"Example {token_hex(4)} GmbH",
        number=str(random.randint(20_000, 99_999)),
        features={
            counted: _feature(used + (counted is not Counted.RING_GROUP) * random.randint(1, 40))
            for counted, used in USED.items()
        },
        hidden=_feature(random.randint(1, 9)),
        core=_feature(0),
        period=random.choice(PERIODS),
        tax_basis=random.randint(1, 2_500),
    )


def sell(demo: Demo, sale: Sale) -> str:
    """Do what the vendor does for a new customer; gives back the activation key."""
    file = demo.folder.parent / "catalog.yaml"
    catalog = sale.catalog()
    file.write_text(json.dumps(catalog), "utf-8")
    demo.vendor("catalog", "load", str(file))
    price_lists = catalog["price_lists"]
    assert isinstance(price_lists, list)
    code = price_lists[0]["code"]
    demo.vendor("customer", "add", sale.number, sale.customer, "--price-list", code)
    entitled = [
        part
        for feature in (*sale.features.values(), sale.hidden)
        for part in ("--entitle", f"{feature.code}={feature.licensed}")
    ]
    issued = json.loads(demo.vendor("license", "issue", sale.number, *entitled, "--json"))
    return str(issued["activation_key"])


def _feature(licensed: int) -> Feature:
    word = token_hex(3)
    names = {"en": f"Feature {word}", "de": f"Merkmal {word}"}
    return Feature(f"feature_{word}", names, random.randint(1, 99_999), licensed)
