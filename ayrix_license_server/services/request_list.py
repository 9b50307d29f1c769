"""What waits for a seller: requests of devices, and machines that changed without one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from ayrix_license_server.domain.requests import RequestKind
from ayrix_license_server.rows.customers import InstallationRow, LicenseRow, license_code
from ayrix_license_server.rows.requests import RequestRow
from ayrix_license_server.system import System
from ayrix_protocol.rebindings import Decision


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """One line of the list of requests; times are epoch seconds."""

    id: int
    kind: RequestKind
    license: str
    customer_number: str
    customer_name: str
    seller: str
    address: str
    reason: str
    created_at: int


@dataclass(frozen=True, slots=True)
class ChangedMachine:
    """A device that runs on other hardware until `until` (epoch seconds), unless the seller
    helps.
    """

    license: str
    customer_number: str
    customer_name: str
    seller: str
    address: str
    until: int

    def is_over(self, now: datetime) -> bool:
        """Whether the few days have passed."""
        return datetime.fromtimestamp(self.until, UTC) <= now


def waiting_requests(system: System) -> list[WaitingRequest]:
    """The requests that nobody has decided, oldest first."""
    with system.database.read() as session:
        rows = session.scalars(
            select(RequestRow)
            .where(RequestRow.state == Decision.WAITING)
            .order_by(RequestRow.created_at, RequestRow.id)
        ).all()
        return [_line(row) for row in rows]


def changed_machines(system: System) -> list[ChangedMachine]:
    """The devices whose bound hardware has not spoken since they moved to another machine."""
    with system.database.read() as session:
        rows = session.scalars(
            select(InstallationRow)
            .where(InstallationRow.provisional_until.is_not(None))
            .order_by(InstallationRow.provisional_until)
        ).all()
        return [
            ChangedMachine(
                license=license_code(row.license_id),
                customer_number=row.customer["number"],
                customer_name=row.customer["name"],
                seller=row.seller,
                address=row.address,
                until=row.provisional_until or 0,
            )
            for row in rows
        ]


def _line(row: RequestRow) -> WaitingRequest:
    license_row: LicenseRow = row.license
    customer = license_row.customer
    return WaitingRequest(
        id=row.id,
        kind=RequestKind(row.kind),
        license=license_row.code,
        customer_number=customer.number,
        customer_name=customer.name,
        seller=customer.seller.code,
        address=row.address,
        reason=row.reason,
        created_at=int(row.created_at.timestamp()),
    )
