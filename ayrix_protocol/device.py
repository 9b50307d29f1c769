"""What a PBX tells about itself in every request that can be answered with a lease."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from ayrix_protocol.binding import Address, Hardware
from ayrix_protocol.wire import Code, Count, Epoch, Line, Paragraph, WireModel

MOST_ACKNOWLEDGED_ORDERS = 20
LONGEST_LEASE = 48 * 1024


class DeviceClock(WireModel):
    """The device's clocks: the wall clock, the time it trusts, and whether the system says it is
    synchronized.
    """

    wall: Epoch
    trusted: Epoch
    synchronized: bool


class Device(WireModel):
    """The state of one PBX: its machine, the lease it holds, what is in use (by feature code)."""

    hardware: Hardware
    address: Address
    lease: Annotated[str, Field(max_length=LONGEST_LEASE)] | None
    usage: Annotated[dict[Code, Count], Field(max_length=200)]
    version: Line
    acked_orders: Annotated[tuple[UUID, ...], Field(max_length=MOST_ACKNOWLEDGED_ORDERS)] = ()
    nonce: Line | None = None
    clock: DeviceClock


class CheckRequest(WireModel):
    """Body of `POST /checks`, and of the commit and abort of a rebinding."""

    device: Device


class ActivationRequest(WireModel):
    """Body of `POST /activations`; `license_key` is None when a known device recovers."""

    license_key: Line | None
    device: Device


class LeaseAnswer(WireModel):
    """The answer that carries a lease.

    `unknown_orders` names acknowledged orders the server does not know, to be sent again;
    `installation_secret` is set only by an activation of a machine without a strong component.
    """

    lease: str
    unknown_orders: Annotated[tuple[UUID, ...], Field(max_length=MOST_ACKNOWLEDGED_ORDERS)] = ()
    notices: Annotated[tuple[Paragraph, ...], Field(max_length=20)] = ()
    installation_secret: Line | None = None
