"""How every wire model behaves: frozen, strictly typed, bounded."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

LARGEST_INTEGER = 2**53 - 1
"""The largest integer every JSON reader keeps exact (RFC 8259, section 6)."""

LARGEST_BODY = 64 * 1024
"""Bytes a request or an answer may have."""

Epoch = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
"""Seconds since 1970-01-01T00:00:00Z."""

Count = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
MinorUnits = Annotated[int, Field(ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)]
"""An amount of money in the smallest unit of its currency, for example cents."""

Sha256 = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""A SHA-256 value, base64url without padding."""

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""The code of a feature or a package."""

Line = Annotated[str, Field(max_length=200)]
Paragraph = Annotated[str, Field(max_length=2_000)]
Texts = Annotated[dict[Annotated[str, Field(max_length=8)], Paragraph], Field(max_length=20)]
"""One text per language code ("en", "de")."""


class WireModel(BaseModel):
    """A value on the wire. Unknown members are ignored, so that a newer server can speak to an
    older PBX.

    In a request they are refused instead (`read_request`), so that a typing slip never goes unseen.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


Model = TypeVar("Model", bound=WireModel)


def read_request(model: type[Model], body: bytes) -> Model:
    """The request of a body; raises pydantic.ValidationError, also for any member the model does
    not know.
    """
    return model.model_validate_json(body, extra="forbid")
