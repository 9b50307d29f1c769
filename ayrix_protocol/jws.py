"""Signed documents: compact JWS (RFC 7515, RFC 8037, RFC 9864), read by an exact allow-list."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from joserfc.jwk import OKPKey

ALGORITHM = "Ed25519"
LONGEST_DOCUMENT = 64 * 1024
COMPACT_PARTS = 3


class DocumentType(StrEnum):
    """One `typ` per document, so that none stands in for another (RFC 8725, section 3.11)."""

    LEASE = "ayrix-lease+jwt"
    PROOF = "ayrix-proof+jwt"
    REVOCATION = "ayrix-revocation+jwt"
    ACTIVATION_REQUEST = "ayrix-activation-request+jwt"
    ACTIVATION_RESPONSE = "ayrix-activation-response+jwt"
    KEYS = "ayrix-keys+jwt"


HEADER_MEMBERS: Mapping[DocumentType, frozenset[str]] = {
    DocumentType.LEASE: frozenset({"alg", "typ", "kid"}),
    DocumentType.REVOCATION: frozenset({"alg", "typ", "kid"}),
    DocumentType.ACTIVATION_RESPONSE: frozenset({"alg", "typ", "kid"}),
    DocumentType.KEYS: frozenset({"alg", "typ", "kid"}),
    DocumentType.PROOF: frozenset({"alg", "typ", "jwk"}),
    DocumentType.ACTIVATION_REQUEST: frozenset({"alg", "typ", "jwk"}),
}


class InvalidDocument(ValueError):
    """The document is not what it must be: its form, its header or its signature."""


@dataclass(frozen=True, slots=True)
class UnverifiedDocument:
    """A document whose form and header are right; its signature has not been looked at."""

    token: str
    header: Mapping[str, Any]
    payload: bytes

    def verified_by(self, key: OKPKey | Ed25519PublicKey) -> bytes:
        """Give the payload if `key` signed it; raises InvalidDocument otherwise.

        The primitive is asked directly: `read` has taken the document apart already, and doing so
        again would be a third of a license check.
        """
        public = key.get_op_key("verify") if isinstance(key, OKPKey) else key
        if not isinstance(public, Ed25519PublicKey):
            raise InvalidDocument("not an Ed25519 key")
        signed, _dot, signature = self.token.rpartition(".")
        try:
            public.verify(decode_base64url(signature), signed.encode())
        except InvalidSignature as error:
            raise InvalidDocument("the signature does not fit") from error
        return self.payload


def sign(document_type: DocumentType, payload: bytes, key: OKPKey, **header: object) -> str:
    """Give the compact JWS of `payload`; `header` holds `kid` or `jwk`, whichever the type asks
    for.
    """
    members = {"alg": ALGORITHM, "typ": str(document_type), **header}
    if members.keys() != HEADER_MEMBERS[document_type]:
        raise ValueError(f"{document_type} has exactly {sorted(HEADER_MEMBERS[document_type])}")
    private = key.raw_value
    if not isinstance(private, Ed25519PrivateKey):
        raise TypeError("not an Ed25519 private key")
    header_json = json.dumps(members, separators=(",", ":")).encode()
    signed = f"{encode_base64url(header_json)}.{encode_base64url(payload)}"
    return f"{signed}.{encode_base64url(private.sign(signed.encode()))}"


def read(document_type: DocumentType, token: str) -> UnverifiedDocument:
    """Take a document apart and check its form; raises InvalidDocument for anything but an exact
    fit.
    """
    if len(token) > LONGEST_DOCUMENT or not token.isascii():
        raise InvalidDocument("too long, or not ASCII")
    parts = token.split(".")
    if len(parts) != COMPACT_PARTS:
        raise InvalidDocument("a compact JWS has three parts")
    header_bytes, payload, _signature = (decode_base64url(part) for part in parts)
    header = read_json_object(header_bytes)
    if header.keys() != HEADER_MEMBERS[document_type]:
        raise InvalidDocument("the header has other members than it must")
    if header["alg"] != ALGORITHM or header["typ"] != document_type:
        raise InvalidDocument("another algorithm or another kind of document")
    read_json_object(payload)
    return UnverifiedDocument(token, header, payload)


def read_json_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object without duplicate members, NaN or infinities; raises InvalidDocument."""
    try:
        value = _DECODER.decode(data.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidDocument("not a JSON object") from error
    if not isinstance(value, dict):
        raise InvalidDocument("not a JSON object")
    return value


def encode_base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """The bytes of canonical base64url without padding; raises InvalidDocument for any other
    spelling.
    """
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError) as error:
        raise InvalidDocument("not base64url") from error
    if encode_base64url(data) != text:
        raise InvalidDocument("not base64url in its one spelling")
    return data


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
