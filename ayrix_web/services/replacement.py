"""Asking the seller to move the license to other hardware or another address, and taking what he
allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from ayrix_foundation.audit import AGENT, Actor, Entry, record
from ayrix_protocol.activation_key import last_characters, normalized
from ayrix_protocol.device import ActivationRequest
from ayrix_protocol.rebindings import (
    Decision,
    DecisionAnswer,
    PollAnswer,
    ReplacementKind,
    ReplacementRequest,
)
from ayrix_web.domain.errors import LicenseServerFault, Refused
from ayrix_web.domain.ports import Conversation
from ayrix_web.rows import AUDIT, SellerRequestRow
from ayrix_web.services import offers
from ayrix_web.services.acceptance import accept_lease
from ayrix_web.services.activation import throttle
from ayrix_web.services.device import describe_device
from ayrix_web.services.renewal import asked_in_even_time
from ayrix_web.system import System

SOONEST_POLL = timedelta(seconds=5)
LATEST_POLL = timedelta(minutes=5)
"""Between these the server says how soon to ask again, so that no answer can stop the asking."""


@dataclass(frozen=True, slots=True)
class SellerRequest:
    """What was asked of the seller, and what he said; `reason` is his, empty while he says
    nothing.
    """

    kind: ReplacementKind
    state: Decision
    reason: str
    asked_at: datetime


def request_replacement(
    system: System, kind: ReplacementKind, key_text: str, reason: str, actor: Actor
) -> None:
    """Ask the seller to bind the license to this machine as it is now; `key_text` may be empty
    if the license server knows this device.

    Raises MistypedKey before asking anybody, TooManyTries, LicenseServerFault, and Refused with
    the server's reason.
    """
    key = normalized(key_text) if key_text.strip() else None
    throttle(system, actor)
    with system.license_server.conversation() as server:
        wanted = ReplacementRequest(
            kind=kind, license_key=key, reason=reason, device=describe_device(system)
        )
        answer = server.ask_replacement(wanted)
        _note_asked(system, wanted, answer, actor)


def requests_of(system: System) -> tuple[SellerRequest, ...]:
    """What is with the seller, or was declined by him; newest first."""
    with system.database.read() as session:
        query = select(SellerRequestRow).order_by(SellerRequestRow.asked_at.desc())
        return tuple(
            SellerRequest(ReplacementKind(row.kind), Decision(row.state), row.reason, row.asked_at)
            for row in session.scalars(query)
        )


def next_poll_at(system: System) -> datetime | None:
    """When to ask for decisions; None if none is waited for."""
    with system.database.read() as session:
        return session.scalar(select(func.min(SellerRequestRow.next_poll_at)))


def poll(system: System, actor: Actor = AGENT) -> None:
    """Ask for the decisions that are due, and take the lease that an approval brings.

    Raises nothing for what the server or the network does: it is asked again.
    """
    due = next_poll_at(system)
    if due is None or due > system.clock.now():
        return
    try:
        with system.license_server.conversation() as server:
            for row in _due(system):  # read anew: another process may just have asked
                _poll_one(system, server, row, actor)
    except LicenseServerFault as fault:
        _postpone(system, fault.retry_after_s)


def _due(system: System) -> list[SellerRequestRow]:
    with system.database.read() as session:
        is_due = SellerRequestRow.next_poll_at <= system.clock.now()
        return list(session.scalars(select(SellerRequestRow).where(is_due)))


def _poll_one(system: System, server: Conversation, row: SellerRequestRow, actor: Actor) -> None:
    try:
        decided = DecisionAnswer(state=Decision(row.state), reason=row.reason)
        if decided.state is Decision.WAITING:
            decided = server.decision(row.poll_url)
            _note_decision(system, row, decided)
        if decided.state is Decision.APPROVED:
            _take(system, server, row, actor)
    except Refused as refusal:
        _note_refused(system, row, refusal)


def _take(system: System, server: Conversation, row: SellerRequestRow, actor: Actor) -> None:
    request = ActivationRequest(license_key=None, device=describe_device(system))
    reply = asked_in_even_time(lambda: server.activate(request))
    accept_lease(system, server, reply, actor, row.key_hint)
    offers.refresh(system, server)
    _forget(system, row.kind)


def _note_asked(
    system: System, wanted: ReplacementRequest, answer: PollAnswer, actor: Actor
) -> None:
    now = system.clock.now()
    key = wanted.license_key
    with system.database.write() as session:
        session.merge(
            SellerRequestRow(
                kind=wanted.kind,
                poll_url=answer.poll_url,
                state=Decision.WAITING,
                reason="",
                key_hint=last_characters(key) if key else None,
                asked_at=now,
                next_poll_at=now + _pause(answer.retry_after_s),
            )
        )
        details: dict[str, object] = {"reason": wanted.reason}
        record(session, AUDIT, Entry(now, actor, "seller.asked", wanted.kind, details=details))


def _note_decision(system: System, asked: SellerRequestRow, decided: DecisionAnswer) -> None:
    now = system.clock.now()
    is_over = decided.state is Decision.DECLINED
    with system.database.write() as session:
        row = session.get(SellerRequestRow, asked.kind)
        if row is None or row.poll_url != asked.poll_url:
            return  # it was asked anew meanwhile
        row.state, row.reason = decided.state, decided.reason
        row.next_poll_at = None if is_over else now + _pause(None)
        if decided.state is not Decision.WAITING:
            details: dict[str, object] = {"reason": decided.reason}
            action, result = "seller.answered", decided.state
            record(session, AUDIT, Entry(now, AGENT, action, asked.kind, result, details))


def _note_refused(system: System, row: SellerRequestRow, refusal: Refused) -> None:
    if row.state == Decision.WAITING:
        _forget(system, row.kind)  # the server knows it no longer: it can be asked anew
    else:
        _postpone(system, None)
    with system.database.write() as session:
        entry = Entry(system.clock.now(), AGENT, "seller.refused", row.kind, refusal.code)
        record(session, AUDIT, entry)


def _forget(system: System, kind: str) -> None:
    with system.database.write() as session:
        row = session.get(SellerRequestRow, kind)
        if row is not None:
            session.delete(row)


def _postpone(system: System, asked_for_s: int | None) -> None:
    later = system.clock.now() + _pause(asked_for_s)
    with system.database.write() as session:
        waiting = SellerRequestRow.next_poll_at.is_not(None)
        for row in session.scalars(select(SellerRequestRow).where(waiting)):
            row.next_poll_at = later


def _pause(asked_for_s: int | None) -> timedelta:
    if asked_for_s is None:
        return LATEST_POLL / 10
    return min(LATEST_POLL, max(SOONEST_POLL, timedelta(seconds=asked_for_s)))
