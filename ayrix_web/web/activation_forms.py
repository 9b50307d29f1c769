"""The forms of the activation page."""

from __future__ import annotations

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import Field, PasswordField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from ayrix_protocol.rebindings import LONGEST_REASON

_REASON = lazy_gettext("What happened")
_TOO_LONG = Length(max=LONGEST_REASON, message=lazy_gettext("Please say it in fewer words."))


class OpenForm(FlaskForm):
    """A form that may be open to people who are not signed in."""

    class Meta:
        """The blueprint checks the token of every form already."""

        csrf = False

    def refuse(self, text: str, field: Field) -> None:
        """Say at a field why it does not do."""
        field.errors = [*field.errors, text]


class ActivationForm(OpenForm):
    """The activation key, as a person writes it."""

    key = StringField(
        lazy_gettext("Activation key"),
        [InputRequired(lazy_gettext("Enter the activation key."))],
        description=lazy_gettext(
            "27 characters in groups of four. Spaces, dashes and lower case do not matter."
        ),
    )


class ReplacementForm(OpenForm):
    """What the seller needs to know to move a license to this machine."""

    # Not `key`: that is the one field of the activation above, for people and scripts alike.
    license_key = StringField(
        lazy_gettext("Key of the license"),
        description=lazy_gettext(
            "Only needed if this system is new or was re-installed; otherwise leave it empty."
        ),
        id="replacement-key",
    )
    reason = TextAreaField(
        _REASON,
        [_TOO_LONG],
        description=lazy_gettext("For example: the mainboard was replaced after a defect."),
        id="replacement-reason",
    )


class AddressForm(OpenForm):
    """The same for another address, with the name and password of an administrator while nobody
    can sign in.
    """

    username = StringField(lazy_gettext("User name of an administrator"))
    password = PasswordField(lazy_gettext("Password"))
    reason = TextAreaField(
        _REASON,
        [_TOO_LONG],
        description=lazy_gettext("For example: the provider or the router was changed."),
        id="address-reason",
    )
