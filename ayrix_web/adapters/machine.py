"""The identity of the Linux machine this runs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ayrix_foundation.clock import Clock, Moment
from ayrix_protocol.binding import Hardware, component_hash
from ayrix_web.adapters import instance_files
from ayrix_web.adapters.netlink import NetworkLink, read_links
from ayrix_web.adapters.serials import cpu_serial, read_text, told_at_boot
from ayrix_web.domain.machine import NO_ADDRESS, Machine, MachineChoice
from ayrix_web.domain.ports import MachineReader

INSTALLATION_SECRET_FILE = "installation_secret"  # noqa: S105 - the name of a file
LOCALLY_ADMINISTERED = 0x02
"""The bit of a MAC's first byte that says nobody's factory gave it out (IEEE 802)."""

READING_LASTS = timedelta(seconds=15)
SHORTEST_TO_SHOW_FOUR = 12


class LinuxMachine(MachineReader):
    """Reads the files below `root` and the interfaces that `links` gives."""

    def __init__(
        self,
        instance: Path,
        interface: str = "",
        *,
        root: Path = Path("/"),
        links: Callable[[], Sequence[NetworkLink]] = read_links,
    ) -> None:
        self._instance = instance
        self._interface = interface
        self._root = root
        self._links = links

    def read(self, choice: MachineChoice) -> Machine:
        """Read the machine (protocol.md, Hardware identity); raises OSError if the kernel does not
        tell its interfaces.
        """
        link = licensed_link(self._links(), choice.nic_mac, self._interface)
        source, serial = cpu_serial(choice.cpu_source, self._root, told_at_boot(self._instance))
        secret = read_text(self._instance / INSTALLATION_SECRET_FILE).strip()
        mac = link.mac if link else None
        values = {
            "cpu_serial": f"{source}:{serial}" if serial else None,
            "nic_serial": mac,
            "installation_secret": secret or None,
        }
        hashes = {name: component_hash(name, value) if value else None
                  for name, value in values.items()}  # fmt: skip
        weak = ("nic_serial",) if mac and is_locally_administered(mac) else ()
        return Machine(
            hardware=Hardware(**hashes, weak=weak),
            address=link.addresses[0] if link and link.addresses else NO_ADDRESS,
            interface=link.name if link else self._interface,
            choice=MachineChoice(mac or choice.nic_mac, source),
            masked=_masked(serial, mac, hashes["installation_secret"]),
        )

    def store_installation_secret(self, secret: str) -> None:
        """Keep what an activation gave to a machine without a strong component. Raises OSError."""
        store_installation_secret(self._instance, secret)

    def secret_version(self) -> int | None:
        """A number that changes with the installation secret; None without one."""
        try:
            return (self._instance / INSTALLATION_SECRET_FILE).stat().st_mtime_ns
        except OSError:
            return None


@dataclass(frozen=True, slots=True)
class _Reading:
    machine: Machine
    choice: MachineChoice
    secret_version: int | None
    at: Moment


class RecentMachine(MachineReader):
    """Remembers a reading for a while by the boot clock: the gate asks before every request.

    If the machine cannot be read, the last reading stands in: a shortage of file descriptors must
    not look like other hardware.
    """

    def __init__(
        self, reader: LinuxMachine, clock: Clock, lasts: timedelta = READING_LASTS
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._lasts = lasts.total_seconds()
        self._last: _Reading | None = None

    def read(self, choice: MachineChoice) -> Machine:
        """The machine as it was at most so long ago; raises OSError as LinuxMachine does."""
        now, version = self._clock.moment(), self._reader.secret_version()
        last = self._usable(choice, version)
        if last is not None and now.boot - last.at.boot < self._lasts:
            return last.machine
        try:
            machine = self._reader.read(choice)
        except OSError:
            if last is None:
                raise
            machine = last.machine
        self._last = _Reading(machine, choice, version, now)
        return machine

    def store_installation_secret(self, secret: str) -> None:
        """Keep what an activation gave; every process notices it at once. Raises OSError."""
        self._reader.store_installation_secret(secret)

    def _usable(self, choice: MachineChoice, version: int | None) -> _Reading | None:
        last = self._last
        if last is None or last.secret_version != version:
            return None
        return last if choice in (last.choice, last.machine.choice) else None


def licensed_link(
    links: Sequence[NetworkLink], kept_mac: str | None, interface: str
) -> NetworkLink | None:
    """The interface that counts: the one chosen at the activation, else the setting's, else the
    default route's, else the first with an address; None without any.

    With the chosen card gone, another card's MAC is read and so the change is noticed.
    """
    wanted = [link for link in links if not link.is_loopback]
    # A bridge or VLAN may carry its card's MAC: of those, the one that has the address.
    wanted.sort(key=lambda link: (not link.has_default_route, not link.addresses))
    if interface:
        wanted.sort(key=lambda link: link.name != interface)
    kept = next((link for link in wanted if kept_mac is not None and link.mac == kept_mac), None)
    if kept is not None:
        return kept
    if interface:
        return next((link for link in wanted if link.name == interface), None)
    return next((link for link in wanted if link.has_default_route or link.addresses), None)


def is_locally_administered(mac: str) -> bool:
    """Whether a MAC of 12 hex digits was made up by software, as for virtual machines."""
    return bool(int(mac[:2], 16) & LOCALLY_ADMINISTERED)


def store_installation_secret(instance: Path, secret: str) -> None:
    """Keep an installation secret in the instance folder, 0600. Raises OSError."""
    instance_files.replace(instance / INSTALLATION_SECRET_FILE, secret.encode() + b"\n")


def mask(value: str) -> str:
    """A value with its middle hidden: enough to compare with a label, not enough to copy."""
    shown = 4 if len(value) >= SHORTEST_TO_SHOW_FOUR else 1
    return f"{value[:shown]}…{value[-shown:]}"


def _masked(serial: str | None, mac: str | None, secret_hash: str | None) -> dict[str, str]:
    values = {"cpu_serial": serial, "nic_serial": mac, "installation_secret": secret_hash}
    return {name: mask(value) for name, value in values.items() if value}
