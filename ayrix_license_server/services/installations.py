"""An installation's row as values: its binding, its addresses, its history of leases."""

from __future__ import annotations

from datetime import datetime

from ayrix_license_server.domain.history import History
from ayrix_license_server.domain.licenses import InstallationState
from ayrix_license_server.rows.customers import InstallationRow, LicenseRow
from ayrix_license_server.services.devices import Call
from ayrix_protocol.binding import Hardware

_COMPONENTS = frozenset({"cpu_serial", "nic_serial", "installation_secret"})


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


def new_installation(call: Call, license_row: LicenseRow, now: datetime) -> InstallationRow:
    """A row for a device that was never seen; its binding and its terms are still to be written."""
    return InstallationRow(
        id=call.installation,
        public_key=call.caller.jwk.x,
        license_id=license_row.id,
        state=InstallationState.ACTIVE,
        created_at=now,
        counter=call.counter,
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
        source_address=call.source,
    )
