"""How numbers, money and times read in the user's language and the PBX's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import (
    format_currency,
    format_decimal,
    format_percent,
    get_currency_precision,
)
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _

from ayrix_web.web.extension import system

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TO_THE_MINUTE, TO_THE_SECOND = "HH:mm", "HH:mm:ss"
FEW_UNITS = 2
"""A span of fewer hours is said in minutes, of fewer minutes in seconds."""


def format_money(minor_units: int, currency: str) -> str:
    """An amount, for example "€42.84" or "42,84 €"."""
    return _money(minor_units, currency, _locale())


def format_number(number: int) -> str:
    """A whole number, 10000 as "10,000" or "10.000"."""
    return str(format_decimal(number, locale=_locale()))


def format_tax_rate(rate: Decimal) -> str:
    """A rate, 0.19 as "19%"."""
    return str(format_percent(rate, locale=_locale(), decimal_quantization=False))


def format_moment(moment: datetime, left: timedelta = HOUR) -> str:
    """A day of the week, date and time, for deadlines: "Friday, 27 November, 03:32".

    With less than an hour `left` until then the seconds are said, too.
    """
    day = "EEEE, d. MMMM" if _locale().startswith("de") else "EEEE, d MMMM"
    pattern = f"{day}, {TO_THE_MINUTE if left >= HOUR else TO_THE_SECOND}"
    return _at(moment, pattern, _locale(), system().settings.time_zone)


def format_day(moment: datetime) -> str:
    """A date, "24 Nov 2026" or "24.11.2026"."""
    return _day(moment, _locale(), system().settings.time_zone)


def format_exact(moment: datetime) -> str:
    """A time to the second with its date: "24 Nov 2026, 14:32:05"."""
    clock = _at(moment, TO_THE_SECOND, _locale(), system().settings.time_zone)
    return _("%(day)s, %(time)s", day=format_day(moment), time=clock)


def format_when(moment: datetime, now: datetime, every: timedelta = MINUTE) -> str:
    """A time near now: "today at 14:32", else date and time.

    Of something that happens more often than once a minute the seconds are said, too.
    """
    zone = ZoneInfo(system().settings.time_zone)
    local = moment.astimezone(zone)
    pattern = TO_THE_MINUTE if every >= MINUTE else TO_THE_SECOND
    clock = format_time(local, pattern, tzinfo=zone, locale=_locale())
    if local.date() == now.astimezone(zone).date():
        return _("today at %(time)s", time=clock)
    return _("%(day)s, %(time)s", day=format_day(moment), time=clock)


def format_span(span: timedelta) -> str:
    """How long in words, rounded up: "72 hours", of a trial lease "20 seconds"."""
    number, unit = _counted(span, span)
    if unit == HOUR:
        return ngettext("%(num)s hour", "%(num)s hours", number)
    if unit == MINUTE:
        return ngettext("%(num)s minute", "%(num)s minutes", number)
    return ngettext("%(num)s second", "%(num)s seconds", number)


def format_left(left: timedelta, total: timedelta) -> str:
    """What is left of a span, both in the unit of the whole: "61 hours left of 72"."""
    whole, unit = _counted(total, total)
    number, _unit = _counted(left, total)
    if unit == HOUR:
        return ngettext(
            "%(num)s hour left of %(whole)s", "%(num)s hours left of %(whole)s", number, whole=whole
        )
    if unit == MINUTE:
        return ngettext(
            "%(num)s minute left of %(whole)s",
            "%(num)s minutes left of %(whole)s",
            number,
            whole=whole,
        )
    return ngettext(
        "%(num)s second left of %(whole)s", "%(num)s seconds left of %(whole)s", number, whole=whole
    )


def _counted(span: timedelta, scale: timedelta) -> tuple[int, timedelta]:
    """A span in whole units, rounded up, in the unit that fits `scale`."""
    for unit in (HOUR, MINUTE):
        if scale >= FEW_UNITS * unit:
            return -(-span // unit), unit
    return -(-span // timedelta(seconds=1)), timedelta(seconds=1)


def hours_of(span: timedelta) -> int:
    """Whole hours of a span, rounded up, so that a fresh lease reads 72 of 72."""
    return -(-int(span.total_seconds()) // int(HOUR.total_seconds()))


def from_epoch(seconds: int) -> datetime:
    """Epoch seconds as an aware time."""
    return datetime.fromtimestamp(seconds, UTC)


def _locale() -> str:
    locale = get_locale()
    # British English has the day before the month, as the rest of the product's world has.
    return "en_GB" if locale is None or str(locale) == "en" else str(locale)


# Babel takes some 100 us a value: a table of 20 rows would cost more than the rest of its page.
@lru_cache(maxsize=2048)
def _money(minor_units: int, currency: str, locale: str) -> str:
    amount = Decimal(minor_units).scaleb(-int(get_currency_precision(currency)))
    return str(format_currency(amount, currency, locale=locale))


@lru_cache(maxsize=2048)
def _day(moment: datetime, locale: str, zone: str) -> str:
    return str(format_date(moment.astimezone(ZoneInfo(zone)), "medium", locale=locale))


@lru_cache(maxsize=512)
def _at(moment: datetime, pattern: str, locale: str, zone: str) -> str:
    return str(format_datetime(moment, pattern, tzinfo=ZoneInfo(zone), locale=locale))
