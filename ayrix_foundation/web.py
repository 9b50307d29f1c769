"""What every page of both programs shares: shell, language, appearance, security headers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from flask import Response, request, stream_with_context, url_for
from werkzeug.datastructures import MultiDict

from ayrix_foundation.tables import Cell, csv_pieces

LANGUAGES = ("en", "de")
THEMES = ("light", "dark")
LANGUAGE_COOKIE = "ayrix_lang"
THEME_COOKIE = "ayrix_theme"
CHOICE_KEPT = timedelta(days=365)

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A link of the menu; `badge` counts what needs attention there."""

    label: str
    url: str
    icon: str
    is_current: bool
    badge: int = 0


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """Links that belong together, with their heading."""

    label: str
    entries: tuple[MenuEntry, ...]


@dataclass(frozen=True, slots=True)
class Banner:
    """A sentence across the top of every page; `level` is "info", "warn" or "bad"."""

    text: str
    level: str
    url: str = ""
    link_label: str = ""


@dataclass(frozen=True, slots=True)
class Shell:
    """What surrounds every page. Without an account there is no menu of theirs and no sign-out."""

    product: str
    version: str
    menu: tuple[MenuGroup, ...]
    account_name: str | None
    account_url: str | None
    sign_out_url: str | None
    locale: str
    theme: str
    banner: Banner | None = None


def chosen_language(default: str) -> str:
    """The language of this request: asked for in the URL, chosen before, else the browser's."""
    for choice in (request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if choice in LANGUAGES:
            return choice
    return request.accept_languages.best_match(LANGUAGES) or default


def chosen_theme() -> str:
    """The appearance of this request: "light", "dark", or "" for whatever the device says."""
    choice = request.args.get("theme") or request.cookies.get(THEME_COOKIE, "")
    return choice if choice in THEMES else ""


def remember_choices(response: Response) -> Response:
    """Keep a language or appearance that was chosen in the URL."""
    for name, cookie, options in (
        ("lang", LANGUAGE_COOKIE, LANGUAGES),
        ("theme", THEME_COOKIE, (*THEMES, "system")),
    ):
        choice = request.args.get(name)
        if choice is not None and choice in options:
            response.set_cookie(
                cookie, choice, max_age=CHOICE_KEPT, samesite="Lax", secure=request.is_secure
            )
    return response


def add_security_headers(response: Response) -> Response:
    """Add the headers of docs/security.md unless the view set its own; pages are never cached."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response


def csv_download(name: str, rows: Iterable[Sequence[Cell]], language: str) -> Response:
    """A file of the rows, the first of which are the headings, written while it is sent."""
    pieces = stream_with_context(csv_pieces(rows, language))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pieces, headers=headers, content_type="text/csv; charset=utf-8")


def here(**query: str) -> str:
    """The URL of the present page with some query parameters replaced."""
    parameters = MultiDict(request.args)
    for name, value in query.items():
        parameters[name] = value
    if request.endpoint is None:
        return "?" + "&".join(f"{name}={value}" for name, value in query.items())
    # Not as arguments of `url_for`: some names mean something to it, like `_scheme`.
    path = url_for(request.endpoint, **(request.view_args or {}))
    return f"{path}?{urlencode(list(parameters.items(multi=True)))}"


def local_path(target: str | None) -> str | None:
    """`target` if it is a path on this very site, else None: no redirect leads elsewhere."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return None
    if "\\" in target or any(character < " " for character in target):
        return None
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else None
