"""The blueprints a host mounts: the pages, the guard for other programs, and accounts where it
has no users.
"""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import Domain
from flask_wtf import CSRFProtect

from ayrix_foundation.assets import TEMPLATES, TRANSLATIONS, serve_asset
from ayrix_foundation.web import add_security_headers, remember_choices
from ayrix_protocol.wire import LARGEST_BODY
from ayrix_web.web.access import public
from ayrix_web.web.shell import shell_context

STATIC_ENDPOINT = "ayrix.static_file"

# Its own protection, never bound to the application: the host may have another, or none.
csrf = CSRFProtect()
translations = Domain(str(TRANSLATIONS), "ayrix")

ayrix = Blueprint("ayrix", __name__, template_folder=str(TEMPLATES))
ayrix_accounts = Blueprint("ayrix_accounts", __name__, template_folder=str(TEMPLATES))

# For programs: no session and so no CSRF token, no language, and problem documents for errors.
ayrix_api = Blueprint("ayrix_api", __name__)
ayrix_api.after_request(add_security_headers)

API_PATH = "/api/v1"


def bound_body() -> None:
    """Take no larger body than any form of ours sends, whatever a host allows for its own."""
    request.max_content_length = request.max_form_memory_size = LARGEST_BODY


for blueprint in (ayrix, ayrix_accounts, ayrix_api):
    blueprint.before_request(bound_body)

for blueprint in (ayrix, ayrix_accounts):
    blueprint.before_request(translations.as_default)
    blueprint.before_request(csrf.protect)
    blueprint.context_processor(shell_context)
    blueprint.after_request(add_security_headers)
    blueprint.after_request(remember_choices)


@ayrix.get("/ayrix-static/<path:filename>")
@public
def static_file(filename: str) -> Response:
    """A style, script, font or picture."""
    return serve_asset(filename)


@ayrix.get("/healthz")
@public
def healthz() -> dict[str, str]:
    """That the web process answers; says nothing about the license."""
    return {"status": "ok"}
