"""Ordering more licenses: what it costs, saying yes, taking it back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_protocol.orders import LineRequest, Quote
from ayrix_web.domain.errors import PriceChanged
from ayrix_web.domain.order import OrderDraft, OrderStage, PlacedOrder
from ayrix_web.domain.ports import Conversation
from ayrix_web.rows import AUDIT
from ayrix_web.services import order_book
from ayrix_web.services.outbox import send, sync
from ayrix_web.system import System


class UnknownOrder(LookupError):
    """There is no order with that code or key."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a wish costs now, under the key of a new intention."""

    key: UUID
    quote: Quote


def propose(system: System, lines: tuple[LineRequest, ...]) -> Proposal:
    """Ask the license server for a quote; raises LicenseServerFault and Refused."""
    with system.license_server.conversation() as server:
        return Proposal(uuid4(), server.quote(lines))


def place(system: System, draft: OrderDraft, actor: Actor) -> PlacedOrder:
    """Write a confirmed order down and send it; a second call with the same key gives the first
    order.

    Raises LicenseServerFault and Refused if there is no fresh quote, and PriceChanged if it differs
    from what the person saw; nothing is saved then. Once it is saved nothing is lost: if sending
    fails, the agent sends it later.
    """
    if (placed := order_book.find(system, str(draft.key))) is not None:
        return placed
    with system.license_server.conversation() as server:
        quote = _fresh_quote(server, draft.lines, draft.quote_hash)
        sync(system, server, since_first=True)
        with system.database.write() as session:
            if order_book.row_of_key(session, draft.key) is None:
                now = system.clock.now()
                session.add(order_book.new_row(draft, quote, actor.name, now))
                record(session, AUDIT, Entry(now, actor, "order.placed", str(draft.key)))
        send(system, server, draft.key, actor)
    return _existing(system, str(draft.key))


def order_at_once(system: System, code: str, quantity: int, actor: Actor) -> PlacedOrder:
    """Order so many of a feature at today's price, for the command line; raises as `place`."""
    lines = (LineRequest(code=code, quantity=quantity),)
    proposal = propose(system, lines)
    draft = OrderDraft(proposal.key, lines, proposal.quote.quote_hash)
    return place(system, draft, actor)


def confirm_again(system: System, reference: str, quote_hash: str, actor: Actor) -> PlacedOrder:
    """Say yes to the changed price of an order and send it; raises as `place`, and UnknownOrder."""
    order = _existing(system, reference)
    if order.stage is not OrderStage.CONFIRM_AGAIN:
        return order
    with system.license_server.conversation() as server:
        with system.database.read() as session:
            row = order_book.row_of_key(session, order.key)
            lines = order_book.wanted_lines(row) if row else ()
        quote = _fresh_quote(server, lines, quote_hash)
        sync(system, server)
        with system.database.write() as session:
            row = order_book.row_of_key(session, order.key)
            now = system.clock.now()
            if row is not None and row.stage == OrderStage.CONFIRM_AGAIN:
                order_book.confirm(row, lines, quote, now)
                record(session, AUDIT, Entry(now, actor, "order.confirmed", str(order.key)))
        send(system, server, order.key, actor)
    return _existing(system, reference)


def cancel(system: System, reference: str, actor: Actor) -> PlacedOrder:
    """Take an order back that is still on the way.

    Raises UnknownOrder, LicenseServerFault, and Refused if it is too late. An order that waits here
    may have arrived without our knowing, so the license server is asked first in any case.
    """
    order = _existing(system, reference)
    with system.license_server.conversation() as server:
        sync(system, server)
        order = _existing(system, str(order.key))
        now = system.clock.now()
        answer = server.cancel(order.code) if order.code is not None else None
        with system.database.write() as session:
            if answer is not None:
                order_book.note_order(session, answer.order, now, now)
            row = order_book.row_of_key(session, order.key)
            if answer is None and row is not None:
                row.stage, row.next_try_at = OrderStage.CANCELLED, None
            record(session, AUDIT, Entry(now, actor, "order.cancelled", order.reference))
    return _existing(system, str(order.key))


def _fresh_quote(server: Conversation, lines: tuple[LineRequest, ...], seen_hash: str) -> Quote:
    quote = server.quote(lines)
    if quote.quote_hash != seen_hash:
        raise PriceChanged(quote)
    return quote


def _existing(system: System, reference: str) -> PlacedOrder:
    order = order_book.find(system, reference)
    if order is None:
        raise UnknownOrder(reference)
    return order
