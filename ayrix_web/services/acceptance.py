"""The one door through which a lease enters, whichever answer carried it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_foundation.clock import Moment
from ayrix_protocol.binding import Component, fit
from ayrix_protocol.device import LeaseAnswer
from ayrix_protocol.jws import InvalidDocument
from ayrix_protocol.lease import Lease
from ayrix_web.domain.errors import FaultKind, LicenseServerFault
from ayrix_web.domain.machine import Machine
from ayrix_web.domain.ports import Conversation, Reply
from ayrix_web.domain.schedule import next_check
from ayrix_web.domain.trusted_time import Mark, was_stepped
from ayrix_web.rows import AUDIT, INSTALLATION, InstallationRow
from ayrix_web.services.held import Held, held_in
from ayrix_web.services.licensing import believed_lease
from ayrix_web.services.seal import keep_mark, put_seal, sound
from ayrix_web.services.trust import UnknownKey, trusted_key_set, trusted_lease
from ayrix_web.system import System

_CHANCE = secrets.SystemRandom()


def accept_lease(
    system: System,
    server: Conversation,
    reply: Reply[LeaseAnswer],
    actor: Actor,
    key_hint: str | None = None,
) -> Lease:
    """Verify the lease of an answer in this conversation, store it and give it back.

    Taken only if it leads back to the root key, is this installation's, answers exactly this
    request, is newer than the stored one and fits this machine (protocol.md, Lease). `key_hint` is
    set by an activation. Raises LicenseServerFault, and changes nothing then.
    """
    if was_stepped(reply.asked, reply.answered):
        raise LicenseServerFault(FaultKind.TIMEOUT)  # no anchor can be taken from it: ask again
    with system.database.read() as session:
        held = sound(system, held_in(session))
    try:
        key_set, lease = _verified(system, server, held, reply.answer.lease)
    except InvalidDocument as error:
        raise LicenseServerFault(FaultKind.UNTRUSTED) from error
    if reply.answer.installation_secret is not None:
        system.machine_reader.store_installation_secret(reply.answer.installation_secret)
    machine = system.machine_reader.read(held.choice)
    if not _is_for_us(system, lease, reply.request, machine):
        raise LicenseServerFault(FaultKind.UNTRUSTED)
    with system.database.write() as session:
        row = installation_row(session)
        stored = sound(system, held_in(session))
        before = believed_lease(system, stored)
        if before is not None and (lease.gen, lease.seq) <= (before.gen, before.seq):
            raise LicenseServerFault(FaultKind.UNTRUSTED)
        row.lease, row.lease_seq, row.key_set = reply.answer.lease, lease.seq, key_set
        row.key_hint = key_hint or stored.key_hint
        # With a provisional lease the machine the license is bound to stays the choice.
        choice = machine.choice if lease.provisional is None else stored.choice
        row.nic_mac, row.cpu_source = choice.nic_mac, choice.cpu_source
        _store_clocks(row, lease, reply.asked)
        _store_success(system, row, lease, reply.answered)
        put_seal(system, row)
        _audit_change(session, system, before, lease, actor)
    keep_mark(system, lease.iat, Mark(lease.iat, reply.asked))
    return lease


def _is_for_us(system: System, lease: Lease, request: str, machine: Machine) -> bool:
    binding = lease.binding
    fitting = fit((), binding.hardware, binding.addresses, machine.hardware, machine.address)
    is_ours = lease.aud == lease.cnf.jkt == system.installation_id
    address_fits = machine.address in binding.addresses or Component.ADDRESS not in binding.required
    return is_ours and lease.req == request and fitting.strong and address_fits


def installation_row(session: Session) -> InstallationRow:
    """The one row, made if it does not exist; for writing transactions."""
    row = session.get(InstallationRow, INSTALLATION)
    if row is None:
        row = InstallationRow(id=INSTALLATION, counter=0)
        session.add(row)
    return row


def _verified(system: System, server: Conversation, held: Held, token: str) -> tuple[str, Lease]:
    root_key = system.settings.license_root_key
    if held.key_set is not None:
        try:
            return held.key_set, trusted_lease(token, held.key_set, root_key)
        except UnknownKey:
            pass  # the vendor has a new key: its set says so, signed by the root
    fresh = server.key_set()
    stored = trusted_key_set(held.key_set, root_key).version if held.key_set else -1
    if trusted_key_set(fresh, root_key).version < stored:
        raise InvalidDocument("an older key set than the stored one")
    return fresh, trusted_lease(token, fresh, root_key)


def _store_clocks(row: InstallationRow, lease: Lease, asked: Moment) -> None:
    # A fresh online lease sets the mark to its own time: this is what heals a wrong clock.
    row.anchor_iat = row.mark_time = lease.iat
    row.anchor_wall = row.mark_wall = asked.wall
    row.anchor_boot_id = row.mark_boot_id = asked.boot_id
    row.anchor_boot = row.mark_boot = asked.boot


def _store_success(system: System, row: InstallationRow, lease: Lease, answered: Moment) -> None:
    now = datetime.fromtimestamp(answered.wall, UTC)
    row.checked_at = row.succeeded_at = now
    row.failure = row.failure_kind = row.revocation = None
    row.next_check_at = next_check(
        now, lease.check_interval, system.installation_id, _CHANCE.random()
    )


def _audit_change(
    session: Session, system: System, before: Lease | None, lease: Lease, actor: Actor
) -> None:
    if before is not None and (before.features, before.binding) == (lease.features, lease.binding):
        return
    action = "license.activated" if before is None else "license.changed"
    details: dict[str, object] = {
        "license": lease.sub,
        "seq": lease.seq,
        "addresses": list(lease.binding.addresses),
        "quantities": {f.code: f.quantity for f in lease.features if not f.hidden},
    }
    record(session, AUDIT, Entry(system.clock.now(), actor, action, lease.sub, details=details))
