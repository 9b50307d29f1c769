"""Who may see and do what: every route declares it, and the url map can be asked for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from hmac import compare_digest
from typing import ParamSpec, TypeVar

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


def requires(
    module: Module, access: Access
) -> Callable[
    [Callable[Parameters, ResponseReturnValue]], Callable[Parameters, ResponseReturnValue]
]:
    """Let only users with at least `access` to `module` into the view; others get 403, or
    sign in first.
    """

    def decorate(
        view: Callable[Parameters, ResponseReturnValue],
    ) -> Callable[Parameters, ResponseReturnValue]:
        @wraps(view)
        def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> ResponseReturnValue:
            account = current_account()
            if account is None:
                return sign_in_first()
            if not account.may(module, access):
                abort(403)
            return view(*args, **kwargs)

        setattr(checked, DECLARATION, (module, access))
        return checked

    return decorate


def requires_sign_in(
    view: Callable[Parameters, ResponseReturnValue],
) -> Callable[Parameters, ResponseReturnValue]:
    """Let any signed-in user into the view."""

    @wraps(view)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> ResponseReturnValue:
        if current_account() is None:
            return sign_in_first()
        return view(*args, **kwargs)

    setattr(checked, DECLARATION, SIGNED_IN)
    return checked


def requires_administrator(
    view: Callable[Parameters, ResponseReturnValue],
) -> Callable[Parameters, ResponseReturnValue]:
    """Let only administrators into the view."""

    @wraps(view)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> ResponseReturnValue:
        account = current_account()
        if account is None:
            return sign_in_first()
        if not account.is_admin:
            abort(403)
        return view(*args, **kwargs)

    setattr(checked, DECLARATION, ADMINISTRATOR)
    return checked


def requires_token(
    view: Callable[Parameters, ResponseReturnValue],
) -> Callable[Parameters, ResponseReturnValue]:
    """Let only programs into the view that show the token; nobody's session counts here."""

    @wraps(view)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> ResponseReturnValue:
        shown = request.authorization
        token = shown.token if shown is not None and shown.type == "bearer" else None
        expected = guard_token(system().settings.instance)
        if token is None or not compare_digest(token.encode(), expected):
            raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
        return view(*args, **kwargs)

    setattr(checked, DECLARATION, OTHER_PROGRAM)
    return checked


def public(view: View) -> View:
    """Declare that the view needs nobody signed in."""
    setattr(view, DECLARATION, PUBLIC)
    return view


def public_while_locked(
    view: Callable[Parameters, ResponseReturnValue],
) -> Callable[Parameters, ResponseReturnValue]:
    """Let anybody into the view while the system is locked, else only who may change licenses."""
    protected = requires(Module.LICENSE, Access.FULL)(view)

    @wraps(view)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> ResponseReturnValue:
        if licensing.current(system()).status.is_locked:
            return view(*args, **kwargs)
        return protected(*args, **kwargs)

    setattr(checked, DECLARATION, PUBLIC_WHILE_LOCKED)
    return checked


def requires_administrator_unless_locked(
    view: Callable[Parameters, ResponseReturnValue],
) -> Callable[Parameters, ResponseReturnValue]:
    """Let only administrators into the view; while locked anybody, and the view must ask for an
    administrator's name and password.
    """
    protected = requires_administrator(view)

    @wraps(view)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> ResponseReturnValue:
        if licensing.current(system()).status.is_locked:
            return view(*args, **kwargs)
        return protected(*args, **kwargs)

    setattr(checked, DECLARATION, ADMINISTRATOR_UNLESS_LOCKED)
    return checked


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
