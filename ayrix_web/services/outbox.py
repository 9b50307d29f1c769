"""Sending confirmed orders: none is lost and none is sent as another, whatever breaks on the
way.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from ayrix_foundation.audit import AGENT, Actor, Entry, record
from ayrix_protocol.orders import Order, OrderPage, OrderRequest, WantedOrder
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import LicenseServerFault, Refused
from ayrix_web.domain.order import OrderStage
from ayrix_web.domain.ports import Conversation
from ayrix_web.rows import AUDIT, OrderRow
from ayrix_web.services.acceptance import accept_lease, installation_row
from ayrix_web.services.alive import proven_alive
from ayrix_web.services.device import describe_device
from ayrix_web.services.order_book import (
    ON_THE_WAY,
    ask_again,
    note_order,
    row_of_key,
    wanted_lines,
)
from ayrix_web.system import System

log = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=5)
"""How long after a failed try an order is sent again; doubled with every try."""

LONGEST_PAUSE = timedelta(minutes=5)

LOOK_AGAIN = timedelta(seconds=20)
"""How often an order that the seller has not decided yet is looked at."""


def next_send_at(system: System) -> datetime | None:
    """When the agent must look at the outbox; None if nothing is on the way."""
    now = system.clock.now()
    planned = select(OrderRow.next_try_at).where(
        OrderRow.stage.in_(ON_THE_WAY), OrderRow.next_try_at.is_not(None)
    )
    with system.database.read() as session:
        times = [at for at in session.scalars(planned) if at is not None]
    return min((now if at > now + LONGEST_PAUSE else at for at in times), default=None)


def send_waiting(system: System) -> None:
    """Send what waits, and look at what the seller has not decided; the agent's job."""
    now = system.clock.now()
    with system.database.read() as session:
        query = select(OrderRow.key, OrderRow.stage).where(
            OrderRow.stage.in_(ON_THE_WAY),
            # Farther ahead than any pause: the clock that planned it was not this one.
            (OrderRow.next_try_at <= now) | (OrderRow.next_try_at > now + LONGEST_PAUSE),
        )
        due = session.execute(query.order_by(OrderRow.id)).all()
    if not due:
        return
    try:
        with system.license_server.conversation() as server:
            sync(system, server)
            for key, stage in due:
                if stage == OrderStage.WAITING:
                    send(system, server, key, AGENT)
    except (LicenseServerFault, Refused):
        _postpone(system, [key for key, _stage in due])


def send(system: System, server: Conversation, key: UUID, actor: Actor) -> None:
    """Send one waiting order; `sync` must have run in this conversation.

    A license server that cannot be reached leaves it waiting; a refusal ends it or asks the person
    again. Raises nothing for either.
    """
    with system.database.read() as session:
        row = row_of_key(session, key)
        if row is None or row.stage != OrderStage.WAITING:
            return
        wanted = WantedOrder(lines=wanted_lines(row), quote_hash=row.quote_hash)
    try:
        reply = proven_alive(
            lambda alive: server.order(key, OrderRequest(order=wanted, device=alive)),
            describe_device(system),
        )
    except LicenseServerFault:
        _postpone(system, [key])
        return
    except Refused as refusal:
        _note_refusal(system, key, refusal, actor)
        return
    _note_order(system, reply.answer.order, actor)
    if reply.answer.lease is not None:
        try:
            accept_lease(system, server, reply, actor)
        except LicenseServerFault as fault:  # the order stands, and a check is due that brings it
            log.warning("no lease with the order", extra={"fault": str(fault.kind)})


def sync(system: System, server: Conversation, *, since_first: bool = False) -> None:
    """Read what the license server knows of this license's orders since the oldest open one, or all
    of them: if both sides were restored, a code may stand for another order than it did.

    It also finds orders that a restored backup of this PBX has forgotten, before they could be
    placed a second time. An order that turned out fulfilled makes a check due.
    """
    after = None if since_first else _last_settled_code(system)
    while True:
        page = _orders_behind(server, after)
        now = system.clock.now()
        with system.database.write() as session:
            for order in page.orders:
                before = row_of_key(session, order.key)
                was_fulfilled = before is not None and before.stage == OrderStage.FULFILLED
                row = note_order(session, order, now, now + LOOK_AGAIN)
                if row.stage == OrderStage.FULFILLED and not was_fulfilled:
                    installation_row(session).next_check_at = now
        if page.next_after is None:
            return
        after = page.next_after


def learn_orders(system: System, server: Conversation) -> None:
    """The same where it is not what was asked for: a failure is logged only."""
    try:
        sync(system, server)
    except (LicenseServerFault, Refused) as error:
        log.warning("orders could not be fetched", extra={"reason": str(error)})


def send_again(system: System, keys: Collection[UUID], actor: Actor) -> None:
    """Let orders wait once more that the license server has forgotten, under the keys they had.

    It was restored from an older backup. What was not ordered here cannot be sent from here.
    """
    if not keys:
        return
    now = system.clock.now()
    with system.database.write() as session:
        forgotten = select(OrderRow).where(
            OrderRow.key.in_(list(keys)), OrderRow.acknowledged, OrderRow.quote_hash != ""
        )
        for row in session.scalars(forgotten):
            row.stage, row.acknowledged, row.code = OrderStage.WAITING, False, None
            row.attempts, row.next_try_at = 0, now
            record(session, AUDIT, Entry(now, actor, "order.sent_again", str(row.key)))


def _orders_behind(server: Conversation, after: str | None) -> OrderPage:
    """The orders behind the one with that code; all, if the license server has forgotten it: it was
    restored from an older backup.
    """
    try:
        return server.orders(after)
    except Refused as refusal:
        if after is None or refusal.code is not ProblemCode.NOT_FOUND:
            raise
    return server.orders(None)


def _last_settled_code(system: System) -> str | None:
    """The code behind which the license server may know something new: the one before the oldest
    open order, else the newest."""
    with system.database.read() as session:
        is_open = OrderRow.code.is_not(None) & OrderRow.stage.in_(ON_THE_WAY)
        oldest_open = session.scalar(select(func.min(OrderRow.id)).where(is_open))
        known = select(OrderRow.code).where(OrderRow.code.is_not(None))
        if oldest_open is not None:
            known = known.where(OrderRow.id < oldest_open)
        return session.scalar(known.order_by(OrderRow.code.desc()).limit(1))


def _note_order(system: System, order: Order, actor: Actor) -> None:
    now = system.clock.now()
    with system.database.write() as session:
        row = note_order(session, order, now, now + LOOK_AGAIN)
        if row.stage == OrderStage.FULFILLED:  # a power cut may come before its lease is stored
            installation_row(session).next_check_at = now
        entry = Entry(now, actor, "order.sent", order.code, result=order.state)
        record(session, AUDIT, entry)


def _note_refusal(system: System, key: UUID, refusal: Refused, actor: Actor) -> None:
    now = system.clock.now()
    with system.database.write() as session:
        row = row_of_key(session, key)
        if row is None:
            return
        quote = refusal.problem.quote
        if refusal.code is ProblemCode.PRICE_CHANGED and quote is not None:
            ask_again(row, quote)
        else:
            row.stage, row.refusal, row.next_try_at = OrderStage.FAILED, refusal.code, None
        entry = Entry(now, actor, "order.refused", str(key), result=refusal.code)
        record(session, AUDIT, entry)


def _postpone(system: System, keys: Iterable[UUID]) -> None:
    now = system.clock.now()
    with system.database.write() as session:
        for row in session.scalars(select(OrderRow).where(OrderRow.key.in_(list(keys)))):
            row.attempts += 1
            row.next_try_at = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(row.attempts, 10))
