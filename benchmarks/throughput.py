"""Requests per second of checks and pages beside bare Flask, in alternating rounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks import endpoints, load
from benchmarks.device import Device
from benchmarks.instances import Vendor, license_page, sign_in
from benchmarks.load import CONNECTIONS, Client, Load, Repeating
from benchmarks.processes import Server, gunicorn

ROUNDS = 12
WINDOW = timedelta(seconds=1)

BARE = "bare Flask, a constant as JSON"
BOUND = "verify a proof, sign a lease, no database"
CHECK = "license check"
PAGE = "License page"


@dataclass(frozen=True, slots=True)
class Subject:
    """A server under load, and the clients that load it."""

    name: str
    server: Server
    clients: Sequence[Client]

    def measured(self) -> Load:
        """What it does in one window."""
        server = self.server
        return load.run(server.address, self.clients, WINDOW, server.cpu_seconds)


Rounds = Mapping[str, Sequence[Load]]
"""What each subject did, by its name, in the same order of rounds."""


def measure(folder: Path, vendor: Vendor, license_server: Server, pbx: Server) -> Rounds:
    """Load bare Flask, the bound, the check and the page in turn, round after round."""
    devices = [Device(license_server.origin, number) for number in range(1, CONNECTIONS + 1)]
    for device, key in zip(devices, vendor.keys, strict=False):
        device.activate(key)
    with ExitStack() as stack:
        subjects = (
            stack.enter_context(_bare(folder)),
            stack.enter_context(_bound(folder, license_server.origin, devices)),
            Subject(CHECK, license_server, devices),
            Subject(PAGE, pbx, [_page(pbx)] * CONNECTIONS),
        )
        rounds: dict[str, list[Load]] = {subject.name: [] for subject in subjects}
        for _round in range(ROUNDS):
            for subject in subjects:
                rounds[subject.name].append(subject.measured())
    return rounds


def ratios(rounds: Rounds, subject: str, to: str) -> tuple[float, ...]:
    """How many answers one subject gave for each of the other, round by round."""
    pairs = zip(rounds[subject], rounds[to], strict=True)
    return tuple(ours.rate / theirs.rate for ours, theirs in pairs)


@contextmanager
def _bare(folder: Path) -> Iterator[Subject]:
    with gunicorn("benchmarks.endpoints:bare()", "/healthz", folder / "bare.log", {}) as server:
        request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
        yield Subject(BARE, server, [Repeating(request)] * CONNECTIONS)


@contextmanager
def _bound(folder: Path, origin: str, devices: Sequence[Device]) -> Iterator[Subject]:
    # Nothing here remembers a counter, so a device's first request serves for all.
    clients = [Repeating(device.request()) for device in devices]
    claims = folder / "lease.json"
    claims.write_bytes(devices[0].lease_claims)
    variables = {endpoints.ORIGIN_VARIABLE: origin, endpoints.LEASE_VARIABLE: str(claims)}
    log = folder / "bound.log"
    with gunicorn("benchmarks.endpoints:bound()", "/healthz", log, variables) as server:
        yield Subject(BOUND, server, clients)


def _page(pbx: Server) -> Repeating:
    with sign_in(pbx.origin) as session:
        return Repeating(license_page(session, pbx.origin))
