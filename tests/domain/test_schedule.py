"""When to ask next, so that a million PBXs do not ask at once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ayrix_web.domain.schedule import next_check, next_retry

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
THREE_HOURS = timedelta(hours=3)
FIVE_MINUTES = timedelta(minutes=5)
CHANCES = st.floats(0, 1)


@given(st.text(min_size=1), st.integers(0, 10**7), CHANCES)
def test_a_check_comes_within_the_interval_and_its_jitter(
    installation: str, later: int, chance: float
) -> None:
    now = NOW + timedelta(seconds=later)
    pause = next_check(now, THREE_HOURS, installation, chance) - now
    assert 0.04 * THREE_HOURS < pause < 1.16 * THREE_HOURS


@given(CHANCES, CHANCES)
def test_one_check_an_interval_once_the_phase_is_found(first: float, second: float) -> None:
    at = next_check(NOW, THREE_HOURS, "installation", first)
    after = next_check(at, THREE_HOURS, "installation", second)
    assert 0.89 * THREE_HOURS < after - at < 1.11 * THREE_HOURS


def test_installations_have_phases_of_their_own() -> None:
    times = sorted(next_check(NOW, THREE_HOURS, str(number), 0.5) for number in range(1_000))
    gaps = [(b - a) for a, b in pairwise(times)]
    assert max(gaps) < THREE_HOURS / 50


@given(CHANCES)
def test_a_retry_comes_after_five_minutes_give_or_take_a_tenth(chance: float) -> None:
    pause = next_retry(NOW, FIVE_MINUTES, THREE_HOURS, None, chance) - NOW
    assert 0.9 * FIVE_MINUTES <= pause <= 1.1 * FIVE_MINUTES


@given(st.integers(0, 10**12), CHANCES)
def test_the_server_may_ask_for_later_but_not_for_later_than_a_check(
    asked_for_s: int, chance: float
) -> None:
    pause = next_retry(NOW, FIVE_MINUTES, THREE_HOURS, asked_for_s, chance) - NOW
    assert 0.9 * FIVE_MINUTES <= pause <= THREE_HOURS
    if FIVE_MINUTES.total_seconds() * 1.1 <= asked_for_s <= THREE_HOURS.total_seconds():
        assert pause.total_seconds() == asked_for_s
