"""The quick gettext of templates says exactly what Jinja's own says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, render_template_string
from flask_babel import Babel

from ayrix_foundation.template_words import template_words

TEMPLATES = [
    "{{ _('Used up') }}",
    "{{ gettext('Not in the catalog') }}",
    "{{ _('%(used)s of %(licensed)s used', used=3, licensed=5) }}",
    "{{ _('Signed in as %(name)s', name='<b>admin</b>') }}",
    "{{ _('10 %% free') }}",
    "{{ _('Terms & <b>prices</b>') }}",
    "{{ ngettext('%(num)s group', '%(num)s groups', 1) }}",
    "{{ ngettext('%(num)s group', '%(num)s groups', 4) }}",
    "{{ ngettext('%(num)s by %(who)s', '%(num)s by %(who)s', 2, who='a & b') }}",
]


@pytest.fixture(params=["en", "de"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def _request_in_the_language(language: str, tmp_path: Path) -> Iterator[None]:
    catalog = Catalog(locale="de")
    catalog.add("Used up", "Aufgebraucht")
    catalog.add("%(used)s of %(licensed)s used", "%(used)s von %(licensed)s belegt")
    catalog.add(("%(num)s group", "%(num)s groups"), ("%(num)s Gruppe", "%(num)s Gruppen"))
    catalog.add("Terms & <b>prices</b>", "Bedingungen & <b>Preise</b>")
    folder = tmp_path / "de/LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)
    app = Flask("words")
    Babel(
        app,
        default_translation_directories=str(tmp_path),
        locale_selector=lambda: language,
    )
    with app.test_request_context():
        yield


@pytest.mark.parametrize("template", TEMPLATES)
def test_words_are_those_of_jinja(template: str) -> None:
    assert render_template_string(template, **template_words()) == render_template_string(template)


def test_words_are_in_the_language_of_the_request(language: str) -> None:
    spoken = render_template_string("{{ _('Used up') }}", **template_words())
    assert spoken == {"en": "Used up", "de": "Aufgebraucht"}[language]
