"""The catalog file: loaded as often as one likes, every mistake with its sentence."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ayrix_license_server.domain.catalog_file import CatalogFile, read_catalog
from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.rows.catalog import FeatureRow, PriceRow
from ayrix_license_server.services.catalog_loading import load_catalog
from ayrix_protocol.lease import Category, Counted
from tests.server.conftest import CATALOG, VENDOR, Server
from tests.server.device import TestDevice

GOOD = """
features:
  - {code: fax, category: instance, names: {en: Fax, de: Fax}}
  - {code: hold, category: core, names: {en: Hold, de: Halten}}
price_lists:
  - {code: standard, currency: EUR, period: monthly, tax_rate: "0.19", prices: {fax: 100}}
"""


def without(code: str) -> CatalogFile:
    """The example catalog without one feature."""
    catalog = read_catalog(CATALOG)
    only = catalog.price_lists[0]
    prices = {name: price for name, price in only.prices.items() if name != code}
    return catalog.model_copy(
        update={
            "features": tuple(entry for entry in catalog.features if entry.code != code),
            "price_lists": (only.model_copy(update={"prices": prices}),),
        }
    )


def test_loading_it_again_changes_nothing(server: Server) -> None:
    loaded = load_catalog(server.system, read_catalog(CATALOG), VENDOR)
    assert (loaded.features, loaded.added, loaded.retired, loaded.new_prices) == (12, 0, 0, 0)


def test_a_missing_feature_is_retired_and_works_on(server: Server) -> None:
    device = server.device()
    device.activate(server.issue(queue=2).key)
    assert load_catalog(server.system, without("queue"), VENDOR).retired == 1
    device.check()
    feature = device.held().feature("queue")
    assert feature is not None
    assert feature.quantity == 2
    assert "queue" not in device.send("GET", "/offers").data.decode()
    assert load_catalog(server.system, read_catalog(CATALOG), VENDOR).retired == 0
    assert "queue" in device.send("GET", "/offers").data.decode()


def test_a_retired_core_feature_leaves_the_lease(server: Server, device: TestDevice) -> None:
    load_catalog(server.system, without("backup"), VENDOR)
    device.check()
    assert device.held().feature("backup") is None


def test_a_new_price_is_added_and_the_old_one_stays(server: Server) -> None:
    catalog = read_catalog(CATALOG)
    only = catalog.price_lists[0]
    dearer = only.model_copy(update={"prices": {**only.prices, "queue": 1090}})
    server.clock.forward(timedelta(seconds=1))
    changed = catalog.model_copy(update={"price_lists": (dearer,)})
    assert load_catalog(server.system, changed, VENDOR).new_prices == 1
    with server.system.database.read() as session:
        assert session.scalar(select(func.count()).select_from(PriceRow)) == 7


@pytest.mark.parametrize(
    "change", [{"category": Category.GENERAL}, {"counts": Counted.ANNOUNCEMENT}, {"counts": None}]
)
def test_a_feature_never_becomes_another(server: Server, change: dict[str, object]) -> None:
    catalog = without("announcement")
    features = tuple(
        entry.model_copy(update=change) if entry.code == "queue" else entry
        for entry in catalog.features
    )
    with pytest.raises(Mistake, match="The feature queue is instance counting queue and stays so"):
        load_catalog(server.system, catalog.model_copy(update={"features": features}), VENDOR)
    with server.system.database.read() as session:
        retired = select(func.count()).where(FeatureRow.retired_at.is_not(None))
        assert session.scalar(retired) == 0, "nothing of a refused catalog is kept"


def test_a_price_list_never_changes_its_currency(server: Server) -> None:
    catalog = read_catalog(CATALOG)
    swiss = catalog.price_lists[0].model_copy(update={"currency": "CHF"})
    with pytest.raises(Mistake, match="The price list standard is in EUR and stays so"):
        load_catalog(server.system, catalog.model_copy(update={"price_lists": (swiss,)}), VENDOR)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("code: fax", "code: Fax", "features > Fax > code is 'Fax'. "),
        ("category: instance", "category: gold", "features > fax > category is 'gold'. Input sh"),
        ("{en: Fax, de: Fax}", "{en: Fax}", "features > fax > names > de is missing."),
        ("{en: Fax, de: Fax}", "Fax", "features > fax > names is 'Fax'."),
        ("code: hold", "code: fax", "The feature fax stands twice."),
        ("category: core,", "category: core, counts: queue,", "a core feature is unlimited"),
        ("names: {en: Hold", "colour: red, names: {en: Hold", "there is no features > hold > col"),
        ("prices: {fax: 100}", "prices: {fix: 100}", "prices 'fix', which is no feature"),
        ("prices: {fax: 100}", "prices: {hold: 1}", "prices 'hold', which is a core feature"),
        ("fax: 100", "fax: -1", "price_lists > standard > prices > fax is -1."),
        ("fax: 100", "fax: 1.5", "price_lists > standard > prices > fax is 1.5."),
        ("EUR", "Euro", "price_lists > standard > currency is 'Euro'."),
        ("monthly", "weekly", "price_lists > standard > period is 'weekly'."),
        ('"0.19"', '"19"', "price_lists > standard > tax_rate is '19'."),
        ("price_lists:", "price_list:", "price_lists is missing."),
        ("features:", "features: [", "is not valid YAML"),
    ],
)
def test_every_mistake_has_its_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_text(GOOD, "utf-8")
    read_catalog(file)
    assert old in GOOD
    file.write_text(GOOD.replace(old, new), "utf-8")
    with pytest.raises(Mistake) as mistake:
        read_catalog(file)
    assert str(mistake.value).startswith(f"{file}")
    assert sentence in str(mistake.value)


def test_two_features_cannot_count_the_same_objects(tmp_path: Path) -> None:
    file = tmp_path / "catalog.yaml"
    twice = GOOD.replace("category: instance,", "category: instance, counts: queue,")
    line = "  - {code: acd, category: general, counts: queue, names: {en: ACD, de: ACD}}\n"
    file.write_text(twice.replace("price_lists:", line + "price_lists:"), "utf-8")
    with pytest.raises(Mistake, match="A feature that counts queue stands twice"):
        read_catalog(file)


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "There is no file"), ("- a", "must have the entries")]
)
def test_a_file_that_is_no_catalog(tmp_path: Path, content: str | None, sentence: str) -> None:
    file = tmp_path / "catalog.yaml"
    if content is not None:
        file.write_text(content, "utf-8")
    with pytest.raises(Mistake, match=sentence):
        read_catalog(file)
