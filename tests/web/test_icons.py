"""Every icon a template or a menu asks for exists."""

import re
from pathlib import Path

import pytest

from ayrix_foundation.assets import ROOT, TEMPLATES

DRAWN = set(re.findall(r"^  '([\w-]+)': ", (TEMPLATES / "shell/icons.html").read_text(), re.M))
TEMPLATE_FILES = sorted(TEMPLATES.rglob("*.html"))


def asked_for(text: str) -> set[str]:
    """Names given as icon("name") or icon_name="name" (menus: icon="name")."""
    return set(re.findall(r"""\bicon(?:_name)?(?:\(|=)["']([\w-]+)["']""", text))


@pytest.mark.parametrize("path", TEMPLATE_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_templates_ask_only_for_icons_that_are_drawn(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.S)
    assert asked_for(text) <= DRAWN


def test_every_icon_on_the_list_is_drawn() -> None:
    lines = (ROOT / "static/shell/vendor/icons.txt").read_text().splitlines()
    assert {line for line in lines if not line.startswith("#")} == DRAWN
