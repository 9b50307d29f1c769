"""Each reason of the license's state in words, with its way out."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import lazy_gettext

from ayrix_web.domain.license import Reason


@dataclass(frozen=True, slots=True)
class ReasonWords:
    """A heading, what happened, and the way out (product.md, Reasons).

    The texts may name %(support)s, %(seller)s, %(server)s, %(own)s, %(bound)s, %(components)s.
    """

    title: str
    happened: str
    way_out: str


REASONS = {
    Reason.NEVER_ACTIVATED: ReasonWords(
        lazy_gettext("This system is not activated yet"),
        lazy_gettext("No license was ever activated on this system."),
        lazy_gettext("Enter the activation key. If you have none, ask %(seller)s."),
    ),
    Reason.UNREACHABLE: ReasonWords(
        lazy_gettext("License server not reachable"),
        lazy_gettext("The license server %(server)s gave no answer."),
        lazy_gettext(
            "Check the internet connection and the firewall. If both work, ask %(support)s."
        ),
    ),
    Reason.SERVER_ERROR: ReasonWords(
        lazy_gettext("License server reports an error"),
        lazy_gettext("%(server)s answered, but not as a license server does."),
        lazy_gettext("Usually this passes by itself. If it lasts, ask %(support)s."),
    ),
    Reason.IP_MISMATCH: ReasonWords(
        lazy_gettext("The IP address changed"),
        lazy_gettext("This system uses %(own)s, the license is bound to %(bound)s."),
        lazy_gettext(
            "Put the address %(bound)s back, or let an administrator ask %(seller)s to move the "
            "license. An address of the last 30 days is taken back by itself."
        ),
    ),
    Reason.HARDWARE_MISMATCH: ReasonWords(
        lazy_gettext("The hardware changed"),
        lazy_gettext("The license is bound to other hardware. Changed: %(components)s."),
        lazy_gettext(
            "Check again: for up to 7 days the license may run on here. Request the replacement "
            "from %(seller)s."
        ),
    ),
    Reason.SUSPENDED: ReasonWords(
        lazy_gettext("The license is suspended"),
        lazy_gettext("The license server renews this license no longer until it is resumed."),
        lazy_gettext("Ask %(support)s why, and what resumes it."),
    ),
    Reason.REVOKED: ReasonWords(
        lazy_gettext("The license was revoked"),
        lazy_gettext("The license server ended this license for good."),
        lazy_gettext("Ask %(support)s why. If you have a new activation key, enter it."),
    ),
    Reason.CLOCK_BEHIND: ReasonWords(
        lazy_gettext("The clock is behind"),
        lazy_gettext("The clock of this system is behind the time of the license server."),
        lazy_gettext(
            "The next answer of the license server heals this: set the time and check again. If "
            "that does not help, ask %(support)s."
        ),
    ),
    Reason.CLOCK_AHEAD: ReasonWords(
        lazy_gettext("The clock is ahead"),
        lazy_gettext("The clock of this system is ahead of the time of the license server."),
        lazy_gettext(
            "The next answer of the license server heals this: set the time right and check "
            "again. If that does not help, ask %(support)s."
        ),
    ),
    Reason.CLONE_SUSPECTED: ReasonWords(
        lazy_gettext("Two machines use this license"),
        lazy_gettext("Another machine speaks to the license server in the name of this system."),
        lazy_gettext(
            "Enter the activation key on the right machine, the other one is shut out then. "
            "If you know of no copy, ask %(support)s."
        ),
    ),
    Reason.STATE_DAMAGED: ReasonWords(
        lazy_gettext("The license data is damaged"),
        lazy_gettext("What this system had stored of its license is missing or was changed."),
        lazy_gettext("Enter the activation key again. If that does not help, ask %(support)s."),
    ),
}

PROVISIONAL = ReasonWords(
    lazy_gettext("The license runs on for a while on other hardware"),
    lazy_gettext("The license is bound to other hardware. Changed: %(components)s."),
    lazy_gettext(
        "It runs on here for now, a message went to %(seller)s. Request the replacement to keep it."
    ),
)
"""In place of the words of other hardware, as long as the license server lets it run on."""

SERVER_BUSY = ReasonWords(
    lazy_gettext("License server busy"),
    lazy_gettext("%(server)s is busy and asked this system to come again later."),
    lazy_gettext("It does so by itself, nothing needs to be done. If it lasts, ask %(support)s."),
)
"""In place of the words of an error, when the server only asked to come again later."""
