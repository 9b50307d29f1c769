"""`POST /replacements` and its `poll_url`: what only a seller can decide."""

from __future__ import annotations

from flask import Blueprint, Response, url_for

from ayrix_license_server.domain.requests import POLL_AGAIN
from ayrix_license_server.services import requests
from ayrix_license_server.web.api.device import PREFIX, answer, body, caller, system
from ayrix_protocol.rebindings import PollAnswer, ReplacementRequest

blueprint = Blueprint("replacements", __name__, url_prefix=PREFIX)


@blueprint.post("/replacements")
def ask_for_replacement() -> Response:
    """202 with the path to ask for the decision; also for a request that waits already."""
    call = caller()
    token = requests.ask(system(), call, body(ReplacementRequest))
    poll = PollAnswer(
        poll_url=url_for(".show_decision", token=token),
        retry_after_s=int(POLL_AGAIN.total_seconds()),
    )
    return answer(poll, 202)


@blueprint.get("/replacements/<token>")
def show_decision(token: str) -> Response:
    """Whether the seller has decided, and what."""
    return answer(requests.decision(system(), caller(), token))
