"""What stands in the audit log, in words: actions, results, details and who acted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from ayrix_foundation.audit import AGENT, COMMAND_LINE
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.rebindings import Decision
from ayrix_web.domain.access import Access, Module
from ayrix_web.services.audit_log import AuditEntry
from ayrix_web.web.account_words import ACCESS
from ayrix_web.web.errors import MODULES
from ayrix_web.web.order_words import STAGES
from ayrix_web.web.reason_words import REASONS

ACTIONS: Mapping[str, str] = {
    "session.opened": lazy_gettext("Signed in"),
    "session.refused": lazy_gettext("Sign-in refused"),
    "account.created": lazy_gettext("User added"),
    "account.deleted": lazy_gettext("User removed"),
    "account.password_changed": lazy_gettext("Password changed"),
    "account.role_changed": lazy_gettext("Administrator role changed"),
    "access.changed": lazy_gettext("Access of a user changed"),
    "access.default_changed": lazy_gettext("Default access changed"),
    "license.activated": lazy_gettext("License activated"),
    "license.activation_refused": lazy_gettext("Activation refused"),
    "license.changed": lazy_gettext("License changed"),
    "license.check_failed": lazy_gettext("License check failed"),
    "order.placed": lazy_gettext("Order placed"),
    "order.confirmed": lazy_gettext("Changed price confirmed"),
    "order.sent": lazy_gettext("Order sent"),
    "order.sent_again": lazy_gettext("Order sent again"),
    "order.refused": lazy_gettext("Order refused"),
    "order.cancelled": lazy_gettext("Order cancelled"),
    "seller.asked": lazy_gettext("Reseller asked"),
    "seller.answered": lazy_gettext("Reseller answered"),
    "seller.refused": lazy_gettext("Request to the reseller refused"),
}
"""What was done, by the action that the services record."""

ACTORS: Mapping[str, str] = {
    AGENT.name: lazy_gettext("Agent"),
    COMMAND_LINE.name: lazy_gettext("Command line"),
    "anonymous": lazy_gettext("Not signed in"),
}
"""Who acts without an account."""


@dataclass(frozen=True, slots=True)
class ResultWords:
    """How it went: label, and how its tag looks (kind and icon of shell/parts.html)."""

    label: str
    kind: str
    icon: str


def _refused(label: str) -> ResultWords:
    return ResultWords(label, "warn", "alert-triangle")


RESULTS: Mapping[str, ResultWords] = {
    "done": ResultWords(lazy_gettext("Done"), "ok", "check"),
    "wrong_password": _refused(lazy_gettext("Wrong password")),
    Decision.DECLINED.value: _refused(lazy_gettext("Declined")),
    **{stage.value: ResultWords(w.label, w.kind, w.icon) for stage, w in STAGES.items()},
    **{reason.value: _refused(words.title) for reason, words in REASONS.items()},
    ProblemCode.UNKNOWN_KEY.value: _refused(lazy_gettext("Unknown key")),
    ProblemCode.UNKNOWN_FEATURE.value: _refused(lazy_gettext("Unknown feature")),
    ProblemCode.BOUND_ELSEWHERE.value: _refused(lazy_gettext("In use on another machine")),
    ProblemCode.PRICE_CHANGED.value: _refused(lazy_gettext("Price changed")),
    ProblemCode.NOT_CANCELLABLE.value: _refused(lazy_gettext("Completed before")),
    ProblemCode.UPGRADE_NOT_AVAILABLE.value: _refused(lazy_gettext("Not released")),
    ProblemCode.INVALID_QUANTITY.value: _refused(lazy_gettext("Quantity not possible")),
    ProblemCode.TOO_MANY_REQUESTS.value: _refused(lazy_gettext("Too many tries")),
    ProblemCode.PROVE_ALIVE.value: _refused(lazy_gettext("Other machine asked first")),
}
"""How it went, by the result that the services record. Codes that only an error of a program can
cause have no words of their own and stand as they are.
"""

DETAILS: Mapping[str, str] = {
    "license": lazy_gettext("License"),
    "seq": lazy_gettext("Lease number"),
    "addresses": lazy_gettext("Bound address"),
    "quantities": lazy_gettext("Quantities"),
    "key": lazy_gettext("Key ends in"),
    "administrator": lazy_gettext("Administrator"),
    "module": lazy_gettext("Module"),
    "old": lazy_gettext("Before"),
    "new": lazy_gettext("After"),
    "reason": lazy_gettext("Reason"),
}
"""What a detail is, by its name."""

_ACCESS_WORDS: Mapping[str, str] = {
    **{access.name.lower(): ACCESS[access] for access in Access},
    "default": lazy_gettext("Default"),
}


def action_words(action: str) -> str:
    """What was done; an action of a newer release stands as it is."""
    return str(ACTIONS.get(action, action))


def result_words(result: str) -> ResultWords:
    """How it went."""
    return RESULTS.get(result) or ResultWords(result.replace("_", " "), "", "info-circle")


def actor_words(entry: AuditEntry) -> str:
    """Who acted: the name of the account, or what acted without one."""
    is_program = not entry.address or entry.actor == "anonymous"
    return str(ACTORS.get(entry.actor, entry.actor)) if is_program else entry.actor


def actors_called(typed: str) -> frozenset[str]:
    """The names in the log of whoever without an account is shown by such a word."""
    wanted = typed.casefold()
    return frozenset(name for name, word in ACTORS.items() if wanted in str(word).casefold())


def detail_words(details: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The details as pairs of name and value; those without words stand as they are."""
    for name, value in details.items():
        label = DETAILS.get(name)
        yield str(label) if label else name.replace("_", " "), _value_words(name, value)


def _value_words(name: str, value: object) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(
            inner if number is None else f"{inner} {_value_words('', number)}"
            for inner, number in value.items()
        )
    if isinstance(value, list):
        return ", ".join(_value_words("", part) for part in value)
    if name == "module" and value in set(Module):
        return str(MODULES[Module(str(value))])
    if name in {"old", "new"}:
        return str(_ACCESS_WORDS.get(str(value), value))
    return str(value)
