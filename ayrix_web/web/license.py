"""The License page: what is licensed and used, and the check on demand."""

from __future__ import annotations

from flask import abort, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ayrix_web.domain.access import Access, Module
from ayrix_web.domain.ports import InventoryUnavailable
from ayrix_web.services import checks, replacement
from ayrix_web.services.checks import CheckOutcome
from ayrix_web.services.overview import FeatureUse, Overview, overview
from ayrix_web.web.access import current_account, requires
from ayrix_web.web.blueprints import ayrix
from ayrix_web.web.extension import actor, system
from ayrix_web.web.rendering import page, say_next
from ayrix_web.web.shell import CRITICAL
from ayrix_web.web.words import fault_words, refusal_words


@ayrix.get("/license")
@requires(Module.LICENSE, Access.READ_ONLY)
def show_license() -> ResponseReturnValue:
    """Everything about the license on one page."""
    seen = overview(system())
    state, now = seen.facts.state, seen.facts.now
    return page(
        "ayrix/license.html",
        overview=seen,
        facts=seen.facts,
        state=state,
        left=state.time_left(now),
        requests=replacement.requests_of(system()),
        is_critical=state.time_left(now) < CRITICAL,
        missing=missing(seen),
    )


@ayrix.post("/license/check")
@requires(Module.LICENSE, Access.FULL)
def check_now() -> ResponseReturnValue:
    """Ask the license server now and say what came of it."""
    outcome = checks.check(system(), actor(current_account()))
    kind, text = check_words(outcome)
    say_next(kind, text)
    return redirect(url_for("ayrix.show_license"), 303)


@ayrix.get("/license/objects/<feature>")
@requires(Module.LICENSE, Access.READ_ONLY)
def list_objects(feature: str) -> ResponseReturnValue:
    """Exactly the objects that use a feature up."""
    use = find_use(overview(system()), feature)
    if use is None or use.counts is None:
        abort(404)
    try:
        objects = system().inventory.objects(use.counts)
    except InventoryUnavailable:
        return page("ayrix/objects.html", 503, use=use, objects=None)
    return page("ayrix/objects.html", use=use, objects=objects)


def missing(seen: Overview) -> tuple[FeatureUse, ...]:
    """The features a callout is shown for: used up, licensed at all, and none on the way."""
    return tuple(
        use
        for use in seen.used_up
        if use.counts is not None and (use.licensed or use.used) and not use.on_the_way
    )


def find_use(seen: Overview, code: str) -> FeatureUse | None:
    """The visible feature of that code; a hidden one is as unknown as one that does not exist."""
    uses = (*seen.general, *seen.instance, *seen.core)
    return next((use for use in uses if use.code == code), None)


def check_words(outcome: CheckOutcome) -> tuple[str, str]:
    """What came of a check: kind of notice and sentence."""
    if outcome.fault is not None:
        return "warn", fault_words(outcome.fault)
    if outcome.refusal is not None:
        return "warn", refusal_words(outcome.refusal)
    return "ok", _("The license server confirmed the license.")
