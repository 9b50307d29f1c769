"""One HTTP request to the license server: bounded, and every failure told in our own terms."""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import requests
import urllib3

from ayrix_protocol.wire import LARGEST_BODY
from ayrix_web.adapters.connections import Deadline, WatchedAdapter
from ayrix_web.domain.errors import FaultKind, LicenseServerFault
from ayrix_web.settings import Settings

HEADERS = {
    "User-Agent": "ayrix-web",
    "Accept": "application/json, application/problem+json",
    "Accept-Encoding": "identity",  # so that a small answer is small
}

_FAULTS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], FaultKind], ...] = (
    ((urllib3.exceptions.NameResolutionError, socket.gaierror), FaultKind.NAME_RESOLUTION),
    # Before the timeouts, because it is derived from one.
    (urllib3.exceptions.NewConnectionError, FaultKind.CONNECTION),
    ((ssl.SSLError, ssl.CertificateError, urllib3.exceptions.SSLError), FaultKind.CERTIFICATE),
    ((TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError), FaultKind.TIMEOUT),
    ((http.client.RemoteDisconnected, http.client.IncompleteRead), FaultKind.CONNECTION),
    (http.client.HTTPException, FaultKind.SERVER_ERROR),
    (
        (requests.ConnectionError, urllib3.exceptions.ProtocolError, ConnectionError),
        FaultKind.CONNECTION,
    ),
)
"""What the causes of a failure mean; the first line that fits any of them counts."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer, whatever it says; `retry_after_s` only if given in seconds (RFC 9110, 10.2.3)."""

    status: int
    media_type: str
    etag: str
    retry_after_s: int | None
    body: bytes


class Line:
    """The connection to the license server during one conversation; to be closed after it."""

    def __init__(self, settings: Settings, *, check_dates: bool) -> None:
        """Connects with the first request; `check_dates` False leaves certificates' dates aside."""
        self._origin = settings.license_server_url
        self._timeouts = (settings.connect_timeout_s, settings.answer_timeout_s)
        proxy = proxy_of(settings)
        self._deadline = Deadline(refuse_addresses=not proxy)
        self._ca_file = settings.ca_file
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(settings.ca_file) if settings.ca_file else True
        self._session.proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._session.mount(self._origin, WatchedAdapter(self._deadline, check_dates=check_dates))

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> HttpAnswer:
        """Send one request and read its answer; raises LicenseServerFault if there is none.

        Takes at most the two timeouts of the settings together, however slowly bytes drip in; only
        the resolver of the system keeps its own time.
        """
        if self._ca_file is not None and not self._ca_file.is_file():
            log.error("the CA file is missing", extra={"ca_file": str(self._ca_file)})
            raise LicenseServerFault(FaultKind.CERTIFICATE)
        with self._deadline.within(sum(self._timeouts)), _translated(self._deadline):
            response = self._session.request(
                method,
                self._origin + path,
                headers={**HEADERS, **headers},
                data=body or None,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            )
            with response:
                content = _bounded(response.raw)
        if self._deadline.is_over:
            raise LicenseServerFault(FaultKind.TIMEOUT)
        if len(content) > LARGEST_BODY:
            raise LicenseServerFault(FaultKind.SERVER_ERROR)
        retry_after = response.headers.get("Retry-After", "")
        return HttpAnswer(
            status=response.status_code,
            media_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
            etag=response.headers.get("ETag", ""),
            retry_after_s=int(retry_after) if _is_number(retry_after) else None,
            body=bytes(content),
        )

    def close(self) -> None:
        """Hang up."""
        self._session.close()
        self._deadline.close()


def proxy_of(settings: Settings) -> str:
    """The proxy between us and the license server, or nothing; none to this machine itself."""
    host = urlsplit(settings.license_server_url).hostname or ""
    return "" if host == "localhost" or _is_loopback(host) else settings.proxy_url


def _bounded(stream: urllib3.BaseHTTPResponse) -> bytearray:
    """The body, or a little more of it than an answer may have. A cut off one raises only when it
    is read on.
    """
    content = bytearray()
    while len(content) <= LARGEST_BODY:
        part = stream.read(LARGEST_BODY + 1, decode_content=False)
        if not part:
            break
        content += part
    return content


@contextmanager
def _translated(deadline: Deadline) -> Iterator[None]:
    try:
        yield
    except (OSError, urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
        causes = list(_causes(error))
        kind = FaultKind.TIMEOUT if deadline.is_over else _kind(causes)
        log.info("no answer", extra={"fault": str(kind), "detail": repr(causes[-1])})
        raise LicenseServerFault(kind) from error


def _kind(causes: list[BaseException]) -> FaultKind:
    for types, kind in _FAULTS:
        if any(isinstance(cause, types) for cause in causes):
            return kind
    return FaultKind.SERVER_ERROR


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all it was made of; the libraries wrap in three different ways."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args)
        waiting += [part for part in inner if isinstance(part, BaseException)]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10  # noqa: PLR2004 - fits any timer
