"""Every error as a problem document (RFC 9457), whatever it came from."""

from __future__ import annotations

import logging
from datetime import timedelta

from flask import Flask, Response, g
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from ayrix_foundation.database import DatabaseFault, fault_of
from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.web import admission
from ayrix_protocol.problems import PROBLEM_TYPE, STATUS, Problem, ProblemCode

TITLES = {
    ProblemCode.UNKNOWN_KEY: "There is no such activation key.",
    ProblemCode.UNKNOWN_FEATURE: "There is no such feature.",
    ProblemCode.NOT_FOUND: "There is nothing here.",
    ProblemCode.METHOD_NOT_ALLOWED: "This address does not take this method.",
    ProblemCode.BOUND_ELSEWHERE: "The license is bound to another machine.",
    ProblemCode.HARDWARE_MISMATCH: "The hardware is not the bound one.",
    ProblemCode.IP_MISMATCH: "The address is not the bound one.",
    ProblemCode.PRICE_CHANGED: "The price has changed.",
    ProblemCode.NOT_CANCELLABLE: "The order can no longer be cancelled.",
    ProblemCode.SUSPENDED: "The license is suspended.",
    ProblemCode.REVOKED: "The license was revoked.",
    ProblemCode.CLONE_SUSPECTED: "Two machines seem to use one identity.",
    ProblemCode.UPGRADE_NOT_AVAILABLE: "This customer cannot upgrade in this way.",
    ProblemCode.INVALID: "The request is not what it must be.",
    ProblemCode.INVALID_QUANTITY: "The quantity is out of range.",
    ProblemCode.IDEMPOTENCY_CONFLICT: "Another order was placed under this key.",
    ProblemCode.INVALID_PROOF: "The proof of the device key is missing or wrong.",
    ProblemCode.UNKNOWN_INSTALLATION: "This device key is not known.",
    ProblemCode.COUNTER_BEHIND: "The device's counter was used already.",
    ProblemCode.PROVE_ALIVE: "Another device claims this license.",
    ProblemCode.TOO_LARGE: "The request is too large.",
    ProblemCode.TOO_MANY_REQUESTS: "Too many tries.",
    ProblemCode.SERVER_ERROR: "The license server failed.",
    ProblemCode.BUSY: "The license server is busy.",
}

_BY_STATUS = {
    404: ProblemCode.NOT_FOUND,
    405: ProblemCode.METHOD_NOT_ALLOWED,
    413: ProblemCode.TOO_LARGE,
    429: ProblemCode.TOO_MANY_REQUESTS,
}
_ERRORS, _SERVER_FAULTS = 400, 500

_log = logging.getLogger(__name__)


def answer_problems(app: Flask) -> None:
    """Let the app answer every error with a problem document."""
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(Exception, _failed)


def _refused(refusal: Refused) -> Response:
    problem = _problem(refusal.code, refusal.detail).model_copy(
        update={
            "components": refusal.components,
            "bound": refusal.bound,
            "revocation": refusal.revocation,
            "quote": refusal.quote,
            "counter": refusal.counter,
            "nonce": refusal.nonce,
        }
    )
    return _response(problem, refusal.retry_after)


def _invalid(error: ValidationError) -> Response:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return _response(_problem(ProblemCode.INVALID, f"{place}: {first['msg']}".removeprefix(": ")))


def _http(error: HTTPException) -> Response:
    status = error.code or _SERVER_FAULTS
    if status < _ERRORS:
        return Response(status=status)
    code = ProblemCode.SERVER_ERROR if status >= _SERVER_FAULTS else ProblemCode.INVALID
    return _response(_problem(_BY_STATUS.get(status, code)))


def _database(error: DBAPIError) -> Response:
    fault = fault_of(error)
    _log.error("The database refused", extra={"fault": fault}, exc_info=error)
    if fault is DatabaseFault.BUSY:
        return _response(_problem(ProblemCode.BUSY), admission.pause())
    return _response(_problem(ProblemCode.SERVER_ERROR))


def _failed(error: Exception) -> Response:
    _log.error("A request failed", exc_info=error)
    return _response(_problem(ProblemCode.SERVER_ERROR))


def _problem(code: ProblemCode, detail: str = "") -> Problem:
    return Problem(
        title=TITLES[code],
        status=STATUS[code],
        detail=detail,
        code=code,
        req=g.get("request_id"),
    )


def _response(problem: Problem, retry_after: timedelta | None = None) -> Response:
    response = Response(
        problem.model_dump_json(exclude_none=True),
        status=problem.status,
        content_type=PROBLEM_TYPE,
    )
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, int(retry_after.total_seconds())))
    return response
