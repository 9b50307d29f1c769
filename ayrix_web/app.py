"""Putting the pages into an application: one of our own, or a host's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from flask import Flask, Response, redirect, request, url_for
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_babel import Babel
from werkzeug.middleware.proxy_fix import ProxyFix

from ayrix_foundation.assets import TEMPLATES
from ayrix_foundation.logs import configure_logs
from ayrix_foundation.schema import require_current
from ayrix_foundation.web import add_security_headers, chosen_language
from ayrix_protocol.wire import LARGEST_BODY
from ayrix_web import settings as settings_module
from ayrix_web.assembly import MIGRATIONS, build_system, secret_key
from ayrix_web.system import System
from ayrix_web.web import errors, gate, session
from ayrix_web.web.access import requires_sign_in
from ayrix_web.web.blueprints import (
    API_PATH,
    STATIC_ENDPOINT,
    ayrix,
    ayrix_accounts,
    ayrix_api,
)
from ayrix_web.web.extension import EXTENSION, Extension, HostMenuEntry, Identify

CSRF_DEFAULTS = {
    "WTF_CSRF_METHODS": {"POST", "PUT", "PATCH", "DELETE"},
    "WTF_CSRF_FIELD_NAME": "csrf_token",
    "WTF_CSRF_HEADERS": ["X-CSRFToken", "X-CSRF-Token"],
    "WTF_CSRF_SSL_STRICT": True,
}
"""What Flask-WTF's protection reads from the application; a host's own values stand."""


def init_app(
    host: Flask,
    url_prefix: str | None = None,
    identify: Identify | None = None,
    menu: Sequence[HostMenuEntry] = (),
    system: System | None = None,
) -> None:
    """Mount the licensing pages in a host application, and put the lock in front of all its routes.

    The host needs a `secret_key`. With `identify` the host says who is signed in; without it the
    blueprint `ayrix_accounts` brings users, login and the User authorisation page. `menu` are the
    host's pages for the menu. `system` defaults to the one of the settings in `AYRIX_INSTANCE`.
    Raises SettingsError, and DatabaseNotCurrent until `ayrix-web db upgrade` has run.
    """
    if system is None:
        system = build_system(settings_module.load())
        require_current(system.database, MIGRATIONS)
    has_accounts = identify is None
    host.extensions[EXTENSION] = Extension(
        system=system,
        identify=identify or session.identify,
        menu=tuple(menu),
        has_accounts=has_accounts,
    )
    for name, value in CSRF_DEFAULTS.items():
        host.config.setdefault(name, value)
    if "babel" not in host.extensions:
        language = system.settings.language
        Babel(
            host,
            default_timezone=system.settings.time_zone,
            locale_selector=lambda: chosen_language(language),
        )
    host.register_blueprint(ayrix, url_prefix=url_prefix)
    host.register_blueprint(ayrix_api, url_prefix=(url_prefix or "") + API_PATH)
    if has_accounts:
        session.install(host)
        host.register_blueprint(ayrix_accounts, url_prefix=url_prefix)
    gate.install(host)


def create_app(instance: Path | None = None) -> Flask:
    """The pages as an application of their own, for a PBX without a web of its own."""
    loaded = settings_module.load(instance)
    configure_logs(loaded.log_level)
    system = build_system(loaded)
    require_current(system.database, MIGRATIONS)
    app = Flask("ayrix", static_folder=None, template_folder=str(TEMPLATES))
    configure(app, system)
    init_app(app, system=system)
    errors.register(app)
    app.add_url_rule("/", view_func=_to_license, endpoint="home")
    return app


def configure(app: Flask, system: System) -> None:
    """Give an application of ours the session, bounds and host names of the settings."""
    app.secret_key = secret_key(system.settings.instance)
    app.session_interface = SessionOfPages()
    app.after_request(add_security_headers)  # also where no blueprint of ours answers
    app.config.update(
        SESSION_COOKIE_NAME="ayrix_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=system.settings.session_hours),
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_BODY,
        TRUSTED_HOSTS=list(system.settings.trusted_hosts) or None,
    )
    if (proxies := system.settings.trusted_proxies) > 0:
        # Only so many hops are believed: a caller could write the others himself.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]


class SessionOfPages(SecureCookieSessionInterface):
    """A session cookie that only pages send, `Secure` whenever the request came by https.

    The answer for an icon or a style may arrive after a sign-out, and would sign in again; besides,
    caches may keep it.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the session with the answer, unless that is a file or for a program."""
        if request.endpoint != STATIC_ENDPOINT and request.blueprint != ayrix_api.name:
            super().save_session(app, session, response)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the cookie may travel by https only."""
        return request.is_secure


@requires_sign_in
def _to_license() -> ResponseReturnValue:
    return redirect(url_for("ayrix.show_license"), 303)
