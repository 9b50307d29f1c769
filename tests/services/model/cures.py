"""How to take each cure of protocol.md out of the running code, for `bites` only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from ayrix_foundation.clock import Moment
from ayrix_license_server.domain import history as histories
from ayrix_license_server.domain.history import Finding, History, Presented
from ayrix_license_server.rows.customers import InstallationRow
from ayrix_license_server.services import devices
from ayrix_license_server.services.devices import Call
from ayrix_protocol.device import CheckRequest, LeaseAnswer
from ayrix_protocol.lease import Lease
from ayrix_protocol.orders import OrderAnswer, OrderRequest
from ayrix_web.adapters.conversation import HttpConversation
from ayrix_web.domain import trusted_time
from ayrix_web.domain.machine import Machine
from ayrix_web.domain.ports import Conversation, Reply
from ayrix_web.domain.trusted_time import Anchor, Mark, TrustedTime
from ayrix_web.rows import InstallationRow as OwnRow
from ayrix_web.services import (
    acceptance,
    device_counter,
    licensing,
    ordering,
    renewal,
)
from ayrix_web.services.device import describe_device
from ayrix_web.system import System

Judged = tuple[History, Finding]


def no_left_list(patch: pytest.MonkeyPatch) -> None:
    """Nothing that was given up is kept in mind."""

    def forget(
        history: History, now: int, *gone: str | None, taken_up: str | None = None
    ) -> History:
        return history

    patch.setattr(histories, "_give_up", forget)


def lost_answers_accuse(patch: pytest.MonkeyPatch) -> None:
    """The lease before the last one is an accusation."""
    _accuse(patch, Finding.ANSWER_LOST)


def backups_accuse(patch: pytest.MonkeyPatch) -> None:
    """Any older lease is an accusation."""
    _accuse(patch, Finding.BACKUP_RESTORED)


def _accuse(patch: pytest.MonkeyPatch, of: Finding) -> None:
    real = histories.present

    def present(history: History, held: Presented | None, now: int) -> Judged:
        after, finding = real(history, held, now)
        return after, Finding.CLONE_SUSPECTED if finding is of else finding

    patch.setattr(histories, "present", present)


def no_adoption(patch: pytest.MonkeyPatch) -> None:
    """A lease with a higher number than any given moves nothing."""
    real = histories.present

    def present(history: History, held: Presented | None, now: int) -> Judged:
        after, finding = real(history, held, now)
        if finding is Finding.SERVER_BEHIND:
            return replace(after, top=history.top), finding
        return after, finding

    patch.setattr(histories, "present", present)


def no_recovery(patch: pytest.MonkeyPatch) -> None:
    """A device that is not known waits for a person."""

    def ask(system: System, server: Conversation) -> Reply[LeaseAnswer]:
        return server.check(CheckRequest(device=describe_device(system)))

    patch.setattr(renewal, "_ask", ask)


def used_counters_are_taken(patch: pytest.MonkeyPatch) -> None:
    """A request counts however old it is."""

    def known(session: Session, call: Call) -> InstallationRow | None:
        row = session.get(InstallationRow, call.installation, with_for_update=True)
        if row is not None:
            row.counter = max(row.counter, call.counter)
        return row

    patch.setattr(devices, "known", known)


def counter_stays_behind(patch: pytest.MonkeyPatch) -> None:
    """The device goes on from its own count."""
    patch.setattr(device_counter, "raise_counter", lambda _database, _to: None)


def any_answer_is_taken(patch: pytest.MonkeyPatch) -> None:
    """A lease need not name the request in flight."""
    real = acceptance._is_for_us

    def is_for_us(system: System, lease: Lease, request: str, machine: Machine) -> bool:
        return real(system, lease, lease.req, machine)

    patch.setattr(acceptance, "_is_for_us", is_for_us)


def a_key_per_request(patch: pytest.MonkeyPatch) -> None:
    """Each try to send an order is an order of its own."""
    real = HttpConversation.order

    def order(self: HttpConversation, key: UUID, request: OrderRequest) -> Reply[OrderAnswer]:
        return real(self, uuid4(), request)

    patch.setattr(HttpConversation, "order", order)


def lost_orders_stay_lost(patch: pytest.MonkeyPatch) -> None:
    """What the server says it does not know is not sent again."""
    patch.setattr(renewal, "send_again", lambda _system, _keys, _actor: None)


def no_sync(patch: pytest.MonkeyPatch) -> None:
    """A new order is sent without a look at the server's."""
    patch.setattr(ordering, "sync", lambda _system, _server, **_how: None)


def no_boot_clock(patch: pytest.MonkeyPatch) -> None:
    """Only the wall clock says how late it is."""
    _judge_time(patch, lambda anchor, mark, now: TrustedTime(now.wall))


def no_mark(patch: pytest.MonkeyPatch) -> None:
    """Nothing is known of the time before the boot."""
    real = trusted_time.trusted_time
    _judge_time(patch, lambda anchor, mark, now: real(anchor, None, now))


def _judge_time(
    patch: pytest.MonkeyPatch, judge: Callable[[Anchor | None, Mark | None, Moment], TrustedTime]
) -> None:
    patch.setattr(licensing, "trusted_time", judge)


def no_wall_evidence(patch: pytest.MonkeyPatch) -> None:
    """The wall clock proves nothing."""
    patch.setattr(trusted_time, "_wall_evidence", lambda anchor, _wall: anchor.iat)


def no_fault_of_the_clock(patch: pytest.MonkeyPatch) -> None:
    """Every date is believed, however far ahead."""
    patch.setattr(trusted_time, "FARTHEST_AHEAD_S", 10**12)


def mark_never_heals(patch: pytest.MonkeyPatch) -> None:
    """The mark stays where a wrong clock has brought it."""
    real = acceptance._store_clocks

    def store(row: OwnRow, lease: Lease, asked: Moment) -> None:
        before = row.mark_time or 0
        real(row, lease, asked)
        row.mark_time = max(before, lease.iat)

    patch.setattr(acceptance, "_store_clocks", store)
