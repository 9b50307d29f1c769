"""What can go wrong between the PBX and the license server, and with what a person asks for."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from ayrix_protocol.orders import Quote
from ayrix_protocol.problems import Problem, ProblemCode


class FaultKind(StrEnum):
    """Where a conversation with the license server broke off."""

    NAME_RESOLUTION = "name_resolution"
    CONNECTION = "connection"
    CERTIFICATE = "certificate"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    """It answered 500 or with something that is not its protocol, like a captive portal's page."""
    UNTRUSTED = "untrusted"
    """It answered with a signature that the pinned root key does not vouch for, or for
    another request.
    """
    SERVER_BUSY = "server_busy"
    """It asked to come again later."""
    BUSY = "busy"
    """Another process here is speaking with it."""


class LicenseServerFault(Exception):
    """The license server gave no usable answer; nothing is known about the license because of it.

    `retry_after_s` is what the server asked for, or None.
    """

    def __init__(self, kind: FaultKind, *, retry_after_s: int | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.retry_after_s = retry_after_s


class Refused(Exception):
    """The license server answered and said no; `problem` is its reason."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem

    @property
    def code(self) -> ProblemCode:
        """The stable code of the reason."""
        return self.problem.code


class PriceChanged(Exception):
    """The prices are no longer the ones the person saw; `quote` is what it costs now."""

    def __init__(self, quote: Quote) -> None:
        super().__init__("the price changed")
        self.quote = quote


class UsedUp(Exception):
    """Creating one more object would exceed the license; `counted` is the kind of object."""

    def __init__(self, counted: str, licensed: int, used: int) -> None:
        super().__init__(f"{counted}: {used} of {licensed} used")
        self.counted = counted
        self.licensed = licensed
        self.used = used


class TooManyTries(Exception):
    """Someone tried too often; the next try is allowed after `wait`."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"wait {wait}")
        self.wait = wait
