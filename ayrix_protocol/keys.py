"""Keys: the device's own, the signing keys, and the key set the offline root key vouches for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import Field, ValidationError

from ayrix_protocol.jws import (
    DocumentType,
    InvalidDocument,
    decode_base64url,
    encode_base64url,
    read,
    sign,
)
from ayrix_protocol.wire import Count, Epoch, Line, Sha256, WireModel

CURVE: Literal["Ed25519"] = "Ed25519"
PUBLIC_KEY_BYTES = 32

_P = 2**255 - 19
_WITHOUT_SIGN = 2**255 - 1
_SMALL_ORDER = frozenset(
    {
        *(0, 1, _P - 1, _P, _P + 1),
        int("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16),
        int("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7", 16),
    }
)
"""The y of every point whose eightfold is neutral, in each spelling (libsodium,
`ge25519_has_small_order`). Signatures for such a key need no private key.
"""


class PublicJwk(WireModel):
    """An Ed25519 public key as a JWK (RFC 8037, section 2)."""

    crv: Literal["Ed25519"]
    kty: Literal["OKP"]
    x: Sha256

    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint: the hash of the members in their one order (RFC 8037, A.3)."""
        members = f'{{"crv":"{self.crv}","kty":"{self.kty}","x":"{self.x}"}}'
        return encode_base64url(sha256(members.encode()).digest())

    def to_primitive(self) -> Ed25519PublicKey:
        """The key to verify one document with, at a fifth of the cost of `to_key`; raises
        InvalidDocument if `x` is no point, or one of small order.
        """
        point = decode_base64url(self.x)
        if int.from_bytes(point, "little") & _WITHOUT_SIGN in _SMALL_ORDER:
            raise InvalidDocument("a key that anybody can sign for")
        try:
            return Ed25519PublicKey.from_public_bytes(point)
        except ValueError as error:
            raise InvalidDocument("not an Ed25519 public key") from error

    def to_key(self) -> OKPKey:
        """The key to verify with; raises as `to_primitive`."""
        self.to_primitive()
        try:
            return OKPKey.import_key({"crv": self.crv, "kty": self.kty, "x": self.x})
        except (JoseError, ValueError) as error:
            raise InvalidDocument("not an Ed25519 public key") from error


class PublishedKey(WireModel):
    """A signing key as the key set lists it: valid for leases issued from `nbf` until before
    `exp`.
    """

    kid: Line
    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: Sha256
    nbf: Epoch
    exp: Epoch

    def signed_at(self, iat: int) -> bool:
        """Whether a lease with this `iat` can come from the key; no clock of the device is
        asked.
        """
        return self.nbf <= iat < self.exp

    def to_key(self) -> OKPKey:
        """The key to verify with; raises InvalidDocument if `x` is no point."""
        return PublicJwk(crv=self.crv, kty=self.kty, x=self.x).to_key()


class KeySet(WireModel):
    """What `GET /.well-known/license-keys` says, signed by the root key; `version` only ever
    rises.
    """

    iss: Line
    iat: Epoch
    version: Count
    keys: Annotated[tuple[PublishedKey, ...], Field(max_length=50)]

    def find(self, kid: str) -> PublishedKey | None:
        """The key of that id, or None."""
        return next((key for key in self.keys if key.kid == kid), None)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with the `kid` under which its public half is known."""

    kid: str
    key: OKPKey

    def sign(self, document_type: DocumentType, payload: bytes) -> str:
        """Give `payload` as a signed document that names this key."""
        return sign(document_type, payload, self.key, kid=self.kid)


def new_key() -> OKPKey:
    """A fresh Ed25519 private key from the system's random source."""
    return OKPKey.generate_key(CURVE)


def private_key_to_pem(key: OKPKey) -> bytes:
    """The private key as PKCS #8 PEM."""
    return key.as_pem(private=True)


def private_key_from_pem(pem: bytes) -> OKPKey:
    """The private key of a PKCS #8 PEM; raises InvalidDocument if it is not an Ed25519
    private key.
    """
    try:
        key = OKPKey.import_key(pem)
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidDocument("not a private key") from error
    if key.curve_name != CURVE or not key.is_private:
        raise InvalidDocument("not an Ed25519 private key")
    return key


def public_jwk(key: OKPKey) -> dict[str, str]:
    """The public half as a JWK with exactly `crv`, `kty` and `x`."""
    public: Mapping[str, Any] = key.as_dict(private=False)
    return {"crv": str(public["crv"]), "kty": str(public["kty"]), "x": str(public["x"])}


def public_key_text(key: OKPKey) -> str:
    """The public half as 43 characters, to be pinned in a setting."""
    return public_jwk(key)["x"]


def public_key_from_text(text: str) -> OKPKey:
    """The public key of its 43 characters; raises InvalidDocument."""
    if len(decode_base64url(text)) != PUBLIC_KEY_BYTES:
        raise InvalidDocument("an Ed25519 public key has 32 bytes")
    return PublicJwk(crv="Ed25519", kty="OKP", x=text).to_key()


def sign_key_set(key_set: KeySet, root: SigningKey) -> str:
    """The key set as the server publishes it."""
    return root.sign(DocumentType.KEYS, key_set.model_dump_json().encode())


def verify_key_set(token: str, root_public: OKPKey) -> KeySet:
    """The key set if the pinned root key signed it; raises InvalidDocument otherwise."""
    payload = read(DocumentType.KEYS, token).verified_by(root_public)
    try:
        return KeySet.model_validate_json(payload)
    except ValidationError as error:
        raise InvalidDocument("not a key set") from error
