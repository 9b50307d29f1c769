"""Vectors that others made: RFC 8032's signatures verify, what is known to be weak is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from itertools import pairwise

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography_vectors import open_vector_file
from joserfc.jwk import OKPKey

from ayrix_protocol.jws import (
    DocumentType,
    InvalidDocument,
    decode_base64url,
    encode_base64url,
    read,
    sign,
)
from ayrix_protocol.keys import PublicJwk, new_key, private_key_to_pem, public_jwk

ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point (RFC 8032, section 5.1)."""

NUMBER_OF_VECTORS = 1024

SMALL_ORDER = [
    # The points whose eightfold is neutral, by their y and where y can be spelled twice, both; the
    # list of libsodium's ge25519_has_small_order.
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
KEY = new_key()
PAYLOAD = b'{"a":1}'


@dataclass(frozen=True)
class Vector:
    """One line of `sign.input`."""

    private: bytes
    public: bytes
    message: bytes
    signature: bytes


def vectors() -> list[Vector]:
    """The signatures of the Ed25519 reference implementation."""
    with open_vector_file("asymmetric/Ed25519/sign.input", "r") as file:
        lines = [line.split(":") for line in file.read().splitlines()]
    return [
        Vector(*(bytes.fromhex(part) for part in (private[:64], public, message, signed[:128])))
        for private, public, message, signed, _end in lines
    ]


def primitive(public: bytes) -> Ed25519PublicKey:
    """The key as our verifier asks the primitive for it."""
    return PublicJwk(crv="Ed25519", kty="OKP", x=encode_base64url(public)).to_primitive()


def test_every_signature_of_the_reference_implementation_verifies() -> None:
    every = vectors()
    assert len(every) == NUMBER_OF_VECTORS
    for vector in every:
        primitive(vector.public).verify(vector.signature, vector.message)
        assert Ed25519PrivateKey.from_private_bytes(vector.private).sign(vector.message) == (
            vector.signature
        )


def test_no_signature_fits_the_next_message_or_the_next_key() -> None:
    every = vectors()
    for vector, other in pairwise(every):
        for key, message in ((vector.public, other.message), (other.public, vector.message)):
            with pytest.raises(InvalidSignature):
                primitive(key).verify(vector.signature, message)


def test_a_signature_plus_the_order_is_refused() -> None:
    for vector in vectors()[::16]:
        scalar = int.from_bytes(vector.signature[32:], "little") + ORDER
        malleable = vector.signature[:32] + scalar.to_bytes(32, "little")
        with pytest.raises(InvalidSignature):
            primitive(vector.public).verify(malleable, vector.message)


def test_a_malleable_signature_makes_no_document() -> None:
    head, body, signature = sign(DocumentType.LEASE, PAYLOAD, KEY, kid="k1").split(".")
    raw = decode_base64url(signature)
    scalar = int.from_bytes(raw[32:], "little") + ORDER
    changed = encode_base64url(raw[:32] + scalar.to_bytes(32, "little"))
    with pytest.raises(InvalidDocument):
        read(DocumentType.LEASE, f"{head}.{body}.{changed}").verified_by(KEY)


@pytest.mark.parametrize("sign_bit", [0, 0x80])
@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_key_of_small_order_is_refused(point: str, sign_bit: int) -> None:
    encoded = bytearray.fromhex(point)
    encoded[31] |= sign_bit
    jwk = PublicJwk(crv="Ed25519", kty="OKP", x=encode_base64url(bytes(encoded)))
    for use in (jwk.to_primitive, jwk.to_key):
        with pytest.raises(InvalidDocument):
            use()


def test_a_signature_that_would_fit_every_message_fits_none() -> None:
    neutral = bytes([1]) + bytes(31)
    everything = neutral + bytes(32)
    # The bare primitive takes it, which is why such keys must not get that far.
    Ed25519PublicKey.from_public_bytes(neutral).verify(everything, b"any message")
    with pytest.raises(InvalidDocument):
        primitive(neutral)


def document(header: dict[str, object], signature: bytes) -> str:
    """A lease under this header."""
    head = encode_base64url(json.dumps(header, separators=(",", ":")).encode())
    return f"{head}.{encode_base64url(PAYLOAD)}.{encode_base64url(signature)}"


def signed_as(algorithm: str) -> str:
    """A lease under another algorithm's name, signed as well as one can."""
    header: dict[str, object] = {"alg": algorithm, "typ": DocumentType.LEASE, "kid": "k1"}
    signed = document(header, b"").rpartition(".")[0].encode()
    if algorithm.startswith("HS"):
        # The confusion: the public key, which everybody knows, as the secret of an HMAC.
        secret = json.dumps(public_jwk(KEY)).encode()
        return document(header, hmac.digest(secret, signed, hashlib.sha256))
    if algorithm.lower() == "none":
        return document(header, b"")
    private = OKPKey.import_key(private_key_to_pem(KEY)).raw_value
    assert isinstance(private, Ed25519PrivateKey)
    return document(header, private.sign(signed))


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "HS256", "HS512", "EdDSA", "ed25519", "Ed448", "ES256"]
)
def test_another_algorithm_is_refused_however_it_is_signed(algorithm: str) -> None:
    with pytest.raises(InvalidDocument):
        read(DocumentType.LEASE, signed_as(algorithm)).verified_by(KEY)


def test_the_same_document_under_our_algorithm_is_taken() -> None:
    assert read(DocumentType.LEASE, signed_as("Ed25519")).verified_by(KEY) == PAYLOAD
