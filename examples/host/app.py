"""The host application: a PBX with the licensing pages mounted in it."""

from __future__ import annotations

from flask import Flask
from flask_wtf import CSRFProtect

from ayrix_foundation.assets import TEMPLATES
from ayrix_web.app import configure, init_app
from ayrix_web.system import System
from ayrix_web.web import errors
from ayrix_web.web.extension import EXTENSION
from examples.host.pages import MENU, pages


def create_app(system: System | None = None) -> Flask:
    """The PBX of the instance folder that `AYRIX_INSTANCE` names, or of `system`."""
    app = Flask("host", static_folder=None, template_folder=str(TEMPLATES))
    CSRFProtect(app)
    init_app(app, menu=MENU, system=system)
    configure(app, app.extensions[EXTENSION].system)
    errors.register(app)
    app.register_blueprint(pages)
    return app
