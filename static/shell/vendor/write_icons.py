"""Writes the template of the icon macro from a folder of outline SVG files."""

import re
import sys
from pathlib import Path

HEAD = """{#- Tabler icons (MIT), inlined so that they take the color of the text beside them.
    Written by static/shell/vendor/fetch.sh from icons.txt; do not edit by hand.
    Use: {% from "shell/icons.html" import icon %} {{ icon("phone") }} {{ icon("x", small=true) }}
    An icon is decoration: the word stands beside it, or in the aria-label of its button.
    Whole elements are kept, made once: a page shows sixty of them. An unknown name shows dots. -#}
"""
MACRO = """{%- macro icon(name, small=false) -%}
{{ (small_icons if small else icons)[name] or icons["dots"] }}
{%- endmacro %}
"""
SVG = '<svg class="{}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>'


def shapes(svg: str) -> str:
    """The drawing inside an SVG document, in one line, without Tabler's invisible frame."""
    inner = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    inner = inner[inner.index(">", inner.index("<svg")) + 1 : inner.index("</svg>")]
    inner = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>', "", inner)
    return re.sub(r"\s*/>", "/>", re.sub(r"\s*\n\s*", "", inner))


def table(name: str, drawings: dict[str, str], css_class: str) -> str:
    """The template's dictionary of whole elements by icon name."""
    lines = [
        f"  {icon!r}: {SVG.format(css_class, drawn)!r}|safe," for icon, drawn in drawings.items()
    ]
    return "\n".join([f"{{%- set {name} = {{", *lines, "} -%}\n"])


def main(folder: Path, target: Path) -> None:
    """Writes `target` from the SVG files in `folder`."""
    drawings = {path.stem: shapes(path.read_text()) for path in sorted(folder.glob("*.svg"))}
    tables = table("icons", drawings, "i") + table("small_icons", drawings, "i i-s")
    target.write_text(HEAD + tables + MACRO)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
