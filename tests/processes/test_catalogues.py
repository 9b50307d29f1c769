"""The check of the German catalogue finds what a reader would stumble over."""

import pytest
from babel.messages.catalog import Catalog

from tools.translations import ROOT, catalogues, extract, faults, read


def template() -> Catalog:
    """Two messages as the sources would say them."""
    catalogue = Catalog()
    catalogue.add("Checked at %(time)s", locations=[("templates/a.html", 1)])
    catalogue.add(
        ("%(num)s license", "%(num)s licenses"), locations=[("ayrix_web/web/license.py", 1)]
    )
    return catalogue


def german(single: str, plural: tuple[str, str], *flags: str) -> Catalog:
    """The German for both messages."""
    catalogue = Catalog(locale="de")
    catalogue.add("Checked at %(time)s", single, flags=flags)
    catalogue.add(("%(num)s license", "%(num)s licenses"), plural)
    return catalogue


def test_a_complete_catalogue_has_no_fault() -> None:
    complete = german("Geprüft um %(time)s", ("%(num)s Lizenz", "%(num)s Lizenzen"))
    assert list(faults(complete, template())) == []


@pytest.mark.parametrize(
    ("catalogue", "fault"),
    [
        (german("", ("%(num)s Lizenz", "%(num)s Lizenzen")), "not translated"),
        (german("Geprüft um %(time)s", ("%(num)s Lizenz", "")), "not translated"),
        (
            german("Geprüft um %(time)s", ("%(num)s Lizenz", "%(num)s Lizenzen"), "fuzzy"),
            "fuzzy",
        ),
        (
            german("Geprüft um %(zeit)s", ("%(num)s Lizenz", "%(num)s Lizenzen")),
            "unknown named placeholder",
        ),
        (Catalog(locale="de"), "not in the catalogue"),
    ],
    ids=["empty", "plural missing", "fuzzy", "placeholder lost", "missing"],
)
def test_an_incomplete_catalogue_is_named_with_its_place(catalogue: Catalog, fault: str) -> None:
    first = next(faults(catalogue, template()))
    assert fault in first
    assert "templates/a.html" in first or "ayrix_web/web/license.py" in first


def test_every_string_of_the_sources_is_in_german() -> None:
    sources = extract(ROOT)
    assert len(sources) > 0
    assert [fault for po in catalogues() for fault in faults(read(po), sources)] == []
