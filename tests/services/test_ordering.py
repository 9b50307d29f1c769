"""Exactly one order per intention, whatever breaks on the way."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ayrix_protocol.orders import LineRequest, OrderState
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import FaultKind, LicenseServerFault, PriceChanged, Refused
from ayrix_web.domain.order import OrderDraft, OrderStage, PlacedOrder
from ayrix_web.services import checks, licensing, order_book, ordering, outbox
from ayrix_web.services.overview import overview
from tests.pbx_fixtures import TESTER, Pbx

TWO_RING_GROUPS = (LineRequest(code="ring_group", quantity=2),)


def draft(pbx: Pbx) -> OrderDraft:
    """What a person confirms who saw today's price."""
    proposal = ordering.propose(pbx.system, TWO_RING_GROUPS)
    return OrderDraft(proposal.key, TWO_RING_GROUPS, proposal.quote.quote_hash)


def placed_while_away(pbx: Pbx) -> PlacedOrder:
    """An order whose request got lost on its way."""
    confirmed = draft(pbx)
    pbx.server.lose_order = True
    return ordering.place(pbx.system, confirmed, TESTER)


def ring_groups(pbx: Pbx) -> int | None:
    """How many are licensed."""
    lease = licensing.held_lease(pbx.system)
    feature = lease.feature("ring_group") if lease else None
    return feature.quantity if feature else None


def test_a_fulfilled_order_brings_its_licenses_at_once(active_pbx: Pbx) -> None:
    order = ordering.place(active_pbx.system, draft(active_pbx), TESTER)
    assert (order.stage, order.code) == (OrderStage.FULFILLED, "A-2026-0001")
    assert (order.totals.net, order.totals.tax, order.totals.gross) == (3600, 684, 4284)
    assert ring_groups(active_pbx) == 7


def test_an_order_whose_lease_cannot_be_taken_stands_and_a_check_brings_it(
    active_pbx: Pbx,
) -> None:
    confirmed = draft(active_pbx)
    active_pbx.server.seq = 0  # a lease that is not newer than the stored one
    order = ordering.place(active_pbx.system, confirmed, TESTER)
    assert order.stage is OrderStage.FULFILLED
    assert ring_groups(active_pbx) == 5
    assert licensing.next_check_at(active_pbx.system) == active_pbx.clock.now()
    checks.check(active_pbx.system, TESTER)
    assert ring_groups(active_pbx) == 7


def test_a_double_click_orders_once(active_pbx: Pbx) -> None:
    confirmed = draft(active_pbx)
    first = ordering.place(active_pbx.system, confirmed, TESTER)
    second = ordering.place(active_pbx.system, confirmed, TESTER)
    assert first == second
    assert len(active_pbx.server.placed) == 1


def test_without_a_fresh_quote_nothing_is_ordered(active_pbx: Pbx) -> None:
    confirmed = draft(active_pbx)
    active_pbx.server.away = FaultKind.CONNECTION
    with pytest.raises(LicenseServerFault):
        ordering.place(active_pbx.system, confirmed, TESTER)
    assert order_book.listing(active_pbx.system, 1).total == 0


def test_a_price_that_changed_before_the_click_is_shown_and_nothing_ordered(
    active_pbx: Pbx,
) -> None:
    confirmed = draft(active_pbx)
    active_pbx.server.prices["ring_group"] = 1900
    with pytest.raises(PriceChanged) as caught:
        ordering.place(active_pbx.system, confirmed, TESTER)
    assert caught.value.quote.net == 3800
    assert not active_pbx.server.placed


def test_an_order_that_could_not_be_sent_waits_and_is_sent_by_the_agent(active_pbx: Pbx) -> None:
    order = placed_while_away(active_pbx)
    assert order.stage is OrderStage.WAITING
    assert not active_pbx.server.placed
    active_pbx.clock.go_on(timedelta(minutes=1))
    outbox.send_waiting(active_pbx.system)
    sent = order_book.find(active_pbx.system, str(order.key))
    assert sent is not None
    assert sent.stage is OrderStage.FULFILLED
    assert ring_groups(active_pbx) == 7


def test_an_order_whose_answer_was_lost_is_not_ordered_again(active_pbx: Pbx) -> None:
    confirmed = draft(active_pbx)
    active_pbx.server.lose_order_answer = True
    order = ordering.place(active_pbx.system, confirmed, TESTER)
    assert order.stage is OrderStage.WAITING
    active_pbx.clock.go_on(timedelta(minutes=1))
    outbox.send_waiting(active_pbx.system)
    assert len(active_pbx.server.placed) == 1
    sent = order_book.find(active_pbx.system, str(order.key))
    assert sent is not None
    assert sent.stage is OrderStage.FULFILLED


def test_a_price_that_changed_on_the_way_asks_the_person_again(active_pbx: Pbx) -> None:
    order = placed_while_away(active_pbx)
    active_pbx.server.prices["ring_group"] = 1900
    active_pbx.clock.go_on(timedelta(minutes=1))
    outbox.send_waiting(active_pbx.system)
    asked = order_book.find(active_pbx.system, str(order.key))
    assert asked is not None
    assert asked.stage is OrderStage.CONFIRM_AGAIN
    assert asked.changed_quote is not None
    confirmed = ordering.confirm_again(
        active_pbx.system, asked.reference, asked.changed_quote.quote_hash, TESTER
    )
    assert (confirmed.stage, confirmed.totals.net) == (OrderStage.FULFILLED, 3800)
    assert len(active_pbx.server.placed) == 1


def test_the_agent_notices_what_the_seller_decided(active_pbx: Pbx) -> None:
    active_pbx.server.fulfills = False
    order = ordering.place(active_pbx.system, draft(active_pbx), TESTER)
    assert order.stage is OrderStage.SUBMITTED
    active_pbx.server.decide(order.key, OrderState.REJECTED, "credit limit reached")
    active_pbx.clock.go_on(timedelta(minutes=1))
    outbox.send_waiting(active_pbx.system)
    decided = order_book.find(active_pbx.system, order.reference)
    assert decided is not None
    assert (decided.stage, decided.reason) == (OrderStage.REJECTED, "credit limit reached")
    assert outbox.next_send_at(active_pbx.system) is None


def test_an_approval_makes_a_check_due_at_once(active_pbx: Pbx) -> None:
    active_pbx.server.fulfills = False
    order = ordering.place(active_pbx.system, draft(active_pbx), TESTER)
    active_pbx.server.decide(order.key, OrderState.FULFILLED)
    active_pbx.clock.go_on(timedelta(minutes=1))
    outbox.send_waiting(active_pbx.system)
    assert licensing.next_check_at(active_pbx.system) == active_pbx.clock.now()


def test_an_order_on_the_way_can_be_taken_back(active_pbx: Pbx) -> None:
    active_pbx.server.fulfills = False
    order = ordering.place(active_pbx.system, draft(active_pbx), TESTER)
    cancelled = ordering.cancel(active_pbx.system, order.reference, TESTER)
    assert cancelled.stage is OrderStage.CANCELLED
    assert active_pbx.server.placed[order.key].state is OrderState.CANCELLED


def test_an_order_that_never_left_can_be_taken_back(active_pbx: Pbx) -> None:
    order = placed_while_away(active_pbx)
    cancelled = ordering.cancel(active_pbx.system, order.reference, TESTER)
    assert cancelled.stage is OrderStage.CANCELLED
    outbox.send_waiting(active_pbx.system)
    assert not active_pbx.server.placed


def test_a_fulfilled_order_cannot_be_taken_back(active_pbx: Pbx) -> None:
    order = ordering.place(active_pbx.system, draft(active_pbx), TESTER)
    with pytest.raises(Refused) as caught:
        ordering.cancel(active_pbx.system, order.reference, TESTER)
    assert caught.value.code is ProblemCode.NOT_CANCELLABLE


@pytest.mark.parametrize("quantity", [0, -1, 10**9])
def test_quantities_out_of_bounds_are_refused(active_pbx: Pbx, quantity: int) -> None:
    with pytest.raises(Refused) as caught:
        ordering.order_at_once(active_pbx.system, "ring_group", quantity, TESTER)
    assert caught.value.code is ProblemCode.INVALID_QUANTITY


def test_a_restored_backup_finds_its_orders_before_it_could_order_twice(active_pbx: Pbx) -> None:
    confirmed = draft(active_pbx)
    order = ordering.place(active_pbx.system, confirmed, TESTER)
    with active_pbx.system.database.write() as session:
        row = order_book.row_of_key(session, order.key)
        session.delete(row)
    again = replace(confirmed, key=ordering.propose(active_pbx.system, TWO_RING_GROUPS).key)
    ordering.place(active_pbx.system, again, TESTER)
    assert order_book.find(active_pbx.system, order.reference) is not None


def test_licenses_on_the_way_are_counted_beside_their_feature(active_pbx: Pbx) -> None:
    active_pbx.server.fulfills = False
    ordering.place(active_pbx.system, draft(active_pbx), TESTER)
    (use,) = overview(active_pbx.system).instance
    assert (use.on_the_way, use.is_used_up) == (2, True)


def test_a_hidden_feature_is_enforced_and_never_shown(active_pbx: Pbx) -> None:
    server = active_pbx.server
    server.features[2] = server.features[2].model_copy(update={"hidden": True, "names": {}})
    ordering.order_at_once(active_pbx.system, "voicemail", 1, TESTER)
    shown = overview(active_pbx.system)
    assert not shown.instance
    with pytest.raises(Refused) as caught:
        ordering.order_at_once(active_pbx.system, "ring_group", 1, TESTER)
    assert caught.value.code is ProblemCode.UNKNOWN_FEATURE
