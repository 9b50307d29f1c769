"""The error pages: what happened, that nothing was lost, and where to go."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import TypeVar

from flask import Blueprint, Flask, Response, current_app, make_response, request, url_for
from flask_babel import get_locale, lazy_gettext
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError, generate_csrf
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException, SecurityError

from ayrix_foundation.assets import asset_url
from ayrix_foundation.database import DatabaseFault, DatabaseUnreadable, fault_of
from ayrix_foundation.web import Shell, add_security_headers, chosen_theme, here
from ayrix_web.domain.access import Access, Module
from ayrix_web.web.access import (
    ADMINISTRATOR,
    ADMINISTRATOR_UNLESS_LOCKED,
    DECLARATION,
    current_account,
)
from ayrix_web.web.blueprints import STATIC_ENDPOINT, ayrix, ayrix_accounts, translations
from ayrix_web.web.extension import extension
from ayrix_web.web.shell import PRODUCT, VERSION, build_shell
from ayrix_web.web.words import DATABASE_FAULTS

Failure = TypeVar("Failure", bound=Exception)

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5
"""When a busy database is worth another try; longer than one transaction waits for another."""

PAGES = {
    400: (lazy_gettext("This request was not understood"), lazy_gettext("Nothing was changed.")),
    401: (
        lazy_gettext("Please sign in"),
        lazy_gettext("This page is only for users of this system."),
    ),
    404: (
        lazy_gettext("Page not found"),
        lazy_gettext("There is nothing at this address, or no longer. Perhaps the link is old."),
    ),
    405: (
        lazy_gettext("This is not possible here"),
        lazy_gettext("The address exists, but not for this kind of request. Nothing was changed."),
    ),
    413: (
        lazy_gettext("That was too large"),
        lazy_gettext("More was sent than this page takes. Nothing was changed."),
    ),
    429: (
        lazy_gettext("Too many tries"),
        lazy_gettext("Please wait a few minutes, then try again. Nothing was changed."),
    ),
    500: (
        lazy_gettext("Something went wrong here"),
        lazy_gettext(
            "The fault is written down in the log. Please try again; if it stays, ask an "
            "administrator."
        ),
    ),
    503: (
        lazy_gettext("Not possible at the moment"),
        lazy_gettext("Nothing was changed; please try again in a moment."),
    ),
}
"""Title and text by status; other statuses say what Werkzeug says."""

MODULES = {
    Module.LICENSE: lazy_gettext("Licenses"),
    Module.NETWORK: lazy_gettext("Network"),
    Module.USERS: lazy_gettext("User authorisation"),
}


def register(target: Flask | Blueprint) -> None:
    """Show our error pages for whatever fails in `target`."""
    target.register_error_handler(CSRFError, _in_our_words(show_expired_form))
    target.register_error_handler(HTTPException, _in_our_words(show_http_error))
    target.register_error_handler(DBAPIError, _in_our_words(show_database_fault))
    target.register_error_handler(DatabaseUnreadable, _in_our_words(show_unreadable_database))


def show_http_error(error: HTTPException) -> Response:
    """Any HTTP error; a redirect or another ready response passes."""
    if error.response is not None or error.code is None:
        return make_response(error.get_response())
    if isinstance(error, SecurityError):
        return _unknown_host_page()
    if error.code == HTTPStatus.FORBIDDEN:
        return error_page(403, _("No access"), no_access_words())
    title, text = PAGES.get(error.code, (error.name, error.description or ""))
    response = error_page(error.code, str(title), str(text))
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def show_expired_form(_error: CSRFError) -> Response:
    """A form whose token is missing, old or from another session."""
    text = _("The page was open for too long. Nothing was changed; please go back and try again.")
    return error_page(422, _("This form has expired"), text)


def show_database_fault(error: DBAPIError) -> Response:
    """A database that is busy, read-only, full or broken."""
    logger.error("the database failed", exc_info=error)
    return _database_page(fault_of(error))


def show_unreadable_database(error: DatabaseUnreadable) -> Response:
    """A database that could not even be read."""
    logger.error("the database cannot be read", exc_info=error)
    return _database_page(DatabaseFault.OTHER)


def no_access_words() -> str:
    """Why this page refuses the present user, and whom to ask."""
    view = current_app.view_functions.get(request.endpoint or "")
    declared = getattr(view, DECLARATION, None)
    if declared in {ADMINISTRATOR, ADMINISTRATOR_UNLESS_LOCKED}:
        return _("Only administrators may do this.")
    account = current_account()
    module = declared[0] if isinstance(declared, tuple) else Module.LICENSE
    name = MODULES[module]
    if account is not None and account.may(module, Access.READ_ONLY):
        if module is Module.LICENSE:
            return _("You can view licenses but not order them. Ask an administrator.")
        return _("You can view %(module)s but not change it. Ask an administrator.", module=name)
    return _("You do not have access to %(module)s. Ask an administrator.", module=name)


def start_url() -> str:
    """A page that the present user may see."""
    account = current_account()
    if account is None or account.may(Module.LICENSE, Access.READ_ONLY):
        return url_for("ayrix.show_license")
    if extension().has_accounts:
        return url_for("ayrix_accounts.show_own_account")
    return f"{request.script_root}/"


def error_page(
    code: int, title: str, text: str, action_label: str = "", action_url: str = ""
) -> Response:
    """The page of one error. Built without context processors, which may be what failed."""
    template = current_app.jinja_env.get_template("shell/error.html")
    html = template.render(
        shell=_shell(),
        asset=lambda path: asset_url(STATIC_ENDPOINT, path),
        here=here,
        csrf_token=generate_csrf,
        code=code,
        title=title,
        text=text,
        action_label=action_label or _("To the start page"),
        action_url=action_url or start_url(),
    )
    return add_security_headers(make_response(html, code))


def _in_our_words(handler: Callable[[Failure], Response]) -> Callable[[Failure], Response]:
    """The handler, with our translations: outside our blueprints nobody has chosen them yet."""

    @wraps(handler)
    def speaking(error: Failure) -> Response:
        translations.as_default()
        return handler(error)

    return speaking


def _database_page(fault: DatabaseFault) -> Response:
    title, _text = PAGES[503]
    response = error_page(503, str(title), str(DATABASE_FAULTS[fault]))
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _unknown_host_page() -> Response:
    """Without links, which Flask cannot build for a host name that it does not trust."""
    text = _(
        "This system does not answer under the name in the address bar. Use its usual name or "
        "address; an administrator can allow further names in its settings."
    )
    template = current_app.jinja_env.get_template("shell/plain.html")
    html = template.render(locale=_language(), title=PAGES[400][0], text=text)
    return add_security_headers(make_response(html, 400))


def _shell() -> Shell:
    try:
        return build_shell()
    except (DBAPIError, DatabaseUnreadable):
        return Shell(PRODUCT, VERSION, (), None, None, None, _language(), chosen_theme())


def _language() -> str:
    locale = get_locale()
    return locale.language if locale else "en"


for blueprint in (ayrix, ayrix_accounts):
    register(blueprint)
