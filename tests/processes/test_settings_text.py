"""docs/settings.md: every setting of both programs, with the default it really has."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from ayrix_license_server.settings import Settings as LicenseServerSettings
from ayrix_web.settings import Settings as PbxSettings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "settings.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (?:`([^`]+)`|(\w+)) \| (.*) \|$", re.MULTILINE)
NEEDED = object()

PROGRAMS = pytest.mark.parametrize(
    ("heading", "kind"), [("PBX", PbxSettings), ("License server", LicenseServerSettings)]
)


def described(heading: str) -> dict[str, object]:
    """Name and default of every row below a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    words = {"needed": NEEDED, "none": None}
    return {
        name: tomllib.loads(f"x = {value}")["x"] if value else words[word]
        for name, value, word, _meaning in ROW.findall(section)
    }


def real(kind: type[PbxSettings] | type[LicenseServerSettings]) -> dict[str, object]:
    """Name and default of every field."""
    found: dict[str, object] = {}
    for field in fields(kind):
        value = NEEDED if field.default is MISSING else field.default
        found[field.name] = str(value) if isinstance(value, Path) else value
    del found["instance"]
    return {name: list(v) if isinstance(v, tuple) else v for name, v in found.items()}


@PROGRAMS
def test_every_setting_is_described_in_its_order_with_its_default(
    heading: str, kind: type[PbxSettings] | type[LicenseServerSettings]
) -> None:
    assert list(described(heading).items()) == list(real(kind).items())


def test_the_example_file_knows_only_settings_there_are() -> None:
    text = (ROOT / "instance" / "settings.example.toml").read_text("utf-8")
    named = set(re.findall(r"^(?:# )?(\w+) = ", text, re.MULTILINE))
    assert named
    assert named <= set(real(PbxSettings))
