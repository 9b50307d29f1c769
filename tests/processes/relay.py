"""A relay between PBX and license server that can hold one request or its answer."""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import dataclass, field

LONGEST_HOLD_S = 60.0
END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)


class Broken(Exception):
    """A connection ended in the middle of a message."""


@dataclass(slots=True)
class Held:
    """One request on its way through the relay, which goes on only when the test says so."""

    beginning: bytes
    _arrived: threading.Event = field(default_factory=threading.Event)
    _may_pass: threading.Event = field(default_factory=threading.Event)
    _passed: threading.Event = field(default_factory=threading.Event)
    _answered: threading.Event = field(default_factory=threading.Event)
    _may_return: threading.Event = field(default_factory=threading.Event)
    _is_cut: bool = False
    _half: bool = False

    def wait_until_here(self) -> None:
        """The whole request is in the relay, and the license server has no byte of it."""
        assert self._arrived.wait(LONGEST_HOLD_S), f"{self.beginning!r} was never sent"

    def pass_on(self) -> None:
        """Hand the whole request to the license server's socket."""
        self._may_pass.set()
        assert self._passed.wait(LONGEST_HOLD_S), f"{self.beginning!r} was not passed on"

    def wait_for_answer(self) -> None:
        """The whole answer is in the relay, and the PBX has no byte of it."""
        assert self._answered.wait(LONGEST_HOLD_S), f"{self.beginning!r} was not answered"

    def give_back(self, *, half: bool = False) -> None:
        """Let the PBX have the answer, or the first half of it."""
        self._half = half
        self._may_return.set()

    def cut(self) -> None:
        """End the connection wherever the message is."""
        self._is_cut = True
        self._may_pass.set()
        self._may_return.set()

    def carry(self, message: bytes, near: socket.socket, upstream: int) -> bool:
        """Take the request through; False if the connection is over then."""
        self._arrived.set()
        self._may_pass.wait(LONGEST_HOLD_S)
        if self._is_over():
            return False
        answer = self._ask(message, upstream)
        self._may_return.wait(LONGEST_HOLD_S)
        if answer is None or self._is_over():
            return False
        near.sendall(answer[: len(answer) // 2] if self._half else answer)
        return not self._half

    def _is_over(self) -> bool:
        return self._is_cut

    def _ask(self, message: bytes, upstream: int) -> bytes | None:
        try:
            with socket.create_connection(("127.0.0.1", upstream), LONGEST_HOLD_S) as far:
                far.sendall(message)
                self._passed.set()
                return read_message(far)
        except (OSError, Broken):
            return None
        finally:
            self._passed.set()
            self._answered.set()


class Relay:
    """Listens on a port of its own; what is not held goes through as it is."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._held: Held | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """What a PBX takes for its license server."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def hold(self, method: str, path: str) -> Held:
        """Hold the next request of that method and path."""
        self._held = Held(f"{method} {path} ".encode())
        return self._held

    def close(self) -> None:
        """Accept nothing any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near:
            try:
                while message := read_message(near):
                    if not self._carry(message, near):
                        return
            except (OSError, Broken):  # whoever was killed says nothing more
                return

    def _carry(self, message: bytes, near: socket.socket) -> bool:
        held = self._held
        if held is not None and message.startswith(held.beginning):
            self._held = None
            return held.carry(message, near, self._upstream)
        with socket.create_connection(("127.0.0.1", self._upstream), LONGEST_HOLD_S) as far:
            far.sendall(message)
            near.sendall(read_message(far))
        return True


def read_message(connection: socket.socket) -> bytes:
    """One HTTP message with the body its head announces; nothing if the connection ended before.

    Raises Broken if it ends within.
    """
    message = b""
    while END_OF_HEAD not in message:
        message += _more(connection, message)
        if not message:
            return b""
    head, _end, body = message.partition(END_OF_HEAD)
    announced = LENGTH.search(head)
    while announced and len(body) < int(announced[1]):
        body += _more(connection, message)
    return head + END_OF_HEAD + body


def _more(connection: socket.socket, before: bytes) -> bytes:
    received = connection.recv(65_536)
    if not received and before:
        raise Broken
    return received
