"""Moving the binding to another address, and asking the seller to move it to another machine."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from ayrix_protocol.binding import Address
from ayrix_protocol.device import Device, LeaseAnswer
from ayrix_protocol.wire import Count, Line, Paragraph, WireModel

REBINDING_EXPIRES_IN_S = 900
"""How long both addresses settle nothing by themselves (protocol.md, Address)."""


LONGEST_REASON = 2_000
"""Characters of a seller's or a customer's reason, as in `Paragraph`."""


class RebindingRequest(WireModel):
    """Body of `POST /rebindings`; `id` makes it safe to repeat."""

    id: UUID
    new_address: Address
    device: Device


class RebindingAnswer(LeaseAnswer):
    """A lease for both addresses."""

    id: UUID
    expires_in_s: Count


class ReplacementKind(StrEnum):
    """What the customer asks the seller to move."""

    HARDWARE = "hardware"
    ADDRESS = "address"


class ReplacementRequest(WireModel):
    """Body of `POST /replacements`; `license_key` is None if the server knows the device key."""

    kind: ReplacementKind
    license_key: Line | None
    reason: Paragraph
    device: Device


class RegistrationRequest(WireModel):
    """Body of `POST /registrations`: a new customer without a key."""

    company: Line
    contact: Line
    email: Line
    package: Line | None
    device: Device


class PollAnswer(WireModel):
    """Where to ask for the decision, and how soon."""

    poll_url: Line
    retry_after_s: Count


class Decision(StrEnum):
    """What became of a request to the seller."""

    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"


class DecisionAnswer(WireModel):
    """The answer of a `poll_url`."""

    state: Decision
    reason: Paragraph = ""
