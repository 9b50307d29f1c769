"""The session cookie: pages send it, files do not."""

from __future__ import annotations

from flask import Flask, url_for

from ayrix_foundation.assets import asset_url
from ayrix_web.web.blueprints import STATIC_ENDPOINT
from tests.web.conftest import SignIn


def test_a_page_prolongs_the_session_of_whoever_is_signed_in(sign_in: SignIn) -> None:
    assert "Set-Cookie" in sign_in().get("/license").headers


def test_a_file_that_arrives_late_cannot_bring_an_ended_session_back(
    app: Flask, sign_in: SignIn
) -> None:
    client = sign_in()
    with app.test_request_context():
        hashed = asset_url(STATIC_ENDPOINT, "shell/icon.svg")
        plain = url_for(STATIC_ENDPOINT, filename="shell/icon.svg")
    for url in (hashed, plain, "/ayrix-static/no-such-file"):
        headers = client.get(url).headers
        assert "Set-Cookie" not in headers
        assert "Cookie" not in headers.get("Vary", "")
