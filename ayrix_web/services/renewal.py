"""Asking for a lease so that an honest device always ends up with one it can take."""

from __future__ import annotations

from collections.abc import Callable

from ayrix_foundation.audit import Actor
from ayrix_protocol.device import ActivationRequest, CheckRequest, Device, LeaseAnswer
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import Refused
from ayrix_web.domain.ports import Conversation, Reply
from ayrix_web.domain.trusted_time import was_stepped
from ayrix_web.services.acceptance import accept_lease
from ayrix_web.services.device import describe_device
from ayrix_web.services.outbox import send_again
from ayrix_web.system import System


def renew_lease(system: System, server: Conversation, actor: Actor) -> None:
    """Get a new lease and take it. Raises LicenseServerFault and Refused."""
    reply = asked_in_even_time(lambda: _ask(system, server))
    accept_lease(system, server, reply, actor)
    send_again(system, reply.answer.unknown_orders, actor)


def asked_in_even_time(ask: Callable[[], Reply[LeaseAnswer]]) -> Reply[LeaseAnswer]:
    """The answer, asked for once more if the wall clock was set in between.

    No anchor can be taken from such an answer (protocol.md, Clock).
    """
    reply = ask()
    return ask() if was_stepped(reply.asked, reply.answered) else reply


def _ask(system: System, server: Conversation) -> Reply[LeaseAnswer]:
    device = describe_device(system)
    try:
        return server.check(CheckRequest(device=device))
    except Refused as refusal:
        return _another_way(server, device, refusal)


def _another_way(server: Conversation, device: Device, refusal: Refused) -> Reply[LeaseAnswer]:
    """What a device can do by itself about a refusal; raises it again where there is nothing."""
    nonce = refusal.problem.nonce
    if refusal.code is ProblemCode.PROVE_ALIVE and nonce is not None:
        # Somebody re-installed with our key on equal hardware: who echoes the nonce is alive.
        alive = device.model_copy(update={"nonce": nonce})
        return server.check(CheckRequest(device=alive))
    if refusal.code is ProblemCode.UNKNOWN_INSTALLATION and device.lease is not None:
        # The license server was restored from an older backup: our lease tells it who we are.
        return server.activate(ActivationRequest(license_key=None, device=device))
    raise refusal
