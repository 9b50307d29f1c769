"""What the product is compared with: a bare Flask endpoint, and a check without its database."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Response, jsonify, request

from ayrix_protocol.jws import DocumentType
from ayrix_protocol.keys import SigningKey, new_key
from ayrix_protocol.proof import PROOF_HEADER, verify_proof

ORIGIN_VARIABLE = "BENCHMARK_ORIGIN"
"""Names the origin the proofs are made for."""

LEASE_VARIABLE = "BENCHMARK_LEASE"
"""Names a file with the claims of a real lease, so that the bound signs as many bytes."""


def bare() -> Flask:
    """The least a Flask application can do: a constant as JSON."""
    app = Flask(__name__, static_folder=None)

    @app.get("/healthz")
    def health() -> Response:
        return jsonify(status="ok")

    return app


def bound() -> Flask:
    """What no check can do without: verify the proof of a device, sign a lease."""
    app = Flask(__name__, static_folder=None)
    origin = os.environ[ORIGIN_VARIABLE]
    claims = Path(os.environ[LEASE_VARIABLE]).read_bytes()
    signing = SigningKey("bound", new_key())

    @app.get("/healthz")
    def health() -> Response:
        return jsonify(status="ok")

    @app.post("/api/v1/checks")
    def verify_and_sign() -> Response:
        verify_proof(
            request.headers[PROOF_HEADER],
            audience=origin,
            method=request.method,
            url=origin + request.path,
            body=request.get_data(),
        )
        return jsonify(lease=signing.sign(DocumentType.LEASE, claims))

    return app
