"""A PBX's half of the protocol for tests: it signs, counts, and keeps the lease it was given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from flask.testing import FlaskClient
from joserfc.jwk import OKPKey
from werkzeug.datastructures import Headers

from ayrix_protocol.binding import Hardware, component_hash
from ayrix_protocol.device import Device, DeviceClock
from ayrix_protocol.keys import new_key
from ayrix_protocol.lease import Lease, read_lease
from ayrix_protocol.orders import LineRequest, Quote, WantedOrder
from ayrix_protocol.proof import PROOF_HEADER, Proof, body_hash, installation_id, make_proof

ORIGIN = "https://license.example.test"
API = "/api/v1"


def hardware(name: str = "first") -> Hardware:
    """The hardware of a machine of that name, with both serials strong."""
    return Hardware(
        cpu_serial=component_hash("cpu_serial", f"cpu of {name}"),
        nic_serial=component_hash("nic_serial", f"nic of {name}"),
    )


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status_code: int
    headers: Headers
    data: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body, which every answer but 304 has."""
        content: dict[str, Any] = json.loads(self.data)
        return content

    @property
    def code(self) -> tuple[int, str]:
        """Status and code of a problem."""
        return self.status_code, self.json["code"]


@dataclass
class TestDevice:
    """One PBX. Every request takes the next counter; a lease in an answer is kept."""

    __test__ = False

    client: FlaskClient
    hardware: Hardware = field(default_factory=hardware)
    address: str = "192.168.10.20"
    key: OKPKey = field(default_factory=new_key)
    counter: int = 0
    lease: str | None = None
    acked_orders: tuple[UUID, ...] = ()
    usage: dict[str, int] = field(default_factory=dict)
    source: str = "203.0.113.7"
    nonce: str | None = None
    sent: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The installation id."""
        return installation_id(self.key)

    def copy_of(self) -> TestDevice:
        """A second machine with everything of this one: its disk was copied."""
        return TestDevice(
            self.client,
            self.hardware,
            self.address,
            self.key,
            self.counter,
            self.lease,
            self.acked_orders,
        )

    def state(self) -> dict[str, Any]:
        """The `device` member of a body."""
        device = Device(
            hardware=self.hardware,
            address=self.address,
            lease=self.lease,
            usage=self.usage,
            version="0.1.0",
            acked_orders=self.acked_orders,
            nonce=self.nonce,
            clock=DeviceClock(wall=1, trusted=1, synchronized=False),
        )
        state: dict[str, Any] = device.model_dump(mode="json")
        return state

    def proof(self, method: str, path: str, body: bytes, **changed: object) -> str:
        """A proof for one request with the next counter; `changed` spoils claims on purpose."""
        self.counter += 1
        claims: dict[str, Any] = {
            "iss": self.id,
            "aud": ORIGIN,
            "htm": method,
            "htu": ORIGIN + path.partition("?")[0],
            "iat": 1,
            "jti": uuid4().hex,
            "counter": self.counter,
            "bsh": body_hash(body),
            **changed,
        }
        self.sent.append(str(claims["jti"]))
        return make_proof(self.key, Proof(**claims))

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        proof: str | None = None,
    ) -> Answer:
        """Send a request under `/api/v1` as the device does."""
        data = b"" if body is None else self.encoded(body)
        return self.send_bytes(method, path, data, headers=headers, proof=proof)

    def send_bytes(
        self,
        method: str,
        path: str,
        data: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        proof: str | None = None,
    ) -> Answer:
        """The same with a body that need not be JSON."""
        token = self.proof(method, API + path, data) if proof is None else proof
        response = self.client.open(
            API + path,
            method=method,
            data=data,
            headers={PROOF_HEADER: token, **(headers or {})},
            environ_base={"REMOTE_ADDR": self.source},
        )
        answer = Answer(response.status_code, response.headers, response.data)
        if response.status_code in {200, 201}:
            self.lease = answer.json.get("lease") or self.lease
        return answer

    @staticmethod
    def encoded(body: object) -> bytes:
        """A body as bytes."""
        return json.dumps(body).encode()

    def activate(self, key: str | None) -> Answer:
        """`POST /activations`."""
        return self.send("POST", "/activations", {"license_key": key, "device": self.state()})

    def check(self) -> Answer:
        """`POST /checks`."""
        return self.send("POST", "/checks", {"device": self.state()})

    def ask_seller(self, kind: str, key: str | None = None, reason: str = "") -> Answer:
        """`POST /replacements`."""
        body = {"kind": kind, "license_key": key, "reason": reason, "device": self.state()}
        return self.send("POST", "/replacements", body)

    def poll(self, asked: Answer) -> Answer:
        """What the seller decided, by the answer to a request."""
        return self.send("GET", asked.json["poll_url"].removeprefix(API))

    def quote(self, *lines: LineRequest) -> Answer:
        """`POST /quotes`."""
        return self.send("POST", "/quotes", {"lines": dumped(lines)})

    def order(self, quote: Quote, *lines: LineRequest, key: UUID | None = None) -> Answer:
        """`POST /orders` with the prices of a quote."""
        wanted = WantedOrder(lines=lines, quote_hash=quote.quote_hash)
        body = {"order": wanted.model_dump(mode="json"), "device": self.state()}
        return self.send("POST", "/orders", body, headers={"Idempotency-Key": str(key or uuid4())})

    def buy(self, code: str, quantity: int, key: UUID | None = None) -> Answer:
        """Quote and order one line."""
        line = LineRequest(code=code, quantity=quantity)
        quote = Quote.model_validate_json(self.quote(line).data)
        return self.order(quote, line, key=key)

    def held(self) -> Lease:
        """The lease it holds, unverified."""
        assert self.lease is not None
        return Lease.model_validate_json(read_lease(self.lease).payload)

    def names_of(self, code: str) -> dict[str, str]:
        """The names of a feature in its lease."""
        feature = self.held().feature(code)
        assert feature is not None
        return dict(feature.names)


def dumped(lines: tuple[LineRequest, ...]) -> list[dict[str, object]]:
    """Lines as a body holds them."""
    return [line.model_dump(mode="json", exclude_none=True) for line in lines]
