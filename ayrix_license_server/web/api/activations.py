"""`POST /activations`: a device brings a key, or comes back without one."""

from __future__ import annotations

from flask import Blueprint, Response

from ayrix_license_server.services.activations import activate
from ayrix_license_server.web.api.device import PREFIX, answer, body, caller, system
from ayrix_protocol.device import ActivationRequest

blueprint = Blueprint("activations", __name__, url_prefix=PREFIX)


@blueprint.post("/activations")
def activate_device() -> Response:
    """201 with the first lease, 200 for a device that holds the license already."""
    call = caller()
    activated = activate(system(), call, body(ActivationRequest))
    return answer(activated.answer, 201 if activated.is_new else 200)
