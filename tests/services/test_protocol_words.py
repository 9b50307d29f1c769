"""What protocol.md says "never" and "always" about on the PBX, and no other test says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from ayrix_protocol.keys import SigningKey, new_key
from ayrix_protocol.orders import OrderPage
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import Status
from ayrix_web.services import checks, device_counter, licensing, order_book, ordering, outbox
from ayrix_web.services.held import read_held
from tests.fakes import FakeLicenseServer, refused
from tests.pbx_fixtures import TESTER, Pbx


def status(pbx: Pbx) -> Status:
    """What works now."""
    return licensing.current(pbx.system).status


def mark(pbx: Pbx) -> int:
    """The latest trusted time that is written down."""
    held = read_held(pbx.system.database)
    assert held is not None
    assert held.mark_time is not None
    return held.mark_time


def test_leaving_a_key_out_never_ends_a_stored_lease(active_pbx: Pbx) -> None:
    active_pbx.server.signing = SigningKey("k2", new_key())
    active_pbx.clock.go_on(timedelta(hours=71))
    active_pbx.server.away = FaultKind.TIMEOUT
    checks.check(active_pbx.system, TESTER)
    assert status(active_pbx) is Status.GRACE
    active_pbx.server.away = None
    checks.check(active_pbx.system, TESTER)
    assert status(active_pbx) is Status.ACTIVE


@pytest.mark.parametrize("duration", [timedelta(minutes=10), timedelta(days=9)])
def test_a_lease_lasts_as_long_as_it_says_and_never_72_hours_by_itself(
    pbx: Pbx, duration: timedelta
) -> None:
    pbx.server.lease_duration = duration
    pbx.activate()
    pbx.clock.go_on(duration - timedelta(seconds=1))
    assert not status(pbx).is_locked
    pbx.clock.go_on(timedelta(seconds=1))
    assert status(pbx).is_locked


def test_the_mark_never_falls_whatever_the_clock_and_the_power_do(active_pbx: Pbx) -> None:
    clock, marks = active_pbx.clock, [mark(active_pbx)]
    disturbances: tuple[Callable[[], None], ...] = (
        lambda: clock.step(timedelta(days=-400)),
        clock.reboot,
        lambda: clock.step(timedelta(days=500)),
        lambda: clock.step(-timedelta(seconds=clock.wall)),
        lambda: clock.reboot(timedelta(days=2)),
    )
    for disturb in disturbances:
        disturb()
        clock.go_on(timedelta(hours=1))
        licensing.write_mark(active_pbx.system)
        marks.append(mark(active_pbx))
    assert marks == sorted(marks)


def test_the_counter_never_falls(pbx: Pbx) -> None:
    database = pbx.system.database
    device_counter.raise_counter(database, 40)
    device_counter.raise_counter(database, 7)
    assert device_counter.take_counter(database) == 41


def test_a_counter_that_was_taken_is_never_taken_again_after_a_crash(pbx: Pbx) -> None:
    taken = [device_counter.take_counter(pbx.system.database) for _ in range(3)]
    pbx.system.database.close()
    assert device_counter.take_counter(pbx.system.database) == taken[-1] + 1 == 4


@pytest.fixture
def strict_server(active_pbx: Pbx, monkeypatch: pytest.MonkeyPatch) -> FakeLicenseServer:
    """Like the real one, it knows no orders behind one that it does not know."""
    server = active_pbx.server

    def orders(after: str | None) -> OrderPage:
        if after is not None and after not in {order.code for order in server.placed.values()}:
            raise refused(ProblemCode.NOT_FOUND)
        return FakeLicenseServer.orders(server, after)

    monkeypatch.setattr(server, "orders", orders)
    return server


def test_a_server_that_forgot_an_order_and_numbers_anew_always_takes_the_next(
    active_pbx: Pbx, strict_server: FakeLicenseServer
) -> None:
    lost = ordering.order_at_once(active_pbx.system, "ring_group", 2, TESTER)
    strict_server.placed.clear()
    again = ordering.order_at_once(active_pbx.system, "ring_group", 1, TESTER)
    assert again.code == lost.code
    book = {order.key: order.code for order in order_book.listing(active_pbx.system, 1).orders}
    assert book == {lost.key: None, again.key: again.code}


def test_an_order_whose_code_another_one_had_is_never_missed(
    active_pbx: Pbx, strict_server: FakeLicenseServer
) -> None:
    ordering.order_at_once(active_pbx.system, "ring_group", 2, TESTER)
    strict_server.placed.clear()
    strict_server.sell("extension", 1)  # under the code that the lost order had
    (sold,) = strict_server.placed
    ordering.order_at_once(active_pbx.system, "ring_group", 1, TESTER)
    assert sold in {order.key for order in order_book.listing(active_pbx.system, 1).orders}


def test_a_clock_set_back_never_keeps_an_order_waiting(active_pbx: Pbx) -> None:
    active_pbx.server.lose_order = True
    order = ordering.order_at_once(active_pbx.system, "ring_group", 1, TESTER)
    assert order.code is None
    active_pbx.clock.step(timedelta(days=-400))
    due = outbox.next_send_at(active_pbx.system)
    assert due is not None
    assert due <= active_pbx.clock.now()
    outbox.send_waiting(active_pbx.system)
    assert list(active_pbx.server.placed) == [order.key]
