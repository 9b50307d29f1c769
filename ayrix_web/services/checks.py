"""The license check: ask for a new lease, and note what came of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_protocol.jws import InvalidDocument
from ayrix_protocol.lease import DEFAULT_LEASE, check_interval, retry_interval
from ayrix_protocol.problems import Problem, ProblemCode
from ayrix_web.domain.errors import FaultKind, LicenseServerFault, Refused
from ayrix_web.domain.license import LicenseState, Reason
from ayrix_web.domain.ports import Conversation
from ayrix_web.domain.schedule import next_retry
from ayrix_web.rows import AUDIT
from ayrix_web.services import licensing, offers
from ayrix_web.services.acceptance import installation_row
from ayrix_web.services.held import held_in
from ayrix_web.services.renewal import renew_lease
from ayrix_web.services.seal import is_sound, put_seal
from ayrix_web.services.trust import trusted_revocation
from ayrix_web.system import System

_CHANCE = secrets.SystemRandom()

_REASON_OF_REFUSAL = {
    ProblemCode.IP_MISMATCH: Reason.IP_MISMATCH,
    ProblemCode.HARDWARE_MISMATCH: Reason.HARDWARE_MISMATCH,
    ProblemCode.SUSPENDED: Reason.SUSPENDED,
    ProblemCode.REVOKED: Reason.REVOKED,
    ProblemCode.CLONE_SUSPECTED: Reason.CLONE_SUSPECTED,
}
_REASON_OF_FAULT = {
    FaultKind.SERVER_ERROR: Reason.SERVER_ERROR,
    FaultKind.UNTRUSTED: Reason.SERVER_ERROR,
    FaultKind.SERVER_BUSY: Reason.SERVER_ERROR,
}


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """The state after a check, and what went wrong with it, if anything did."""

    state: LicenseState
    fault: FaultKind | None = None
    refusal: Problem | None = None


def check(system: System, actor: Actor) -> CheckOutcome:
    """Ask the license server for a new lease; never raises for what the server or the network does.

    Who had to wait for another process and finds that it succeeded uses its result.
    """
    before = licensing.facts(system).succeeded_at
    try:
        with system.license_server.conversation() as server:
            if licensing.facts(system).succeeded_at != before:
                return CheckOutcome(licensing.current(system))
            return _ask(system, server, actor)
    except LicenseServerFault as fault:
        # Only "somebody else is speaking" gets here: nothing was asked, so nothing is noted.
        return CheckOutcome(licensing.current(system), fault=fault.kind)


def _ask(system: System, server: Conversation, actor: Actor) -> CheckOutcome:
    try:
        renew_lease(system, server, actor)
    except LicenseServerFault as fault:
        reason = _REASON_OF_FAULT.get(fault.kind, Reason.UNREACHABLE)
        _note_failure(system, actor, reason, fault=fault)
        return CheckOutcome(licensing.current(system), fault=fault.kind)
    except Refused as refusal:
        reason = _REASON_OF_REFUSAL.get(refusal.code, Reason.SERVER_ERROR)
        _note_failure(system, actor, reason, revocation=refusal.problem.revocation)
        return CheckOutcome(licensing.current(system), refusal=refusal.problem)
    offers.refresh(system, server)
    return CheckOutcome(licensing.current(system))


def _note_failure(
    system: System,
    actor: Actor,
    reason: Reason,
    *,
    fault: LicenseServerFault | None = None,
    revocation: str | None = None,
) -> None:
    now = system.clock.now()
    next_at = _next_try(system, now, fault.retry_after_s if fault else None)
    with system.database.write() as session:
        row = installation_row(session)
        held = held_in(session)
        is_news = row.failure != reason
        row.checked_at, row.failure, row.next_check_at = now, reason, next_at
        row.failure_kind = fault.kind if fault else None
        if revocation is not None and _is_believable(system, revocation, held.key_set):
            row.revocation = revocation
        if is_sound(system, held):  # else it stays what it is: only a new lease mends it
            put_seal(system, row)
        if is_news:
            record(session, AUDIT, Entry(now, actor, "license.check_failed", result=reason))


def _next_try(system: System, now: datetime, asked_for_s: int | None) -> datetime:
    lease = licensing.held_lease(system)
    retry = lease.retry_interval if lease else retry_interval(DEFAULT_LEASE)
    regular = lease.check_interval if lease else check_interval(DEFAULT_LEASE)
    return next_retry(now, retry, regular, asked_for_s, _CHANCE.random())


def _is_believable(system: System, token: str, key_set: str | None) -> bool:
    root_key = system.settings.license_root_key
    try:
        revocation = trusted_revocation(token, key_set or "", root_key)
    except InvalidDocument:
        return False
    return revocation.aud == system.installation_id
