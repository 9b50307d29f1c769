"""The activation page: why this system is locked, and the ways back in."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from urllib.parse import quote, urlencode

from flask import Response, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from ayrix_foundation.web import local_path
from ayrix_protocol.activation_key import MistypedKey
from ayrix_protocol.lease import Contact
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import LicenseServerFault, Refused, TooManyTries
from ayrix_web.domain.license import Reason, Status
from ayrix_web.domain.ports import DiagnosisStep, StepResult
from ayrix_web.services import activation, checks, licensing, replacement
from ayrix_web.services.checks import CheckOutcome
from ayrix_web.services.license_facts import LicenseFacts
from ayrix_web.web.access import current_account, public_while_locked
from ayrix_web.web.activation_forms import ActivationForm, AddressForm, ReplacementForm
from ayrix_web.web.blueprints import ayrix
from ayrix_web.web.extension import actor, extension, system
from ayrix_web.web.formats import format_span, format_when
from ayrix_web.web.gate import WANTED
from ayrix_web.web.license import check_words
from ayrix_web.web.rendering import page, say_next
from ayrix_web.web.words import fault_words, refusal_words


class Way(StrEnum):
    """A step of the page; one of them is open."""

    CHECK = "check"
    ACTIVATION = "activation"
    REPLACEMENT = "replacement"
    ADDRESS = "address"


LIKELY = {
    Reason.NEVER_ACTIVATED: Way.ACTIVATION,
    Reason.STATE_DAMAGED: Way.ACTIVATION,
    Reason.REVOKED: Way.ACTIVATION,
    Reason.CLONE_SUSPECTED: Way.ACTIVATION,
    Reason.HARDWARE_MISMATCH: Way.REPLACEMENT,
    Reason.IP_MISMATCH: Way.ADDRESS,
}
"""The likely way out of a reason; of the others it is a check."""

STEPS = {
    DiagnosisStep.NAME_RESOLUTION: lazy_gettext("Name resolution"),
    DiagnosisStep.CONNECTION: lazy_gettext("Connection"),
    DiagnosisStep.CERTIFICATE: lazy_gettext("Certificate"),
    DiagnosisStep.ANSWER: lazy_gettext("Answer of the license server"),
}


@ayrix.get("/activation")
@public_while_locked
def show_activation() -> ResponseReturnValue:
    """Why this system is locked and what helps."""
    was_locked = licensing.current(system()).status.is_locked
    replacement.poll(system())
    if was_locked and not licensing.current(system()).status.is_locked:
        return to_wanted_page("ok", _("This system is activated."))
    return activation_page()


@ayrix.post("/activation/check")
@public_while_locked
def check_again() -> ResponseReturnValue:
    """Check now; if that does not open the system, try and show each step on the way."""
    replacement.poll(system())
    outcome = checks.check(system(), actor(current_account()))
    has_failed = outcome.fault is not None or outcome.refusal is not None
    if not outcome.state.status.is_locked and (not has_failed or current_account() is None):
        return to_wanted_page(*check_words(outcome))
    steps = activation.diagnose(system())
    return activation_page(outcome=outcome, steps=steps)


@ayrix.post("/activation")
@public_while_locked
def activate() -> ResponseReturnValue:
    """Activate with a key; what is wrong with it is said at the field, which keeps its text."""
    form = ActivationForm()
    if not form.validate():
        return activation_page(form)
    try:
        activation.activate(system(), form.key.data or "", actor(current_account()))
    except (MistypedKey, Refused, LicenseServerFault, TooManyTries) as error:
        form.refuse(failure_words(error), form.key)
        return activation_page(form, replacing=_for_this_machine(form, error))
    return to_wanted_page("ok", _("This system is activated."))


def to_wanted_page(kind: str, text: str) -> Response:
    """Back to where the user was when he met the lock, with a notice."""
    say_next(kind, text)
    wanted = local_path(session.pop(WANTED, None))
    return redirect(wanted or url_for("ayrix.show_license"), 303)  # type: ignore[return-value]  # Flask's own, typed as Werkzeug's


def failure_words(error: MistypedKey | Refused | LicenseServerFault | TooManyTries) -> str:
    """Why the activation failed: each cause in a sentence of its own."""
    if isinstance(error, Refused):
        return refusal_words(error.problem)
    if isinstance(error, LicenseServerFault):
        return fault_words(error.kind)
    if isinstance(error, TooManyTries):
        return _("Too many tries. Try again in %(wait)s.", wait=format_span(error.wait))
    return _(
        "There is a typing mistake in this key. Compare it with your license document, "
        "character by character."
    )


def activation_page(
    form: ActivationForm | None = None,
    *,
    replacing: ReplacementForm | None = None,
    moving: AddressForm | None = None,
    outcome: CheckOutcome | None = None,
    steps: tuple[StepResult, ...] = (),
) -> Response:
    """The page: after a check with its results, after a form that failed with what is wrong
    (422).
    """
    facts = licensing.facts(system())
    reason = facts.state.reason or Reason.NEVER_ACTIVATED
    failed = next((sent for sent in (form, replacing, moving) if sent and sent.errors), None)
    return page(
        "ayrix/activation.html",
        422 if failed else 200,
        form=form or ActivationForm(formdata=None),
        replacing=replacing or ReplacementForm(formdata=None),
        moving=moving or AddressForm(formdata=None),
        failed=failed,
        likely=Way.CHECK if outcome else _likely(facts, form, replacing, moving),
        facts=facts,
        state=facts.state,
        reason=reason,
        requests=replacement.requests_of(system()),
        is_new=facts.state.reason is Reason.NEVER_ACTIVATED,
        can_move=can_move(facts),
        events=events(facts),
        result=check_words(outcome) if outcome else None,
        diagnosis=diagnosis(steps),
        mail_to=lambda contact: mail_to(contact, facts, reason),
    )


def _likely(
    facts: LicenseFacts,
    form: ActivationForm | None,
    replacing: ReplacementForm | None,
    moving: AddressForm | None,
) -> Way:
    if moving is not None:
        return Way.ADDRESS
    if form is not None:
        return Way.ACTIVATION
    if replacing is not None:
        return Way.REPLACEMENT
    reason = facts.state.reason
    likely = Way.CHECK if reason is None else LIKELY.get(reason, Way.CHECK)
    return Way.CHECK if likely is Way.ADDRESS and not can_move(facts) else likely


def can_move(facts: LicenseFacts) -> bool:
    """Whether moving the license to this address can be asked for here and now."""
    differs = facts.lease is not None and facts.machine.address not in facts.lease.binding.addresses
    if not facts.state.status.is_locked:
        account = current_account()
        return differs and account is not None and account.is_admin
    return differs and extension().has_accounts


def _for_this_machine(
    form: ActivationForm, error: MistypedKey | Refused | LicenseServerFault | TooManyTries
) -> ReplacementForm | None:
    """The request that helps if the key is bound to another machine, with that key filled in."""
    if not isinstance(error, Refused) or error.code is not ProblemCode.BOUND_ELSEWHERE:
        return None
    return ReplacementForm(formdata=None, data={"license_key": form.key.data})


def mail_to(contact: Contact, facts: LicenseFacts, reason: Reason) -> str:
    """The address of a mail that already says which system it is about and what is wrong.

    No customer data: nobody is signed in here.
    """
    subject = _("License of %(id)s: %(reason)s", id=facts.installation_id[:8], reason=reason)
    lines = [
        f"{_('Installation ID')}: {facts.installation_id}",
        f"{_('Reason code')}: {reason}",
        f"{_('IP address')}: {facts.machine.address}",
    ]
    query = urlencode({"subject": subject, "body": "\n".join(lines)}, quote_via=quote)
    return f"mailto:{quote(contact.email, safe='@')}?{query}"


def events(facts: LicenseFacts) -> list[tuple[str, str, str, str]]:
    """What happened, oldest first, as parts.timeline shows it."""
    ended_at = facts.state.valid_until if facts.state.status is Status.DEACTIVATED else None
    told: list[tuple[datetime | None, str, str]] = [
        (facts.succeeded_at, "ok", _("Last successful check")),
        (ended_at, "bad", _("License ended")),
        (facts.checked_at, "warn", _("Last try")),
    ]
    known = [(at, kind, title) for at, kind, title in told if at is not None and at <= facts.now]
    if facts.checked_at == facts.succeeded_at:
        known = [entry for entry in known if entry[1] != "warn"]
    return [(kind, format_when(at, facts.now), title, "") for at, kind, title in sorted(known)]


def diagnosis(steps: tuple[StepResult, ...]) -> list[tuple[str, str, str]]:
    """Each step's result, as parts.checks shows it; steps after the failed one were not tried."""
    results = {result.step: result for result in steps}
    return [_step_words(step, results.get(step)) for step in STEPS] if steps else []


def _step_words(step: DiagnosisStep, result: StepResult | None) -> tuple[str, str, str]:
    title = str(STEPS[step])
    if result is None:
        return "skip", title, ""
    if result.fault is None:
        return "ok", title, result.detail
    return "bad", title, fault_words(result.fault)
