"""Put what is beside the packages into the wheel: templates, static files, compiled catalogues."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.wheel import WheelBuilderConfig


class FilesBesideThePackages(BuildHookInterface[WheelBuilderConfig]):
    """ayrix_foundation/assets.py finds them inside the package, or beside it in a checkout."""

    def initialize(self, version: str, build_data: dict[str, dict[str, str]]) -> None:
        """Called by hatchling before it collects files; an editable install uses the checkout's."""
        root = Path(self.root)
        included = [root / "templates", root / "static"]
        for po in root.glob("translations/*/LC_MESSAGES/*.po"):
            mo = po.with_suffix(".mo")
            with po.open("rb") as source, mo.open("wb") as target:
                write_mo(target, read_po(source))
            included.append(mo)
        if version == "editable":
            return
        for path in included:
            build_data["force_include"][str(path)] = f"ayrix_foundation/{path.relative_to(root)}"
