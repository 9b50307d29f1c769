"""User authorisation: who exists, what each may do, with a review before anything is saved."""

from __future__ import annotations

from flask import Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import InputRequired

from ayrix_foundation.passwords import UnfitPassword
from ayrix_web.domain.access import (
    Access,
    AccessChange,
    Account,
    ChangedMeanwhile,
    InvalidName,
    LastAdministrator,
    Module,
    NameTaken,
    UnknownAccount,
)
from ayrix_web.services import accounts
from ayrix_web.web.access import requires, requires_administrator, signed_in_account
from ayrix_web.web.access_matrix import Matrix, NotOffered, build_matrix, pack, unpack
from ayrix_web.web.account_words import FAULTS, NOT_CONFIRMED, access_words
from ayrix_web.web.blueprints import ayrix_accounts
from ayrix_web.web.errors import MODULES
from ayrix_web.web.extension import actor, system
from ayrix_web.web.rendering import page, say_next
from ayrix_web.web.session import AccountForm, carry_on


class NewUserForm(AccountForm):
    """A user to add."""

    name = StringField(lazy_gettext("User name"), [InputRequired(FAULTS[InvalidName])])
    password = PasswordField(lazy_gettext("Password"), [InputRequired(FAULTS[UnfitPassword])])
    is_admin = BooleanField(lazy_gettext("Administrator"))


class NewPasswordForm(AccountForm):
    """A new password for a user who does not know his."""

    password = PasswordField(lazy_gettext("New password"), [InputRequired(FAULTS[UnfitPassword])])


class RemovalForm(AccountForm):
    """That a user really is to be removed."""

    confirmed = BooleanField(lazy_gettext("Yes, remove this user"), [InputRequired(NOT_CONFIRMED)])


@ayrix_accounts.get("/users")
@requires(Module.USERS, Access.READ_ONLY)
def list_users() -> ResponseReturnValue:
    """The matrix of users and modules."""
    return _matrix_page()


@ayrix_accounts.post("/users/review")
@requires(Module.USERS, Access.FULL)
def review_access() -> ResponseReturnValue:
    """Show what would change, old and new; nothing is saved yet."""
    try:
        changes = _matrix().changes(request.form)
    except NotOffered:
        abort(400)
    if not changes:
        say_next("info", _("Nothing was changed."))
        return redirect(url_for("ayrix_accounts.list_users"), 303)
    return page(
        "ayrix_accounts/review.html",
        changes=changes,
        defaults=accounts.defaults(system()),
        modules=MODULES,
        access_words=access_words,
        pack=pack,
        gives_orders=any(_gives_orders(change) for change in changes),
    )


@ayrix_accounts.post("/users/confirm")
@requires(Module.USERS, Access.FULL)
def save_access() -> ResponseReturnValue:
    """Save the reviewed changes, all or none."""
    account = signed_in_account()
    try:
        changes = [unpack(text) for text in request.form.getlist("change")]
        accounts.change_access(system(), changes, actor(account))
    except NotOffered:
        abort(400)
    except (ChangedMeanwhile, UnknownAccount) as error:
        return _matrix_page(str(FAULTS[type(error)]), 422)
    carry_on(account)
    say_next("ok", _("Saved. It applies at once; the users concerned sign in again."))
    return redirect(url_for("ayrix_accounts.list_users"), 303)


@ayrix_accounts.get("/users/new")
@requires(Module.USERS, Access.FULL)
def show_new_user() -> ResponseReturnValue:
    """The form that adds a user."""
    return _new_user_page(NewUserForm(), 200)


@ayrix_accounts.post("/users/new")
@requires(Module.USERS, Access.FULL)
def add_user() -> ResponseReturnValue:
    """Add a user; only administrators add administrators."""
    form, account = NewUserForm(), signed_in_account()
    if form.is_admin.data and not account.is_admin:
        abort(403)
    if form.validate():
        name, password = form.name.data or "", form.password.data or ""
        try:
            added = accounts.create_account(
                system(), name, password, bool(form.is_admin.data), actor(account)
            )
        except (InvalidName, NameTaken) as error:
            form.refuse(FAULTS[type(error)], form.name)
        except UnfitPassword as error:
            form.refuse(FAULTS[type(error)], form.password)
        else:
            say_next("ok", _("%(user)s was added.", user=added.name))
            return redirect(url_for("ayrix_accounts.list_users"), 303)
    return _new_user_page(form, 422)


@ayrix_accounts.get("/users/<account_id>")
@requires(Module.USERS, Access.FULL)
def show_user(account_id: str) -> ResponseReturnValue:
    """What can be done with one user: password, role, removal."""
    return _user_page(_target(account_id), 200)


@ayrix_accounts.post("/users/<account_id>/password")
@requires(Module.USERS, Access.FULL)
def reset_password(account_id: str) -> ResponseReturnValue:
    """Give a user a new password; his sessions end."""
    form, target = NewPasswordForm(), _target(account_id)
    if not form.validate():
        return _user_page(target, 422, password_form=form)
    account = signed_in_account()
    try:
        accounts.set_password(system(), target.name, form.password.data or "", actor(account))
    except UnfitPassword as error:
        form.refuse(FAULTS[type(error)], form.password)
        return _user_page(target, 422, password_form=form)
    carry_on(account)
    say_next("ok", _("%(user)s has a new password.", user=target.name))
    return redirect(url_for("ayrix_accounts.show_user", account_id=account_id), 303)


@ayrix_accounts.post("/users/<account_id>/role")
@requires_administrator
def change_role(account_id: str) -> ResponseReturnValue:
    """Make a user an administrator, or no longer."""
    account, target = signed_in_account(), _target(account_id)
    is_admin = request.form.get("administrator") == "1"
    try:
        accounts.set_admin(system(), target.name, is_admin, actor(account))
    except LastAdministrator as error:
        return _user_page(target, 422, problem=str(FAULTS[type(error)]))
    carry_on(account)
    say_next("ok", _("Saved. It applies at once; the users concerned sign in again."))
    return redirect(url_for("ayrix_accounts.list_users"), 303)


@ayrix_accounts.post("/users/<account_id>/remove")
@requires(Module.USERS, Access.FULL)
def remove_user(account_id: str) -> ResponseReturnValue:
    """Remove a user for good."""
    form, target = RemovalForm(), _target(account_id)
    if not form.validate():
        return _user_page(target, 422, removal_form=form)
    try:
        accounts.delete_account(system(), target.name, actor(signed_in_account()))
    except LastAdministrator as error:
        return _user_page(target, 422, problem=str(FAULTS[type(error)]))
    say_next("ok", _("%(user)s was removed.", user=target.name))
    return redirect(url_for("ayrix_accounts.list_users"), 303)


@ayrix_accounts.get("/users/review")
@ayrix_accounts.get("/users/confirm")
@requires(Module.USERS, Access.READ_ONLY)
def back_to_users() -> ResponseReturnValue:
    """Where a page that answers a form leads when it is opened anew, say in another language."""
    return redirect(url_for("ayrix_accounts.list_users"), 303)


@ayrix_accounts.get("/users/<account_id>/<any(password, role, remove):_form>")
@requires(Module.USERS, Access.FULL)
def back_to_user(account_id: str, _form: str) -> ResponseReturnValue:
    """The same for the forms about one user."""
    return redirect(url_for("ayrix_accounts.show_user", account_id=account_id), 303)


def _matrix() -> Matrix:
    return build_matrix(accounts.list_accounts(system()), accounts.defaults(system()))


def _matrix_page(problem: str = "", status: int = 200) -> Response:
    can_change = signed_in_account().may(Module.USERS, Access.FULL)
    return page(
        "ayrix_accounts/users.html",
        status,
        matrix=_matrix(),
        modules=MODULES,
        can_change=can_change,
        problem=problem,
        may_change_admins=signed_in_account().is_admin,
    )


def _new_user_page(form: NewUserForm, status: int) -> Response:
    may_add_admin = signed_in_account().is_admin
    return page("ayrix_accounts/new_user.html", status, form=form, may_add_admin=may_add_admin)


def _user_page(
    target: Account,
    status: int,
    *,
    password_form: NewPasswordForm | None = None,
    removal_form: RemovalForm | None = None,
    problem: str = "",
) -> Response:
    # What was sent belongs to one of the two forms: the other one starts empty.
    return page(
        "ayrix_accounts/user.html",
        status,
        target=target,
        password_form=password_form or NewPasswordForm(formdata=None),
        removal_form=removal_form or RemovalForm(formdata=None),
        problem=problem,
        may_change_role=signed_in_account().is_admin,
        is_last_admin=target.is_admin and accounts.count_administrators(system()) == 1,
    )


def _target(account_id: str) -> Account:
    """The user of a URL. Whoever is no administrator has no say over administrators."""
    found = accounts.find(system(), account_id)
    if found is None:
        abort(404)
    if found[0].is_admin and not signed_in_account().is_admin:
        abort(403)
    return found[0]


def _gives_orders(change: AccessChange) -> bool:
    return change.module is Module.LICENSE and change.new is Access.FULL
