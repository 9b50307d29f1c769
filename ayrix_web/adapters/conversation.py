"""Requests to the license server: each with its proof and counter, answers turned into values."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID

from joserfc.jwk import OKPKey
from pydantic import ValidationError

from ayrix_foundation.clock import Clock, Moment
from ayrix_protocol.device import ActivationRequest, CheckRequest, LeaseAnswer
from ayrix_protocol.orders import (
    IDEMPOTENCY_KEY_HEADER,
    LineRequest,
    Offers,
    OneOrder,
    OrderAnswer,
    OrderPage,
    OrderRequest,
    Quote,
    QuoteRequest,
)
from ayrix_protocol.problems import PROBLEM_TYPE, Problem, ProblemCode
from ayrix_protocol.proof import (
    PROOF_HEADER,
    Proof,
    body_hash,
    installation_id,
    make_proof,
    without_query,
)
from ayrix_protocol.rebindings import DecisionAnswer, PollAnswer, ReplacementRequest
from ayrix_protocol.wire import WireModel
from ayrix_web.adapters.license_http import HttpAnswer, Line
from ayrix_web.domain.errors import FaultKind, LicenseServerFault, Refused
from ayrix_web.domain.ports import Conversation, CurrentOffers, Reply

API = "/api/v1"
KEY_SET_PATH = "/.well-known/license-keys"
JSON_TYPE = "application/json"
GOOD = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED})
COME_AGAIN = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
POLL_PATH = re.compile(rf"{API}(/[A-Za-z0-9_-]+)+")
COMPACT_DOTS = 2
"""A compact JWS has three parts (RFC 7515, section 3.1)."""

LARGEST_COUNTER_JUMP = 1_000_000
"""How far a server may move our counter in one answer (protocol.md, Counter)."""

Model = TypeVar("Model", bound=WireModel)


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs the requests: the device key and the durable counter, whose row the services own.

    `take` gives the next number; after `raise_to` the one after the given number is the next.
    """

    key: OKPKey
    take: Callable[[], int]
    raise_to: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What came back for one request."""

    answer: HttpAnswer
    jti: str
    asked: Moment
    answered: Moment


@dataclass(frozen=True, slots=True)
class HttpConversation(Conversation):
    """Requests over one line, each with a proof of its own."""

    line: Line
    origin: str
    clock: Clock
    signer: Signer

    def activate(self, request: ActivationRequest) -> Reply[LeaseAnswer]:
        """`POST /activations`."""
        return _reply(LeaseAnswer, self._ask("POST", "/activations", request))

    def check(self, request: CheckRequest) -> Reply[LeaseAnswer]:
        """`POST /checks`."""
        return _reply(LeaseAnswer, self._ask("POST", "/checks", request))

    def offers(self, etag: str | None) -> CurrentOffers | None:
        """`GET /offers`, answered with 304 if nothing changed."""
        headers = {"If-None-Match": etag} if etag else {}
        answer = self._ask("GET", "/offers", headers=headers).answer
        if answer.status == HTTPStatus.NOT_MODIFIED and etag:
            return None
        return CurrentOffers(_value(Offers, answer), answer.etag)

    def quote(self, lines: Sequence[LineRequest]) -> Quote:
        """`POST /quotes`."""
        request = QuoteRequest(lines=tuple(lines))
        return _value(Quote, self._ask("POST", "/quotes", request).answer)

    def order(self, key: UUID, request: OrderRequest) -> Reply[OrderAnswer]:
        """`POST /orders` under its `Idempotency-Key`."""
        headers = {IDEMPOTENCY_KEY_HEADER: str(key)}
        return _reply(OrderAnswer, self._ask("POST", "/orders", request, headers))

    def orders(self, after: str | None) -> OrderPage:
        """`GET /orders?after=`."""
        query = f"?{urlencode({'after': after})}" if after else ""
        return _value(OrderPage, self._ask("GET", f"/orders{query}").answer)

    def cancel(self, code: str) -> OneOrder:
        """`POST /orders/{code}/cancellation`."""
        path = f"/orders/{quote(code, safe='')}/cancellation"
        return _value(OneOrder, self._ask("POST", path).answer)

    def ask_replacement(self, request: ReplacementRequest) -> PollAnswer:
        """`POST /replacements`."""
        return _value(PollAnswer, self._ask("POST", "/replacements", request).answer)

    def decision(self, poll_url: str) -> DecisionAnswer:
        """`GET poll_url`; only a path of the same server's is asked."""
        path = poll_url.removeprefix(self.origin)
        if POLL_PATH.fullmatch(path) is None:
            raise LicenseServerFault(FaultKind.SERVER_ERROR)
        return _value(DecisionAnswer, self._ask("GET", path.removeprefix(API)).answer)

    def key_set(self) -> str:
        """The signed document of `GET /.well-known/license-keys`, which needs no proof."""
        answer = self.line.send("GET", KEY_SET_PATH, {})
        text = answer.body.decode("ascii", "replace").strip().strip('"')
        if answer.status != HTTPStatus.OK or text.count(".") != COMPACT_DOTS or " " in text:
            raise LicenseServerFault(FaultKind.SERVER_ERROR, retry_after_s=answer.retry_after_s)
        return text

    def _ask(
        self,
        method: str,
        path: str,
        request: WireModel | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Asked:
        """Send a request; if the server has seen a higher counter, take it over and repeat once."""
        body = b"" if request is None else request.model_dump_json().encode()
        sent = dict(headers or {})
        if body:
            sent["Content-Type"] = JSON_TYPE
        counter = self.signer.take()
        try:
            return self._send(method, path, sent, body, counter)
        except Refused as refusal:
            ahead = refusal.problem.counter
            if refusal.code is not ProblemCode.COUNTER_BEHIND or ahead is None or ahead < counter:
                raise
        self.signer.raise_to(min(ahead, counter + LARGEST_COUNTER_JUMP))
        return self._send(method, path, sent, body, self.signer.take())

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, counter: int
    ) -> _Asked:
        jti, asked = secrets.token_urlsafe(16), self.clock.moment()
        proof = Proof(
            iss=installation_id(self.signer.key),
            aud=self.origin,
            htm=method,
            htu=without_query(f"{self.origin}{API}{path}"),
            iat=asked.wall,
            jti=jti,
            counter=counter,
            bsh=body_hash(body),
        )
        proven = {**headers, PROOF_HEADER: make_proof(self.signer.key, proof)}
        answer = self.line.send(method, API + path, proven, body)
        answered = self.clock.moment()
        if answer.status not in GOOD | {HTTPStatus.NOT_MODIFIED}:
            raise refusal_of(answer, jti)
        return _Asked(answer, jti, asked, answered)


def refusal_of(answer: HttpAnswer, jti: str) -> Refused | LicenseServerFault:
    """What an answer means that is not a good one; `jti` names the request it must be for."""
    later = answer.retry_after_s
    if answer.media_type != PROBLEM_TYPE or answer.status < HTTPStatus.BAD_REQUEST:
        return LicenseServerFault(FaultKind.SERVER_ERROR, retry_after_s=later)
    try:
        problem = Problem.model_validate_json(answer.body)
    except ValidationError:
        return LicenseServerFault(FaultKind.SERVER_ERROR, retry_after_s=later)
    if problem.req not in {None, jti}:
        return LicenseServerFault(FaultKind.UNTRUSTED)
    if answer.status in COME_AGAIN:
        return LicenseServerFault(FaultKind.SERVER_BUSY, retry_after_s=later)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return LicenseServerFault(FaultKind.SERVER_ERROR, retry_after_s=later)
    return Refused(problem)


def _reply(model: type[Model], asked: _Asked) -> Reply[Model]:
    value = _value(model, asked.answer)
    return Reply(value, asked.jti, asked.asked, asked.answered)


def _value(model: type[Model], answer: HttpAnswer) -> Model:
    """The value in a good answer; anything else than our JSON is not the license server."""
    if answer.status not in GOOD or answer.media_type != JSON_TYPE:
        raise LicenseServerFault(FaultKind.SERVER_ERROR)
    try:
        return model.model_validate_json(answer.body)
    except ValidationError as error:
        raise LicenseServerFault(FaultKind.SERVER_ERROR) from error
