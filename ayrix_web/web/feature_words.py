"""What the objects of a PBX are called and how they look, one entry for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask_babel import get_locale, lazy_gettext, ngettext
from flask_babel import gettext as _

from ayrix_protocol.lease import Counted

SOURCE_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class KindWords:
    """The words of one kind: `plural` stands within a sentence, `amount` says how many."""

    icon: str
    plural: str
    used_up: str
    explanation: str
    amount: Callable[[int], str]


KINDS = {
    Counted.EXTENSION: KindWords(
        "device-landline-phone",
        lazy_gettext("extensions"),
        lazy_gettext("Extensions are used up."),
        lazy_gettext(
            "Existing extensions keep working; you cannot create a new one until you add a license."
        ),
        lambda number: ngettext("%(num)s extension", "%(num)s extensions", number),
    ),
    Counted.VOICEMAIL: KindWords(
        "record-mail",
        lazy_gettext("voicemail boxes"),
        lazy_gettext("Voicemail boxes are used up."),
        lazy_gettext(
            "Existing boxes keep working; you cannot create a new one until you add a license."
        ),
        lambda number: ngettext("%(num)s voicemail box", "%(num)s voicemail boxes", number),
    ),
    Counted.ANNOUNCEMENT: KindWords(
        "speakerphone",
        lazy_gettext("announcements"),
        lazy_gettext("Announcements are used up."),
        lazy_gettext(
            "Existing announcements keep working; you cannot create a new one until you add a "
            "license."
        ),
        lambda number: ngettext("%(num)s announcement", "%(num)s announcements", number),
    ),
    Counted.RING_GROUP: KindWords(
        "users-group",
        lazy_gettext("ring groups"),
        lazy_gettext("Ring groups are used up."),
        lazy_gettext(
            "Existing groups keep working; you cannot create a new one until you add a license."
        ),
        lambda number: ngettext("%(num)s ring group", "%(num)s ring groups", number),
    ),
    Counted.QUEUE: KindWords(
        "headset",
        lazy_gettext("queues"),
        lazy_gettext("Queues are used up."),
        lazy_gettext(
            "Existing queues keep working; you cannot create a new one until you add a license."
        ),
        lambda number: ngettext("%(num)s queue", "%(num)s queues", number),
    ),
}

OTHER_ICON = "package"
"""For a feature that nothing on the PBX uses up."""


def icon_of(counts: Counted | None) -> str:
    """The icon of a feature, by what it counts."""
    return KINDS[counts].icon if counts else OTHER_ICON


def localized(texts: Mapping[str, str]) -> str:
    """The text in the user's language, else in English, else any; empty without one."""
    locale = get_locale()
    language = locale.language if locale else SOURCE_LANGUAGE
    return texts.get(language) or texts.get(SOURCE_LANGUAGE) or next(iter(texts.values()), "")


def amount_words(number: int, counts: Counted | None, names: Mapping[str, str]) -> str:
    """How many of a feature: "2 queues"; of one that counts nothing "2 × Call recording"."""
    if counts is not None:
        return KINDS[counts].amount(number)
    return _("%(number)s × %(name)s", number=number, name=localized(names))


def plural_words(counts: Counted | None, names: Mapping[str, str]) -> str:
    """What a feature's objects are called within a sentence: "ring groups"."""
    return str(KINDS[counts].plural) if counts else localized(names)
