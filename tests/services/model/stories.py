"""The traces that broke simpler rules: each is told to the model, and all properties hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tests.services.model.loop import Loop
from tests.services.model.network import Fate

HOURS_71, HOURS_30, DAYS_8 = timedelta(hours=71), timedelta(hours=30), timedelta(days=8)
DELIVERED = Fate.DELIVERED


def _checks(loop: Loop, times: int) -> None:
    for _ in range(times):
        loop.somebody_checks(is_copy=False)


def two_copies(loop: Loop) -> None:
    """Both live, and both ask."""
    loop.box_is_copied()
    loop.copies_are_found_and_ended(by_key=False)


def answer_lost(loop: Loop) -> None:
    """Several in a row."""
    loop.network_goes_wrong([Fate.ANSWER_LOST, Fate.ANSWER_LOST])
    _checks(loop, 2)
    loop.box_checks_undisturbed()


def box_restored(loop: Loop) -> None:
    """From a backup that is a few checks old."""
    loop.box_is_backed_up()
    _checks(loop, 5)
    loop.world.restore_box(0)
    loop.box_checks_undisturbed()


def server_restored(loop: Loop) -> None:
    """From a backup that is a few checks old."""
    loop.server_is_backed_up()
    _checks(loop, 3)
    loop.world.restore_server(-1)
    loop.box_checks_undisturbed()


def device_forgotten(loop: Loop) -> None:
    """The server is restored to a day before the activation."""
    loop.world.restore_server(0)
    loop.box_checks_undisturbed()


def device_forgotten_and_key_entered(loop: Loop) -> None:
    """The same, and somebody enters the key before the box has asked."""
    _checks(loop, 5)
    loop.world.restore_server(0)
    loop.world.attempt(loop.world.box, lambda: loop.world.activate(loop.world.box))
    loop.box_checks_undisturbed()


def late_requests(loop: Loop) -> None:
    """Checks that were under way arrive after newer ones, again and again."""
    for _ in range(4):
        loop.network_goes_wrong([Fate.LATE])
        _checks(loop, 3)
        loop.late_requests_arrive()
        loop.box_checks_undisturbed()


def answer_kept_back(loop: Loop) -> None:
    """Somebody between box and server hands the box an answer that is 71 hours old."""
    loop.network_goes_wrong([Fate.ANSWER_LOST])
    loop.somebody_checks(is_copy=False)
    loop.network_goes_down(is_down=True)
    loop.time_passes(HOURS_71)
    loop.network_goes_down(is_down=False)
    loop.network_goes_wrong([Fate.OLD_ANSWER])
    loop.somebody_checks(is_copy=False)
    loop.network_goes_down(is_down=True)
    loop.time_passes(HOURS_30)


def order_answer_lost(loop: Loop) -> None:
    """Two quotes and the list arrive, then the answer to the order is lost."""
    loop.network_goes_wrong([DELIVERED, DELIVERED, DELIVERED, Fate.ANSWER_LOST])
    loop.customer_orders(1)
    loop.orders_arrive()


def server_lost_order(loop: Loop) -> None:
    """The server is restored to before an order."""
    loop.server_is_backed_up()
    loop.customer_orders(2)
    loop.world.restore_server(-1)
    loop.orders_arrive()


def box_lost_order(loop: Loop) -> None:
    """The box is restored to before an order."""
    loop.box_is_backed_up()
    loop.customer_orders(2)
    loop.world.restore_box(0)
    loop.customer_orders_undisturbed()
    loop.orders_arrive()


def clock_set_back(loop: Loop) -> None:
    """By 400 days, away from the network."""
    loop.network_goes_down(is_down=True)
    loop.clock_is_set(timedelta(days=-400), is_copy=False)
    loop.time_passes(HOURS_71)
    loop.time_passes(HOURS_30)


def clock_without_battery(loop: Loop) -> None:
    """It begins in 1970 after each reboot, away from the network."""
    loop.network_goes_down(is_down=True)
    loop.time_passes(HOURS_71)
    loop.machine_is_switched_off(timedelta(minutes=1), is_clock_dead=True, is_copy=False)
    loop.time_passes(HOURS_30)


def switched_off_for_long(loop: Loop) -> None:
    """With a clock that goes on."""
    loop.network_goes_down(is_down=True)
    loop.machine_is_switched_off(DAYS_8, is_clock_dead=False, is_copy=False)


def clock_far_ahead(loop: Loop) -> None:
    """By 500 days."""
    loop.network_goes_down(is_down=True)
    loop.clock_is_set(timedelta(days=500), is_copy=False)


def clock_ahead(loop: Loop) -> None:
    """By three days; then the network is back."""
    loop.clock_is_set(timedelta(days=3), is_copy=False)
    loop.network_goes_down(is_down=True)
    loop.time_passes(timedelta(hours=4))
    loop.box_checks_undisturbed()


ALL = (
    two_copies,
    answer_lost,
    box_restored,
    server_restored,
    device_forgotten,
    device_forgotten_and_key_entered,
    late_requests,
    answer_kept_back,
    order_answer_lost,
    server_lost_order,
    box_lost_order,
    clock_set_back,
    clock_without_battery,
    switched_off_for_long,
    clock_far_ahead,
    clock_ahead,
)


def tell(story: Callable[[Loop], None]) -> None:
    """Tell a story from the beginning, and look at the properties at its end."""
    loop = Loop()
    try:
        loop.is_activated()
        story(loop)
        loop.honest_is_never_locked()
        loop.nobody_is_active_for_longer()
    finally:
        loop.teardown()
