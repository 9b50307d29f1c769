"""Which device holds a license: the first that brings the key, and who may follow it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.history import History
from ayrix_license_server.domain.licenses import (
    InstallationState,
    is_heard,
    is_same_hardware,
    is_same_machine,
    lost_its_secret,
    may_move,
)
from ayrix_license_server.domain.requests import RequestKind
from ayrix_license_server.rows.customers import InstallationRow, LicenseRow
from ayrix_license_server.services import devices, succession
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.installations import (
    NewDevice,
    addresses,
    bind,
    bound_hardware,
    current_installation,
    move_address,
    new_installation,
    remember,
)
from ayrix_license_server.services.presented import lease_of_ours
from ayrix_license_server.services.request_book import close, waiting_request
from ayrix_license_server.services.terms import repeat_terms
from ayrix_license_server.system import System
from ayrix_protocol.binding import component_hash
from ayrix_protocol.device import Device
from ayrix_protocol.jws import encode_base64url
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.rebindings import Decision

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
        if row is not None and self._is_elder(row):
            return self._return(row)
        current = current_installation(self.session, self.license_row)
        if current is None:
            return self._bind(row)
        if current is row:
            return self._again(row)
        if not self._is_same_hardware(current):
            raise self._refusal(ProblemCode.BOUND_ELSEWHERE)
        self._move()
        succession.follow(current, self._now())
        return self._bind(row, current.gen)

    def _is_elder(self, row: InstallationRow) -> bool:
        """Whether this is a key that a re-installation replaced, and may still win."""
        is_replaced = row.state == InstallationState.REPLACED
        is_this = row.license_id == self.license_row.id
        return is_this and is_replaced and is_heard(row.replaced_at, self._now())

    def _return(self, row: InstallationRow) -> Enrolled:
        succession.require_echo(self.system, self.session, row, self.device.nonce, self.call)
        if not is_same_machine(bound_hardware(row), self.device.hardware):
            raise self._refusal(ProblemCode.BOUND_ELSEWHERE)
        succession.win(self.system, self.session, row, self.call)
        return self._again(row)

    def _now(self) -> int:
        return int(self.system.clock.now().timestamp())

    def _again(self, row: InstallationRow) -> Enrolled:
        """The device that holds the license brings the key once more."""
        bound, hardware = bound_hardware(row), self.device.hardware
        if not is_same_machine(bound, hardware) and not lost_its_secret(bound, hardware):
            raise self._refusal(ProblemCode.BOUND_ELSEWHERE)
        device, secret = give_secret(self.device)
        if secret is not None:
            bind(row, device.hardware)
        if row.state == InstallationState.CLONE_SUSPECTED:
            self._shut_copies_out(row)
        if device.address not in addresses(row):
            self._move()
            self._take_address(row)
        self._note("done")
        return Enrolled(row, device, secret, is_new=False)

    def _shut_copies_out(self, row: InstallationRow) -> None:
        self._move()
        row.state = InstallationState.ACTIVE
        row.gen = self._after(row, row.gen) + 1
        row.oldest_gen = row.gen
        request = waiting_request(self.session, row.license_id, row.id, RequestKind.CLONE)
        if request is not None:
            now = self.system.clock.now()
            close(request, Decision.APPROVED, "activation key", "", now)

    def _take_address(self, row: InstallationRow) -> None:
        move_address(self.session, row, (self.device.address,), self.system.clock.now())

    def _bind(self, row: InstallationRow | None, followed_gen: int = 0) -> Enrolled:
        """Bind the license to this machine; a row from another license starts anew."""
        device, secret = give_secret(self.device)
        if row is None:
            now = self.system.clock.now()
            row = new_installation(NewDevice.of(self.call), self.license_row, now)
            self.session.add(row)
        else:
            followed_gen = max(followed_gen, row.gen)
        row.license_id = self.license_row.id
        row.state = InstallationState.ACTIVE
        row.gen = self._after(row, followed_gen) + 1
        row.replaced_at = row.provisional_until = row.provisional_hardware = None
        self._take_address(row)
        bind(row, device.hardware)
        repeat_terms(self.session, self.license_row)
        self._note("done", {"gen": row.gen, "seller": row.seller})
        return Enrolled(row, device, secret, is_new=True)

    def _after(self, row: InstallationRow, gen: int) -> int:
        """Begin a new history behind the lease that the device holds, and give its generation or
        `gen`, whichever is higher: a restored database may know less of it than the device, which
        takes nothing but what is newer.
        """
        token = self.device.lease
        held = token and lease_of_ours(self.system, token, self.call.installation)
        if not held:
            remember(row, History(top=row.top))
            return gen
        remember(row, History(shown=held.jti, top=max(row.top, held.seq)))
        return max(gen, held.gen)

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


def give_secret(device: Device) -> tuple[Device, str | None]:
    """The device, with a new installation secret if nothing else identifies its machine."""
    hardware = device.hardware
    if hardware.strong():
        return device, None
    secret = encode_base64url(secrets.token_bytes(_SECRET_BYTES))
    known = component_hash("installation_secret", secret)
    hardware = hardware.model_copy(update={"installation_secret": known})
    return device.model_copy(update={"hardware": hardware}), secret
