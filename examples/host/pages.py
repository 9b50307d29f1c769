"""The pages of this PBX: one list, one form and one delete button for every kind of object."""

from __future__ import annotations

from flask import Blueprint, Response, abort, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length, Regexp

from ayrix_foundation.web import add_security_headers, remember_choices
from ayrix_web.domain.errors import UsedUp
from ayrix_web.domain.ports import InventoryUnavailable
from ayrix_web.services import licensing, quota
from ayrix_web.web import feature_words
from ayrix_web.web.access import requires_sign_in
from ayrix_web.web.blueprints import translations
from ayrix_web.web.errors import error_page
from ayrix_web.web.extension import HostMenuEntry, system
from ayrix_web.web.rendering import page, say_next
from ayrix_web.web.shell import shell_context
from examples.host.kinds import BY_PATH, KINDS
from examples.host.objects import (
    NameTaken,
    NoFreeNumber,
    create_object,
    delete_object,
    list_objects,
)

LONGEST_NAME = 30
"""A name and its number fit the caller ID of 40 characters in Asterisk's tables."""

pages = Blueprint("host", __name__, template_folder="templates")
# This host speaks with the words and the look of the licensing pages; another has its own.
pages.before_request(translations.as_default)
pages.context_processor(shell_context)
pages.after_request(add_security_headers)
pages.after_request(remember_choices)


class NameForm(FlaskForm):
    """The one field that every kind of object needs."""

    name = StringField(
        lazy("Name"),
        filters=[lambda text: text and text.strip()],
        validators=[
            DataRequired(lazy("Enter a name.")),
            Length(max=LONGEST_NAME, message=lazy("Enter at most 30 characters.")),
            Regexp(
                r'[^"<>/\\\x00-\x1f]*$',
                message=lazy("Enter a name without quotation marks, < > / and \\."),
            ),
        ],
    )

    def to_name(self) -> str:
        """The name, without spaces around it."""
        return str(self.name.data)

    def refuse(self, sentence: str) -> None:
        """Say what is wrong with a name that only the PBX itself could refuse."""
        self.name.errors = [sentence]


@pages.get("/")
def show_start() -> ResponseReturnValue:
    """The extensions are the first page."""
    return redirect(url_for(f"host.list_{KINDS[0].counted}"), 303)


@requires_sign_in
def show_list(path: str) -> ResponseReturnValue:
    """All objects of a kind, and how much of the license they use up."""
    return _list_page(path)


@requires_sign_in
def show_new(path: str) -> ResponseReturnValue:
    """The form for a new object."""
    return page("host/new.html", kind=BY_PATH[path], form=NameForm())


@requires_sign_in
def create(path: str) -> ResponseReturnValue:
    """Create an object; 422 for a name that does not work, 409 if the license is used up."""
    kind, form = BY_PATH[path], NameForm()
    if form.validate():
        try:
            create_object(system(), kind, form.to_name())
        except UsedUp:
            return _list_page(path, 409, refused=form.to_name())
        except NameTaken:
            form.refuse(_("This name is in use already."))
        except NoFreeNumber:
            form.refuse(_("There is no free number left."))
        else:
            say_next("ok", _("%(name)s was created.", name=form.to_name()))
            return redirect(url_for(f"host.list_{kind.counted}"), 303)
    return page("host/new.html", 422, kind=kind, form=form)


@requires_sign_in
def delete(path: str, key: str) -> ResponseReturnValue:
    """Delete an object; 404 if it is not there."""
    kind = BY_PATH[path]
    if not delete_object(system(), kind, key):
        abort(404)
    say_next("ok", _("It was deleted."))
    return redirect(url_for(f"host.list_{kind.counted}"), 303)


@pages.errorhandler(InventoryUnavailable)
def show_uncountable(_error: InventoryUnavailable) -> ResponseReturnValue:
    """Nothing may be created while nobody knows how much there is."""
    return error_page(
        503,
        _("Not possible at the moment"),
        _("The objects of this PBX cannot be counted right now. Nothing was created."),
    )


for _kind in KINDS:
    for _rule, _verb, _view, _method in (
        (f"/{_kind.path}", "list", show_list, "GET"),
        (f"/{_kind.path}/new", "new", show_new, "GET"),
        (f"/{_kind.path}/new", "create", create, "POST"),
        (f"/{_kind.path}/<key>/delete", "delete", delete, "POST"),
    ):
        pages.add_url_rule(
            _rule,
            f"{_verb}_{_kind.counted}",
            _view,
            methods=[_method],
            defaults={"path": _kind.path},
        )

MENU = tuple(
    HostMenuEntry(kind.title, f"host.list_{kind.counted}", feature_words.KINDS[kind.counted].icon)
    for kind in KINDS
)
"""What the menu of every page shows of this PBX."""


def _list_page(path: str, status: int = 200, *, refused: str = "") -> Response:
    kind, used = BY_PATH[path], quota.usage(system())
    return page(
        "host/list.html",
        status,
        kind=kind,
        words=feature_words.KINDS[kind.counted],
        objects=list_objects(system(), kind),
        used=used.counts.get(kind.counted),
        licensed=quota.licensed(licensing.held_lease(system()), kind.counted),
        order_code=quota.order_code(system(), kind.counted),
        refused=refused,
    )
