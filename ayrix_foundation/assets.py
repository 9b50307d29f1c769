"""Static files under addresses that change with their content, kept by browsers for ever."""

import gzip
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from flask import Response, abort, request, url_for

_PACKAGE = Path(__file__).parent

# Inside the package once installed, beside it in a checkout.
ROOT = _PACKAGE if (_PACKAGE / "templates").is_dir() else _PACKAGE.parent
TEMPLATES, STATIC, TRANSLATIONS = ROOT / "templates", ROOT / "static", ROOT / "translations"

KEPT_FOR = timedelta(days=365)  # the longest RFC 9111 caches are asked to honor in practice
DIGEST_LENGTH = 8

# Only these are served: the folder also holds lock files, checksums and the script that vendors.
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
COMPRESSED = {".css", ".js", ".svg"}  # the others are compressed by their own format

_SAFE_NAME = re.compile(r"\w[\w@-]*(\.[\w@-]+)*(/\w[\w@-]*(\.[\w@-]+)*)*", re.ASCII)
_HASHED_NAME = re.compile(
    rf"(?P<stem>.+)\.(?P<digest>[0-9a-f]{{{DIGEST_LENGTH}}})(?P<suffix>\.\w+)"
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file in memory, with its compressed form where that is smaller."""

    content_type: str
    body: bytes
    gzipped: bytes | None
    digest: str


@lru_cache(maxsize=256)
def _find(name: str) -> Asset | None:
    """The file of that name below STATIC, or None; names that leave the folder never match.

    Files are read once per process: every page asks for six of them.
    """
    path = STATIC / name
    if not _SAFE_NAME.fullmatch(name) or path.suffix not in CONTENT_TYPES or not path.is_file():
        return None
    body = path.read_bytes()
    gzipped = gzip.compress(body, mtime=0) if path.suffix in COMPRESSED else None
    return Asset(
        content_type=CONTENT_TYPES[path.suffix],
        body=body,
        gzipped=gzipped if gzipped and len(gzipped) < len(body) else None,
        digest=sha256(body).hexdigest()[:DIGEST_LENGTH],
    )


def _is_vendored(name: str) -> bool:
    """Vendored files keep their names: their folder carries the version."""
    return "/vendor/" in name


def asset_url(endpoint: str, path: str) -> str:
    """Gives the address of the static file `path` ("shell/app.css") at the view `endpoint`.

    Raises FileNotFoundError when there is no such file: a mistyped name must not reach a browser.
    """
    asset = _find(path)
    if asset is None:
        raise FileNotFoundError(f"there is no static file {path!r}")
    if _is_vendored(path):
        return url_for(endpoint, filename=path)
    stem, _, suffix = path.rpartition(".")
    return url_for(endpoint, filename=f"{stem}.{asset.digest}.{suffix}")


def serve_asset(filename: str) -> Response:
    """Answers a request for a static file; one with a lasting name may be kept for a year.

    Aborts with 404 for an unknown name and for a hash that is not the file's present one.
    """
    hashed = _HASHED_NAME.fullmatch(filename)
    name = f"{hashed['stem']}{hashed['suffix']}" if hashed else filename
    asset = _find(name)
    if asset is None or (hashed and hashed["digest"] != asset.digest):
        abort(404)
    return _answer(asset, is_lasting=bool(hashed) or _is_vendored(name))


def _answer(asset: Asset, *, is_lasting: bool) -> Response:
    zipped = asset.gzipped if request.accept_encodings.quality("gzip") > 0 else None
    response = Response(asset.body if zipped is None else zipped, content_type=asset.content_type)
    response.set_etag(asset.digest if zipped is None else f"{asset.digest}-gzip")
    if zipped is not None:
        response.content_encoding = "gzip"
    if is_lasting:
        response.cache_control.public = True
        response.cache_control.max_age = int(KEPT_FOR.total_seconds())
        response.cache_control.immutable = True
    else:
        response.cache_control.no_cache = True
    response.vary.add("Accept-Encoding")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.make_conditional(request)
    return response
