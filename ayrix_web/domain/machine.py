"""The machine a license is bound to, as it is now."""

from __future__ import annotations

from dataclasses import dataclass, field

from ayrix_protocol.binding import Hardware

NO_ADDRESS = "0.0.0.0"  # noqa: S104 - not an address to listen on: the licensed interface has none


@dataclass(frozen=True, slots=True)
class MachineChoice:
    """What was chosen at the activation: which network interface and which serial number count.

    `nic_mac` is the interface's permanent MAC, `cpu_source` the kind of serial ("product_uuid");
    None while nothing is chosen.
    """

    nic_mac: str | None = None
    cpu_source: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """The identity of this machine: hashed components, and the IPv4 address of the licensed
    interface.

    `masked` shows each component's own value with its middle hidden, for people to compare.
    """

    hardware: Hardware
    address: str
    interface: str
    choice: MachineChoice
    masked: dict[str, str] = field(default_factory=dict)
