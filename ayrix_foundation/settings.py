"""Settings: one TOML file, then the environment; checked once, then frozen."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic_core import ErrorDetails

SETTINGS_FILE = "settings.toml"

Settings = TypeVar("Settings", bound="DataclassInstance")


class SettingsError(Exception):
    """A setting is wrong; the text says which, where and what it may be."""


def load_settings(
    kind: type[Settings], instance: Path, environ: Mapping[str, str], prefix: str
) -> Settings:
    """Read `settings.toml` of the instance folder, let `environ` override it and check everything.

    `kind` is a frozen pydantic dataclass with a field `instance`; a variable is `prefix` and the
    field's name in capitals; lists are separated by commas. Raises SettingsError with one sentence
    per mistake.
    """
    file = instance / SETTINGS_FILE
    names = [field.name for field in fields(kind) if field.name != "instance"]
    values, sources = _from_file(file), dict.fromkeys(names, str(file))
    for name in names:
        variable = prefix + name.upper()
        if (text := environ.get(variable)) is not None:
            values[name] = _split(text) if _is_list(kind, name) else text
            sources[name] = variable
    try:
        return TypeAdapter(kind).validate_python({**values, "instance": instance})
    except ValidationError as error:
        sentences = [_sentence(file, sources, names, detail) for detail in error.errors()]
        raise SettingsError("\n".join(sentences)) from None


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not UTF-8 text.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}.") from error


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_list(kind: type[Settings], name: str) -> bool:
    hint = get_type_hints(kind)[name]
    options = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    return any(get_origin(option) in {tuple, frozenset, list} for option in options)


def _sentence(
    file: Path, sources: Mapping[str, str], names: list[str], detail: ErrorDetails
) -> str:
    name = str(detail["loc"][0])
    if detail["type"] == "unexpected_keyword_argument":
        near = get_close_matches(name, names, 1)
        hint = f" Did you mean {near[0]!r}?" if near else f" Known settings: {', '.join(names)}."
        return f"{file}: there is no setting {name!r}.{hint}"
    source = sources.get(name, str(file))
    if detail["type"] == "missing":
        return f"{file}: the setting {name!r} is missing."
    said = detail["msg"].removeprefix("Value error, ")
    return f"{source}: {name} is {detail['input']!r}. {said[:1].upper()}{said[1:]}."
