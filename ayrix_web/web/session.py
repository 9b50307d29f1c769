"""Signing in and out, and the own password, for hosts without users of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from typing import cast

from flask import Flask, Response, abort, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired

from ayrix_foundation.passwords import UnfitPassword
from ayrix_foundation.web import local_path
from ayrix_web.domain.access import Access, Account, Module, WrongPassword
from ayrix_web.domain.errors import TooManyTries
from ayrix_web.services import accounts
from ayrix_web.web import account_words
from ayrix_web.web.access import public, requires_sign_in, signed_in_account
from ayrix_web.web.account_words import FAULTS, wait_words
from ayrix_web.web.blueprints import ayrix_accounts
from ayrix_web.web.errors import MODULES
from ayrix_web.web.extension import EXTENSION, Extension, actor, extension, system
from ayrix_web.web.gate import WANTED
from ayrix_web.web.rendering import page, say_next


@dataclass(frozen=True, slots=True)
class SignedIn(UserMixin):
    """An account with the stamp of its session, as flask-login wants a user."""

    account: Account
    stamp: str

    def get_id(self) -> str:
        """What stands in the cookie: with a new stamp the old cookie finds nobody."""
        return f"{self.account.id}:{self.stamp}"


def install(app: Flask) -> None:
    """Let flask-login say who is signed in; needs the extension of `init_app` to be there.

    Raises RuntimeError if the host has a LoginManager: such a host passes `identify` instead.
    """
    if hasattr(app, "login_manager"):
        raise RuntimeError("the host has users of its own: pass identify to init_app")
    installed = cast("Extension", app.extensions[EXTENSION])
    hours = installed.system.settings.session_hours
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(hours=hours)
    # Flask-Login would tie a session to the browser's address, which it believes X-Forwarded-For
    # about and which changes with the network; our session stamp ends sessions when they must.
    app.config["SESSION_PROTECTION"] = None
    login = LoginManager()
    login.user_loader(load)
    login.init_app(app, add_context_processor=False)


def load(cookie_id: str) -> SignedIn | None:
    """The user of a session, unless his password or access changed since."""
    account_id, _colon, stamp = cookie_id.partition(":")
    found = accounts.find(system(), account_id)
    if found is None or not compare_digest(found[1].encode(), stamp.encode()):
        return None
    return SignedIn(*found)


def identify() -> Account | None:
    """Who is signed in here; LOGIN_DISABLED, which opens flask-login's own guard, changes
    nothing.
    """
    return current_user.account if isinstance(current_user, SignedIn) else None


def open_session(account: Account) -> None:
    """Start a session that holds nothing of the one before but the page somebody wanted."""
    found = accounts.find(system(), account.id)
    if found is None:
        abort(401)
    wanted = session.get(WANTED)
    session.clear()
    if wanted is not None:
        session[WANTED] = wanted
    session.permanent = True
    login_user(SignedIn(*found))


def carry_on(account: Account) -> None:
    """Keep this browser's session after a change by its user that ended all his sessions."""
    found = accounts.find(system(), account.id)
    if found is not None:
        login_user(SignedIn(*found))


def landing(account: Account) -> str:
    """Where somebody starts: the licenses, else the first page of the host, else his account."""
    if account.may(Module.LICENSE, Access.READ_ONLY):
        return url_for("ayrix.show_license")
    host_pages = [entry.endpoint for entry in extension().menu]
    return url_for(host_pages[0] if host_pages else "ayrix_accounts.show_own_account")


class AccountForm(FlaskForm):
    """A form of these pages."""

    class Meta:
        """The blueprint checks the token of every form already."""

        csrf = False

    def refuse(self, sentence: str, field: Field | None = None) -> None:
        """Say what is wrong with a field, or with the form as a whole."""
        if field is None:
            self.form_errors.append(sentence)
        else:
            field.errors = (*field.errors, sentence)


class LoginForm(AccountForm):
    """Who signs in, and the page to go to then."""

    username = StringField(lazy_gettext("User name"), [InputRequired(account_words.NAME_MISSING)])
    password = PasswordField(
        lazy_gettext("Password"), [InputRequired(account_words.PASSWORD_MISSING)]
    )
    next = HiddenField()


class OwnPasswordForm(AccountForm):
    """The present password and twice the new one."""

    present = PasswordField(
        lazy_gettext("Present password"), [InputRequired(account_words.PASSWORD_MISSING)]
    )
    new = PasswordField(lazy_gettext("New password"), [InputRequired(FAULTS[UnfitPassword])])
    again = PasswordField(
        lazy_gettext("New password again"), [EqualTo("new", account_words.DIFFERENT_PASSWORDS)]
    )


@ayrix_accounts.get("/login")
@public
def show_login() -> ResponseReturnValue:
    """The login page; whoever is signed in already goes on."""
    wanted = local_path(request.args.get("next"))
    account = identify()
    if account is not None:
        return redirect(wanted or landing(account), 303)
    return page("ayrix_accounts/login.html", form=LoginForm(data={"next": wanted}))


@ayrix_accounts.post("/login")
@public
def sign_in() -> ResponseReturnValue:
    """Check name and password, then go to the page that was wanted."""
    form = LoginForm()
    if not form.validate():
        return _login_again(form, 422)
    name, password = form.username.data or "", form.password.data or ""
    try:
        account = accounts.verify(system(), name, password, request.remote_addr or "")
    except WrongPassword as error:
        form.refuse(FAULTS[type(error)])
        return _login_again(form, 422)
    except TooManyTries as error:
        form.refuse(wait_words(error.wait))
        response = _login_again(form, 429)
        response.headers["Retry-After"] = str(int(error.wait.total_seconds()))
        return response
    open_session(account)
    return redirect(local_path(form.next.data) or landing(account), 303)


@ayrix_accounts.post("/logout")
@requires_sign_in
def sign_out() -> ResponseReturnValue:
    """End this browser's session."""
    session.clear()
    return redirect(url_for("ayrix_accounts.show_login"), 303)


@ayrix_accounts.get("/account")
@requires_sign_in
def show_own_account() -> ResponseReturnValue:
    """Who one is, what one may, and the own password."""
    return _own_account(OwnPasswordForm(), 200)


@ayrix_accounts.post("/account")
@requires_sign_in
def change_own_password() -> ResponseReturnValue:
    """Change the own password; sessions in other browsers end, this one goes on."""
    form, account = OwnPasswordForm(), signed_in_account()
    if not form.validate():
        return _own_account(form, 422)
    present, new = form.present.data or "", form.new.data or ""
    try:
        accounts.change_own_password(system(), account.name, present, new, actor(account))
    except WrongPassword:
        form.refuse(account_words.WRONG_PRESENT_PASSWORD, form.present)
    except UnfitPassword as error:
        form.refuse(FAULTS[type(error)], form.new)
    except TooManyTries as error:
        form.refuse(wait_words(error.wait))
    else:
        carry_on(account)
        say_next("ok", _("Your password was changed. Sessions in other browsers have ended."))
        return redirect(url_for("ayrix_accounts.show_own_account"), 303)
    return _own_account(form, 422)


def _login_again(form: LoginForm, status: int) -> Response:
    return page("ayrix_accounts/login.html", status, form=form)


def _own_account(form: OwnPasswordForm, status: int) -> Response:
    account = signed_in_account()
    access = [(MODULES[module], account_words.ACCESS[account.access(module)]) for module in Module]
    return page("ayrix_accounts/account.html", status, form=form, owner=account, access=access)
