"""Shows that the model bites: each cure of protocol.md is switched off, and a property must fail.

Run by `make model-bites`. Nothing of this is in the packages: the cures are taken out of them here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.services.model import cures
from tests.services.model.loop import Loop, seeded
from tests.services.model.network import Fate
from tests.services.model.properties import Broken

MOST_STORIES = 40
STEPS = 30
HOURS_71, HOURS_30 = timedelta(hours=71), timedelta(hours=30)

Story = Callable[[Loop], None]


def keep_an_answer_back(loop: Loop) -> None:
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


def late_requests(loop: Loop) -> None:
    """Checks that were under way arrive after newer ones, again and again."""
    for _ in range(4):
        loop.network_goes_wrong([Fate.LATE])
        loop.somebody_checks(is_copy=False)
        loop.somebody_checks(is_copy=False)
        loop.somebody_checks(is_copy=False)
        loop.late_requests_arrive()
        loop.somebody_checks(is_copy=False)
    loop.box_checks_undisturbed()


def switched_off_again_and_again(loop: Loop) -> None:
    """A machine without a clock battery, off the network."""
    loop.network_goes_down(is_down=True)
    loop.time_passes(HOURS_71)
    loop.machine_is_switched_off(timedelta(minutes=1), is_clock_dead=True, is_copy=False)
    loop.time_passes(HOURS_30)


def clock_runs_ahead(loop: Loop) -> None:
    """For three days, then the network is back."""
    loop.clock_is_set(timedelta(days=3), is_copy=False)
    loop.network_goes_down(is_down=True)
    loop.time_passes(timedelta(hours=4))
    loop.box_checks_undisturbed()


@dataclass(frozen=True)
class Bite:
    """A cure, how to switch it off, and a story to tell if chance does not find one."""

    cure: str
    switch_off: Callable[[pytest.MonkeyPatch], None]
    story: Story | None = None


BITES = [
    Bite("leases that were given up are remembered", cures.no_left_list),
    Bite("a lost answer is no accusation", cures.lost_answers_accuse),
    Bite("a restored backup is no accusation", cures.backups_accuse),
    Bite("a server behind its devices adopts", cures.no_adoption),
    Bite("a forgotten device shows its lease", cures.no_recovery),
    Bite("a used counter is refused", cures.used_counters_are_taken, late_requests),
    Bite("the device takes the server's counter", cures.counter_stays_behind),
    Bite("an answer names its request", cures.any_answer_is_taken, keep_an_answer_back),
    Bite("an order is sent under its key", cures.a_key_per_request),
    Bite("unknown orders are sent again", cures.lost_orders_stay_lost),
    Bite("orders are fetched before ordering", cures.no_sync),
    Bite("the boot clock counts from the anchor", cures.no_boot_clock),
    Bite("the mark outlives a reboot", cures.no_mark, switched_off_again_and_again),
    Bite("the wall clock is evidence", cures.no_wall_evidence),
    Bite("400 days ahead are a fault", cures.no_fault_of_the_clock),
    Bite("a fresh lease sets the mark back", cures.mark_never_heals, clock_runs_ahead),
]


def bitten(bite: Bite) -> str:
    """What failed without the cure, and in which story; empty if nothing did."""
    with pytest.MonkeyPatch.context() as patch:
        bite.switch_off(patch)
        for number, tell in ((1, _by_chance), (2, bite.story and _told(bite.story))):
            try:
                if tell:
                    tell()
            except Exception as error:  # noqa: BLE001 - services that break are a bite as well
                name = error.name if isinstance(error, Broken) else type(error).__name__
                return f"{name} ({'by chance' if number == 1 else 'told'})"
    return ""


def _by_chance() -> None:
    how = settings(
        max_examples=MOST_STORIES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )

    run_state_machine_as_test(seeded(1), settings=how)


def _told(story: Story) -> Callable[[], None]:
    def tell() -> None:
        loop = Loop()
        try:
            loop.is_activated()
            story(loop)
            loop.honest_is_never_locked()
            loop.nobody_is_active_for_longer()
        finally:
            loop.teardown()

    return tell


def main() -> int:
    """Print the table; 1 if a cure can be taken out unnoticed, or if not even all of them help."""
    logging.disable(logging.CRITICAL)
    print(f"{'cure switched off':42} {'property that failed':24} seconds")
    if _line(Bite("none", lambda _patch: None)):
        return 1
    return 0 if all([_line(bite) for bite in BITES]) else 1


def _line(bite: Bite) -> str:
    began = monotonic()
    found = bitten(bite)
    print(f"{bite.cure:42} {found or '-':24} {monotonic() - began:7.1f}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
