"""P1 to P6 hold whatever happens, in hundreds of random stories of both sides' real code."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.services.model import stories
from tests.services.model.loop import Loop, seeded

STEPS = 30
EXAMPLES_PER_PART = 75
PARTS = 4
"""Together 300 stories; in parts, so that two processors share them."""

LONG_EXAMPLES = 3_000


def tell_stories(examples: int, machine: type[Loop]) -> None:
    """Run so many random stories; a failing one is shortened and printed as the calls it made."""
    how = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        print_blob=False,
    )
    run_state_machine_as_test(machine, settings=how)


@pytest.mark.parametrize("part", range(PARTS))
def test_properties_hold_in_the_same_stories_every_time(part: int) -> None:
    tell_stories(EXAMPLES_PER_PART, seeded(part))


@pytest.mark.parametrize("story", stories.ALL, ids=lambda story: story.__name__)
def test_traces_that_broke_simpler_rules_break_nothing(story: Callable[[Loop], None]) -> None:
    stories.tell(story)


@pytest.mark.long
def test_properties_hold_in_new_stories_every_time() -> None:
    tell_stories(LONG_EXAMPLES, Loop)
