"""Writes the template of the icon macro from a folder of outline SVG files."""

import re
import sys
from pathlib import Path

HEAD = """{#- Tabler icons (MIT), inlined so that they take the color of the text beside them.
    Written by static/shell/vendor/fetch.sh from icons.txt; do not edit by hand.
    Use: {% from "shell/icons.html" import icon %} {{ icon("phone") }} {{ icon("x", small=true) }}
    An icon is decoration: the word stands beside it, or in the aria-label of its button. -#}
"""
MACRO = """{%- macro icon(name, small=false) -%}
<svg class="i{{ ' i-s' if small }}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
{{- paths[name]|default(paths["dots"])|safe -}}
</svg>
{%- endmacro %}
"""


def shapes(svg: str) -> str:
    """The drawing inside an SVG document, in one line, without Tabler's invisible frame."""
    inner = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    inner = inner[inner.index(">", inner.index("<svg")) + 1 : inner.index("</svg>")]
    inner = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>', "", inner)
    return re.sub(r"\s*/>", "/>", re.sub(r"\s*\n\s*", "", inner))


def main(folder: Path, target: Path) -> None:
    icons = sorted(folder.glob("*.svg"))
    lines = [f"  {icon.stem!r}: {shapes(icon.read_text())!r}," for icon in icons]
    target.write_text("\n".join([HEAD + "{%- set paths = {", *lines, "} -%}", MACRO]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
