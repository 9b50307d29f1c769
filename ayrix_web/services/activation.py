"""Activating this PBX with a key, and finding out why that does not work."""

from __future__ import annotations

from datetime import timedelta

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_foundation.throttle import Limit, count_try, forget_tries
from ayrix_protocol.activation_key import last_characters, normalized
from ayrix_protocol.device import ActivationRequest, Device, LeaseAnswer
from ayrix_web.domain.errors import Refused, TooManyTries
from ayrix_web.domain.ports import Reply, StepResult
from ayrix_web.rows import ATTEMPTS, AUDIT
from ayrix_web.services import offers
from ayrix_web.services.acceptance import accept_lease
from ayrix_web.services.alive import proven_alive
from ayrix_web.services.device import describe_device
from ayrix_web.services.outbox import learn_orders
from ayrix_web.services.renewal import asked_in_even_time
from ayrix_web.system import System

ACTIVATION_LIMIT = Limit(tries=20, window=timedelta(minutes=10))
"""Keys one address may try: the key has 130 bit, this only keeps the license server from noise."""


def activate(system: System, key_text: str, actor: Actor) -> None:
    """Bind the license of a key to this PBX.

    Raises MistypedKey before asking anybody, TooManyTries, LicenseServerFault, and Refused with the
    server's reason.
    """
    key = normalized(key_text)
    throttle(system, actor)
    with system.license_server.conversation() as server:
        device = describe_device(system)

        def ask(alive: Device) -> Reply[LeaseAnswer]:
            return server.activate(ActivationRequest(license_key=key, device=alive))

        try:
            reply = asked_in_even_time(lambda: proven_alive(ask, device))
        except Refused as refusal:
            _audit_refusal(system, actor, key, refusal)
            raise
        accept_lease(system, server, reply, actor, last_characters(key))
        learn_orders(system, server)
        offers.refresh(system, server)
    forget_tries(system.database, ATTEMPTS, _bucket(actor))


def diagnose(system: System) -> tuple[StepResult, ...]:
    """Try each step on the way to the license server; the first that fails is the last."""
    return tuple(system.license_server.diagnose())


def throttle(system: System, actor: Actor) -> None:
    """Count a try with a key from this address; raises TooManyTries."""
    now = system.clock.now()
    wait = count_try(system.database, ATTEMPTS, _bucket(actor), ACTIVATION_LIMIT, now)
    if wait is not None:
        raise TooManyTries(wait)


def _bucket(actor: Actor) -> str:
    return f"activation:{actor.address}"


def _audit_refusal(system: System, actor: Actor, key: str, refusal: Refused) -> None:
    with system.database.write() as session:
        entry = Entry(
            system.clock.now(),
            actor,
            "license.activation_refused",
            result=refusal.code,
            details={"key": last_characters(key)},
        )
        record(session, AUDIT, entry)
