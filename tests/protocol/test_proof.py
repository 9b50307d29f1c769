"""A proof fits exactly one request by exactly one key."""

import pytest

from ayrix_protocol.jws import DocumentType, InvalidDocument, sign
from ayrix_protocol.keys import new_key, public_jwk
from ayrix_protocol.proof import Proof, body_hash, installation_id, make_proof, verify_proof

KEY = new_key()
AUDIENCE = "https://license.example.test"
URL = f"{AUDIENCE}/api/v1/checks"
BODY = b'{"device":{}}'


def claims(**changes: object) -> Proof:
    """What a proof for this request says."""
    proof = Proof(
        iss=installation_id(KEY),
        aud=AUDIENCE,
        htm="POST",
        htu=URL,
        iat=1,
        jti="j",
        counter=1,
        bsh=body_hash(BODY),
    )
    return proof.model_copy(update=changes)


def verified(token: str) -> str:
    """The installation behind a proof for this request."""
    caller = verify_proof(token, audience=AUDIENCE, method="POST", url=f"{URL}?page=2", body=BODY)
    return caller.installation


def test_the_caller_is_the_thumbprint_of_its_key() -> None:
    assert verified(make_proof(KEY, claims())) == installation_id(KEY)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://other.example.test"},
        {"htm": "GET"},
        {"htu": f"{AUDIENCE}/api/v1/orders"},
        {"bsh": body_hash(b"")},
        {"iss": "x" * 43},
        {"counter": 0},
        {"counter": 2**53},
    ],
)
def test_a_proof_for_another_request_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidDocument):
        verified(make_proof(KEY, claims(**changes)))


def test_an_old_time_is_no_reason_to_refuse() -> None:
    assert verified(make_proof(KEY, claims(iat=0))) == installation_id(KEY)


def test_a_key_in_the_header_that_did_not_sign_is_refused() -> None:
    payload = claims().model_dump_json().encode()
    token = sign(DocumentType.PROOF, payload, new_key(), jwk=public_jwk(KEY))
    with pytest.raises(InvalidDocument):
        verified(token)


def test_a_key_with_more_members_than_its_public_half_is_refused() -> None:
    payload = claims().model_dump_json().encode()
    token = sign(DocumentType.PROOF, payload, KEY, jwk={**public_jwk(KEY), "d": "A" * 43})
    with pytest.raises(InvalidDocument):
        verified(token)


def test_a_claim_nobody_knows_is_refused() -> None:
    payload = claims().model_dump_json().encode().replace(b'{"iss"', b'{"admin":true,"iss"')
    token = sign(DocumentType.PROOF, payload, KEY, jwk=public_jwk(KEY))
    with pytest.raises(InvalidDocument):
        verified(token)
