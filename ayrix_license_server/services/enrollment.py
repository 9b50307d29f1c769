"""Which device holds a license: the first that brings the key, and who may follow it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.history import History
from ayrix_license_server.domain.licenses import (
    InstallationState,
    is_same_hardware,
    is_same_machine,
    lost_its_secret,
    may_move,
)
from ayrix_license_server.rows.customers import InstallationRow, LicenseRow, license_id_of
from ayrix_license_server.services import devices
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.installations import (
    addresses,
    bind,
    bound_hardware,
    new_installation,
    remember,
)
from ayrix_license_server.services.renewal import claimed_lease_id
from ayrix_license_server.services.terms import repeat_terms
from ayrix_license_server.system import System
from ayrix_protocol.binding import component_hash
from ayrix_protocol.device import Device
from ayrix_protocol.jws import encode_base64url
from ayrix_protocol.lease import Lease
from ayrix_protocol.problems import ProblemCode

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The row that holds the license now; `device` knows the secret that was made for it."""

    row: InstallationRow
    device: Device
    secret: str | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class Enrollment:
    """One device asking for one license with its key (protocol.md, Re-installation)."""

    system: System
    session: Session
    call: Call
    license_row: LicenseRow
    device: Device

    def enroll(self, row: InstallationRow | None) -> Enrolled:
        """Let the device hold the license; `row` is what is known of it. Raises Refused."""
        current = current_installation(self.session, self.license_row)
        if current is None:
            return self._bind(row, gen=1 if row is None else row.gen + 1)
        if current is row:
            return self._again(row)
        if not self._is_same_hardware(current):
            raise self._refusal(ProblemCode.BOUND_ELSEWHERE)
        self._move()
        current.state = InstallationState.REPLACED
        return self._bind(row, gen=current.gen + 1)

    def _again(self, row: InstallationRow) -> Enrolled:
        """The device that holds the license brings the key once more."""
        bound, hardware = bound_hardware(row), self.device.hardware
        if not is_same_machine(bound, hardware) and not lost_its_secret(bound, hardware):
            raise self._refusal(ProblemCode.BOUND_ELSEWHERE)
        device, secret = self._with_secret()
        if secret is not None:
            bind(row, device.hardware)
        if row.state == InstallationState.CLONE_SUSPECTED:
            self._shut_copies_out(row)
        if device.address not in addresses(row):
            self._move()
            row.address, row.next_address = device.address, None
        self._note("done")
        return Enrolled(row, device, secret, is_new=False)

    def _shut_copies_out(self, row: InstallationRow) -> None:
        self._move()
        row.state = InstallationState.ACTIVE
        row.gen += 1
        remember(row, History(shown=claimed_lease_id(self.device.lease), top=row.top))

    def _bind(self, row: InstallationRow | None, gen: int) -> Enrolled:
        """Bind the license to this machine; a row from another license starts anew."""
        device, secret = self._with_secret()
        if row is None:
            row = new_installation(self.call, self.license_row, self.system.clock.now())
            self.session.add(row)
        row.license_id = self.license_row.id
        row.state = InstallationState.ACTIVE
        row.gen = gen
        row.address, row.next_address = device.address, None
        bind(row, device.hardware)
        remember(row, History(shown=claimed_lease_id(device.lease), top=row.top))
        repeat_terms(self.session, self.license_row)
        self._note("done", {"gen": gen})
        return Enrolled(row, device, secret, is_new=True)

    def _with_secret(self) -> tuple[Device, str | None]:
        """The device, with a new installation secret if nothing else identifies its machine."""
        hardware = self.device.hardware
        if hardware.strong():
            return self.device, None
        secret = encode_base64url(secrets.token_bytes(_SECRET_BYTES))
        known = component_hash("installation_secret", secret)
        hardware = hardware.model_copy(update={"installation_secret": known})
        return self.device.model_copy(update={"hardware": hardware}), secret

    def _is_same_hardware(self, row: InstallationRow) -> bool:
        return is_same_hardware(
            bound_hardware(row), addresses(row), self.device.hardware, self.device.address
        )

    def _move(self) -> None:
        """Use up the one move in 90 days that a customer has by himself."""
        now = self.system.clock.now()
        if not may_move(self.license_row.moved_at, now):
            raise self._refusal(ProblemCode.BOUND_ELSEWHERE)
        self.license_row.moved_at = now

    def _refusal(self, code: ProblemCode) -> Refused:
        """The refusal, once it is recorded."""
        self._note(code)
        return Refused(code)

    def _note(self, result: str, details: dict[str, object] | None = None) -> None:
        devices.note(
            self.system,
            self.session,
            self.call,
            "license.activated",
            subject=self.license_row.code,
            result=result,
            details=details,
        )


def current_installation(session: Session, license_row: LicenseRow) -> InstallationRow | None:
    """The installation that holds the license, doubted or not."""
    return session.scalar(
        select(InstallationRow)
        .where(
            InstallationRow.license_id == license_row.id,
            InstallationRow.state != InstallationState.REPLACED,
        )
        .order_by(InstallationRow.gen.desc())
        .limit(1)
    )


def recall(system: System, session: Session, call: Call, lease: Lease) -> InstallationRow:
    """The row of a device that only its lease, signed by us, still knows: the database was restored
    from a backup older than the activation (protocol.md, Server behind its devices).

    Raises Refused: `unknown_installation`, `bound_elsewhere`.
    """
    license_row = session.get(LicenseRow, license_id_of(lease.sub), with_for_update=True)
    if license_row is None:
        raise Refused(ProblemCode.UNKNOWN_INSTALLATION)
    current = current_installation(session, license_row)
    if current is not None and current.gen >= lease.gen:
        raise Refused(ProblemCode.BOUND_ELSEWHERE)
    if current is not None:
        current.state = InstallationState.REPLACED
    row = new_installation(call, license_row, system.clock.now())
    row.gen, row.address = lease.gen, lease.binding.addresses[0]
    bind(row, lease.binding.bound_hardware)
    remember(row, History(shown=lease.jti, top=lease.seq))
    session.add(row)
    repeat_terms(session, license_row)
    devices.note(system, session, call, "license.recalled", subject=license_row.code)
    return row
