"""How much of what is licensed is used, and the guard that lets nobody create more."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from sqlalchemy import delete, event, func, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapper, Session, SessionTransaction, object_session

from ayrix_protocol.lease import Counted, Lease
from ayrix_web.domain.errors import UsedUp
from ayrix_web.domain.ports import InventoryUnavailable
from ayrix_web.rows import ReservationRow, UsageRow
from ayrix_web.services import licensing
from ayrix_web.system import System

logger = logging.getLogger(__name__)

RESERVATION = timedelta(seconds=60)
"""How long the right to create one object is kept for whoever never released it
(product.md, Enforcement of quantities)."""

LONGEST_WAIT = timedelta(seconds=2)
"""How long to wait for others who hold the last rights and may not use them."""

PAUSE = timedelta(milliseconds=10)

_HELD = "ayrix_reservations"
"""Where in a host's session its reservations stand."""

_guards: WeakKeyDictionary[type[object], Callable[..., None]] = WeakKeyDictionary()
"""The guard of each model: an application made twice in one process must not ask twice."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How many objects exist, per kind, and when that was so; a kind never counted is missing.

    `is_fresh` is False when the PBX could not be counted now: then these are the last known counts,
    `at` the oldest of them, None if there is none.
    """

    counts: Mapping[Counted, int]
    at: datetime | None
    is_fresh: bool


@dataclass(frozen=True, slots=True)
class Reservation:
    """The right to create one more object, until `until`."""

    id: UUID
    until: datetime


def usage(system: System) -> Usage:
    """What is used now, or was when it was last counted; never zero because counting failed."""
    try:
        return Usage(system.inventory.counts(), system.clock.now(), is_fresh=True)
    except InventoryUnavailable as error:
        logger.warning("the PBX cannot be counted, showing the last known counts: %s", error)
    with system.database.read() as session:
        known = session.scalars(select(UsageRow)).all()
    counts = {Counted(row.counted): row.count for row in known}
    return Usage(counts, min((row.at for row in known), default=None), is_fresh=False)


def count(system: System) -> None:
    """Count and write the counts down; raises InventoryUnavailable, which keeps the last ones."""
    counts = system.inventory.counts()
    now = system.clock.now()
    with system.database.write() as session:
        for counted, number in counts.items():
            session.merge(UsageRow(counted=counted, count=number, at=now))


def licensed(lease: Lease | None, counted: Counted) -> int:
    """How many objects of this kind a lease allows; none without a lease or without the feature."""
    feature = lease.feature_counting(counted) if lease else None
    return (feature.quantity or 0) if feature else 0


def kind_named(system: System, name: str) -> Counted | None:
    """The kind of object that `name` means: its own name, or the code of a licensed feature that
    counts it; None for anything else.
    """
    if name in set(Counted):
        return Counted(name)
    lease = licensing.held_lease(system)
    features = lease.features if lease else ()
    return next((feature.counts for feature in features if feature.code == name), None)


def reserve(system: System, counted: Counted) -> Reservation:
    """Take the right to create one more object; `release` it once the object is there, or not.

    Raises UsedUp if none is left, and InventoryUnavailable if this PBX was never counted.
    """
    give_up_at = time.monotonic() + LONGEST_WAIT.total_seconds()
    while True:
        limit = _limit(system, counted)
        with system.database.write() as session:
            # The transaction takes the write lock with its first statement, so the count comes
            # second: whoever has the lock next sees this object, or else this reservation.
            held = _held(session, counted, system.clock.now())
            used = _count_now(system, counted)
            if used is None:
                return _take_from_last_count(system, session, counted, limit)
            if used + held < limit:
                return _write_down(session, counted, system.clock.now())
        if used >= limit or time.monotonic() >= give_up_at:
            raise UsedUp(counted, limit, used + held)
        time.sleep(PAUSE.total_seconds())


def order_code(system: System, counted: Counted) -> str | None:
    """The code of the feature that allows more objects of this kind; None if it is not licensed,
    or hidden from whoever would order it.
    """
    lease = licensing.held_lease(system)
    feature = lease.feature_counting(counted) if lease else None
    return feature.code if feature and not feature.hidden else None


def release(system: System, reservation_id: UUID) -> None:
    """Give a right back; nothing happens if it has expired or was given back before."""
    with system.database.statement() as connection:
        connection.execute(delete(ReservationRow).where(ReservationRow.id == reservation_id))


@contextmanager
def guard(system: System, counted: Counted) -> Iterator[Reservation]:
    """Create one object inside, and commit it there. Raises as `reserve` before anything is done.

    Do not enter it with a write transaction of the PBX's SQLite file open: it takes that lock.
    """
    reservation = reserve(system, counted)
    try:
        yield reservation
    finally:
        _release_or_let_expire(system, reservation.id)


def guard_model(system: System, model: type[object], counted: Counted) -> None:
    """Make every insert of `model`, in whatever session of the host, ask `reserve` first.

    The flush raises UsedUp before the row is written. The right is given back when the session's
    transaction has ended. Core inserts and bulk inserts do not pass here (SQLAlchemy,
    `MapperEvents.before_insert`). A model has one guard: a later one takes its place.
    """

    def before_insert(_mapper: Mapper[object], _connection: Connection, target: object) -> None:
        reservation = reserve(system, counted)
        session = object_session(target)
        if session is None:
            return  # the reservation expires
        session.info.setdefault(_HELD, []).append((system, reservation.id))
        if not event.contains(session, "after_transaction_end", _release_held):
            event.listen(session, "after_transaction_end", _release_held)

    if model in _guards:
        event.remove(model, "before_insert", _guards[model])
    event.listen(model, "before_insert", before_insert, propagate=True)
    _guards[model] = before_insert


def _release_held(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is not None:
        return  # a flush or a savepoint: its objects are not there for others yet
    for system, reservation_id in session.info.pop(_HELD, ()):
        _release_or_let_expire(system, reservation_id)


def _release_or_let_expire(system: System, reservation_id: UUID) -> None:
    try:
        release(system, reservation_id)
    except DBAPIError:
        # The object is there and the caller must not think otherwise.
        logger.warning("a reservation could not be released, it expires by itself", exc_info=True)


def _limit(system: System, counted: Counted) -> int:
    if licensing.current(system).status.is_locked:
        return 0
    return licensed(licensing.held_lease(system), counted)


def _count_now(system: System, counted: Counted) -> int | None:
    try:
        return system.inventory.counts().get(counted)
    except InventoryUnavailable as error:
        logger.warning("the PBX cannot be counted, guarding by the last known count: %s", error)
        return None


def _take_from_last_count(
    system: System, session: Session, counted: Counted, limit: int
) -> Reservation:
    """Without a count each right is used up for good, until the next count tells."""
    row = session.get(UsageRow, counted)
    if row is None:
        raise InventoryUnavailable(f"{counted} was never counted")
    if row.count >= limit:
        raise UsedUp(counted, limit, row.count)
    row.count += 1
    return Reservation(uuid4(), system.clock.now() + RESERVATION)


def _held(session: Session, counted: Counted, now: datetime) -> int:
    until = ReservationRow.until
    # `now` is from before this statement waited for the lock, so others may have written later
    # ones meanwhile; one that ends twice as late is from before the clock was set back.
    is_over = or_(until <= now, until > now + 2 * RESERVATION)
    session.execute(delete(ReservationRow).where(is_over))
    return (
        session.scalar(
            select(func.count())
            .select_from(ReservationRow)
            .where(ReservationRow.counted == counted)
        )
        or 0
    )


def _write_down(session: Session, counted: Counted, now: datetime) -> Reservation:
    row = ReservationRow(id=uuid4(), counted=counted, until=now + RESERVATION)
    session.add(row)
    return Reservation(row.id, row.until)
