"""Proving that this device lives, when somebody re-installed with its key on equal hardware."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ayrix_protocol.device import Device
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import Refused

Answer = TypeVar("Answer")


def proven_alive(ask: Callable[[Device], Answer], device: Device) -> Answer:
    """What the license server answers; if it wants a sign of life first, the echo of its nonce.

    Only the echo counts, then the elder device wins (protocol.md, Re-installation). Raises what
    `ask` raises.
    """
    try:
        return ask(device)
    except Refused as refusal:
        nonce = refusal.problem.nonce
        if refusal.code is not ProblemCode.PROVE_ALIVE or nonce is None:
            raise
    return ask(device.model_copy(update={"nonce": nonce}))
