"""Shows that the model bites: each cure of protocol.md is switched off, and a property must fail.

Run by `make model-bites`. Nothing of this is in the packages: the cures are taken out of them here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.services.model import cures, stories
from tests.services.model.loop import Loop, seeded
from tests.services.model.properties import Broken

MOST_STORIES = 25
STEPS = 30


@dataclass(frozen=True)
class Bite:
    """A cure, how to switch it off, and the story to tell if chance does not find one."""

    cure: str
    switch_off: Callable[[pytest.MonkeyPatch], None]
    story: Callable[[Loop], None]


BITES = [
    Bite("leases that were given up are remembered", cures.no_left_list, stories.two_copies),
    Bite("a lost answer is no accusation", cures.lost_answers_accuse, stories.answer_lost),
    Bite("a restored backup is no accusation", cures.backups_accuse, stories.box_restored),
    Bite("a server behind its devices adopts", cures.no_adoption, stories.server_restored),
    Bite("a forgotten device shows its lease", cures.no_recovery, stories.device_forgotten),
    Bite("a used counter is refused", cures.used_counters_are_taken, stories.late_requests),
    Bite("the device takes the server's counter", cures.counter_stays_behind, stories.box_restored),
    Bite("an answer names its request", cures.any_answer_is_taken, stories.answer_kept_back),
    Bite("an order is sent under its key", cures.a_key_per_request, stories.order_answer_lost),
    Bite("unknown orders are sent again", cures.lost_orders_stay_lost, stories.server_lost_order),
    Bite("orders are fetched before ordering", cures.no_sync, stories.box_lost_order),
    Bite("the boot clock counts from the anchor", cures.no_boot_clock, stories.clock_set_back),
    Bite("the mark outlives a reboot", cures.no_mark, stories.clock_without_battery),
    Bite("the wall clock is evidence", cures.no_wall_evidence, stories.switched_off_for_long),
    Bite("400 days ahead are a fault", cures.no_fault_of_the_clock, stories.clock_far_ahead),
    Bite("a fresh lease sets the mark back", cures.mark_never_heals, stories.clock_ahead),
]


def bitten(bite: Bite) -> str:
    """What failed without the cure, and in which story; empty if nothing did."""
    with pytest.MonkeyPatch.context() as patch:
        bite.switch_off(patch)
        for number, tell in ((1, _by_chance), (2, partial(stories.tell, bite.story))):
            try:
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


def main() -> int:
    """Print the table; 1 if a cure can be taken out unnoticed, or if not even all of them help."""
    logging.disable(logging.CRITICAL)
    print(f"{'cure switched off':42} {'property that failed':24} seconds")
    if _line(Bite("none", lambda _patch: None, stories.server_restored)):
        return 1
    found = [_line(bite) for bite in BITES]
    return 0 if all(found) else 1


def _line(bite: Bite) -> str:
    began = monotonic()
    found = bitten(bite)
    print(f"{bite.cure:42} {found or '-':24} {monotonic() - began:7.1f}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
