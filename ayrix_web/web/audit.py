"""The audit log: who did what when, with filters, and as a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, lazy_gettext
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import DateField, SelectField, StringField

from ayrix_foundation.tables import Cell
from ayrix_foundation.web import csv_download
from ayrix_web.domain.access import Access, Module
from ayrix_web.services import audit_log
from ayrix_web.services.audit_log import AuditEntry, AuditFilter
from ayrix_web.web import audit_words
from ayrix_web.web.access import requires
from ayrix_web.web.audit_words import ACTIONS, action_words, actor_words, result_words
from ayrix_web.web.blueprints import ayrix
from ayrix_web.web.extension import system
from ayrix_web.web.formats import format_exact
from ayrix_web.web.rendering import page

A_DAY = timedelta(days=1)
FIRST_YEAR, LAST_YEAR = 2000, 2999
"""Days outside could not be moved between time zones, and nothing happened on them."""

BAD_DAY = lazy_gettext("Write the date as year-month-day, for example 2026-11-24.")


class DayField(DateField):
    """A day, or nothing."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what a browser sent; raises ValueError with our words."""
        text = valuelist[0].strip() if valuelist else ""
        if not text:
            return
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise ValueError(BAD_DAY) from None
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError(BAD_DAY)
        self.data = day


class AuditFilterForm(FlaskForm):
    """Which entries are wanted; it stands in the address, so that it can be kept and sent."""

    class Meta:
        """Looking changes nothing, so there is no token in the address."""

        csrf = False

    user = StringField(lazy_gettext("User"))
    action = SelectField(lazy_gettext("Action"), validate_choice=False)
    since = DayField(lazy_gettext("From"))
    until = DayField(lazy_gettext("Until"))

    def __init__(self) -> None:
        super().__init__(request.args)
        known = sorted((str(words), action) for action, words in ACTIONS.items())
        self.action.choices = [("", _("All actions")), *((code, words) for words, code in known)]

    def to_filter(self) -> AuditFilter:
        """The filter, days in the time zone of the PBX; both ends belong to it."""
        user = (self.user.data or "").strip()
        until = self.until.data
        return AuditFilter(
            actor=user,
            actors=audit_words.actors_called(user),
            action=self.action.data or "",
            since=_beginning(self.since.data),
            before=_beginning(until + A_DAY if until else None),
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked for, so that everything is wanted."""
        return not any(request.args.get(name) for name in self.data)

    def url_of(self, endpoint: str) -> str:
        """The address of a view with the same filter."""
        return url_for(
            endpoint,
            user=request.args.get("user"),
            action=request.args.get("action"),
            since=request.args.get("since"),
            until=request.args.get("until"),
        )


@ayrix.get("/audit")
@requires(Module.USERS, Access.READ_ONLY)
def list_audit() -> ResponseReturnValue:
    """The newest entries, a page at a time."""
    form = AuditFilterForm()
    if not form.validate():
        return _audit_page(form, 422)
    number = request.args.get("page", 1, type=int)
    listing = audit_log.listing(system(), form.to_filter(), number)
    return _audit_page(form, 200, listing)


@ayrix.get("/audit.csv")
@requires(Module.USERS, Access.READ_ONLY)
def download_audit() -> ResponseReturnValue:
    """All entries that the same filter lets through."""
    form = AuditFilterForm()
    if not form.validate():
        return _audit_page(form, 422)
    entries = audit_log.every_entry(system(), form.to_filter())
    today = system().clock.now().astimezone(_zone()).date()
    locale = get_locale()
    language = locale.language if locale else "en"
    return csv_download(f"audit-{today.isoformat()}.csv", _csv_rows(entries), language)


def _audit_page(
    form: AuditFilterForm, status: int, listing: audit_log.AuditListing | None = None
) -> Response:
    return page(
        "ayrix/audit.html",
        status,
        form=form,
        listing=listing,
        csv_url=form.url_of("ayrix.download_audit"),
        words=audit_words,
        exact=format_exact,
    )


def _csv_rows(entries: Iterator[AuditEntry]) -> Iterator[tuple[Cell, ...]]:
    yield (
        _("Entry"),
        _("Time"),
        _("User"),
        _("Address"),
        _("Action"),
        _("Concerns"),
        _("Result"),
        _("Details"),
        _("Code"),
        _("Hash"),
    )
    zone = _zone()
    for entry in entries:
        details = audit_words.detail_words(entry.details)
        yield (
            entry.id,
            entry.at.astimezone(zone).isoformat(" ", timespec="seconds"),
            actor_words(entry),
            entry.address,
            action_words(entry.action),
            entry.subject,
            str(result_words(entry.result).label),
            "; ".join(f"{name}: {value}" for name, value in details),
            entry.action,
            entry.hash,
        )


def _beginning(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, _zone()).astimezone(UTC) if day else None


def _zone() -> ZoneInfo:
    return ZoneInfo(system().settings.time_zone)
