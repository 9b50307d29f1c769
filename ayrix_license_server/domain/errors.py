"""A refusal: what a service answers when a rule says no."""

from __future__ import annotations

from datetime import timedelta

from ayrix_protocol.binding import Component
from ayrix_protocol.orders import Quote
from ayrix_protocol.problems import ProblemCode


class Refused(Exception):
    """The request was understood and a rule forbids it; `code` says which.

    The other members belong to single codes, as in `ayrix_protocol.problems.Problem`; `detail` is
    a sentence for whoever reads logs.
    """

    def __init__(
        self,
        code: ProblemCode,
        detail: str = "",
        *,
        components: tuple[Component, ...] | None = None,
        bound: str | None = None,
        revocation: str | None = None,
        quote: Quote | None = None,
        counter: int | None = None,
        nonce: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.components = components
        self.bound = bound
        self.revocation = revocation
        self.quote = quote
        self.counter = counter
        self.nonce = nonce
        self.retry_after = retry_after


class Mistake(Exception):
    """Something a person typed or wrote into a file is wrong; the text says what and where."""
