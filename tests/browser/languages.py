"""What the product must say in each language: sentences by their English original, money, times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from babel.messages.pofile import read_po

from ayrix_foundation.assets import TRANSLATIONS

CENTS = 100


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the product; `locale` is what a browser of such a user asks for."""

    code: str
    locale: str
    weekdays: tuple[str, ...]
    months: tuple[str, ...]

    def __str__(self) -> str:
        return self.code

    def say(self, message: str, **values: object) -> str:
        """The sentence in this language; fails if it has no translation."""
        return self._text(message, 0) % values if values else self._text(message, 0)

    def count(self, singular: str, plural: str, number: int, **values: object) -> str:
        """The sentence for so many."""
        form = int(number != 1)
        text = (singular, plural)[form] if self.code == "en" else self._text(singular, form)
        return text % {"num": number, **values}

    def money(self, cents: int) -> str:
        """An amount in euros: "€1,042.84" or "1.042,84 €", with a no-break space."""
        english = f"{cents // CENTS:,}.{cents % CENTS:02}"
        if self.code == "en":
            return f"€{english}"
        return english.translate(str.maketrans(",.", ".,")) + "\xa0€"

    def moment(self, at: datetime) -> str:
        """A deadline: "Friday, 27 November, 03:32" or „Freitag, 27. November, 03:32“."""
        dot = "." if self.code == "de" else ""
        weekday, month = self.weekdays[at.weekday()], self.months[at.month - 1]
        return f"{weekday}, {at.day}{dot} {month}, {at:%H:%M}"

    def _text(self, message: str, form: int) -> str:
        return message if self.code == "en" else _german()[message][form]


@cache
def _german() -> dict[str, tuple[str, ...]]:
    """Every translated message and its forms; what is not translated is missing."""
    file = TRANSLATIONS / "de" / "LC_MESSAGES" / "ayrix.po"
    with file.open("rb") as stream:
        catalog = read_po(stream, locale="de")
    forms: dict[str, tuple[str, ...]] = {}
    for message in catalog:
        english = message.id if isinstance(message.id, str) else message.id[0]
        said = (message.string,) if isinstance(message.string, str) else message.string
        if english and said and all(said):
            forms[english] = tuple(str(text) for text in said)
    return forms


ENGLISH = Language(
    "en",
    "en-GB",
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
)
GERMAN = Language(
    "de",
    "de-DE",
    ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    (
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ),
)
