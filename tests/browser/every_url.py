"""Every URL a host application answers, with an example for each variable part."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask
from werkzeug.routing import AnyConverter, BaseConverter, IntegerConverter, Rule

METHODS = ("GET", "POST")


@dataclass(frozen=True, slots=True)
class Url:
    """A path and the endpoint behind it, None if no rule fits."""

    path: str
    endpoint: str | None


def every_url(app: Flask) -> list[Url]:
    """One for each rule of the url map."""
    return [Url(_path(rule), rule.endpoint) for rule in app.url_map.iter_rules()]


def _path(rule: Rule) -> str:
    values = {name: _example(rule._converters[name]) for name in rule._converters}
    built = rule.build({**(rule.defaults or {}), **values})
    assert built is not None, rule
    return built[1]


def _example(converter: BaseConverter) -> object:
    if isinstance(converter, AnyConverter):
        return sorted(converter.items)[0]
    return 1 if isinstance(converter, IntegerConverter) else "one"
