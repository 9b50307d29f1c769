"""The proof that a request comes from a device's own key, shaped like DPoP (RFC 9449)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from joserfc.jwk import OKPKey
from pydantic import Field, ValidationError

from ayrix_protocol.jws import DocumentType, InvalidDocument, encode_base64url, read, sign
from ayrix_protocol.keys import PublicJwk, public_jwk
from ayrix_protocol.wire import LARGEST_INTEGER, Epoch, Line, Sha256, WireModel

PROOF_HEADER = "License-Proof"
"""The HTTP header that carries the proof."""


class Proof(WireModel):
    """The claims of a proof (protocol.md, Identity).

    `counter` counts a device's requests and guards against replay; `iat` is informative and never
    a reason to refuse, because a PBX may have a wrong clock.
    """

    iss: Sha256
    aud: Line
    htm: Line
    htu: Annotated[str, Field(max_length=500)]
    iat: Epoch
    jti: Line
    counter: Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]
    bsh: Sha256


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: the verified proof and the public key that made it."""

    proof: Proof
    jwk: PublicJwk

    @property
    def installation(self) -> str:
        """The installation id: the RFC 7638 thumbprint of the device key."""
        return self.proof.iss


def body_hash(body: bytes) -> str:
    """The `bsh` claim: base64url SHA-256 of the body, also of an empty one."""
    return encode_base64url(sha256(body).digest())


def without_query(url: str) -> str:
    """The `htu` claim: the URL without query and fragment (RFC 9449, section 4.2)."""
    scheme, host, path, _query, _fragment = urlsplit(url)
    return urlunsplit((scheme, host, path, "", ""))


def installation_id(key: OKPKey) -> str:
    """The id of the installation that holds this key: its RFC 7638 thumbprint."""
    return str(key.thumbprint())


def make_proof(key: OKPKey, proof: Proof) -> str:
    """The proof as the header carries it."""
    payload = proof.model_dump_json().encode()
    return sign(DocumentType.PROOF, payload, key, jwk=public_jwk(key))


def verify_proof(token: str, *, audience: str, method: str, url: str, body: bytes) -> Caller:
    """Who sent the request that came with this proof.

    `audience` is the server's own origin, `url` the URL it was called by. Touches no database: the
    thumbprint of the key in the header must be the issuer. Raises InvalidDocument.
    """
    document = read(DocumentType.PROOF, token)
    try:
        jwk = PublicJwk.model_validate(document.header["jwk"], extra="forbid")
        payload = document.verified_by(jwk.to_primitive())
        proof = Proof.model_validate_json(payload, extra="forbid")
    except ValidationError as error:
        raise InvalidDocument("not a proof") from error
    if proof.iss != jwk.thumbprint():
        raise InvalidDocument("the issuer is not the key's thumbprint")
    said = (proof.aud, proof.htm, proof.htu, proof.bsh)
    if said != (audience, method, without_query(url), body_hash(body)):
        raise InvalidDocument("made for another request")
    return Caller(proof, jwk)
