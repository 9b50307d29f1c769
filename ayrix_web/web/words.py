"""What went wrong and what to do about it, as sentences for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from ayrix_foundation.database import DatabaseFault
from ayrix_protocol.binding import Component
from ayrix_protocol.lease import Contact, Contacts
from ayrix_protocol.problems import Problem, ProblemCode
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import Reason
from ayrix_web.services.license_facts import LicenseFacts
from ayrix_web.web.reason_words import PROVISIONAL, REASONS, SERVER_BUSY, ReasonWords

SERVICE_CENTER = "Customer Service Center"
"""The name of the support contact until the vendor gives another."""


REFUSALS = {
    ProblemCode.UNKNOWN_KEY: lazy_gettext(
        "The license server does not know this activation key. Compare it with your license "
        "document, or ask your reseller."
    ),
    ProblemCode.UNKNOWN_FEATURE: lazy_gettext("This feature cannot be ordered for this system."),
    ProblemCode.NOT_FOUND: lazy_gettext("The license server does not know what was asked for."),
    ProblemCode.METHOD_NOT_ALLOWED: lazy_gettext(
        "The license server does not offer this. Perhaps it is older than this system."
    ),
    ProblemCode.BOUND_ELSEWHERE: lazy_gettext(
        "This activation key is in use on another machine. Ask your reseller to move the license."
    ),
    ProblemCode.HARDWARE_MISMATCH: lazy_gettext(
        "The license is bound to other hardware. Ask your reseller for a replacement."
    ),
    ProblemCode.IP_MISMATCH: lazy_gettext(
        "The license is bound to another IP address. Put the address back, or ask your reseller "
        "to move the license."
    ),
    ProblemCode.PRICE_CHANGED: lazy_gettext("The price changed. Please confirm again."),
    ProblemCode.NOT_CANCELLABLE: lazy_gettext(
        "The order is already completed and can no longer be cancelled here. Ask your reseller."
    ),
    ProblemCode.SUSPENDED: lazy_gettext(
        "This license is suspended. Ask the Customer Service Center why, and what resumes it."
    ),
    ProblemCode.REVOKED: lazy_gettext(
        "This license was revoked. Ask the Customer Service Center for a new one."
    ),
    ProblemCode.CLONE_SUSPECTED: lazy_gettext(
        "Two machines use this license. Enter the activation key on the right one."
    ),
    ProblemCode.UPGRADE_NOT_AVAILABLE: lazy_gettext(
        "Your reseller has not released this for your system. Ask your reseller."
    ),
    ProblemCode.INVALID: lazy_gettext(
        "The license server did not accept the request. Ask the Customer Service Center."
    ),
    ProblemCode.INVALID_QUANTITY: lazy_gettext("This quantity cannot be ordered."),
    ProblemCode.IDEMPOTENCY_CONFLICT: lazy_gettext(
        "This order was sent before with other contents. Nothing was ordered; please start again."
    ),
    ProblemCode.INVALID_PROOF: lazy_gettext(
        "The license server did not accept the signature of this system. Enter the activation "
        "key again."
    ),
    ProblemCode.UNKNOWN_INSTALLATION: lazy_gettext(
        "The license server does not know this system. Enter the activation key again."
    ),
    ProblemCode.COUNTER_BEHIND: lazy_gettext(
        "The license server expects a newer request. Please try again."
    ),
    ProblemCode.PROVE_ALIVE: lazy_gettext(
        "The license server asks the other machine first. Please try again in a few minutes."
    ),
    ProblemCode.TOO_LARGE: lazy_gettext("The request was too large for the license server."),
    ProblemCode.TOO_MANY_REQUESTS: lazy_gettext(
        "The license server got too many requests. Please try again in a few minutes."
    ),
    ProblemCode.SERVER_ERROR: lazy_gettext(
        "The license server has a fault of its own. Please try again later."
    ),
    ProblemCode.BUSY: lazy_gettext("The license server is busy. Please try again in a moment."),
}

FAULTS = {
    FaultKind.NAME_RESOLUTION: lazy_gettext(
        "The name of the license server could not be resolved. Check the DNS settings."
    ),
    FaultKind.CONNECTION: lazy_gettext(
        "The license server is not reachable. Check the internet connection and the firewall."
    ),
    FaultKind.CERTIFICATE: lazy_gettext(
        "The connection to the license server is not secure: its certificate was not accepted. "
        "Check the proxy settings and the time of this system."
    ),
    FaultKind.TIMEOUT: lazy_gettext(
        "The license server took too long to answer. Please try again in a moment."
    ),
    FaultKind.SERVER_ERROR: lazy_gettext(
        "The answer did not come from the license server, or it has a fault. Check whether a "
        "proxy or a login page of the network answers in its place."
    ),
    FaultKind.UNTRUSTED: lazy_gettext(
        "The answer of the license server is not signed by the vendor and was not used. Ask the "
        "Customer Service Center."
    ),
    FaultKind.SERVER_BUSY: lazy_gettext(
        "The license server is busy and asked to come again later. Please try again in a few "
        "minutes."
    ),
    FaultKind.BUSY: lazy_gettext(
        "Another request to the license server is under way. Please try again in a moment."
    ),
}

DATABASE_FAULTS = {
    DatabaseFault.BUSY: lazy_gettext(
        "The database is busy. Nothing was changed; please try again in a moment."
    ),
    DatabaseFault.READ_ONLY: lazy_gettext(
        "The database cannot be written. Nothing was changed; check the disk and its permissions."
    ),
    DatabaseFault.FULL: lazy_gettext(
        "The disk is full. Nothing was changed; make room and try again."
    ),
    DatabaseFault.OTHER: lazy_gettext("The database has a fault. Nothing was changed."),
}

COMPONENTS = {
    Component.CPU_SERIAL: lazy_gettext("CPU or board serial"),
    Component.NIC_SERIAL: lazy_gettext("NIC serial"),
    Component.ADDRESS: lazy_gettext("IP address"),
}


def reason_title(reason: Reason, facts: LicenseFacts | None = None) -> str:
    """A reason as a heading, without a full stop; with `facts` more exactly."""
    return str((words_of(reason, facts) if facts else REASONS[reason]).title)


def words_of(reason: Reason, facts: LicenseFacts) -> ReasonWords:
    """The words of a reason as it is on this system."""
    if reason is Reason.SERVER_ERROR and facts.failure_kind is FaultKind.SERVER_BUSY:
        return SERVER_BUSY
    if reason is Reason.HARDWARE_MISMATCH and facts.runs_until is not None:
        return PROVISIONAL
    return REASONS[reason]


def reason_text(reason: Reason, facts: LicenseFacts) -> str:
    """What happened and the way out, with the addresses and contacts of this system."""
    words = words_of(reason, facts)
    lease = facts.lease
    values = {
        "support": support_name(facts.contacts),
        "seller": seller_name(facts.contacts),
        "server": facts.license_server,
        "own": facts.machine.address,
        "bound": ", ".join(lease.binding.addresses) if lease else "–",
        "components": component_names(facts.state.differs, facts.machine.masked),
    }
    return f"{words.happened} {words.way_out}" % values


def refusal_words(problem: Problem) -> str:
    """Why the license server said no."""
    return str(REFUSALS[problem.code])


def fault_words(kind: FaultKind) -> str:
    """Why the license server gave no usable answer."""
    return str(FAULTS[kind])


def component_names(differs: Collection[Component], masked: Mapping[str, str]) -> str:
    """What differs from the machine the license is bound to, as a list with the values of now."""
    names = [
        _("%(component)s (now %(value)s)", component=COMPONENTS[component], value=masked[component])
        if component in masked
        else str(COMPONENTS[component])
        for component in Component
        if component in differs
    ]
    return ", ".join(names) or _("hardware")


def support_name(contacts: Contacts) -> str:
    """Who helps with failed checks, to stand within a sentence."""
    name = contacts.support.name
    return _("the Customer Service Center") if name in {"", SERVICE_CENTER} else name


def seller_name(contacts: Contacts) -> str:
    """Who sells and moves licenses, to stand within a sentence."""
    return contacts.seller.name or _("your reseller")


def contact_line(contact: Contact) -> str:
    """How to reach somebody: telephone, mail and hours, as far as they are known."""
    return " · ".join(part for part in (contact.phone, contact.email, contact.hours) if part)
