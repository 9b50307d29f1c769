"""Offers, quotes and orders."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

from flask import Blueprint, Response, request

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.services import offers, orders
from ayrix_license_server.web.api.device import PREFIX, answer, body, caller, system
from ayrix_protocol.orders import (
    IDEMPOTENCY_KEY_HEADER,
    OneOrder,
    OrderRequest,
    QuoteRequest,
)
from ayrix_protocol.problems import ProblemCode

blueprint = Blueprint("orders", __name__, url_prefix=PREFIX)


@blueprint.get("/offers")
def show_offers() -> Response:
    """What this customer may order; 304 if he has it already."""
    response = answer(offers.offers(system(), caller()))
    response.headers["Cache-Control"] = "private, no-cache"
    response.set_etag(sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return response


@blueprint.post("/quotes")
def quote_wish() -> Response:
    """The binding price of a wish."""
    call = caller()
    return answer(offers.quote_for(system(), call, body(QuoteRequest).lines))


@blueprint.post("/orders")
def place_order() -> Response:
    """201 for a new order, 200 for one that was placed under this key before."""
    call = caller()
    placed = orders.place(system(), call, _idempotency_key(), body(OrderRequest))
    return answer(placed.answer, 201 if placed.is_new else 200)


@blueprint.get("/orders")
def list_orders() -> Response:
    """A page of the license's orders, oldest first."""
    return answer(orders.list_orders(system(), caller(), request.args.get("after")))


@blueprint.get("/orders/<code>")
def show_order(code: str) -> Response:
    """One order of the license."""
    return answer(OneOrder(order=orders.one_order(system(), caller(), code)))


@blueprint.post("/orders/<code>/cancellation")
def cancel_order(code: str) -> Response:
    """Take back an order that is still on the way."""
    return answer(OneOrder(order=orders.cancel(system(), caller(), code)))


def _idempotency_key() -> UUID:
    try:
        return UUID(request.headers.get(IDEMPOTENCY_KEY_HEADER, ""))
    except ValueError as error:
        detail = f"The header {IDEMPOTENCY_KEY_HEADER} must be a UUID."
        raise Refused(ProblemCode.INVALID, detail) from error
