"""Errors on the wire: RFC 9457 problem details with a stable code."""

from __future__ import annotations

from enum import StrEnum

from pydantic import ConfigDict

from ayrix_protocol.binding import Component
from ayrix_protocol.orders import Quote
from ayrix_protocol.wire import Count, Line, Paragraph, WireModel

PROBLEM_TYPE = "application/problem+json"


class ProblemCode(StrEnum):
    """Every reason the license server gives, and nothing a PBX decides by (protocol.md, Wire)."""

    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_FEATURE = "unknown_feature"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BOUND_ELSEWHERE = "bound_elsewhere"
    HARDWARE_MISMATCH = "hardware_mismatch"
    IP_MISMATCH = "ip_mismatch"
    PRICE_CHANGED = "price_changed"
    NOT_CANCELLABLE = "not_cancellable"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    CLONE_SUSPECTED = "clone_suspected"
    UPGRADE_NOT_AVAILABLE = "upgrade_not_available"
    INVALID = "invalid"
    INVALID_QUANTITY = "invalid_quantity"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    INVALID_PROOF = "invalid_proof"
    UNKNOWN_INSTALLATION = "unknown_installation"
    COUNTER_BEHIND = "counter_behind"
    PROVE_ALIVE = "prove_alive"
    TOO_LARGE = "too_large"
    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR = "server_error"
    BUSY = "busy"


STATUS: dict[ProblemCode, int] = {
    ProblemCode.UNKNOWN_KEY: 404,
    ProblemCode.UNKNOWN_FEATURE: 404,
    ProblemCode.NOT_FOUND: 404,
    ProblemCode.METHOD_NOT_ALLOWED: 405,
    ProblemCode.BOUND_ELSEWHERE: 409,
    ProblemCode.HARDWARE_MISMATCH: 409,
    ProblemCode.IP_MISMATCH: 409,
    ProblemCode.PRICE_CHANGED: 409,
    ProblemCode.NOT_CANCELLABLE: 409,
    ProblemCode.SUSPENDED: 403,
    ProblemCode.REVOKED: 403,
    ProblemCode.CLONE_SUSPECTED: 403,
    ProblemCode.UPGRADE_NOT_AVAILABLE: 403,
    ProblemCode.INVALID: 422,
    ProblemCode.INVALID_QUANTITY: 422,
    ProblemCode.IDEMPOTENCY_CONFLICT: 422,
    ProblemCode.INVALID_PROOF: 401,
    ProblemCode.UNKNOWN_INSTALLATION: 401,
    ProblemCode.COUNTER_BEHIND: 409,
    ProblemCode.PROVE_ALIVE: 409,
    ProblemCode.TOO_LARGE: 413,
    ProblemCode.TOO_MANY_REQUESTS: 429,
    ProblemCode.SERVER_ERROR: 500,
    ProblemCode.BUSY: 503,
}
"""The HTTP status of each code (protocol.md, Wire)."""


class Problem(WireModel):
    """A problem document; the members behind `req` belong to single codes."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", use_enum_values=False)

    type: Line = "about:blank"
    title: Line
    status: int
    detail: Paragraph = ""
    code: ProblemCode
    req: Line | None = None
    components: tuple[Component, ...] | None = None
    bound: Line | None = None
    revocation: str | None = None
    quote: Quote | None = None
    counter: Count | None = None
    nonce: Line | None = None
