"""The lease that a device shows: which one of ours it is, and what it knows better than we do."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from ayrix_license_server.domain.history import Presented
from ayrix_license_server.domain.licenses import PROVISIONAL_LASTS
from ayrix_license_server.rows.customers import InstallationRow
from ayrix_license_server.services import floors
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.installations import bind, locked_license, move_address
from ayrix_license_server.system import System
from ayrix_protocol.jws import InvalidDocument
from ayrix_protocol.lease import Lease, read_lease, verify_lease

_JTI = re.compile(rb'"jti":"([A-Za-z0-9_-]{1,43})"')
# Base64 characters that hold the claims before and including `jti`; a multiple of four.
_HEAD = 600


@dataclass(frozen=True, slots=True)
class Shown:
    """What a device showed: None for no lease, and for one that we did not sign."""

    presented: Presented | None = None
    is_shut_out: bool = False
    """Whether the customer shut its holder out when he activated another copy with the key."""

    @property
    def seq(self) -> int:
        """The number of the lease, 0 without one."""
        return 0 if self.presented is None else self.presented.seq


def claimed_lease_id(token: str | None) -> str | None:
    """The `jti` a presented lease claims, without looking at its signature; None if it claims none.

    That is enough to compare with the newest lease's own: see `leases.new_lease_id`. Only the head
    of our own leases is looked at, because reading 3 KB of JSON would be a tenth of a check.
    """
    if token is None:
        return None
    payload = token[token.find(".") + 1 :][:_HEAD].partition(".")[0]
    try:
        head = urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except ValueError:
        return None
    found = _JTI.search(head)
    return None if found is None else found[1].decode()


def lease_of_ours(system: System, token: str, installation: str) -> Lease | None:
    """The lease if one of our keys signed it, while it was valid, for this installation."""
    try:
        document = read_lease(token)
        key = system.keys.key_set.find(str(document.header["kid"]))
        lease = None if key is None else verify_lease(document, key.to_key())
    except InvalidDocument:
        return None
    if key is None or lease is None or not key.signed_at(lease.iat):
        return None
    return lease if lease.aud == installation else None


def look_at(
    system: System, session: Session, row: InstallationRow, token: str | None, call: Call
) -> Shown:
    """Which lease of ours the device holds; takes over what it knows better than the row."""
    if token is None:
        return Shown()
    jti = claimed_lease_id(token)
    if jti is not None and jti in {row.issued_jti, row.shown_jti, row.offline_jti}:
        return Shown(Presented(jti, row.top))
    lease = lease_of_ours(system, token, row.id)
    if lease is None:
        return Shown()
    if lease.gen < row.oldest_gen:
        return Shown(Presented(lease.jti, lease.seq), is_shut_out=True)
    if lease.seq > row.top:
        adopt(system, session, row, lease, call)
    return Shown(Presented(lease.jti, lease.seq))


def adopt(system: System, session: Session, row: InstallationRow, lease: Lease, call: Call) -> None:
    """Take over what a lease of ours knows better: the database was restored or lost its last
    writes (protocol.md, Server behind its devices). Its quantities become a floor.
    """
    row.gen = max(row.gen, lease.gen)
    move_address(session, row, lease.binding.addresses, system.clock.now())
    bind(row, lease.binding.bound_hardware)
    license_row = locked_license(session, row.license_id)
    if lease.provisional is not None:
        row.provisional_until = lease.provisional
        row.provisional_hardware = lease.binding.hardware.model_dump(mode="json")
        ends = datetime.fromtimestamp(lease.provisional, UTC)
        license_row.provisional_from = ends - PROVISIONAL_LASTS
    floors.raise_floor(system, session, license_row, lease, call)
