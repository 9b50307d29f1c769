"""The license server as a partner: one conversation at a time, diagnosis, and this device's key."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from joserfc.jwk import OKPKey

from ayrix_foundation.clock import Clock
from ayrix_protocol.keys import new_key, private_key_from_pem, private_key_to_pem
from ayrix_web.adapters import instance_files
from ayrix_web.adapters.connections import is_forbidden
from ayrix_web.adapters.conversation import API, GOOD, JSON_TYPE, HttpConversation, Signer
from ayrix_web.adapters.license_http import Line, proxy_of
from ayrix_web.domain.errors import FaultKind, LicenseServerFault
from ayrix_web.domain.ports import Conversation, DiagnosisStep, LicenseServer, StepResult
from ayrix_web.settings import Settings

DEFAULT_PORTS = {"http": 80, "https": 443}
DEVICE_KEY_FILE = "device_key.pem"
LOCK_PATIENCE = timedelta(seconds=15)
LOCK_POLL_S = 0.05


class HttpLicenseServer(LicenseServer):
    """The license server of the settings, spoken to with this device's key."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        device_key: OKPKey,
        *,
        take_counter: Callable[[], int],
        raise_counter: Callable[[int], None],
        lock_file: Path,
        ignore_certificate_dates: Callable[[], bool] = lambda: False,
        lock_patience: timedelta = LOCK_PATIENCE,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._signer = Signer(device_key, take_counter, raise_counter)
        self._lock_file = lock_file
        self._ignore_dates = ignore_certificate_dates
        self._lock_patience = lock_patience

    @property
    def address(self) -> str:
        """Host and port that a firewall must allow."""
        host, port = _host_and_port(self._settings.license_server_url)
        return f"{host}:{port}"

    @contextmanager
    def conversation(self) -> Iterator[Conversation]:
        """Have the server to oneself, from the first counter to the end of the `with` block."""
        with one_at_a_time(self._lock_file, self._lock_patience), self._line() as line:
            origin = origin_of(self._settings.license_server_url)
            yield HttpConversation(line, origin, self._clock, self._signer)

    def diagnose(self) -> Sequence[StepResult]:
        """Try name resolution, connection, certificate and answer, up to the first that fails."""
        results = []
        for result in self._steps():
            results.append(result)
            if result.fault is not None:
                break
        return results

    @contextmanager
    def _line(self) -> Iterator[Line]:
        line = Line(self._settings, check_dates=not self._ignore_dates())
        try:
            yield line
        finally:
            line.close()

    def _steps(self) -> Iterator[StepResult]:
        partner = proxy_of(self._settings) or self._settings.license_server_url
        host, port = _host_and_port(partner)
        addresses = _resolve(host, port)
        missing = None if addresses else FaultKind.NAME_RESOLUTION
        yield StepResult(DiagnosisStep.NAME_RESOLUTION, missing, ", ".join(addresses) or host)
        fault = _connect(host, port, addresses, self._settings.connect_timeout_s)
        yield StepResult(DiagnosisStep.CONNECTION, fault, f"{host}:{port}")
        answer, answer_fault = self._ask_health()
        is_encrypted = self._settings.license_server_url.startswith("https:")
        wrong = FaultKind.CERTIFICATE if answer_fault is FaultKind.CERTIFICATE else None
        yield StepResult(DiagnosisStep.CERTIFICATE, wrong, "" if is_encrypted else "not needed")
        yield StepResult(DiagnosisStep.ANSWER, answer_fault, answer)

    def _ask_health(self) -> tuple[str, FaultKind | None]:
        try:
            with self._line() as line:
                answer = line.send("GET", f"{API}/healthz", {})
        except LicenseServerFault as fault:
            return "", fault.kind
        is_ours = answer.status in GOOD and answer.media_type == JSON_TYPE
        return f"HTTP {answer.status}", None if is_ours else FaultKind.SERVER_ERROR


def origin_of(url: str) -> str:
    """The origin as both sides spell it in a proof: lower case, no default port (RFC 6454, 6.2)."""
    parts = urlsplit(url.lower())
    return f"{parts.scheme}://{parts.netloc.removesuffix(f':{DEFAULT_PORTS[parts.scheme]}')}"


def load_or_create_device_key(instance: Path) -> OKPKey:
    """The key that is this installation's identity, made at the first call.

    Of two processes that make it at once both get the same. Raises OSError, and InvalidDocument if
    the file holds something else.
    """
    path = instance / DEVICE_KEY_FILE
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        pem = instance_files.create_once(path, private_key_to_pem(new_key()))
    return private_key_from_pem(pem)


@contextmanager
def one_at_a_time(lock_file: Path, patience: timedelta = LOCK_PATIENCE) -> Iterator[None]:
    """Keep every other thread and process out; the kernel frees the lock of one that dies.

    Raises LicenseServerFault(BUSY) if another keeps it for longer than `patience`, and OSError if
    the file cannot be made.
    """
    descriptor = os.open(lock_file, os.O_RDONLY | os.O_CREAT, instance_files.SECRET_MODE)
    try:
        _lock(descriptor, time.monotonic() + patience.total_seconds())
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise LicenseServerFault(FaultKind.BUSY) from None
            time.sleep(LOCK_POLL_S)
        else:
            return


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 443)


def _resolve(host: str, port: int) -> list[str]:
    """The addresses of a host in the resolver's order; none if it knows none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _connect(host: str, port: int, addresses: Sequence[str], timeout: float) -> FaultKind | None:
    if any(is_forbidden(address) for address in addresses):
        return FaultKind.CONNECTION
    try:
        socket.create_connection((host, port), timeout).close()
    except TimeoutError:
        return FaultKind.TIMEOUT
    except OSError:
        return FaultKind.CONNECTION
    return None
