"""Every sentence about what went wrong, in both languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import pytest
from flask import Flask

from ayrix_foundation.database import DatabaseFault
from ayrix_protocol.binding import Component
from ayrix_protocol.lease import Contact, Counted
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import Reason
from ayrix_web.domain.order import OrderStage
from ayrix_web.services import licensing
from ayrix_web.services.license_facts import LicenseFacts
from ayrix_web.web.blueprints import translations
from ayrix_web.web.feature_words import KINDS
from ayrix_web.web.order_words import STAGES, price_changed_words, quantity_fault
from ayrix_web.web.words import (
    DATABASE_FAULTS,
    REFUSALS,
    fault_words,
    reason_text,
    reason_title,
    refusal_words,
)
from tests.fakes import refused
from tests.pbx_fixtures import Pbx
from tests.web import sentences

Key = TypeVar("Key")
LANGUAGES = (0, "en"), (1, "de")
FAILED_CHECKS = sorted(set(Reason) - {Reason.NEVER_ACTIVATED, Reason.HARDWARE_MISMATCH})


@contextmanager
def speaking(app: Flask, language: str) -> Iterator[None]:
    """A request of somebody who reads that language."""
    with app.test_request_context(f"/?lang={language}"):
        translations.as_default()
        yield


@pytest.fixture
def facts(active_pbx: Pbx) -> LicenseFacts:
    """A system at 192.168.10.77 whose NIC was changed."""
    active_pbx.machine.address = "192.168.10.77"
    facts = licensing.facts(active_pbx.system)
    return replace(facts, state=replace(facts.state, differs=frozenset({Component.NIC_SERIAL})))


@pytest.mark.parametrize(("position", "language"), LANGUAGES)
def test_reasons_say_what_happened_and_the_way_out(
    app: Flask, facts: LicenseFacts, position: int, language: str
) -> None:
    with speaking(app, language):
        titles = {reason: reason_title(reason) for reason in Reason}
        texts = {reason: reason_text(reason, facts) for reason in Reason}
    assert titles == picked(sentences.REASON_TITLES, position)
    assert texts == picked(sentences.REASON_TEXTS, position)


@pytest.mark.parametrize(("position", "language"), LANGUAGES)
def test_refusals_and_faults_say_why(app: Flask, position: int, language: str) -> None:
    with speaking(app, language):
        refusals = {code: refusal_words(refused(code).problem) for code in ProblemCode}
        faults = {kind: fault_words(kind) for kind in FaultKind}
        database = {fault: str(DATABASE_FAULTS[fault]) for fault in DatabaseFault}
    assert refusals == picked(sentences.REFUSALS, position)
    assert faults == picked(sentences.FAULTS, position)
    assert database == picked(sentences.DATABASE_FAULTS, position)


@pytest.mark.parametrize(("position", "language"), LANGUAGES)
def test_orders_say_where_they_are(app: Flask, position: int, language: str) -> None:
    with speaking(app, language):
        stages = {stage: f"{STAGES[stage].label}: {STAGES[stage].meaning}" for stage in OrderStage}
        used_up = {kind: f"{KINDS[kind].used_up} {KINDS[kind].explanation}" for kind in Counted}
        wrong = {text: quantity_fault(text) for text in sentences.QUANTITIES}
    assert stages == picked(sentences.STAGES, position)
    assert used_up == picked(sentences.USED_UP, position)
    assert wrong == picked(sentences.QUANTITIES, position)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "The price changed from €18.00 to €19.00. Please confirm again."),
        (
            "de",
            "Der Preis hat sich von 18,00\xa0€ auf 19,00\xa0€ geändert. Bitte erneut bestätigen.",
        ),
    ],
)
def test_a_changed_price_names_both_prices(app: Flask, language: str, expected: str) -> None:
    with speaking(app, language):
        assert price_changed_words(1800, 1900, "EUR") == expected


@pytest.mark.parametrize("text", ["1", "10000", " 7 "])
def test_a_quantity_that_can_be_ordered_has_no_fault(app: Flask, text: str) -> None:
    with speaking(app, "en"):
        assert quantity_fault(text) is None


@pytest.mark.parametrize(("position", "language"), LANGUAGES)
def test_no_two_causes_share_a_sentence(position: int, language: str) -> None:
    refusals = picked(sentences.REFUSALS, position).values()
    faults = picked(sentences.FAULTS, position).values()
    reasons = picked(sentences.REASON_TEXTS, position).values()
    said = [*refusals, *faults, *reasons]
    assert len(set(said)) == len(said)


def test_a_refusal_never_says_unreachable() -> None:
    for english, german in sentences.REFUSALS.values():
        assert "reachable" not in english
        assert "erreichbar" not in german


@pytest.mark.parametrize("reason", FAILED_CHECKS)
def test_failed_checks_name_somebody_to_ask(
    app: Flask, facts: LicenseFacts, reason: Reason
) -> None:
    asked = "Example Reseller" if reason is Reason.IP_MISMATCH else "Customer Service Center"
    for language in ("en", "de"):
        with speaking(app, language):
            assert asked in reason_text(reason, facts)


def test_a_replacement_names_the_seller_and_what_changed(app: Flask, facts: LicenseFacts) -> None:
    with speaking(app, "en"):
        text = reason_text(Reason.HARDWARE_MISMATCH, facts)
    assert "Example Reseller" in text
    assert "NIC serial" in text


@pytest.mark.parametrize(
    ("language", "seller", "support"),
    [
        ("en", "your reseller", "the Customer Service Center"),
        ("de", "Ihren Händler", "das Customer Service Center"),
    ],
)
def test_contacts_without_a_name_still_read_as_a_sentence(
    app: Flask, facts: LicenseFacts, language: str, seller: str, support: str
) -> None:
    nobody = facts.contacts.model_copy(update={"seller": Contact(name="")})
    with speaking(app, language):
        assert seller in reason_text(Reason.IP_MISMATCH, replace(facts, contacts=nobody))
        assert support in reason_text(Reason.UNREACHABLE, replace(facts, contacts=nobody))


def test_the_command_line_speaks_english_without_any_request() -> None:
    assert fault_words(FaultKind.TIMEOUT) == sentences.FAULTS[FaultKind.TIMEOUT][0]
    assert str(REFUSALS[ProblemCode.BUSY]) == sentences.REFUSALS[ProblemCode.BUSY][0]


def picked(table: Mapping[Key, tuple[str, str]], position: int) -> dict[Key, str]:
    """One language of a table."""
    return {key: pair[position] for key, pair in table.items()}
