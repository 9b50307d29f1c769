"""What a device does by itself when the license server has forgotten it or its orders."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

import pytest

from ayrix_protocol.device import ActivationRequest, CheckRequest, LeaseAnswer
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import Reason, Status
from ayrix_web.domain.ports import Conversation, Reply
from ayrix_web.services import checks, licensing, order_book, ordering, outbox
from tests.fakes import FakeLicenseServer, refused
from tests.pbx_fixtures import TESTER, Pbx


def test_a_forgotten_device_shows_its_lease_and_is_known_again(
    active_pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovered: list[ActivationRequest] = []

    def forgotten(_request: CheckRequest) -> Reply[LeaseAnswer]:
        raise refused(ProblemCode.UNKNOWN_INSTALLATION)

    def activate(request: ActivationRequest) -> Reply[LeaseAnswer]:
        recovered.append(request)
        return FakeLicenseServer.check(active_pbx.server, CheckRequest(device=request.device))

    monkeypatch.setattr(active_pbx.server, "check", forgotten)
    monkeypatch.setattr(active_pbx.server, "activate", activate)
    assert checks.check(active_pbx.system, TESTER).state.status is Status.ACTIVE
    (request,) = recovered
    assert request.license_key is None
    assert request.device.lease is not None


def test_a_device_asked_to_prove_that_it_lives_echoes_the_nonce(
    active_pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asks_first(request: CheckRequest) -> Reply[LeaseAnswer]:
        if request.device.nonce != "n-1":
            raise refused(ProblemCode.PROVE_ALIVE, nonce="n-1")
        return FakeLicenseServer.check(active_pbx.server, request)

    monkeypatch.setattr(active_pbx.server, "check", asks_first)
    assert checks.check(active_pbx.system, TESTER).state.status is Status.ACTIVE


def test_an_order_the_server_forgot_is_sent_again_under_its_key(
    active_pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ordering.order_at_once(active_pbx.system, "ring_group", 2, TESTER)
    active_pbx.server.placed.clear()

    def knows_no_orders(request: CheckRequest) -> Reply[LeaseAnswer]:
        reply = FakeLicenseServer.check(active_pbx.server, request)
        answer = reply.answer.model_copy(update={"unknown_orders": request.device.acked_orders})
        return Reply(answer, reply.request, reply.asked, reply.answered)

    monkeypatch.setattr(active_pbx.server, "check", knows_no_orders)
    checks.check(active_pbx.system, TESTER)
    outbox.send_waiting(active_pbx.system)
    assert list(active_pbx.server.placed) == [order.key]
    assert order_book.listing(active_pbx.system, 1).total == 1


def test_a_clock_set_during_the_request_makes_it_ask_once_more(
    active_pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [timedelta(hours=-5), timedelta(0)]

    def stepping(request: CheckRequest) -> Reply[LeaseAnswer]:
        asked = active_pbx.clock.moment()
        reply = FakeLicenseServer.check(active_pbx.server, request)
        active_pbx.clock.step(steps.pop(0))
        return Reply(reply.answer, reply.request, asked, active_pbx.clock.moment())

    monkeypatch.setattr(active_pbx.server, "check", stepping)
    assert checks.check(active_pbx.system, TESTER).state.status is Status.ACTIVE
    assert not steps


def test_the_wall_clock_is_known_to_be_wrong_only_when_it_surely_is(active_pbx: Pbx) -> None:
    system, clock = active_pbx.system, active_pbx.clock
    assert not licensing.is_wall_clock_wrong(system.database, clock)
    clock.step(timedelta(days=-30))
    assert licensing.is_wall_clock_wrong(system.database, clock)


def test_an_answer_heals_a_wrong_clock(active_pbx: Pbx) -> None:
    active_pbx.clock.step(timedelta(days=30))
    active_pbx.server.away = FaultKind.CONNECTION
    state = checks.check(active_pbx.system, TESTER).state
    assert (state.status, state.reason) == (Status.DEACTIVATED, Reason.UNREACHABLE)
    active_pbx.clock.step(timedelta(days=-30))
    active_pbx.server.away = None
    assert checks.check(active_pbx.system, TESTER).state.status is Status.ACTIVE


def test_an_activation_learns_what_was_bought_before(pbx: Pbx) -> None:
    pbx.server.sell("ring_group", 5)
    pbx.activate()
    assert [order.code for order in order_book.listing(pbx.system, 1).orders] == ["A-2026-0001"]


def test_a_check_learns_what_the_seller_added(active_pbx: Pbx) -> None:
    active_pbx.server.sell("ring_group", 3)
    checks.check(active_pbx.system, TESTER)
    assert order_book.listing(active_pbx.system, 1).total == 1
    lease = licensing.held_lease(active_pbx.system)
    assert lease is not None
    feature = lease.feature("ring_group")
    assert feature is not None
    assert feature.quantity == 8


def test_an_activation_asked_to_prove_that_it_lives_echoes_the_nonce(
    pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asks_first(request: ActivationRequest) -> Reply[LeaseAnswer]:
        if request.device.nonce != "n-1":
            raise refused(ProblemCode.PROVE_ALIVE, nonce="n-1")
        return FakeLicenseServer.activate(pbx.server, request)

    monkeypatch.setattr(pbx.server, "activate", asks_first)
    pbx.activate()
    assert licensing.current(pbx.system).status is Status.ACTIVE


@pytest.mark.parametrize("others_fault", [None, FaultKind.CONNECTION])
def test_who_waited_for_a_check_of_another_uses_its_result_only_if_it_succeeded(
    active_pbx: Pbx, monkeypatch: pytest.MonkeyPatch, others_fault: FaultKind | None
) -> None:
    server, system = active_pbx.server, active_pbx.system

    @contextmanager
    def after_another() -> Iterator[Conversation]:
        monkeypatch.setattr(server, "conversation", lambda: nullcontext(server))
        active_pbx.clock.go_on(timedelta(seconds=1))
        server.away = others_fault
        assert checks.check(system, TESTER).fault is others_fault
        server.away = None
        server.asked.clear()
        yield server

    monkeypatch.setattr(server, "conversation", after_another)
    outcome = checks.check(system, TESTER)
    assert (outcome.fault, outcome.state.reason) == (None, None)
    assert ("check" in server.asked) is (others_fault is not None)
