"""What `init_app` leaves in the host application for every request to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import current_app, request

from ayrix_foundation.audit import Actor
from ayrix_web.domain.access import Account
from ayrix_web.system import System

EXTENSION = "ayrix"

Identify = Callable[[], Account | None]
"""Who is signed in on this request, or None; all the pages know of the host's users."""


@dataclass(frozen=True, slots=True)
class HostMenuEntry:
    """A page of the host that the menu shows; `icon` is one of shell/icons.html."""

    label: str
    endpoint: str
    icon: str


@dataclass(frozen=True, slots=True)
class Extension:
    """The system behind the pages, how users are identified, and what the host's menu shows."""

    system: System
    identify: Identify
    menu: tuple[HostMenuEntry, ...]
    has_accounts: bool


def extension() -> Extension:
    """What `init_app` installed in the present application."""
    return cast("Extension", current_app.extensions[EXTENSION])


def system() -> System:
    """The system behind the present application."""
    return extension().system


def actor(account: Account | None) -> Actor:
    """Who acts, for the audit log: the account's name and where the request comes from."""
    return Actor(account.name if account else "anonymous", request.remote_addr or "")
