"""`POST /checks`: the license check."""

from __future__ import annotations

from flask import Blueprint, Response

from ayrix_license_server.services.checks import check
from ayrix_license_server.web.api.device import PREFIX, answer, body, caller, system
from ayrix_protocol.device import CheckRequest

blueprint = Blueprint("checks", __name__, url_prefix=PREFIX)


@blueprint.post("/checks")
def check_license() -> Response:
    """A fresh lease, or the reason why there is none."""
    call = caller()
    return answer(check(system(), call, body(CheckRequest).device))
