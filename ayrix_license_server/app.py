"""The composition root: settings become a System, a System becomes a Flask app."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from ayrix_foundation.clock import SystemClock
from ayrix_foundation.database import Database
from ayrix_foundation.logs import configure_logs
from ayrix_foundation.schema import DatabaseNotCurrent, require_current
from ayrix_foundation.settings import SettingsError
from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.services.keys import load_keys
from ayrix_license_server.settings import Settings, read_settings
from ayrix_license_server.system import System
from ayrix_license_server.web import admission, problems
from ayrix_license_server.web.api import activations, checks, documents, orders, replacements
from ayrix_license_server.web.api.device import EXTENSION
from ayrix_protocol.wire import LARGEST_BODY

MIGRATIONS = Path(__file__).with_name("migrations")


def create_app(instance: Path | str | None = None) -> Flask:
    """The license server of an instance folder (default: `LICENSE_SERVER_INSTANCE`).

    Ends the process with a sentence if settings, keys or database are not in order.
    """
    try:
        settings = read_settings(None if instance is None else Path(instance))
        configure_logs(settings.log_level)
        system = build_system(settings)
        require_current(system.database, MIGRATIONS)
    except (SettingsError, Mistake) as error:
        sys.exit(str(error))
    except DatabaseNotCurrent:
        sys.exit("The database is not current. Run `ayrix-license-server db upgrade`.")
    app = app_of(system)
    # What was loaded so far stays for ever: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    return app


def build_system(settings: Settings) -> System:
    """What services stand on; raises Mistake if a key is missing."""
    return System(settings, Database(settings.database), SystemClock(), load_keys(settings))


def app_of(system: System) -> Flask:
    """The Flask app over a system."""
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.extensions[EXTENSION] = system
    app.extensions[admission.ADMISSION] = admission.Admission()
    app.before_request(admission.admit_in_time)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    for module in (documents, checks, activations, orders, replacements):
        app.register_blueprint(module.blueprint)
    problems.answer_problems(app)
    app.after_request(_harden)
    if proxies := system.settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies)  # type: ignore[method-assign]
    return app


def _harden(response: Response) -> Response:
    """No browser guesses what an answer is, and nobody on the way keeps it unless it says so."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response
