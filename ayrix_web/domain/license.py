"""The rule that decides whether this PBX works: a pure function of lease, checks, machine and
time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ayrix_protocol.binding import Component, fit
from ayrix_protocol.lease import Lease, Revocation
from ayrix_web.domain.machine import Machine


class Status(StrEnum):
    """What works (product.md, License check and grace)."""

    ACTIVE = "active"
    GRACE = "grace"
    DEACTIVATED = "deactivated"
    UNLICENSED = "unlicensed"

    @property
    def is_locked(self) -> bool:
        """Whether calls are refused and every page leads to the activation page."""
        return self in {Status.DEACTIVATED, Status.UNLICENSED}


class Reason(StrEnum):
    """Why a license is not simply active; each has its own words, contact and way out."""

    NEVER_ACTIVATED = "never_activated"
    UNREACHABLE = "unreachable"
    SERVER_ERROR = "server_error"
    IP_MISMATCH = "ip_mismatch"
    HARDWARE_MISMATCH = "hardware_mismatch"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    CLOCK_BEHIND = "clock_behind"
    CLOCK_AHEAD = "clock_ahead"
    CLONE_SUSPECTED = "clone_suspected"
    STATE_DAMAGED = "state_damaged"


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """What the last check said: `failure` is None after a good one.

    `is_damaged` means that something stored is not what was stored.
    """

    checked_at: datetime | None = None
    succeeded_at: datetime | None = None
    failure: Reason | None = None
    revocation: Revocation | None = None
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class LicenseState:
    """The state of the license at one time; `valid_until` is None without a lease."""

    status: Status
    reason: Reason | None
    valid_until: datetime | None
    differs: frozenset[Component] = frozenset()

    def time_left(self, now: datetime) -> timedelta:
        """How long everything still works; nothing if it does not."""
        if self.valid_until is None or self.status.is_locked:
            return timedelta(0)
        return max(timedelta(0), self.valid_until - now)


def evaluate(
    lease: Lease | None, checks: CheckRecord, machine: Machine, now: datetime
) -> LicenseState:
    """Say what works now; `now` is trusted time (product.md, License check and grace).

    The lease ends with the second `exp`, a provisional one no later than its 7 days. Only a signed
    revocation, other hardware or damaged state end it before.
    """
    if checks.is_damaged:
        return LicenseState(Status.UNLICENSED, Reason.STATE_DAMAGED, None)
    if lease is None:
        return LicenseState(Status.UNLICENSED, Reason.NEVER_ACTIVATED, None)
    valid_until = _end(lease)
    if checks.revocation is not None and checks.revocation.covers(lease):
        return LicenseState(Status.DEACTIVATED, Reason.REVOKED, valid_until)
    binding = lease.binding
    fitting = fit(
        binding.required, binding.hardware, binding.addresses, machine.hardware, machine.address
    )
    if not fitting.strong:
        return LicenseState(
            Status.DEACTIVATED, Reason.HARDWARE_MISMATCH, valid_until, fitting.differs
        )
    differs, reason = fitting.differs, checks.failure or _reason_of(fitting.differs)
    if lease.provisional is not None:
        differs, reason = differs | _left_behind(lease, machine), Reason.HARDWARE_MISMATCH
    if now >= valid_until:
        ended = reason or Reason.UNREACHABLE
        return LicenseState(Status.DEACTIVATED, ended, valid_until, differs)
    status = Status.ACTIVE if reason is None else Status.GRACE
    return LicenseState(status, reason, valid_until, differs)


def _end(lease: Lease) -> datetime:
    end = lease.exp if lease.provisional is None else min(lease.exp, lease.provisional)
    return datetime.fromtimestamp(end, UTC)


def _left_behind(lease: Lease, machine: Machine) -> frozenset[Component]:
    """What differs from the machine a provisional lease is still bound to."""
    binding = lease.binding
    return fit(
        binding.required,
        binding.bound_hardware,
        binding.addresses,
        machine.hardware,
        machine.address,
    ).differs


def _reason_of(differs: frozenset[Component]) -> Reason | None:
    if differs & {Component.CPU_SERIAL, Component.NIC_SERIAL}:
        return Reason.HARDWARE_MISMATCH
    return Reason.IP_MISMATCH if differs else None
