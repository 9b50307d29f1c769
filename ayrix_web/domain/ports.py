"""What the PBX side needs from outside: the license server, the PBX's objects, the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from ayrix_foundation.clock import Moment
from ayrix_protocol.device import ActivationRequest, CheckRequest, LeaseAnswer
from ayrix_protocol.lease import Counted
from ayrix_protocol.orders import (
    LineRequest,
    Offers,
    OneOrder,
    OrderAnswer,
    OrderPage,
    OrderRequest,
    Quote,
)
from ayrix_protocol.rebindings import DecisionAnswer, PollAnswer, ReplacementRequest
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.machine import Machine, MachineChoice

Answer_co = TypeVar("Answer_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Reply(Generic[Answer_co]):
    """An answer, the `jti` of the request it belongs to, and the clocks before and after."""

    answer: Answer_co
    request: str
    asked: Moment
    answered: Moment


@dataclass(frozen=True, slots=True)
class CurrentOffers:
    """What can be ordered, and the entity tag to ask with next time."""

    offers: Offers
    etag: str


class Conversation(Protocol):
    """Requests to the license server while nobody else here speaks with it.

    Each raises LicenseServerFault without a usable answer and Refused if the server says no.
    """

    def activate(self, request: ActivationRequest) -> Reply[LeaseAnswer]:
        """Bind the license of a key to this machine."""

    def check(self, request: CheckRequest) -> Reply[LeaseAnswer]:
        """Ask for a new lease."""

    def offers(self, etag: str | None) -> CurrentOffers | None:
        """What can be ordered; None if it is still what `etag` named."""

    def quote(self, lines: Sequence[LineRequest]) -> Quote:
        """What these lines cost now."""

    def order(self, key: UUID, request: OrderRequest) -> Reply[OrderAnswer]:
        """Place an order; safe to repeat under its key."""

    def orders(self, after: str | None) -> OrderPage:
        """Orders of this license after the one with that code, oldest first."""

    def cancel(self, code: str) -> OneOrder:
        """Take an order back that is still on the way."""

    def ask_replacement(self, request: ReplacementRequest) -> PollAnswer:
        """Ask the seller for other hardware or another address; safe to repeat."""

    def decision(self, poll_url: str) -> DecisionAnswer:
        """What the seller decided about a request."""

    def key_set(self) -> str:
        """The signed document with the server's signing keys."""


class DiagnosisStep(StrEnum):
    """What must work for a check, in this order."""

    NAME_RESOLUTION = "name_resolution"
    CONNECTION = "connection"
    CERTIFICATE = "certificate"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one step went: `fault` is None if it worked; `detail` is an address or a short
    technical word.
    """

    step: DiagnosisStep
    fault: FaultKind | None
    detail: str = ""


class LicenseServer(Protocol):
    """The vendor's license server, as one partner that is spoken to by one process at a time."""

    @property
    def address(self) -> str:
        """Host and port that a firewall must allow, for example "license.example.com:443"."""

    def conversation(self) -> AbstractContextManager[Conversation]:
        """Have it to oneself; raises LicenseServerFault(BUSY) if another process keeps it for
        15 s.
        """

    def diagnose(self) -> Sequence[StepResult]:
        """Try name resolution, connection, certificate and answer; stops after the first that
        fails.
        """


@dataclass(frozen=True, slots=True)
class CountedObject:
    """One object that uses up a license, as its list shows it; `number` may be empty."""

    number: str
    name: str


class InventoryUnavailable(Exception):
    """The PBX's objects cannot be counted now."""


class Inventory(Protocol):
    """The PBX's own objects. Both raise InventoryUnavailable."""

    def counts(self) -> Mapping[Counted, int]:
        """How many objects of each kind exist."""

    def objects(self, counted: Counted) -> Sequence[CountedObject]:
        """Exactly the objects that `counts` counted, sorted by number, then by name."""


class MarkStore(Protocol):
    """A place outside the database for a few bytes that must not go back with it."""

    def read(self) -> bytes | None:
        """What was written last; None if there is nothing to be read."""

    def write(self, data: bytes) -> None:
        """Replace what is there; never raises, the copy in the database is the first."""


class MachineReader(Protocol):
    """The identity of the machine this runs on."""

    def read(self, choice: MachineChoice) -> Machine:
        """Read the machine; what `choice` leaves open is chosen: the interface of the default route
        and
        the first usable serial number. The result carries what was chosen."""

    def store_installation_secret(self, secret: str) -> None:
        """Keep the secret that identifies a machine without any strong component; safe to
        repeat.
        """
