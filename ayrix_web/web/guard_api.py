"""The guard for programs beside the web: the right to create one more object, over HTTP."""

from __future__ import annotations

import json
from http import HTTPStatus
from uuid import UUID

from flask import Response, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from ayrix_foundation.database import fault_of
from ayrix_protocol.lease import Counted
from ayrix_protocol.problems import PROBLEM_TYPE
from ayrix_web.domain.errors import UsedUp
from ayrix_web.domain.ports import InventoryUnavailable
from ayrix_web.services import quota
from ayrix_web.web.access import requires_token
from ayrix_web.web.blueprints import ayrix_api
from ayrix_web.web.errors import RETRY_AFTER_S
from ayrix_web.web.extension import system


@ayrix_api.post("/guard/<feature>")
@requires_token
def reserve(feature: str) -> ResponseReturnValue:
    """The right to create one more object of a kind, or of what a feature counts."""
    counted = quota.kind_named(system(), feature)
    if counted is None:
        return problem(404, "unknown_feature", "There is no such feature, or it counts nothing.")
    reservation = quota.reserve(system(), counted)
    until = int(reservation.until.timestamp())
    return {"id": str(reservation.id), "until": until}, HTTPStatus.CREATED


@ayrix_api.delete("/guard/<uuid:reservation_id>")
@requires_token
def release(reservation_id: UUID) -> ResponseReturnValue:
    """Give the right back; the same answer for one that is over or was never given."""
    quota.release(system(), reservation_id)
    return "", HTTPStatus.NO_CONTENT


def problem(status: int, code: str, title: str, **members: object) -> Response:
    """A problem document (RFC 9457); `members` belong to the code."""
    body = {"type": "about:blank", "title": title, "status": status, "code": code, **members}
    return Response(json.dumps(body), status, content_type=PROBLEM_TYPE)


@ayrix_api.errorhandler(UsedUp)
def show_used_up(refused: UsedUp) -> Response:
    """Everything licensed is used; `order_url` is a path of this PBX, null if nothing there
    would help.
    """
    code = quota.order_code(system(), Counted(refused.counted))
    order_url = url_for("ayrix.show_order_form", feature=code) if code else None
    title = "All licenses of this kind are used."
    return problem(
        409, "used_up", title, licensed=refused.licensed, used=refused.used, order_url=order_url
    )


@ayrix_api.errorhandler(InventoryUnavailable)
def show_never_counted(_error: InventoryUnavailable) -> Response:
    """Nobody knows how many objects there are."""
    return _later("not_counted", "The objects of this PBX were never counted.")


@ayrix_api.errorhandler(DBAPIError)
def show_database_fault(error: DBAPIError) -> Response:
    """The database is busy, read-only, full or broken."""
    return _later(f"database_{fault_of(error)}", "The database cannot be used now.")


@ayrix_api.errorhandler(HTTPException)
def show_http_error(error: HTTPException) -> Response:
    """Any other error, like a missing token, with the headers that belong to it."""
    status = HTTPStatus(error.code or 500)
    response = problem(status, status.name.lower(), status.phrase)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _later(code: str, title: str) -> Response:
    response = problem(503, code, title)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
