"""Requests of devices: the proof, the body, the answer."""

from __future__ import annotations

from typing import cast
from urllib.parse import quote

from flask import Response, current_app, g, request
from pydantic import BaseModel

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.services.devices import Call
from ayrix_license_server.system import System
from ayrix_protocol.jws import InvalidDocument
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.proof import PROOF_HEADER, verify_proof
from ayrix_protocol.wire import Model, read_request

EXTENSION = "ayrix_license_server"
"""Where the app keeps its System."""

PREFIX = "/api/v1"


def system() -> System:
    """The system of the app that answers."""
    return cast(System, current_app.extensions[EXTENSION])


def caller() -> Call:
    """Who sent this request; raises Refused with `invalid_proof`. Touches no database."""
    audience = system().settings.public_url
    try:
        proven = verify_proof(
            request.headers.get(PROOF_HEADER, ""),
            audience=audience,
            method=request.method,
            url=audience + quote(request.path),
            body=request.get_data(),
        )
    except InvalidDocument as error:
        raise Refused(ProblemCode.INVALID_PROOF, str(error)) from error
    g.request_id = proven.proof.jti
    return Call(proven, request.remote_addr or "")


def body(model: type[Model]) -> Model:
    """The request's body; raises pydantic's ValidationError, also for members nobody knows."""
    return read_request(model, request.get_data())


def answer(value: BaseModel, status: int = 200) -> Response:
    """A wire model as the answer."""
    return Response(value.model_dump_json(), status, content_type="application/json")
