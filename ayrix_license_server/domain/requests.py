"""What a seller is asked to decide."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from ayrix_protocol.rebindings import Decision

POLL_AGAIN = timedelta(seconds=30)
"""How soon a PBX that waits for a decision may ask again: a person may stand before it."""


class RequestKind(StrEnum):
    """To bind the license to other hardware, to another address, or to end a doubt about copies."""

    HARDWARE = "hardware"
    ADDRESS = "address"
    CLONE = "clone"


def can_approve(state: Decision) -> bool:
    """A declined request can still be approved: sellers may think again."""
    return state is not Decision.APPROVED


def can_decline(state: Decision) -> bool:
    """Only what waits can be declined: an approved one was acted upon."""
    return state is Decision.WAITING
