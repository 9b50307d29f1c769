"""When an order approves itself, whether it can be cancelled, and what makes two the same."""

from __future__ import annotations

from hashlib import sha256

from ayrix_protocol.jws import encode_base64url
from ayrix_protocol.orders import OrderState, WantedOrder


def approves_itself(auto_approve: bool, limit: int | None, gross: int) -> bool:
    """Whether an order needs nobody's approval; `limit` and `gross` in minor units, None is no
    limit.
    """
    return auto_approve and (limit is None or gross <= limit)


def can_cancel(state: OrderState) -> bool:
    """An order can be taken back until it is fulfilled."""
    return state.is_open


def order_code(year: int, number: int) -> str:
    """How people name the order: A-2026-0001."""
    return f"A-{year}-{number:04d}"


def wanted_hash(wanted: WantedOrder) -> str:
    """What a repeated order is compared by: its wish and its prices, never its device."""
    return encode_base64url(sha256(wanted.model_dump_json().encode()).digest())
