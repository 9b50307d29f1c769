"""The lock: while the license is not valid every request leads to the activation page."""

from __future__ import annotations

import json

from flask import Flask, Response, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import SecurityError

from ayrix_foundation.web import add_security_headers
from ayrix_protocol.problems import PROBLEM_TYPE
from ayrix_web.services import licensing
from ayrix_web.web.extension import system

WANTED = "ayrix_wanted"
"""Where in the session the page stands that the user wanted before he met the lock."""

LONGEST_WANTED = 1_000
"""Characters; browsers drop a session cookie that grows beyond 4 KiB (RFC 6265, 6.1)."""

OPEN_ENDPOINTS = frozenset(
    {
        "ayrix.show_activation",
        "ayrix.check_again",
        "ayrix.activate",
        "ayrix.request_replacement",
        "ayrix.request_address",
        "ayrix.static_file",
        "ayrix.healthz",
    }
)
"""Exact endpoints, never prefixes: what a locked-out customer needs, and nothing else."""


def install(app: Flask) -> None:
    """Put the gate before everything the host does with a request.

    Position 0: a host's own hooks and its CSRF protection would otherwise answer first.
    """
    app.before_request_funcs.setdefault(None, []).insert(0, gate)


def gate() -> ResponseReturnValue | None:
    """Let the request pass, or lead it to the activation page."""
    if request.endpoint in OPEN_ENDPOINTS:
        return None
    if isinstance(request.routing_exception, SecurityError):
        return None  # the host name is not ours: its 400 stands, a redirect could not be built
    if not licensing.current(system()).status.is_locked:
        return None
    _remember_wanted_page()
    return add_security_headers(make_response(_to_activation()))


def _to_activation() -> ResponseReturnValue:
    location = url_for("ayrix.show_activation")
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "text/html":
        return redirect(location, 303)
    body = {
        "type": "about:blank",
        "title": "This system is deactivated",
        "status": 303,
        "code": "deactivated",
        "detail": "Activate it on the page that Location names.",
    }
    return Response(json.dumps(body), 303, {"Location": location}, content_type=PROBLEM_TYPE)


def _remember_wanted_page() -> None:
    is_page = request.method == "GET" and request.accept_mimetypes.accept_html
    wanted = request.script_root + request.full_path.rstrip("?")
    if is_page and request.endpoint is not None and len(wanted) <= LONGEST_WANTED:
        session[WANTED] = wanted
