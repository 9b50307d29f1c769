"""What everybody may read: the key set, the contacts, the API's description, the health."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from ayrix_license_server.services.catalog import public_contacts
from ayrix_license_server.services.health import require_database
from ayrix_license_server.web.api.device import PREFIX, answer, system
from ayrix_license_server.web.api.openapi import description

blueprint = Blueprint("documents", __name__)

_KEY_SET_MAX_AGE_S = 300


@blueprint.get("/.well-known/license-keys")
def show_keys() -> Response:
    """The key set as the root key signed it."""
    response = Response(system().keys.key_set_token, content_type="application/jose")
    response.headers["Cache-Control"] = f"public, max-age={_KEY_SET_MAX_AGE_S}"
    return response


@blueprint.get(f"{PREFIX}/contact")
def show_contacts() -> Response:
    """The two contacts."""
    return answer(public_contacts(system()))


@blueprint.get(f"{PREFIX}/healthz")
def show_health() -> Response:
    """200 if requests can be answered."""
    require_database(system())
    return jsonify(status="ok")


@blueprint.get(f"{PREFIX}/openapi.json")
def show_description() -> Response:
    """The API in OpenAPI 3.1."""
    return jsonify(description(system().settings.public_url))
