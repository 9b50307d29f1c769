"""What the license says now: the stored lease, judged by trusted time and this machine."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import update

from ayrix_foundation.clock import Clock, Moment
from ayrix_foundation.database import Database, DatabaseMissing, DatabaseUnreadable
from ayrix_protocol.jws import InvalidDocument
from ayrix_protocol.lease import DEFAULT_LEASE, Contacts, Lease, Revocation, retry_interval
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import CheckRecord, LicenseState, Reason, Status, evaluate
from ayrix_web.domain.trusted_time import (
    TRUSTWORTHY_DIFFERENCE_S,
    Mark,
    TrustedTime,
    trusted_time,
    was_stepped,
)
from ayrix_web.rows import INSTALLATION, InstallationRow
from ayrix_web.services.held import Held, held_of, read_held, stored_installation
from ayrix_web.services.license_facts import LicenseFacts
from ayrix_web.services.seal import is_sound, keep_mark, latest_mark, seal_of, sound
from ayrix_web.services.trust import trusted_lease, trusted_revocation
from ayrix_web.system import Remembered, System

LONGEST_MEMORY_S = 5.0
"""How long a process may use a computed state again while the row behind it is the same."""

SHORTEST_MEMORY_S = 0.2
"""How late, at most, the lock may come behind the second in which the lease ends."""

UNREADABLE = LicenseState(Status.UNLICENSED, Reason.STATE_DAMAGED, None)
"""The state when not even the database can be read: it fails closed."""


def current(system: System) -> LicenseState:
    """The state of the license at this moment; asked on every request, so it costs one row.

    Without a database it fails closed; while one is only busy, a state that was known is used until
    its own end.
    """
    moment = system.clock.moment()
    remembered = system.memory.remembered
    try:
        held = read_held(system.database)
    except DatabaseMissing:
        return UNREADABLE
    except DatabaseUnreadable:
        return _last_known(system, remembered)
    if remembered and remembered.row == held and moment.boot < remembered.until_boot:
        return remembered.state
    state, _lease, now = _judge(system, held or Held(), moment)
    until_boot = moment.boot + _memory_span(state, now)
    ends_boot = moment.boot + state.time_left(now).total_seconds()
    system.memory.remembered = Remembered(held, state, until_boot, ends_boot)
    return state


def trusted_now(system: System) -> datetime:
    """The time leases are judged by."""
    held = read_held(system.database) or Held()
    return _at(time_of(system, sound(system, held), system.clock.moment()).now)


def time_of(system: System, held: Held, moment: Moment) -> TrustedTime:
    """The time that what is held says it is at least."""
    return trusted_time(held.anchor, latest_mark(system, held), moment)


def is_wall_clock_wrong(database: Database, clock: Clock) -> bool:
    """Whether the wall clock is surely off, by what the last lease and the time since boot say."""
    try:
        held = read_held(database) or Held()
    except DatabaseUnreadable:
        return False
    if held.anchor is None:
        return False
    moment = clock.moment()
    difference = moment.wall - trusted_time(held.anchor, held.mark, moment).now
    return abs(difference) > TRUSTWORTHY_DIFFERENCE_S


def held_lease(system: System) -> Lease | None:
    """The stored lease if it can be believed, whether or not it is over; None without one."""
    return believed_lease(system, sound(system, read_held(system.database) or Held()))


def believed_lease(system: System, held: Held) -> Lease | None:
    """The lease in `held` if it leads back to the root key and belongs to this installation.

    What is held must be sound.
    """
    if held.lease is None:
        return None
    try:
        lease = trusted_lease(held.lease, held.key_set or "", system.settings.license_root_key)
    except InvalidDocument:
        return None
    is_ours = lease.aud == lease.cnf.jkt == system.installation_id
    return lease if is_ours else None


def facts(system: System) -> LicenseFacts:
    """Everything there is to show about the license; asks nobody outside this machine."""
    with system.database.read() as session:
        row = stored_installation(session)
    return facts_of(system, row)


def facts_of(system: System, row: InstallationRow) -> LicenseFacts:
    """The same from a row that was read already."""
    held = sound(system, held_of(row))
    moment = system.clock.moment()
    state, lease, now = _judge(system, held_of(row), moment)
    return LicenseFacts(
        state=state,
        now=now,
        wall=_at(moment.wall),
        lease=lease,
        checked_at=row.checked_at,
        succeeded_at=row.succeeded_at,
        next_check_at=row.next_check_at,
        failure_kind=FaultKind(row.failure_kind) if row.failure_kind else None,
        contacts=_contacts(system, row, lease),
        machine=system.machine_reader.read(held.choice),
        key_hint=held.key_hint,
        installation_id=system.installation_id,
        license_server=system.license_server.address,
    )


def next_check_at(system: System) -> datetime | None:
    """When the agent must check; None while this PBX was never activated.

    A locked one asks at the retry interval, whatever was planned before it was locked: a disk in
    another machine or an old backup may be all that happened.
    """
    with system.database.read() as session:
        row = session.get(InstallationRow, INSTALLATION)
        if row is None or row.lease is None:
            return None
        held, planned, checked_at = held_of(row), row.next_check_at, row.checked_at
    if planned is None or checked_at is None or not current(system).status.is_locked:
        return planned or system.clock.now()
    lease = believed_lease(system, sound(system, held))
    retry = lease.retry_interval if lease else retry_interval(DEFAULT_LEASE)
    return min(planned, checked_at + retry)


def write_mark(system: System) -> None:
    """Write down how late it is, so that neither a reboot nor a clock set back gives time back.

    The mark never falls here; only a fresh online lease may set it back. If somebody set the wall
    clock since the last look, a check is due at once.
    """
    moment = system.clock.moment()
    held = read_held(system.database)
    if held is None or held.anchor is None or not is_sound(system, held):
        return  # sealing edited values would make them good
    mark = Mark(time_of(system, held, moment).now, moment)
    marked = held.with_mark(mark)
    values: dict[str, object] = {
        "mark_time": mark.time,
        "mark_wall": moment.wall,
        "mark_boot_id": moment.boot_id,
        "mark_boot": moment.boot,
        "seal": seal_of(system.seal_key, marked),
    }
    if held.mark is not None and was_stepped(held.mark.seen, moment):
        values["next_check_at"] = system.clock.now()
    unchanged = InstallationRow.seal == held.seal  # else somebody wrote since: in the next pass
    with system.database.statement() as connection:
        written = connection.execute(
            update(InstallationRow)
            .where(InstallationRow.id == INSTALLATION, unchanged)
            .values(**values)
        )
    if written.rowcount:
        keep_mark(system, held.anchor.iat, mark)


def _judge(
    system: System, held: Held, moment: Moment
) -> tuple[LicenseState, Lease | None, datetime]:
    is_edited = not is_sound(system, held)
    if is_edited:
        held = Held()
    time = time_of(system, held, moment)
    lease = believed_lease(system, held)
    # A lease that cannot be believed, or clocks without their lease: somebody took a part away.
    is_damaged = (lease is None) != (held.anchor is None)
    now = _at(time.now)
    checks = CheckRecord(
        failure=held.failure_reason or _clock_fault(time, lease, moment),
        revocation=_revocation(system, held),
        is_damaged=is_edited or is_damaged or (held.lease is not None and lease is None),
    )
    machine = system.machine_reader.read(held.choice)
    return evaluate(lease, checks, machine, now), lease, now


def _clock_fault(time: TrustedTime, lease: Lease | None, moment: Moment) -> Reason | None:
    """What is wrong with the wall clock, if anything: a lease that is over although the clock
    says otherwise needs a word.
    """
    if time.is_wall_ahead:
        return Reason.CLOCK_AHEAD
    is_over = lease is not None and moment.wall < lease.exp <= time.now
    is_behind = time.now - moment.wall > TRUSTWORTHY_DIFFERENCE_S
    return Reason.CLOCK_BEHIND if is_over and is_behind else None


def _revocation(system: System, held: Held) -> Revocation | None:
    if held.revocation is None:
        return None
    root_key = system.settings.license_root_key
    try:
        return trusted_revocation(held.revocation, held.key_set or "", root_key)
    except InvalidDocument:
        return None


def _last_known(system: System, remembered: Remembered | None) -> LicenseState:
    if remembered is None or system.clock.moment().boot >= remembered.ends_boot:
        return UNREADABLE
    return remembered.state


def _memory_span(state: LicenseState, now: datetime) -> float:
    if state.valid_until is None or state.status.is_locked:
        return LONGEST_MEMORY_S
    # Trusted time counts whole seconds, so the last one is looked at often.
    left = (state.valid_until - now).total_seconds() - 1
    return min(LONGEST_MEMORY_S, max(SHORTEST_MEMORY_S, left))


def _contacts(system: System, row: InstallationRow, lease: Lease | None) -> Contacts:
    if lease is not None:
        return lease.contacts
    if row.contacts is not None:
        return Contacts.model_validate_json(row.contacts)
    return system.settings.contacts


def _at(epoch_seconds: int) -> datetime:
    return datetime.fromtimestamp(epoch_seconds, UTC)
