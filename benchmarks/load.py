"""The load generator: clients on keep-alive connections, each with one request under way."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from selectors import EVENT_READ, BaseSelector, DefaultSelector
from time import perf_counter, thread_time
from typing import Protocol

CONNECTIONS = 16
WARM_UP = timedelta(milliseconds=200)
ANSWER_TIMEOUT_S = 10.0
OK = 200

_CHUNK = 64 * 1024
_HEAD_END = b"\r\n\r\n"
_STATUS = slice(9, 12)  # of "HTTP/1.1 200 OK"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class LoadError(Exception):
    """A server did not do what was to be measured; the text says what it did."""


class Client(Protocol):
    """What sits on a connection: it gives the bytes of each request and is told each answer."""

    def request(self) -> bytes:
        """The next request, whole."""
        ...

    def answered(self, body: bytes) -> None:
        """Take the body of a 200."""
        ...


@dataclass(frozen=True, slots=True)
class Repeating:
    """A client that sends the same request again and again."""

    raw: bytes

    def request(self) -> bytes:
        """The request."""
        return self.raw

    def answered(self, body: bytes) -> None:
        """Nothing in the answer matters."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was counted in one window.

    `server_cpu_s` and `generator_cpu_s` are seconds of CPU time that either side took in it.
    """

    answers: int
    seconds: float
    server_cpu_s: float
    generator_cpu_s: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds

    @property
    def server_cost_us(self) -> float:
        """Microseconds of the server's CPU time per answer."""
        return self.server_cpu_s / self.answers * 1e6


class Connection:
    """One keep-alive connection with its client."""

    def __init__(self, address: tuple[str, int], client: Client) -> None:
        self._socket = socket.create_connection(address, ANSWER_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self._received = b""

    def fileno(self) -> int:
        """For the selector."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def ask(self) -> None:
        """Send the client's next request."""
        self._socket.sendall(self._client.request())

    def take(self) -> bool:
        """Read what came; whether the answer is whole now, which the client then has.

        Raises LoadError for anything but a 200.
        """
        chunk = self._socket.recv(_CHUNK)
        if not chunk:
            raise LoadError(f"the server hung up after {self._received!r}")
        self._received += chunk
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return False
        head, body = self._received[: head_end + 2], self._received[head_end + len(_HEAD_END) :]
        length = _LENGTH.search(head)
        if length is None or int(head[_STATUS]) != OK:
            raise LoadError(f"the server answered {self._received!r}")
        if len(body) < int(length[1]):
            return False
        self._received = b""
        self._client.answered(body)
        return True


def run(
    address: tuple[str, int],
    clients: Sequence[Client],
    window: timedelta,
    server_cpu: Callable[[], float],
) -> Load:
    """Let all clients ask as fast as they are answered, and count for as long as `window`.

    Connecting, warming up and the answers still under way at the end are not counted.
    """
    with ExitStack() as stack:
        selector = stack.enter_context(DefaultSelector())
        connections = [
            stack.enter_context(closing(Connection(address, client))) for client in clients
        ]
        for connection in connections:
            selector.register(connection, EVENT_READ, connection)
            connection.ask()
        _answers_within(selector, WARM_UP)
        started, server, generator = perf_counter(), server_cpu(), thread_time()
        answers = _answers_within(selector, window)
        load = Load(
            answers,
            perf_counter() - started,
            server_cpu() - server,
            thread_time() - generator,
        )
        for connection in connections:
            while not connection.take():
                pass
    return load


def _answers_within(selector: BaseSelector, window: timedelta) -> int:
    answers = 0
    end = perf_counter() + window.total_seconds()
    while perf_counter() < end:
        ready = selector.select(ANSWER_TIMEOUT_S)
        if not ready:
            raise LoadError(f"no answer within {ANSWER_TIMEOUT_S} s")
        for key, _events in ready:
            if key.data.take():
                key.data.ask()
                answers += 1
    return answers
