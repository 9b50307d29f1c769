"""Sending requests away that waited too long, before any work is done for them."""

from __future__ import annotations

import re
import socket
import struct
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from datetime import timedelta

from flask import current_app, request

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.overload import (
    SHORTEST_PAUSE,
    Queue,
    WaitingLine,
    longest_pause,
)
from ayrix_license_server.web.api.device import PREFIX, system
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.proof import PROOF_HEADER

ADMISSION = "ayrix_license_server_admission"
"""Where the app keeps its Admission."""

# struct tcp_info of linux/tcp.h: 8 bytes, then 32-bit numbers, of which the twelfth says how many
# milliseconds ago the peer's last data came.
_LAST_DATA_RECEIVED = 8 + 11 * 4
_TCP_INFO_BYTES = _LAST_DATA_RECEIVED + 4
_MILLISECONDS = 1000

_LEASE_HEAD = re.compile(rb'"lease"\s*:\s*"[\w-]+\.([\w-]{4,600})')
_EXP = re.compile(rb'"exp":(\d{1,16})')


@dataclass(slots=True)
class Admission:
    """What a process knows of the requests that wait for it, and of those it sent away."""

    queue: Queue = field(default_factory=Queue)
    line: WaitingLine = field(default_factory=WaitingLine)


def admit_in_time() -> None:
    """Raise Refused with `busy` for a device's request that waited long in a standing queue.

    A server that answers them all in order would be late for everybody, until PBXs give up waiting
    and its answers are for nobody; sending some away at once keeps the others in time.
    """
    if PROOF_HEADER not in request.headers:
        return
    admission: Admission = current_app.extensions[ADMISSION]
    if admission.queue.is_standing(system().clock.moment().boot, waited()):
        raise Refused(ProblemCode.BUSY, retry_after=pause())


def waited() -> timedelta:
    """How long ago the request came in, which only the kernel knows: server and threads see it
    when it is its turn. Nothing for a server that does not give its socket (gunicorn does).
    """
    connection = request.environ.get("gunicorn.socket")
    if not isinstance(connection, socket.socket) or connection.family == socket.AF_UNIX:
        return timedelta(0)
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except OSError:  # the peer is gone
        return timedelta(0)
    if len(info) < _TCP_INFO_BYTES:
        return timedelta(0)
    (milliseconds,) = struct.unpack_from("=I", info, _LAST_DATA_RECEIVED)
    return timedelta(seconds=milliseconds / _MILLISECONDS)


def pause() -> timedelta:
    """When who sent this request may come again."""
    proof = request.headers.get(PROOF_HEADER)
    if proof is None:
        return SHORTEST_PAUSE
    # The header of a proof names the device's key and nothing else: it is as good as the id.
    device = proof.partition(".")[0]
    settings, clock = system().settings, system().clock
    longest = longest_pause(settings.lease_duration, _left_of_lease(clock.now().timestamp()))
    admission: Admission = current_app.extensions[ADMISSION]
    return admission.line.pause(clock.moment().boot, device, longest)


def _left_of_lease(now: float) -> timedelta | None:
    """What the request says is left of the device's lease. It is believed without a look at the
    signature, which is the work to be saved: who lies here only waits for less long.
    """
    if not request.path.startswith(PREFIX):
        return None
    found = _LEASE_HEAD.search(request.get_data())
    if found is None:
        return None
    head = found[1][: len(found[1]) // 4 * 4]
    exp = _EXP.search(urlsafe_b64decode(head))
    return None if exp is None else timedelta(seconds=max(0.0, int(exp[1]) - now))
