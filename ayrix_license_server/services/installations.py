"""An installation's row as values: its binding, its addresses, its history of leases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_license_server.domain.history import History
from ayrix_license_server.domain.licenses import ADDRESS_RETURNS_FOR, InstallationState
from ayrix_license_server.rows.customers import InstallationRow, LicenseRow
from ayrix_license_server.rows.requests import LeftAddressRow
from ayrix_license_server.services.devices import Call
from ayrix_protocol.binding import Hardware

_COMPONENTS = frozenset({"cpu_serial", "nic_serial", "installation_secret"})


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device key that has no row yet, and the counter of its requests so far."""

    installation: str
    public_key: str
    counter: int
    source: str

    @classmethod
    def of(cls, call: Call) -> NewDevice:
        """The one that calls."""
        return cls(call.installation, call.caller.jwk.x, call.counter, call.source)


def bound_hardware(row: InstallationRow) -> Hardware:
    """The hardware of record."""
    return Hardware(
        cpu_serial=row.cpu_serial,
        nic_serial=row.nic_serial,
        installation_secret=row.installation_secret,
        weak=tuple(name for name in row.weak.split(",") if name),
    )


def bind(row: InstallationRow, hardware: Hardware) -> None:
    """Make `hardware` the hardware of record."""
    row.cpu_serial = hardware.cpu_serial
    row.nic_serial = hardware.nic_serial
    row.installation_secret = hardware.installation_secret
    row.weak = weak_text(hardware)


def weak_text(hardware: Hardware) -> str:
    """The names of weak components as the row keeps and compares them."""
    return ",".join(sorted(name for name in set(hardware.weak) if name in _COMPONENTS))


def addresses(row: InstallationRow) -> tuple[str, ...]:
    """The bound address, and the next one while a change of address is open."""
    return (row.address,) if row.next_address is None else (row.address, row.next_address)


def move_address(
    session: Session, row: InstallationRow, bound: Sequence[str], now: datetime
) -> None:
    """Bind other addresses (one, or two while a change is open) and keep in mind the ones left."""
    for left in addresses(row):
        if left and left not in bound:
            session.add(LeftAddressRow(installation_id=row.id, address=left, left_at=now))
    row.address = bound[0]
    row.next_address = bound[1] if len(bound) > 1 else None
    row.rebinding_id = row.rebinding_until = None


def left_lately(session: Session, row: InstallationRow, address: str, now: datetime) -> bool:
    """Whether an address was bound within the last 30 days."""
    found = session.scalar(
        select(LeftAddressRow.id)
        .where(
            LeftAddressRow.installation_id == row.id,
            LeftAddressRow.address == address,
            LeftAddressRow.left_at > now - ADDRESS_RETURNS_FOR,
        )
        .limit(1)
    )
    return found is not None


def locked_license(session: Session, license_id: int) -> LicenseRow:
    """The license, locked for a change of what all its installations share."""
    return session.get_one(LicenseRow, license_id, with_for_update=True)


def current_installation(session: Session, license_row: LicenseRow) -> InstallationRow | None:
    """The installation that holds the license, doubted or not."""
    holding = [state for state in InstallationState if state.holds_license]
    return session.scalar(
        select(InstallationRow)
        .where(InstallationRow.license_id == license_row.id, InstallationRow.state.in_(holding))
        .order_by(InstallationRow.gen.desc())
        .limit(1)
    )


def history_of(row: InstallationRow) -> History:
    """What the row remembers of its leases."""
    return History(
        shown=row.shown_jti,
        issued=row.issued_jti,
        offline=row.offline_jti,
        top=row.top,
        left=tuple(row.left.items()),
        returned_at=row.returned_at,
    )


def remember(row: InstallationRow, history: History) -> None:
    """Write the history back."""
    row.shown_jti = history.shown
    row.issued_jti = history.issued
    row.offline_jti = history.offline
    row.top = history.top
    row.left = dict(history.left)
    row.returned_at = history.returned_at


def forgive(row: InstallationRow) -> None:
    """End a doubt about copies: what was given up before is no longer held against anybody."""
    remember(row, replace(history_of(row), left=(), returned_at=None))
    row.state = InstallationState.ACTIVE


def new_installation(device: NewDevice, license_row: LicenseRow, now: datetime) -> InstallationRow:
    """A row for a device that was never seen; its binding and its terms are still to be written."""
    return InstallationRow(
        id=device.installation,
        public_key=device.public_key,
        license_id=license_row.id,
        state=InstallationState.ACTIVE,
        created_at=now,
        counter=device.counter,
        gen=1,
        oldest_gen=1,
        weak="",
        address="",
        top=0,
        left={},
        license_state=license_row.state,
        required=license_row.required,
        entitlements=[],
        customer={},
        seller="",
        known_orders=[],
        usage={},
        version="",
        last_contact_at=int(now.timestamp()),
        source_address=device.source,
    )
