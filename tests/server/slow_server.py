"""The license server whose checks take their time, as on a slow disk: for gunicorn in a test."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from flask import Flask

from ayrix_license_server.app import create_app

TIME_OF_A_CHECK_S = 0.2
_CHECK = "checks.check_license"


def slow_app() -> Flask:
    """The app of `LICENSE_SERVER_INSTANCE`, slowed down."""
    app = create_app()
    app.view_functions[_CHECK] = _slowed(app.view_functions[_CHECK])
    return app


def _slowed(view: Callable[..., Any]) -> Callable[..., Any]:
    def slow() -> Any:
        time.sleep(TIME_OF_A_CHECK_S)
        return view()

    return slow
