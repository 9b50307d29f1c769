"""Signed documents are read by an exact allow-list: everything else is refused."""

import json
from base64 import urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from ayrix_protocol.jws import (
    LONGEST_DOCUMENT,
    DocumentType,
    InvalidDocument,
    decode_base64url,
    encode_base64url,
    read,
    sign,
)
from ayrix_protocol.keys import (
    PublicJwk,
    new_key,
    private_key_from_pem,
    private_key_to_pem,
    public_jwk,
)
from ayrix_protocol.proof import installation_id

KEY = new_key()
PAYLOAD = b'{"a":1}'
DOCUMENT = sign(DocumentType.LEASE, PAYLOAD, KEY, kid="k1")
HEADER: dict[str, object] = {"alg": "Ed25519", "typ": "ayrix-lease+jwt", "kid": "k1"}
FOREIGN_MEMBERS: list[dict[str, object]] = [
    {"b64": False},
    {"crit": ["b64"], "b64": False},
    {"crit": []},
    {"jku": "https://example.test/keys"},
    {"x5u": "https://example.test/cert"},
    {"jwk": public_jwk(KEY)},
    {"x": 1},
]


def encoded(value: object) -> str:
    """JSON as a part of a compact JWS."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return encode_base64url(text.encode())


def with_header(header: object) -> str:
    """The document under another header, its signature made for that header."""
    head = encoded(header)
    body = encode_base64url(PAYLOAD)
    private = load_pem_private_key(private_key_to_pem(KEY), None)
    assert isinstance(private, Ed25519PrivateKey)
    signature = private.sign(f"{head}.{body}".encode())
    return f"{head}.{body}.{encode_base64url(signature)}"


def test_a_signed_document_is_read_and_verified() -> None:
    assert read(DocumentType.LEASE, DOCUMENT).verified_by(KEY) == PAYLOAD


def test_the_test_signs_as_the_library_does() -> None:
    assert read(DocumentType.LEASE, with_header(HEADER)).verified_by(KEY) == PAYLOAD


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"alg": "none", "typ": "ayrix-lease+jwt", "kid": "k1"}, id="alg none"),
        pytest.param({"alg": "EdDSA", "typ": "ayrix-lease+jwt", "kid": "k1"}, id="EdDSA"),
        pytest.param({"alg": "HS256", "typ": "ayrix-lease+jwt", "kid": "k1"}, id="HS256"),
        pytest.param({"alg": "Ed25519", "typ": "ayrix-proof+jwt", "kid": "k1"}, id="other typ"),
        pytest.param(
            {"alg": "Ed25519", "typ": "AYRIX-LEASE+JWT", "kid": "k1"}, id="typ in capitals"
        ),
        pytest.param({"alg": "Ed25519", "kid": "k1"}, id="no typ"),
        pytest.param({"alg": "Ed25519", "typ": "ayrix-lease+jwt"}, id="no kid"),
        *(pytest.param({**HEADER, **more}, id=" ".join(more)) for more in FOREIGN_MEMBERS),
        pytest.param(
            '{"alg":"none","alg":"Ed25519","typ":"ayrix-lease+jwt","kid":"k1"}', id="alg twice"
        ),
        pytest.param(
            '{"alg":"Ed25519","typ":"ayrix-lease+jwt","kid":"k1","kid":"k2"}', id="kid twice"
        ),
        pytest.param("[]", id="a list"),
        pytest.param("{", id="no JSON"),
        pytest.param("[" * 5_000, id="too deep"),
    ],
)
def test_any_other_header_is_refused(header: object) -> None:
    with pytest.raises(InvalidDocument):
        read(DocumentType.LEASE, with_header(header))


@pytest.mark.parametrize("position", range(len(DOCUMENT)))
def test_every_changed_character_is_noticed(position: int) -> None:
    other = "B" if DOCUMENT[position] == "A" else "A"
    changed = DOCUMENT[:position] + other + DOCUMENT[position + 1 :]
    with pytest.raises(InvalidDocument):
        read(DocumentType.LEASE, changed).verified_by(KEY)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("", id="nothing"),
        pytest.param("..", id="empty parts"),
        pytest.param(DOCUMENT + ".", id="a fourth part"),
        pytest.param(DOCUMENT.rpartition(".")[0], id="no signature"),
        pytest.param(DOCUMENT + "=", id="padding"),
        pytest.param(DOCUMENT + "\n", id="a line break"),
        pytest.param(" " + DOCUMENT, id="a space"),
        pytest.param(DOCUMENT + "ä", id="not ASCII"),
        pytest.param("a" * (LONGEST_DOCUMENT + 1), id="too long"),
    ],
)
def test_any_other_form_is_refused(document: str) -> None:
    with pytest.raises(InvalidDocument):
        read(DocumentType.LEASE, document).verified_by(KEY)


@pytest.mark.parametrize("payload", [b"[1]", b'{"a":1,"a":2}', b'{"a":NaN}', b"{", b"\xff"])
def test_a_payload_must_be_a_json_object_without_doubles(payload: bytes) -> None:
    document = sign(DocumentType.LEASE, payload, KEY, kid="k1")
    with pytest.raises(InvalidDocument):
        read(DocumentType.LEASE, document)


def test_another_key_does_not_verify() -> None:
    with pytest.raises(InvalidDocument):
        read(DocumentType.LEASE, DOCUMENT).verified_by(new_key())


def test_signing_with_other_members_than_the_type_has_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="exactly"):
        sign(DocumentType.LEASE, PAYLOAD, KEY, kid="k1", jku="https://example.test")


@given(st.binary(max_size=200))
def test_base64url_has_one_spelling(data: bytes) -> None:
    text = encode_base64url(data)
    assert decode_base64url(text) == data
    for other in {urlsafe_b64encode(data).decode(), text + "="} - {text}:
        with pytest.raises(InvalidDocument):
            decode_base64url(other)


# RFC 8037, appendix A: the key of A.1 and A.2, its thumbprint of A.3, the document of A.4.
RFC_PUBLIC = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
RFC_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
RFC_DOCUMENT = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)


def test_the_key_of_rfc_8037_has_the_thumbprint_of_rfc_8037() -> None:
    key = PublicJwk.model_validate(RFC_PUBLIC).to_key()
    assert installation_id(key) == RFC_THUMBPRINT


def test_the_document_of_rfc_8037_is_genuine_and_still_not_ours() -> None:
    head, body, signature = RFC_DOCUMENT.split(".")
    key = Ed25519PublicKey.from_public_bytes(decode_base64url(RFC_PUBLIC["x"]))
    key.verify(decode_base64url(signature), f"{head}.{body}".encode())
    for document_type in DocumentType:
        with pytest.raises(InvalidDocument):
            read(document_type, RFC_DOCUMENT)


def test_a_private_key_survives_its_file() -> None:
    again = private_key_from_pem(private_key_to_pem(KEY))
    assert installation_id(again) == installation_id(KEY)


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----", b"\x00" * 64])
def test_a_damaged_key_file_is_refused(pem: bytes) -> None:
    with pytest.raises(InvalidDocument):
        private_key_from_pem(pem)
