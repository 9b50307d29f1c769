"""The catalog as the vendor writes it: a YAML file, checked whole before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ayrix_license_server.domain.catalog import ChargeBy
from ayrix_license_server.domain.errors import Mistake
from ayrix_protocol.lease import Category, Counted
from ayrix_protocol.orders import Currency, Period
from ayrix_protocol.wire import Code

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LARGEST_PRICE = 10**9
"""Minor units a single unit may cost; ten million euros are a typing slip."""

LANGUAGES = ("en", "de")
MOST_FEATURES = 200
"""As many as an offer and a lease may list."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Names(_Part):
    """A text in both languages."""

    en: Annotated[str, Field(min_length=1, max_length=200)]
    de: Annotated[str, Field(min_length=1, max_length=200)]


class CatalogEntry(_Part):
    """A feature; `counts` says which objects use it up, `hidden` keeps it from customers."""

    code: Code
    category: Category
    counts: Counted | None = None
    hidden: bool = False
    names: Names
    descriptions: Names | None = None

    @model_validator(mode="after")
    def _core_counts_nothing(self) -> Self:
        if self.category is Category.CORE and self.counts is not None:
            raise ValueError("a core feature is unlimited and counts nothing")
        return self


class PriceList(_Part):
    """A price list; `prices` per unit in minor units (cents), by feature code."""

    code: Code
    currency: Currency
    period: Period
    tax_rate: Annotated[Decimal, Field(ge=0, lt=1, decimal_places=4)]
    charge_by: ChargeBy = ChargeBy.LICENSED
    prices: dict[Code, Annotated[int, Field(ge=0, le=LARGEST_PRICE, strict=True)]]


class CatalogFile(_Part):
    """Everything that is sold; a feature that is missing here is retired."""

    features: Annotated[tuple[CatalogEntry, ...], Field(min_length=1, max_length=MOST_FEATURES)]
    price_lists: Annotated[tuple[PriceList, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        _refuse_twice("The feature", [feature.code for feature in self.features])
        _refuse_twice("The price list", [price_list.code for price_list in self.price_lists])
        _refuse_twice("A feature that counts", [entry.counts for entry in self.features])
        return self

    @model_validator(mode="after")
    def _prices_what_it_sells(self) -> Self:
        categories = {feature.code: feature.category for feature in self.features}
        for price_list in self.price_lists:
            for code in price_list.prices:
                if code not in categories:
                    raise ValueError(
                        f"The price list {price_list.code} prices {code!r}, which is"
                        " no feature of this catalog"
                    )
                if categories[code] is Category.CORE:
                    raise ValueError(
                        f"The price list {price_list.code} prices {code!r}, which is"
                        " a core feature and free"
                    )
        return self


def _refuse_twice(what: str, names: Sequence[str | None]) -> None:
    for name in names:
        if name is not None and names.count(name) > 1:
            raise ValueError(f"{what} {name!s} stands twice")


def read_catalog(file: Path) -> CatalogFile:
    """The catalog of a YAML file; raises Mistake with one sentence per mistake."""
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise Mistake(f"There is no file {file}.") from error
    except OSError as error:
        raise Mistake(f"{file} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Mistake(f"{file} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise Mistake(f"{file} must have the entries features and price_lists.")
    try:
        return CatalogFile.model_validate(content)
    except ValidationError as error:
        sentences = (_sentence(file, content, detail) for detail in error.errors())
        raise Mistake("\n".join(sentences)) from None


def _sentence(file: Path, content: dict[str, object], detail: ErrorDetails) -> str:
    said = detail["msg"].removeprefix("Value error, ").rstrip(".")
    place = _place(content, detail["loc"])
    if detail["type"] == "missing":
        return f"{file}: {place} is missing."
    if detail["type"] == "extra_forbidden":
        return f"{file}: there is no {place} in a catalog."
    if not place:
        return f"{file}: {said}."
    return f"{file}: {place} is {detail['input']!r}. {said}."


def _place(content: object, path: tuple[int | str, ...]) -> str:
    """Where a mistake is, with the code of the feature or price list instead of its number."""
    words = []
    for step in path:
        if isinstance(content, list) and isinstance(step, int) and step < len(content):
            content = content[step]
            code = content.get("code") if isinstance(content, dict) else None
            words.append(str(code or f"number {step + 1}"))
            continue
        content = content.get(step) if isinstance(content, dict) else None
        words.append(str(step))
    return " > ".join(words)
