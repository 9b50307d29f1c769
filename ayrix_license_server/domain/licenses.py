"""The states of a license and of an installation, and whether a machine is the bound one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from ayrix_license_server.domain.errors import Refused
from ayrix_protocol.binding import Component, Fit, Hardware, fit
from ayrix_protocol.problems import ProblemCode

MOVES_BY_CUSTOMER_EVERY = timedelta(days=90)
"""How often a customer may move his license by himself; in between the seller does it
(protocol.md, Re-installation).
"""

ELDER_SPEAKS_FOR = timedelta(days=30)
"""How long the key that a re-installation replaced may prove that its device is alive."""

NONCE_LASTS = timedelta(minutes=10)
"""How long such a proof may take: a PBX gives it with its very next request."""

PROVISIONAL_LASTS = timedelta(days=7)
"""How long a device runs on other hardware before the seller must have helped."""

PROVISIONAL_EVERY = timedelta(days=90)

ADDRESS_RETURNS_FOR = timedelta(days=30)
"""How long an address that was bound is taken back without asking (protocol.md, Address)."""

_SERIALS = (Component.CPU_SERIAL, Component.NIC_SERIAL)


class LicenseState(StrEnum):
    """Whether a license may be used; `revoked` is for ever."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class InstallationState(StrEnum):
    """What became of a device key: in use, doubted, followed by another that its machine's new
    installation made, or shut out for good.
    """

    ACTIVE = "active"
    CLONE_SUSPECTED = "clone_suspected"
    REPLACED = "replaced"
    RETIRED = "retired"

    @property
    def holds_license(self) -> bool:
        """Whether it is the license's one installation, doubted or not."""
        return self in {InstallationState.ACTIVE, InstallationState.CLONE_SUSPECTED}


def may_move(moved_at: datetime | None, now: datetime) -> bool:
    """Whether the customer may move his license by himself again."""
    return moved_at is None or now - moved_at >= MOVES_BY_CUSTOMER_EVERY


def may_lend(lent_at: datetime | None, now: datetime) -> bool:
    """Whether a device may run on other hardware for a few days again."""
    return lent_at is None or now - lent_at >= PROVISIONAL_EVERY


def is_heard(replaced_at: int | None, now: int) -> bool:
    """Whether a replaced key may still prove that its device is alive; both in epoch seconds."""
    return replaced_at is not None and now - replaced_at < ELDER_SPEAKS_FOR.total_seconds()


def judge_machine(
    required: Collection[Component],
    bound: Hardware,
    addresses: Collection[str],
    hardware: Hardware,
    address: str,
) -> Hardware:
    """What is bound from now on: components that were unknown are learned.

    Raises Refused with `hardware_mismatch` or `ip_mismatch` if the machine is not the bound one.
    """
    found = fit(required, bound, addresses, hardware, address)
    if not is_bound(found):
        raise hardware_mismatch(found)
    if Component.ADDRESS in found.differs:
        raise ip_mismatch(addresses)
    return learned(bound, hardware)


def is_bound(found: Fit) -> bool:
    """Whether the machine is the bound one, wherever it stands."""
    return found.same_machine and not found.differs - {Component.ADDRESS}


def hardware_mismatch(found: Fit) -> Refused:
    """The refusal of a machine that is another one; names what differs."""
    differs = tuple(sorted(found.differs - {Component.ADDRESS}))
    return Refused(ProblemCode.HARDWARE_MISMATCH, components=differs)


def ip_mismatch(addresses: Collection[str]) -> Refused:
    """The refusal of another address, with the bound one masked."""
    return Refused(ProblemCode.IP_MISMATCH, bound=masked(next(iter(addresses))))


def learned(bound: Hardware, hardware: Hardware) -> Hardware:
    """The bound hardware, completed by what it did not know; what is weak is the device's word."""
    names = ("cpu_serial", "nic_serial", "installation_secret")
    known = {name: getattr(bound, name) or getattr(hardware, name) for name in names}
    weak = {
        name for name in names if name in (hardware.weak if getattr(hardware, name) else bound.weak)
    }
    return Hardware(**known, weak=tuple(sorted(weak)))


def is_same_machine(bound: Hardware, hardware: Hardware) -> bool:
    """Whether anything strong is equal and nothing that both sides know differs."""
    found = fit(_SERIALS, bound, (), hardware, "")
    return found.same_machine and not found.differs


def lost_its_secret(bound: Hardware, hardware: Hardware) -> bool:
    """Whether a machine that only its installation secret identified comes without it."""
    if bound.strong().keys() - {"installation_secret"} or hardware.strong():
        return False
    return not fit(_SERIALS, bound, (), hardware, "").differs


def is_same_hardware(
    bound: Hardware, addresses: Collection[str], hardware: Hardware, address: str
) -> bool:
    """Whether a machine that brings the key and no history is the bound one, re-installed.

    A machine without any strong component lost its installation secret with its disk: there equal
    weak components at the same address count as the same hardware (protocol.md, Hardware
    identity).
    """
    if is_same_machine(bound, hardware):
        return True
    weak = (bound.cpu_serial, bound.nic_serial)
    equal = any(weak) and weak == (hardware.cpu_serial, hardware.nic_serial)
    return equal and address in addresses and lost_its_secret(bound, hardware)


def masked(address: str) -> str:
    """An address of which a stranger learns the network only: 192.168.10.x."""
    return address.rpartition(".")[0] + ".x"
