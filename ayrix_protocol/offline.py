"""Activation by files, for a PBX without internet."""

from __future__ import annotations

from ayrix_protocol.binding import Address, Hardware
from ayrix_protocol.device import DeviceClock
from ayrix_protocol.wire import Code, Count, Epoch, Line, Sha256, WireModel


class OfflineDevice(WireModel):
    """The device without its whole lease, so that a request fits a QR code."""

    hardware: Hardware
    address: Address
    lease_jti: Line | None
    lease_seq: Count | None
    usage: dict[Code, Count]
    version: Line
    clock: DeviceClock


class OfflineRequest(WireModel):
    """Claims of a request file, signed by the device key and guarded by its `jti`."""

    iss: Sha256
    aud: Line
    jti: Line
    iat: Epoch
    license_hint: Line | None
    device: OfflineDevice


class OfflineResponse(WireModel):
    """Claims of a response file: the lease answers the request whose `jti` is `req`."""

    iss: Line
    aud: Sha256
    jti: Line
    iat: Epoch
    req: Line
    lease: str
