"""Who may speak: the proof of the device key, read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from ayrix_license_server.rows.customers import InstallationRow
from ayrix_protocol.jws import decode_base64url, encode_base64url
from ayrix_protocol.keys import new_key, public_jwk
from ayrix_protocol.proof import PROOF_HEADER
from tests.server.conftest import Server
from tests.server.device import API, TestDevice

PATH = "/checks"


def _spoilt_claim(**changed: object) -> Callable[[TestDevice, bytes], str]:
    return lambda device, body: device.proof("POST", API + PATH, body, **changed)


def _signed_by_another(device: TestDevice, body: bytes) -> str:
    other = TestDevice(device.client, key=new_key())
    return other.proof("POST", API + PATH, body, iss=device.id)


def _with_header(**members: object) -> Callable[[TestDevice, bytes], str]:
    def made(device: TestDevice, body: bytes) -> str:
        header = {"alg": "Ed25519", "typ": "ayrix-proof+jwt", "jwk": public_jwk(device.key)}
        return _resigned(device, body, json.dumps({**header, **members}))

    return made


def _resigned(device: TestDevice, body: bytes, header: str) -> str:
    """The proof with another header, signed over it: only the header is wrong."""
    payload = device.proof("POST", API + PATH, body).split(".")[1]
    signed = f"{encode_base64url(header.encode())}.{payload}"
    return _signed(device, signed)


def _header_member_twice(device: TestDevice, body: bytes) -> str:
    jwk = json.dumps(public_jwk(device.key))
    header = f'{{"alg":"none","alg":"Ed25519","typ":"ayrix-proof+jwt","jwk":{jwk}}}'
    return _resigned(device, body, header)


def _padded(device: TestDevice, body: bytes) -> str:
    return device.proof("POST", API + PATH, body) + "=="


def _unsigned(device: TestDevice, body: bytes) -> str:
    return device.proof("POST", API + PATH, body).rpartition(".")[0] + "."


WRONG: dict[str, Callable[[TestDevice, bytes], str]] = {
    "none at all": lambda _device, _body: "",
    "no JWS": lambda _device, _body: "a.b",
    "for another server": _spoilt_claim(aud="https://other.example.test"),
    "for another method": _spoilt_claim(htm="GET"),
    "for another path": _spoilt_claim(htu="https://license.example.test/api/v1/orders"),
    "for another body": _spoilt_claim(bsh=encode_base64url(b"0" * 32)),
    "counter 0": lambda device, body: _resigned_claims(device, body, counter=0),
    "counter as text": lambda device, body: _resigned_claims(device, body, counter="1"),
    "counter 2^53": lambda device, body: _resigned_claims(device, body, counter=2**53),
    "a claim nobody knows": lambda device, body: _resigned_claims(device, body, admin=True),
    "signed by another key": _signed_by_another,
    "alg none": _with_header(alg="none"),
    "alg HS256": _with_header(alg="HS256"),
    "alg EdDSA": _with_header(alg="EdDSA"),
    "typ of a lease": _with_header(typ="ayrix-lease+jwt"),
    "crit": _with_header(crit=["b64"]),
    "b64": _with_header(b64=False),
    "jku": _with_header(jku="https://keys.example.test"),
    "kid": _with_header(kid="1"),
    "a private key in it": _with_header(jwk={"kty": "OKP", "crv": "Ed25519", "x": "A", "d": "A"}),
    "another curve": _with_header(jwk={"kty": "OKP", "crv": "X25519", "x": "A" * 43}),
    "a header member twice": _header_member_twice,
    "padding": _padded,
    "no signature": _unsigned,
}


def _resigned_claims(device: TestDevice, body: bytes, **changed: object) -> str:
    header, payload, _ = device.proof("POST", API + PATH, body).split(".")
    claims = json.loads(decode_base64url(payload)) | changed
    signed = f"{header}.{encode_base64url(json.dumps(claims).encode())}"
    return _signed(device, signed)


def _signed(device: TestDevice, text: str) -> str:
    private = device.key.get_op_key("sign")
    assert isinstance(private, Ed25519PrivateKey)
    return f"{text}.{encode_base64url(private.sign(text.encode()))}"


@pytest.mark.parametrize("name", WRONG)
def test_refuses_a_wrong_proof(server: Server, device: TestDevice, name: str) -> None:
    body = {"device": device.state()}
    counter = device.counter
    token = WRONG[name](device, device.encoded(body))
    assert device.send("POST", PATH, body, proof=token).code == (401, "invalid_proof")
    with server.system.database.read() as session:
        assert session.scalar(select(InstallationRow.counter)) == counter


def test_refuses_a_proof_with_any_byte_changed(device: TestDevice) -> None:
    body = {"device": device.state()}
    token = device.proof("POST", API + PATH, device.encoded(body))
    for position in range(0, len(token), 7):
        changed = "A" if token[position] != "A" else "B"
        spoilt = token[:position] + changed + token[position + 1 :]
        assert device.send("POST", PATH, body, proof=spoilt).code == (401, "invalid_proof")
    assert device.send("POST", PATH, body, proof=token).status_code == 200


def test_knows_nothing_of_a_device_that_was_never_activated(server: Server) -> None:
    stranger = server.device()
    for method, path, body in (
        ("POST", "/checks", {"device": stranger.state()}),
        ("GET", "/offers", None),
        ("GET", "/orders", None),
        ("POST", "/quotes", {"lines": [{"code": "queue", "quantity": 1}]}),
    ):
        answer = stranger.send(method, path, body)
        assert answer.code == (401, "unknown_installation")
    with server.system.database.read() as session:
        assert session.scalar(select(func.count()).select_from(InstallationRow)) == 0


def test_a_wrong_clock_of_the_device_is_no_reason(device: TestDevice) -> None:
    body = {"device": device.state()}
    token = device.proof("POST", API + PATH, device.encoded(body), iat=0)
    assert device.send("POST", PATH, body, proof=token).status_code == 200


def test_the_query_is_not_part_of_the_proof(device: TestDevice) -> None:
    assert device.send("GET", "/orders?after=A-2026-0001").status_code == 200


def test_every_route_but_the_public_ones_asks_for_a_proof(server: Server) -> None:
    public = {"/contact", "/healthz", "/openapi.json"}
    routes = [
        (method, rule.rule.replace("<code>", "A-2026-0001"))
        for rule in server.client.application.url_map.iter_rules()
        if rule.rule.startswith(API) and rule.rule.removeprefix(API) not in public
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]
    assert len(routes) >= 8
    for method, path in routes:
        answer = server.client.open(path, method=method, json={}, headers={PROOF_HEADER: "x"})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid_proof"), path
