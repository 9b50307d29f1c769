"""Asking the seller to move the license, and taking what he allows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ayrix_foundation.audit import AGENT
from ayrix_protocol.activation_key import MistypedKey, new_activation_key
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.rebindings import Decision, ReplacementKind
from ayrix_web.domain.errors import FaultKind, LicenseServerFault, Refused, TooManyTries
from ayrix_web.domain.license import Reason, Status
from ayrix_web.services import checks, licensing, replacement
from ayrix_web.services.activation import ACTIVATION_LIMIT
from tests.fakes import refused
from tests.pbx_fixtures import TESTER, Pbx

MOVED_TO = "192.168.10.77"
A_MINUTE = timedelta(minutes=1)
KINDS = pytest.mark.parametrize("kind", list(ReplacementKind))


def ask(pbx: Pbx, kind: ReplacementKind = ReplacementKind.ADDRESS, key: str = "") -> None:
    """Ask the seller from another address than the bound one."""
    pbx.machine.address = MOVED_TO
    replacement.request_replacement(pbx.system, kind, key, "we moved", TESTER)


def poll(pbx: Pbx) -> None:
    """The agent's job, when it is due."""
    pbx.clock.go_on(A_MINUTE)
    replacement.poll(pbx.system, AGENT)


def states(pbx: Pbx) -> list[tuple[Decision, str]]:
    """What a page shows of the requests."""
    return [(request.state, request.reason) for request in replacement.requests_of(pbx.system)]


@KINDS
def test_a_request_waits_for_the_seller(active_pbx: Pbx, kind: ReplacementKind) -> None:
    ask(active_pbx, kind)
    poll(active_pbx)
    (request,) = replacement.requests_of(active_pbx.system)
    assert (request.kind, request.state, request.reason) == (kind, Decision.WAITING, "")
    wanted = active_pbx.server.wanted
    assert wanted is not None
    assert (wanted.reason, wanted.license_key) == ("we moved", None)
    assert wanted.device.address == MOVED_TO


def test_an_approval_brings_the_lease_in_the_same_conversation(active_pbx: Pbx) -> None:
    ask(active_pbx)
    checks.check(active_pbx.system, TESTER)
    assert licensing.current(active_pbx.system).reason is Reason.IP_MISMATCH
    active_pbx.server.answer_request(Decision.APPROVED)
    active_pbx.server.asked.clear()
    poll(active_pbx)
    assert active_pbx.server.asked == ["decision", "activate", "offers"]
    assert licensing.current(active_pbx.system).status is Status.ACTIVE
    lease = licensing.held_lease(active_pbx.system)
    assert lease is not None
    assert lease.binding.addresses == (MOVED_TO,)
    assert states(active_pbx) == []


def test_a_refusal_is_kept_with_its_reason_and_asked_about_no_more(active_pbx: Pbx) -> None:
    ask(active_pbx)
    active_pbx.server.answer_request(Decision.DECLINED, "Please call us first.")
    poll(active_pbx)
    active_pbx.server.asked.clear()
    poll(active_pbx)
    assert states(active_pbx) == [(Decision.DECLINED, "Please call us first.")]
    assert active_pbx.server.asked == []
    ask(active_pbx)
    assert states(active_pbx) == [(Decision.WAITING, "")]


def test_a_system_with_a_key_only_keeps_its_last_characters(pbx: Pbx) -> None:
    key = pbx.server.key = new_activation_key()
    ask(pbx, ReplacementKind.HARDWARE, key.lower())
    assert pbx.server.wanted is not None
    assert pbx.server.wanted.license_key == key
    pbx.server.answer_request(Decision.APPROVED)
    poll(pbx)
    facts = licensing.facts(pbx.system)
    assert (facts.state.status, facts.key_hint) == (Status.ACTIVE, key[-4:])


def test_an_approval_that_meets_no_server_is_taken_later(active_pbx: Pbx) -> None:
    ask(active_pbx)
    active_pbx.server.away = FaultKind.CONNECTION
    poll(active_pbx)
    assert states(active_pbx) == [(Decision.WAITING, "")]
    active_pbx.server.away = None
    active_pbx.server.answer_request(Decision.APPROVED)
    poll(active_pbx)
    assert licensing.current(active_pbx.system).status is Status.ACTIVE


def test_an_approval_whose_activation_failed_is_not_asked_for_again(
    active_pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(active_pbx)
    active_pbx.server.answer_request(Decision.APPROVED)

    def lost(_request: object) -> None:
        raise LicenseServerFault(FaultKind.TIMEOUT)

    with monkeypatch.context() as broken:
        broken.setattr(active_pbx.server, "activate", lost)
        poll(active_pbx)
    assert states(active_pbx) == [(Decision.APPROVED, "")]
    active_pbx.server.asked.clear()
    poll(active_pbx)
    assert active_pbx.server.asked == ["activate", "offers"]
    assert states(active_pbx) == []


def test_a_request_the_server_forgot_can_be_made_anew(active_pbx: Pbx) -> None:
    ask(active_pbx)
    active_pbx.server.decided = None
    poll(active_pbx)
    assert states(active_pbx) == []


def test_nobody_is_asked_before_the_server_said(active_pbx: Pbx) -> None:
    ask(active_pbx)
    active_pbx.server.asked.clear()
    active_pbx.clock.go_on(timedelta(seconds=29))
    replacement.poll(active_pbx.system)
    assert active_pbx.server.asked == []
    active_pbx.clock.go_on(timedelta(seconds=1))
    replacement.poll(active_pbx.system)
    assert active_pbx.server.asked == ["decision"]


def test_no_answer_can_stop_the_asking(active_pbx: Pbx) -> None:
    ask(active_pbx)
    active_pbx.server.away, active_pbx.server.retry_after_s = FaultKind.SERVER_BUSY, 10**9
    poll(active_pbx)
    next_at = replacement.next_poll_at(active_pbx.system)
    assert next_at is not None
    assert next_at - active_pbx.clock.now() <= timedelta(minutes=5)


def test_a_mistyped_key_is_found_without_asking_anybody(pbx: Pbx) -> None:
    with pytest.raises(MistypedKey):
        ask(pbx, ReplacementKind.HARDWARE, "ABCD-EFGH")
    assert pbx.server.asked == []


def test_a_refused_request_is_not_kept(active_pbx: Pbx) -> None:
    active_pbx.server.refusal = refused(ProblemCode.BOUND_ELSEWHERE).problem
    with pytest.raises(Refused):
        ask(active_pbx)
    assert states(active_pbx) == []


def test_requests_are_limited_with_the_keys_of_one_address(active_pbx: Pbx) -> None:
    for _try in range(ACTIVATION_LIMIT.tries):
        ask(active_pbx)
    with pytest.raises(TooManyTries):
        ask(active_pbx)
    assert len(states(active_pbx)) == 1


def test_a_locked_system_asks_at_the_retry_interval_whatever_was_planned(active_pbx: Pbx) -> None:
    planned = licensing.next_check_at(active_pbx.system)
    active_pbx.machine.hardware = active_pbx.machine.hardware.model_copy(
        update={"cpu_serial": "y" * 43, "nic_serial": "z" * 43}
    )
    active_pbx.clock.go_on(timedelta(seconds=20))
    due = licensing.next_check_at(active_pbx.system)
    assert planned is not None
    assert due is not None
    assert due == min(planned, active_pbx.clock.now() + timedelta(seconds=280))
