"""Asking for a lease so that an honest device always ends up with one it can take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ayrix_foundation.audit import Actor
from ayrix_protocol.device import ActivationRequest, CheckRequest, LeaseAnswer
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import Refused
from ayrix_web.domain.ports import Conversation, Reply
from ayrix_web.domain.trusted_time import was_stepped
from ayrix_web.services.acceptance import accept_lease
from ayrix_web.services.alive import proven_alive
from ayrix_web.services.device import describe_device
from ayrix_web.services.licensing import held_lease
from ayrix_web.services.outbox import learn_orders, send_again
from ayrix_web.system import System

Answer = TypeVar("Answer", bound=LeaseAnswer)


def renew_lease(system: System, server: Conversation, actor: Actor) -> None:
    """Get a new lease and take it. Raises LicenseServerFault and Refused."""
    before = held_lease(system)
    reply = asked_in_even_time(lambda: _ask(system, server))
    lease = accept_lease(system, server, reply, actor)
    send_again(system, reply.answer.unknown_orders, actor)
    if before is not None and before.features != lease.features:
        learn_orders(system, server)


def asked_in_even_time(ask: Callable[[], Reply[Answer]]) -> Reply[Answer]:
    """The answer, asked for once more if the wall clock was set in between.

    No anchor can be taken from such an answer (protocol.md, Clock).
    """
    reply = ask()
    return ask() if was_stepped(reply.asked, reply.answered) else reply


def _ask(system: System, server: Conversation) -> Reply[LeaseAnswer]:
    device = describe_device(system)
    try:
        return proven_alive(lambda alive: server.check(CheckRequest(device=alive)), device)
    except Refused as refusal:
        if refusal.code is not ProblemCode.UNKNOWN_INSTALLATION or device.lease is None:
            raise
    # The license server was restored from an older backup: our lease tells it who we are.
    return server.activate(ActivationRequest(license_key=None, device=device))
