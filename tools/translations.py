"""Keep the German catalogue complete: extract, update, compile, check.

    python -m tools.translations update|compile|check

`update` writes translations/ayrix.pot and every .po anew; `check` changes nothing. Both fail, with
one line for each, while a message of the sources is missing, empty, fuzzy or lost a placeholder.
"""

import argparse
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
TRANSLATIONS = ROOT / "translations"
TEMPLATE = TRANSLATIONS / "ayrix.pot"

SOURCES = (
    "ayrix_foundation",
    "ayrix_protocol",
    "ayrix_web",
    "ayrix_license_server",
    "templates",
    "examples",
)
METHODS = [
    ("**.py", "python"),
    ("**.html", "jinja2.ext:babel_extract"),
    ("**.txt", "jinja2.ext:babel_extract"),
]
JINJA_OPTIONS = {"silent": "false", "newstyle_gettext": "true", "trimmed": "true"}
OPTIONS = {"**.html": JINJA_OPTIONS, "**.txt": JINJA_OPTIONS}
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "lazy_gettext": None,
    "lazy": None,  # how modules with many of them import lazy_gettext
    "lazy_ngettext": (1, 2),
    "lazy_pgettext": ((1, "c"), 2),
}

# Babel's own header holds dates, which would change the files without a change of any message.
HEADER = r"""msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"
"MIME-Version: 1.0\n"
"""
LANGUAGE_HEADER = r""""Language: %s\n"
"Plural-Forms: %s\n"
"""


def main() -> int:
    """Run one of the three commands; 0 for success, 1 while a catalogue is incomplete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["update", "compile", "check"])
    command = parser.parse_args().command
    if command == "compile":
        compile_all()
        return 0
    template = extract(ROOT)
    if command == "update":
        update_all(template)
    found = [fault for po in catalogues() for fault in faults(read(po), template)]
    if not catalogues():
        found = [f"no catalogue in {TRANSLATIONS}/*/LC_MESSAGES"]
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


def catalogues() -> list[Path]:
    """The .po of every language."""
    return sorted(TRANSLATIONS.glob("*/LC_MESSAGES/ayrix.po"))


def read(po: Path) -> Catalog:
    """The catalogue in a file `translations/<locale>/LC_MESSAGES/ayrix.po`."""
    with po.open("rb") as file:
        return read_po(file, locale=po.parent.parent.name, domain="ayrix")


def extract(root: Path) -> Catalog:
    """Every message of the sources below `root`, with the files it is in."""
    template = Catalog(domain="ayrix")
    for source in SOURCES:
        for name, line, message, comments, context in extract_from_dir(
            root / source, METHODS, OPTIONS, KEYWORDS, comment_tags=("Translators:",)
        ):
            template.add(
                message, None, [(f"{source}/{name}", line)], auto_comments=comments, context=context
            )
    return template


def update_all(template: Catalog) -> None:
    """Write the template, and bring every catalogue to its messages; what nobody uses goes."""
    write(TEMPLATE, template)
    for po in catalogues():
        catalogue = read(po)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        write(po, catalogue)


def write(path: Path, catalogue: Catalog) -> None:
    """Write a catalogue without line numbers, which would change with every edit."""
    buffer = BytesIO()
    write_po(
        buffer, catalogue, width=100, omit_header=True, sort_by_file=True, include_lineno=False
    )
    header = HEADER
    if catalogue.locale:
        header += LANGUAGE_HEADER % (catalogue.locale, catalogue.plural_forms)
    path.write_bytes(header.encode() + b"\n" + buffer.getvalue())


def compile_all() -> None:
    """Write the .mo beside every .po."""
    for po in catalogues():
        with po.with_suffix(".mo").open("wb") as target:
            write_mo(target, read(po))


def faults(catalogue: Catalog, template: Catalog) -> Iterator[str]:
    """One line for each message of the template that the catalogue does not say properly."""
    for wanted in template:
        if not wanted.id:
            continue
        message = catalogue.get(wanted.id, wanted.context)
        fault = fault_of(message, catalogue)
        if fault:
            name = wanted.id if isinstance(wanted.id, str) else wanted.id[0]
            yield f"{catalogue.locale}: {fault}: {name!r} in {wanted.locations[0][0]}"


def fault_of(message: Message | None, catalogue: Catalog) -> str | None:
    """What is wrong with a translation, None if nothing is."""
    if message is None:
        return "not in the catalogue"
    if message.fuzzy:
        return "fuzzy"
    translated = (message.string,) if isinstance(message.string, str) else message.string
    if not translated or not all(translated):
        return "not translated"
    errors = message.check(catalogue)
    return str(errors[0]) if errors else None


if __name__ == "__main__":
    sys.exit(main())
