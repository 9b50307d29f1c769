"""Static files: hashed addresses, long caching, compression, and nothing outside their folder."""

import gzip
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ayrix_foundation import assets

FONT = "shell/vendor/fontsource-variable-inter-5.3.0/inter-latin-wght-normal.woff2"


@pytest.fixture(name="app")
def app_with_assets() -> Flask:
    app = Flask("assets", static_folder=None)
    app.add_url_rule("/static/<path:filename>", "static", assets.serve_asset)
    return app


@pytest.fixture(name="client")
def client_of_app(app: Flask) -> FlaskClient:
    return app.test_client()


def url_of(app: Flask, path: str) -> str:
    with app.test_request_context():
        return assets.asset_url("static", path)


def test_the_address_carries_the_hash_of_the_content(app: Flask) -> None:
    assert re.fullmatch(r"/static/shell/app\.[0-9a-f]{8}\.css", url_of(app, "shell/app.css"))


def test_a_vendored_file_keeps_its_name_since_its_folder_has_the_version(app: Flask) -> None:
    assert url_of(app, FONT) == f"/static/{FONT}"


def test_a_mistyped_name_fails_when_the_page_is_made(app: Flask) -> None:
    with pytest.raises(FileNotFoundError, match=r"app\.cs"):
        url_of(app, "shell/app.cs")


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("shell/app.css", "text/css; charset=utf-8"),
        ("shell/app.js", "text/javascript; charset=utf-8"),
        ("shell/icon.svg", "image/svg+xml; charset=utf-8"),
        (FONT, "font/woff2"),
    ],
)
def test_files_are_kept_for_a_year_and_typed(
    app: Flask, client: FlaskClient, path: str, content_type: str
) -> None:
    answer = client.get(url_of(app, path))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert set(answer.headers["Cache-Control"].split(", ")) == {
        "public",
        "max-age=31536000",
        "immutable",
    }


def test_a_plain_name_is_served_but_checked_every_time(client: FlaskClient) -> None:
    assert client.get("/static/shell/app.css").headers["Cache-Control"] == "no-cache"


def test_text_is_compressed_only_for_those_who_can_read_it(app: Flask, client: FlaskClient) -> None:
    url = url_of(app, "shell/app.css")
    plain = client.get(url)
    zipped = client.get(url, headers={"Accept-Encoding": "gzip, br"})
    refused = client.get(url, headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in refused.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert plain.headers["Vary"] == zipped.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != zipped.headers["ETag"]


def test_a_font_is_not_compressed_twice(client: FlaskClient) -> None:
    answer = client.get(f"/static/{FONT}", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


def test_an_unchanged_file_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get("/static/shell/app.css")
    second = client.get("/static/shell/app.css", headers={"If-None-Match": first.headers["ETag"]})
    other = client.get("/static/shell/app.css", headers={"If-None-Match": '"other"'})
    assert (second.status_code, second.data) == (304, b"")
    assert (other.status_code, other.data) == (200, first.data)


@pytest.mark.parametrize(
    "path",
    [
        "shell/none.css",
        "shell/app.00000000.css",
        "shell",
        "shell/vendor/vendor.lock",
        "shell/vendor/fetch.sh",
        "shell/vendor/write_icons.py",
        "../pyproject.toml",
        "shell/../../ayrix_foundation/assets.py",
        "..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "shell/app.css%00.svg",
        "shell//app.css",
        ".css",
    ],
)
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(f"/static/{path}", follow_redirects=True).status_code == 404


def test_a_first_visit_fits_in_a_hundred_kilobytes(app: Flask, client: FlaskClient) -> None:
    """Everything base.html loads, compressed, leaving 15 kB for the page itself."""
    base = (assets.TEMPLATES / "shell/base.html").read_text()
    loaded = re.findall(r"asset\('([^']+)'\)", base)
    sizes = [
        len(client.get(url_of(app, path), headers={"Accept-Encoding": "gzip"}).data)
        for path in loaded
    ]
    assert len(loaded) == 6
    assert sum(sizes) <= 85_000
