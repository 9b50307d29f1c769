"""What a license is bound to, and when a machine still is the one it was bound to."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from socket import AF_INET, inet_ntop, inet_pton
from typing import Annotated

from pydantic import AfterValidator, Field

from ayrix_protocol.jws import encode_base64url
from ayrix_protocol.wire import Sha256, WireModel

HARDWARE_CONSTANT = b"ayrix-hardware-1"
"""Public: it hides serial numbers from a casual reader, it is no secret (protocol.md, Hardware
identity).
"""


class Component(StrEnum):
    """What a license can be bound to; the license's policy says which of them must match."""

    CPU_SERIAL = "cpu_serial"
    NIC_SERIAL = "nic_serial"
    ADDRESS = "address"


def _checked_address(text: str) -> str:
    # By the C library, which takes exactly the dotted form: `ipaddress` would be 3 % of a check.
    try:
        return inet_ntop(AF_INET, inet_pton(AF_INET, text))
    except (OSError, ValueError) as error:
        raise ValueError("not an IPv4 address") from error


Address = Annotated[str, Field(max_length=15), AfterValidator(_checked_address)]
"""An IPv4 address in dotted form."""


class Hardware(WireModel):
    """The hashed components of one machine; None where the machine has no usable value.

    `weak` names the components that do not identify a machine by themselves, such as a locally
    administered MAC address. The installation secret stands in where nothing else is strong.
    """

    cpu_serial: Sha256 | None
    nic_serial: Sha256 | None
    installation_secret: Sha256 | None = None
    weak: Annotated[tuple[str, ...], Field(max_length=3)] = ()

    def strong(self) -> dict[str, str]:
        """The components that identify the machine, by name."""
        values = {
            "cpu_serial": self.cpu_serial,
            "nic_serial": self.nic_serial,
            "installation_secret": self.installation_secret,
        }
        return {
            name: value
            for name, value in values.items()
            if value is not None and name not in self.weak
        }


@dataclass(frozen=True, slots=True)
class Fit:
    """How a machine fits a binding: what differs, and whether anything strong is the same."""

    differs: frozenset[Component]
    strong: bool

    @property
    def same_machine(self) -> bool:
        """At least one strong component is equal (protocol.md, Hardware identity)."""
        return self.strong


def component_hash(name: str, value: str) -> str:
    """The hash under which a component travels: HMAC-SHA256 over "name=value"."""
    return encode_base64url(hmac.digest(HARDWARE_CONSTANT, f"{name}={value}".encode(), sha256))


def fit(
    required: Collection[Component],
    bound: Hardware,
    addresses: Collection[str],
    hardware: Hardware,
    address: str,
) -> Fit:
    """Compare a machine with a binding.

    A component that either side does not know is no mismatch; only `required` components can
    differ.
    """
    pairs = {
        Component.CPU_SERIAL: (bound.cpu_serial, hardware.cpu_serial),
        Component.NIC_SERIAL: (bound.nic_serial, hardware.nic_serial),
    }
    differs = {
        component
        for component, (ours, theirs) in pairs.items()
        if component in required and ours is not None and theirs is not None and ours != theirs
    }
    if Component.ADDRESS in required and address not in addresses:
        differs.add(Component.ADDRESS)
    now = hardware.strong()
    strong = any(now.get(name) == value for name, value in bound.strong().items())
    return Fit(frozenset(differs), strong)
