"""Compile the message catalogues, so that a wheel always carries them."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.wheel import WheelBuilderConfig


class Catalogues(BuildHookInterface[WheelBuilderConfig]):
    """Write the .mo beside each .po and put only the .mo into the wheel."""

    def initialize(self, version: str, build_data: dict[str, dict[str, str]]) -> None:
        """Called by hatchling before it collects the files of a wheel or an editable install."""
        root = Path(self.root)
        for po in root.glob("translations/*/LC_MESSAGES/*.po"):
            mo = po.with_suffix(".mo")
            with po.open("rb") as source, mo.open("wb") as target:
                write_mo(target, read_po(source))
            build_data["force_include"][str(mo)] = f"ayrix_foundation/{mo.relative_to(root)}"
