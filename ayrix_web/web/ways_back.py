"""The ways back that need the seller: other hardware, another address."""

from __future__ import annotations

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ayrix_foundation.audit import Actor
from ayrix_protocol.activation_key import MistypedKey
from ayrix_protocol.rebindings import ReplacementKind
from ayrix_web.domain.access import WrongPassword
from ayrix_web.domain.errors import LicenseServerFault, Refused, TooManyTries
from ayrix_web.services import accounts, licensing, replacement
from ayrix_web.web.access import (
    current_account,
    public_while_locked,
    requires_administrator_unless_locked,
)
from ayrix_web.web.account_words import FAULTS, wait_words
from ayrix_web.web.activation import activation_page, failure_words
from ayrix_web.web.activation_forms import AddressForm, ReplacementForm
from ayrix_web.web.blueprints import ayrix
from ayrix_web.web.extension import actor, extension, system
from ayrix_web.web.rendering import say_next
from ayrix_web.web.words import seller_name


@ayrix.post("/activation/replacement")
@public_while_locked
def request_replacement() -> ResponseReturnValue:
    """Ask the seller to move the license to this hardware."""
    form = ReplacementForm()
    if not form.validate():
        return activation_page(replacing=form)
    key, reason = form.license_key.data or "", form.reason.data or ""
    who = actor(current_account())
    try:
        replacement.request_replacement(system(), ReplacementKind.HARDWARE, key, reason, who)
    except (MistypedKey, Refused, LicenseServerFault, TooManyTries) as error:
        form.refuse(failure_words(error), form.license_key)
        return activation_page(replacing=form)
    return _asked()


@ayrix.post("/activation/address")
@requires_administrator_unless_locked
def request_address() -> ResponseReturnValue:
    """Ask the seller to move the license to this address; an administrator's wish only."""
    form = AddressForm()
    if not form.validate():
        return activation_page(moving=form)
    who = _administrator(form)
    if who is None:
        return activation_page(moving=form)
    reason = form.reason.data or ""
    try:
        replacement.request_replacement(system(), ReplacementKind.ADDRESS, "", reason, who)
    except (Refused, LicenseServerFault, TooManyTries) as error:
        form.refuse(failure_words(error), form.reason)
        return activation_page(moving=form)
    return _asked()


def _administrator(form: AddressForm) -> Actor | None:
    """Who asks: the signed-in administrator, while locked the one whose password this is; None
    after saying at the form why he is not one.
    """
    if not licensing.current(system()).status.is_locked:
        return actor(current_account())
    if not extension().has_accounts:
        abort(403)  # the users are the host's, whose passwords we do not know
    name, password = form.username.data or "", form.password.data or ""
    try:
        account = accounts.verify(system(), name, password, request.remote_addr or "")
    except WrongPassword as error:
        form.refuse(FAULTS[type(error)], form.password)
        return None
    except TooManyTries as error:
        form.refuse(wait_words(error.wait), form.password)
        return None
    if not account.is_admin:
        form.refuse(_("Only an administrator of this system may ask for this."), form.username)
        return None
    return actor(account)


def _asked() -> ResponseReturnValue:
    seller = seller_name(licensing.facts(system()).contacts)
    say_next("ok", _("The request to %(seller)s was sent. The answer appears here.", seller=seller))
    is_locked = licensing.current(system()).status.is_locked
    return redirect(url_for("ayrix.show_activation" if is_locked else "ayrix.show_license"), 303)
