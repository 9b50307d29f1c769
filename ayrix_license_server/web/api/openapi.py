"""The API described in OpenAPI 3.1, generated from the wire models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from ayrix_license_server.web.api.device import PREFIX
from ayrix_protocol.device import ActivationRequest, CheckRequest, LeaseAnswer
from ayrix_protocol.lease import Contacts
from ayrix_protocol.orders import (
    IDEMPOTENCY_KEY_HEADER,
    Offers,
    OneOrder,
    OrderAnswer,
    OrderPage,
    OrderRequest,
    Quote,
    QuoteRequest,
)
from ayrix_protocol.problems import PROBLEM_TYPE, STATUS, Problem, ProblemCode
from ayrix_protocol.proof import PROOF_HEADER
from ayrix_protocol.rebindings import DecisionAnswer, PollAnswer, ReplacementRequest

NOT_MODIFIED = 304
_REF = "#/components/schemas/{model}"
_NO_SIGNS = str.maketrans({"/": "_", ".": "_", "{": None, "}": None})
_DEVICE = (ProblemCode.INVALID_PROOF, ProblemCode.UNKNOWN_INSTALLATION, ProblemCode.COUNTER_BEHIND)
_STATE = (ProblemCode.SUSPENDED, ProblemCode.REVOKED, ProblemCode.CLONE_SUSPECTED)
_CHECK = (
    *_STATE,
    ProblemCode.PROVE_ALIVE,
    ProblemCode.HARDWARE_MISMATCH,
    ProblemCode.IP_MISMATCH,
)
_WISH = (
    ProblemCode.UNKNOWN_FEATURE,
    ProblemCode.INVALID_QUANTITY,
    ProblemCode.UPGRADE_NOT_AVAILABLE,
    ProblemCode.INVALID,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One request of the API: what goes in, what comes out, and which problems it knows."""

    method: str
    path: str
    summary: str
    answer: type[BaseModel] | None
    statuses: tuple[int, ...] = (200,)
    body: type[BaseModel] | None = None
    codes: tuple[ProblemCode, ...] = ()
    is_proven: bool = True
    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()


OPERATIONS = (
    Operation("get", "/contact", "The two contacts", Contacts, is_proven=False),
    Operation("get", "/healthz", "Whether requests can be answered", None, is_proven=False),
    Operation("get", "/openapi.json", "This description", None, is_proven=False),
    Operation(
        "post",
        "/activations",
        "Bring an activation key, or come back without one",
        LeaseAnswer,
        (200, 201),
        ActivationRequest,
        (ProblemCode.UNKNOWN_KEY, ProblemCode.BOUND_ELSEWHERE, *_CHECK),
    ),
    Operation("post", "/checks", "Renew the lease", LeaseAnswer, (200,), CheckRequest, _CHECK),
    Operation("get", "/offers", "What can be ordered", Offers, (200, 304)),
    Operation(
        "post",
        "/quotes",
        "What a wish costs",
        Quote,
        (200,),
        QuoteRequest,
        (*_WISH, *_STATE, ProblemCode.PROVE_ALIVE),
    ),
    Operation(
        "post",
        "/orders",
        "Place an order, once per key",
        OrderAnswer,
        (200, 201),
        OrderRequest,
        (*_WISH, *_CHECK, ProblemCode.PRICE_CHANGED, ProblemCode.IDEMPOTENCY_CONFLICT),
        headers=(IDEMPOTENCY_KEY_HEADER,),
    ),
    Operation(
        "get",
        "/orders",
        "The license's orders, oldest first",
        OrderPage,
        codes=(ProblemCode.NOT_FOUND,),
        query=("after",),
    ),
    Operation("get", "/orders/{code}", "One order", OneOrder, codes=(ProblemCode.NOT_FOUND,)),
    Operation(
        "post",
        "/orders/{code}/cancellation",
        "Take an order back",
        OneOrder,
        codes=(ProblemCode.NOT_FOUND, ProblemCode.NOT_CANCELLABLE),
    ),
    Operation(
        "post",
        "/replacements",
        "Ask the seller for another machine or another address",
        PollAnswer,
        (202,),
        ReplacementRequest,
        (ProblemCode.UNKNOWN_KEY, ProblemCode.BOUND_ELSEWHERE, ProblemCode.TOO_MANY_REQUESTS),
    ),
    Operation(
        "get",
        "/replacements/{token}",
        "What the seller decided",
        DecisionAnswer,
        codes=(ProblemCode.NOT_FOUND,),
    ),
)


@cache
def description(public_url: str) -> dict[str, object]:
    """The OpenAPI document of a server with this origin."""
    paths: dict[str, dict[str, object]] = {}
    for operation in OPERATIONS:
        paths.setdefault(PREFIX + operation.path, {})[operation.method] = _operation(operation)
    paths["/.well-known/license-keys"] = {"get": _key_set()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ayrix license server", "version": "1"},
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": _security()},
    }


def _schemas() -> dict[str, object]:
    bodies = dict.fromkeys(one.body for one in OPERATIONS if one.body is not None)
    answers = dict.fromkeys(one.answer for one in OPERATIONS if one.answer is not None)
    asked: list[tuple[type[BaseModel], JsonSchemaMode]] = []
    asked += [(model, "validation") for model in bodies]
    asked += [(model, "serialization") for model in answers]
    asked.append((Problem, "serialization"))
    schemas: dict[str, object] = models_json_schema(asked, ref_template=_REF)[1]["$defs"]
    return schemas


def _operation(operation: Operation) -> dict[str, object]:
    described: dict[str, object] = {
        "summary": operation.summary,
        "operationId": (operation.method + operation.path).translate(_NO_SIGNS),
        "responses": {
            **{str(status): _good(operation, status) for status in operation.statuses},
            **_problems(operation),
        },
    }
    if parameters := _parameters(operation):
        described["parameters"] = parameters
    if operation.body is not None:
        schema = {"$ref": _REF.format(model=operation.body.__name__)}
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    if operation.is_proven:
        described["security"] = [{"proof": []}]
    return described


def _good(operation: Operation, status: int) -> dict[str, object]:
    if operation.answer is None or status == NOT_MODIFIED:
        return {"description": operation.summary}
    schema = {"$ref": _REF.format(model=operation.answer.__name__)}
    return {
        "description": operation.summary,
        "content": {"application/json": {"schema": schema}},
    }


def _problems(operation: Operation) -> dict[str, object]:
    codes = (
        *(_DEVICE if operation.is_proven else ()),
        *((ProblemCode.INVALID, ProblemCode.TOO_LARGE) if operation.body else ()),
        *operation.codes,
        ProblemCode.BUSY,
        ProblemCode.SERVER_ERROR,
    )
    by_status: dict[str, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(str(STATUS[code]), []).append(code)
    schema = {"$ref": _REF.format(model="Problem")}
    return {
        status: {
            "description": ", ".join(names),
            "content": {PROBLEM_TYPE: {"schema": schema}},
        }
        for status, names in sorted(by_status.items())
    }


def _parameters(operation: Operation) -> list[dict[str, object]]:
    text: dict[str, str] = {"type": "string"}
    in_path: list[dict[str, object]] = [
        {"name": part[1:-1], "in": "path", "required": True, "schema": text}
        for part in operation.path.split("/")
        if part.startswith("{")
    ]
    in_query: list[dict[str, object]] = [
        {"name": name, "in": "query", "schema": text} for name in operation.query
    ]
    in_header: list[dict[str, object]] = [
        {"name": name, "in": "header", "required": True, "schema": {**text, "format": "uuid"}}
        for name in operation.headers
    ]
    return [*in_path, *in_query, *in_header]


def _key_set() -> dict[str, object]:
    content = {"application/jose": {"schema": {"type": "string"}}}
    answer = {"description": "The key set, a JWS by the root key", "content": content}
    return {
        "summary": "The keys that sign leases",
        "operationId": "get_license_keys",
        "responses": {"200": answer},
    }


def _security() -> dict[str, object]:
    return {
        "proof": {
            "type": "apiKey",
            "in": "header",
            "name": PROOF_HEADER,
            "description": "A JWS by the device key over this one request",
        }
    }
