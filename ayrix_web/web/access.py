"""Who may see and do what: every route declares it, and the url map can be asked for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from hmac import compare_digest
from typing import ParamSpec, Protocol, TypeVar

from flask import abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from ayrix_web.assembly import guard_token
from ayrix_web.domain.access import Access, Account, Module
from ayrix_web.services import licensing
from ayrix_web.web.extension import extension, system

Parameters = ParamSpec("Parameters")
View = TypeVar("View", bound=Callable[..., ResponseReturnValue])

DECLARATION = "ayrix_access"
"""The attribute of a view that says who may use it; tests walk the url map and read it."""

PUBLIC = "public"
"""Declared by views that need nobody signed in."""

PUBLIC_WHILE_LOCKED = "public while locked"
"""Declared by the activation page: open to anybody while deactivated or unlicensed, and to users
with full access to licenses otherwise (product.md, Activation page)."""

ADMINISTRATOR_UNLESS_LOCKED = "administrator unless locked"
"""Declared by what an administrator may do: by his session, and while locked, when nobody can sign
in, by his name and password, which the view itself asks for."""

SIGNED_IN = "signed in"
"""Declared by views that any signed-in user may use, like the own password."""


ADMINISTRATOR = "administrator"
"""Declared by views for administrators alone, like making another one."""

OTHER_PROGRAM = "other program"
"""Declared by views for other programs of the PBX, which show the token of the instance folder."""


class Decorator(Protocol):
    """What guards a view of any parameters."""

    def __call__(
        self, view: Callable[Parameters, ResponseReturnValue], /
    ) -> Callable[Parameters, ResponseReturnValue]:
        """The guarded view, with its declaration."""


Guard = Callable[[], ResponseReturnValue | None]
"""What stands before a view: None lets the request in, anything else answers it; it may abort."""


def requires(module: Module, access: Access) -> Decorator:
    """Let only users with at least `access` to `module` into the view; others get 403, or
    sign in first.
    """
    return _guarded((module, access), lambda: _unless(lambda user: user.may(module, access)))


def requires_sign_in(
    view: Callable[Parameters, ResponseReturnValue],
) -> Callable[Parameters, ResponseReturnValue]:
    """Let any signed-in user into the view."""
    return _guarded(SIGNED_IN, lambda: _unless(lambda _user: True))(view)


def requires_administrator(
    view: Callable[Parameters, ResponseReturnValue],
) -> Callable[Parameters, ResponseReturnValue]:
    """Let only administrators into the view."""
    return _guarded(ADMINISTRATOR, _unless_administrator)(view)


def requires_token(
    view: Callable[Parameters, ResponseReturnValue],
) -> Callable[Parameters, ResponseReturnValue]:
    """Let only programs into the view that show the token; nobody's session counts here."""
    return _guarded(OTHER_PROGRAM, _unless_token)(view)


def public(view: View) -> View:
    """Declare that the view needs nobody signed in."""
    setattr(view, DECLARATION, PUBLIC)
    return view


def public_while_locked(
    view: Callable[Parameters, ResponseReturnValue],
) -> Callable[Parameters, ResponseReturnValue]:
    """Let anybody into the view while the system is locked, else only who may change licenses."""

    def guard() -> ResponseReturnValue | None:
        return None if _is_locked() else _unless(lambda u: u.may(Module.LICENSE, Access.FULL))

    return _guarded(PUBLIC_WHILE_LOCKED, guard)(view)


def requires_administrator_unless_locked(
    view: Callable[Parameters, ResponseReturnValue],
) -> Callable[Parameters, ResponseReturnValue]:
    """Let only administrators into the view; while locked anybody, and the view must ask for an
    administrator's name and password.
    """

    def guard() -> ResponseReturnValue | None:
        return None if _is_locked() else _unless_administrator()

    return _guarded(ADMINISTRATOR_UNLESS_LOCKED, guard)(view)


def _guarded(declaration: object, guard: Guard) -> Decorator:
    def decorate(
        view: Callable[Parameters, ResponseReturnValue],
    ) -> Callable[Parameters, ResponseReturnValue]:
        @wraps(view)
        def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> ResponseReturnValue:
            refusal = guard()
            return view(*args, **kwargs) if refusal is None else refusal

        setattr(checked, DECLARATION, declaration)
        return checked

    return decorate


def _unless(may: Callable[[Account], bool]) -> ResponseReturnValue | None:
    account = current_account()
    if account is None:
        return sign_in_first()
    if not may(account):
        abort(403)
    return None


def _unless_administrator() -> ResponseReturnValue | None:
    return _unless(lambda user: user.is_admin)


def _unless_token() -> None:
    shown = request.authorization
    token = shown.token if shown is not None and shown.type == "bearer" else None
    expected = guard_token(system().settings.instance)
    if token is None or not compare_digest(token.encode(), expected):
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))


def _is_locked() -> bool:
    return licensing.current(system()).status.is_locked


def current_account() -> Account | None:
    """Who is signed in, asked once per request."""
    if "ayrix_account" not in g:
        g.ayrix_account = extension().identify()
    account: Account | None = g.ayrix_account
    return account


def signed_in_account() -> Account:
    """The account of a view that requires one."""
    account = current_account()
    if account is None:
        abort(401)
    return account


def sign_in_first() -> ResponseReturnValue:
    """Send the browser to the login page and from there back; a host with its own users gets
    a 401.
    """
    if not extension().has_accounts:
        abort(401)
    here = request.script_root + request.full_path.rstrip("?")
    wanted = here if request.method == "GET" else None
    return redirect(url_for("ayrix_accounts.show_login", next=wanted), 303)


def declaration(endpoint: str) -> object:
    """What the view behind `endpoint` of the present application declares, or None."""
    return getattr(current_app.view_functions[endpoint], DECLARATION, None)
