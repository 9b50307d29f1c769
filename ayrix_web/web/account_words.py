"""The words of users and their access: what can go wrong, and how much is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from flask_babel import gettext as _
from flask_babel import lazy_gettext, lazy_pgettext, ngettext

from ayrix_foundation.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, UnfitPassword
from ayrix_web.domain.access import (
    LONGEST_NAME,
    Access,
    ChangedMeanwhile,
    InvalidName,
    LastAdministrator,
    NameTaken,
    UnknownAccount,
    WrongPassword,
)

A_MINUTE = timedelta(minutes=1)

FAULTS: Mapping[type[Exception], str] = {
    InvalidName: lazy_gettext(
        "A user name has 1 to %(longest)s characters, without control characters.",
        longest=LONGEST_NAME,
    ),
    NameTaken: lazy_gettext("There is a user of this name already. Choose another name."),
    UnfitPassword: lazy_gettext(
        "A password has %(shortest)s to %(longest)s characters.",
        shortest=SHORTEST_PASSWORD,
        longest=LONGEST_PASSWORD,
    ),
    LastAdministrator: lazy_gettext(
        "This is the last administrator, who can be neither removed nor demoted. Make somebody "
        "else an administrator first."
    ),
    UnknownAccount: lazy_gettext("This user was removed meanwhile. Nothing was changed."),
    WrongPassword: lazy_gettext("User name or password is wrong."),
    ChangedMeanwhile: lazy_gettext(
        "Somebody else changed the same access meanwhile. Nothing of yours was saved; this is how "
        "it stands now."
    ),
}
"""One sentence for each way in which a change of users is refused."""

WRONG_PRESENT_PASSWORD = lazy_gettext("This is not your present password.")
DIFFERENT_PASSWORDS = lazy_gettext("The two new passwords are not the same.")
NAME_MISSING = lazy_gettext("Enter your user name.")
PASSWORD_MISSING = lazy_gettext("Enter your password.")
NOT_CONFIRMED = lazy_gettext("Tick the box if the user really is to be removed.")

ACCESS: Mapping[Access, str] = {
    Access.FULL: lazy_pgettext("access", "Full"),
    Access.READ_ONLY: lazy_pgettext("access", "Read-only"),
    Access.NONE: lazy_pgettext("access", "None"),
}


def access_words(access: Access | None, default: Access) -> str:
    """An access; None is the system's default, which is named: "Default (Full)"."""
    if access is None:
        return _("Default (%(access)s)", access=ACCESS[default])
    return str(ACCESS[access])


def wait_words(wait: timedelta) -> str:
    """That someone must wait before the next try; whole minutes, rounded up."""
    minutes = -(-wait // A_MINUTE)
    return ngettext(
        "Too many wrong passwords. Try again in %(num)s minute.",
        "Too many wrong passwords. Try again in %(num)s minutes.",
        minutes,
    )
