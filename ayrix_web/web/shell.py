"""What surrounds the pages: menu, account, language, and the banner of the grace period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask import request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_wtf.csrf import generate_csrf

from ayrix_foundation.assets import asset_url
from ayrix_foundation.template_words import template_words
from ayrix_foundation.web import Banner, MenuEntry, MenuGroup, Shell, chosen_theme, here
from ayrix_web.domain.access import Access, Account, Module
from ayrix_web.domain.license import LicenseState, Status
from ayrix_web.services import licensing
from ayrix_web.web.access import current_account
from ayrix_web.web.extension import extension, system
from ayrix_web.web.formats import format_moment
from ayrix_web.web.words import reason_title

PRODUCT = "Ayrix"
CRITICAL = timedelta(hours=12)
"""With less than this left the banner turns red."""


def _installed_version() -> str:
    try:
        return version("ayrix")
    except PackageNotFoundError:
        return "development"


VERSION = _installed_version()


def shell_context() -> dict[str, Any]:
    """What every template of ours needs; a host gives it to its own pages to look the same."""
    return {
        **template_words(),
        "shell": build_shell(),
        "asset": lambda path: asset_url("ayrix.static_file", path),
        "here": here,
        "csrf_token": generate_csrf,
    }


def build_shell() -> Shell:
    """The shell of the present request; while locked it shows no menu and no account."""
    state = licensing.current(system())
    account = None if state.status.is_locked else current_account()
    has_accounts = extension().has_accounts
    locale = get_locale()
    return Shell(
        product=PRODUCT,
        version=VERSION,
        menu=tuple(_groups(account)) if account else (),
        account_name=account.name if account else None,
        account_url=url_for("ayrix_accounts.show_own_account") if has_accounts else None,
        sign_out_url=url_for("ayrix_accounts.sign_out") if has_accounts else None,
        locale=locale.language if locale else "en",
        theme=chosen_theme(),
        banner=_banner(state),
    )


def _groups(account: Account) -> Iterator[MenuGroup]:
    host = tuple(_entry(str(e.label), e.endpoint, e.icon) for e in extension().menu)
    if host:
        yield MenuGroup(_("Telephony"), host)
    own = tuple(_own_entries(account))
    if own:
        yield MenuGroup(_("System"), own)


def _own_entries(account: Account) -> Iterator[MenuEntry]:
    if account.may(Module.NETWORK, Access.READ_ONLY):
        yield _entry(_("Network"), "ayrix.show_network", "network")
    if account.may(Module.LICENSE, Access.READ_ONLY):
        yield _entry(_("Licenses"), "ayrix.show_license", "license")
        yield _entry(_("Orders"), "ayrix.list_orders", "receipt")
    if extension().has_accounts and account.may(Module.USERS, Access.READ_ONLY):
        yield _entry(_("User authorisation"), "ayrix_accounts.list_users", "user-shield")
    if account.may(Module.USERS, Access.READ_ONLY):
        yield _entry(_("Audit log"), "ayrix.list_audit", "history")


def _entry(label: str, endpoint: str, icon: str) -> MenuEntry:
    url = url_for(endpoint)
    is_current = request.endpoint == endpoint or request.path.startswith(url.rstrip("/") + "/")
    return MenuEntry(label, url, icon, is_current)


def _banner(state: LicenseState) -> Banner | None:
    if state.status is not Status.GRACE or state.reason is None or state.valid_until is None:
        return None
    left = state.time_left(licensing.trusted_now(system()))
    text = _(
        "%(reason)s Everything keeps working for now. Without a successful check by %(deadline)s "
        "this system is deactivated.",
        reason=reason_title(state.reason) + ".",
        deadline=format_moment(state.valid_until, left),
    )
    level = "bad" if left < CRITICAL else "warn"
    return Banner(text, level, url_for("ayrix.show_license"), _("What to do"))
