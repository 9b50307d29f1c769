"""The way between a PBX and the license server: it loses, repeats, delays and mixes up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from ayrix_foundation.database import Database
from ayrix_web.adapters.license_http import HttpAnswer, Line
from ayrix_web.domain.errors import FaultKind, LicenseServerFault


class Crash(BaseException):
    """A process died between two steps; no `except Exception` may survive it."""


class Fate(StrEnum):
    """What becomes of one request."""

    DELIVERED = "delivered"
    REQUEST_LOST = "request lost"
    ANSWER_LOST = "answer lost"
    REPEATED = "repeated"
    """It arrives twice, and the second answer comes back."""
    LATE = "late"
    """Nothing comes back; it arrives at the server some time later."""
    OLD_ANSWER = "old answer"
    """It arrives, but what comes back is an answer to an earlier request of this kind."""
    FROZEN = "frozen"
    """The machine stands still for 30 hours before it reads the answer, and its clocks, too."""
    CLOCK_SET = "clock set"
    """Somebody sets the wall clock while the answer is on its way."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request on the wire."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Steps:
    """Counts the steps of one side, so that it can be made to die between any two of them."""

    left: int | None = None

    def step(self) -> None:
        """One step done; raises Crash if it was the last."""
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise Crash


@dataclass
class Network:
    """The fates of the next requests, in order; what comes after them is delivered."""

    client: Callable[[], FlaskClient]
    fates: list[Fate] = field(default_factory=list)
    is_down: bool = False
    late: list[Request] = field(default_factory=list)
    answers: dict[str, HttpAnswer] = field(default_factory=dict)
    server_steps: Steps = field(default_factory=Steps)

    def clear(self) -> None:
        """From now on everything is delivered."""
        self.fates, self.is_down, self.server_steps.left = [], False, None

    def deliver(self, request: Request) -> HttpAnswer:
        """Let the license server answer; raises LicenseServerFault if it dies over it."""
        try:
            response = self.client().open(
                request.path,
                method=request.method,
                data=request.body,
                headers=dict(request.headers),
            )
        except Crash:
            raise LicenseServerFault(FaultKind.CONNECTION) from None
        assert response.status_code != HTTPStatus.INTERNAL_SERVER_ERROR, request
        retry_after = response.headers.get("Retry-After")
        return HttpAnswer(
            status=response.status_code,
            media_type=response.mimetype or "",
            etag=response.headers.get("ETag", ""),
            retry_after_s=int(retry_after) if retry_after else None,
            body=response.data,
        )

    def deliver_late(self) -> None:
        """What was under way arrives now, the last one first; nobody waits for its answer."""
        while self.late:
            try:
                self.deliver(self.late.pop())
            except LicenseServerFault:
                return


class FaultyLine(Line):
    """Requests of one machine over the network of the model, in the place of HTTP."""

    def __init__(
        self, network: Network, steps: Steps, own: Mapping[Fate, Callable[[], None]]
    ) -> None:
        """`own` is what those fates do that befall the machine and not the network."""
        self._network = network
        self._steps = steps
        self._own = own

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> HttpAnswer:
        """As `Line.send`."""
        request, network = Request(method, path, headers, body), self._network
        self._steps.step()
        fate = network.fates.pop(0) if network.fates else Fate.DELIVERED
        if network.is_down or fate is Fate.REQUEST_LOST:
            raise LicenseServerFault(FaultKind.CONNECTION)
        if fate is Fate.LATE:
            network.late.append(request)
            raise LicenseServerFault(FaultKind.TIMEOUT)
        if fate is Fate.REPEATED:
            network.deliver(request)
        answer = network.deliver(request)
        self._steps.step()
        before = network.answers.get(f"{method} {path}")
        network.answers[f"{method} {path}"] = answer
        if fate is Fate.ANSWER_LOST:
            raise LicenseServerFault(FaultKind.TIMEOUT)
        if fate in self._own:
            self._own[fate]()
        return before if fate is Fate.OLD_ANSWER and before is not None else answer

    def close(self) -> None:
        """There is nothing to hang up."""


class SteppingDatabase(Database):
    """A database whose process can die before and after each commit."""

    def __init__(self, url: str, steps: Steps) -> None:
        super().__init__(url)
        self._steps = steps

    @contextmanager
    def write(self) -> Iterator[Session]:
        """As `Database.write`."""
        with super().write() as session:
            yield session
            self._steps.step()
        self._steps.step()
