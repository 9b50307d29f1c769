"""Everything there is to show about the license."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ayrix_protocol.lease import Contacts, Lease
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import LicenseState
from ayrix_web.domain.machine import Machine
from ayrix_web.domain.trusted_time import TRUSTWORTHY_DIFFERENCE_S


@dataclass(frozen=True, slots=True)
class LicenseFacts:
    """Everything the pages and the command line show about the license.

    `now` is the time the license is judged by, `wall` what this machine's clock says.
    """

    state: LicenseState
    now: datetime
    wall: datetime
    lease: Lease | None
    checked_at: datetime | None
    succeeded_at: datetime | None
    next_check_at: datetime | None
    failure_kind: FaultKind | None
    contacts: Contacts
    machine: Machine
    key_hint: str | None
    installation_id: str
    license_server: str

    @property
    def runs_until(self) -> datetime | None:
        """When the license ends on hardware it is only lent to; None on its own."""
        provisional = self.lease.provisional if self.lease else None
        return None if provisional is None else datetime.fromtimestamp(provisional, UTC)

    @property
    def is_clock_behind(self) -> bool:
        """Whether this machine's clock is surely behind the time the license is judged by."""
        return (self.now - self.wall).total_seconds() > TRUSTWORTHY_DIFFERENCE_S

    @property
    def is_clock_ahead(self) -> bool:
        """Whether it is so far ahead that it was not believed."""
        return (self.wall - self.now).total_seconds() > TRUSTWORTHY_DIFFERENCE_S
