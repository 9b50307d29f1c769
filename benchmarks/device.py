"""A device under load: it signs each request with a rising counter and shows its newest lease."""

from __future__ import annotations

import time
from secrets import token_urlsafe

import requests

from ayrix_protocol.binding import Hardware, component_hash
from ayrix_protocol.device import ActivationRequest, CheckRequest, DeviceClock, LeaseAnswer
from ayrix_protocol.device import Device as DeviceState
from ayrix_protocol.jws import DocumentType, read
from ayrix_protocol.keys import new_key
from ayrix_protocol.proof import PROOF_HEADER, Proof, body_hash, installation_id, make_proof

CHECKS = "/api/v1/checks"
ACTIVATIONS = "/api/v1/activations"
TIMEOUT_S = 30.0


class Device:
    """One PBX as the license server sees it; a client of the load generator, asking for checks."""

    def __init__(self, origin: str, number: int) -> None:
        self._origin = origin
        self._key = new_key()
        self._id = installation_id(self._key)
        self._counter = 0
        self._lease: str | None = None
        self._address = f"192.0.2.{number}"  # TEST-NET-1 (RFC 5737): an address in a document only
        self._hardware = Hardware(
            cpu_serial=component_hash("cpu_serial", f"product_uuid:{number}"),
            nic_serial=component_hash("nic_serial", f"02005e0000{number:02x}"),
        )

    @property
    def lease_claims(self) -> bytes:
        """The claims of the newest lease, as they were signed."""
        assert self._lease is not None
        return read(DocumentType.LEASE, self._lease).payload

    def activate(self, license_key: str) -> None:
        """Bind the license of a key to this device, before anything is measured."""
        request = ActivationRequest(license_key=license_key, device=self._state())
        body = request.model_dump_json().encode()
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the user does not lead to this machine
            response = session.post(
                self._origin + ACTIVATIONS,
                data=body,
                headers={PROOF_HEADER: self._proof(ACTIVATIONS, body)},
                timeout=TIMEOUT_S,
            )
        response.raise_for_status()
        self.answered(response.content)

    def request(self) -> bytes:
        """A check: made and signed only now, because it carries the lease just received."""
        body = CheckRequest(device=self._state()).model_dump_json().encode()
        head = (
            f"POST {CHECKS} HTTP/1.1\r\n"
            f"Host: {self._origin.removeprefix('http://')}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n"
            f"{PROOF_HEADER}: {self._proof(CHECKS, body)}\r\n\r\n"
        )
        return head.encode() + body

    def answered(self, body: bytes) -> None:
        """Keep the lease for the next check."""
        self._lease = LeaseAnswer.model_validate_json(body).lease

    def _state(self) -> DeviceState:
        now = int(time.time())
        return DeviceState(
            hardware=self._hardware,
            address=self._address,
            lease=self._lease,
            usage={"extension": 34, "voicemail": 28, "ring_group": 5},
            version="benchmark",
            clock=DeviceClock(wall=now, trusted=now, synchronized=True),
        )

    def _proof(self, path: str, body: bytes) -> str:
        self._counter += 1
        proof = Proof(
            iss=self._id,
            aud=self._origin,
            htm="POST",
            htu=self._origin + path,
            iat=int(time.time()),
            jti=token_urlsafe(16),
            counter=self._counter,
            bsh=body_hash(body),
        )
        return make_proof(self._key, proof)
