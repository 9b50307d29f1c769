"""What is used of what is licensed, and that nobody creates more."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, select

from ayrix_foundation.clock import Moment, SystemClock
from ayrix_protocol.lease import Counted
from ayrix_web.domain.errors import UsedUp
from ayrix_web.domain.ports import CountedObject, InventoryUnavailable
from ayrix_web.rows import ReservationRow, RingGroupRow, UsageRow
from ayrix_web.services import licensing, quota
from ayrix_web.system import System
from tests.services.licensed_pbx import Vendor, close_pbx, end_lease, feature, hold, make_pbx

RING_GROUP = Counted.RING_GROUP
LIMIT = 3
ROUNDS = 100


@dataclass(slots=True)
class CountedInventory:
    """An inventory that says what the test says; `numbers` None means that it is away."""

    numbers: dict[Counted, int] | None = field(default_factory=dict)

    def counts(self) -> Mapping[Counted, int]:
        if self.numbers is None:
            raise InventoryUnavailable("away")
        return self.numbers

    def objects(self, counted: Counted) -> Sequence[CountedObject]:
        raise NotImplementedError


@dataclass(slots=True)
class ShiftedClock:
    """The machine's clock with somebody turning the wall clock."""

    shift: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def moment(self) -> Moment:
        return SystemClock().moment()

    def is_synchronized(self) -> bool:
        return False


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[System]:
    system = make_pbx(tmp_path, {RING_GROUP: LIMIT})
    yield system
    close_pbx(system)


@pytest.fixture
def inventory() -> CountedInventory:
    return CountedInventory({RING_GROUP: 0})


@pytest.fixture
def system(pbx: System, inventory: CountedInventory) -> System:
    return replace(pbx, inventory=inventory)


def reservations(system: System) -> int:
    with system.database.read() as session:
        return session.scalar(select(func.count()).select_from(ReservationRow)) or 0


# usage


def test_usage_is_counted_now(system: System, inventory: CountedInventory) -> None:
    inventory.numbers = {RING_GROUP: 2}
    used = quota.usage(system)
    assert used.counts == {RING_GROUP: 2}
    assert used.is_fresh
    assert used.at is not None
    assert datetime.now(UTC) - used.at < timedelta(seconds=5)


def test_usage_is_the_last_known_with_its_age_while_the_pbx_is_away(
    system: System, inventory: CountedInventory
) -> None:
    inventory.numbers = {RING_GROUP: 2}
    earlier = replace(system, clock=ShiftedClock(-timedelta(hours=1)))
    quota.count(earlier)
    inventory.numbers = None
    used = quota.usage(system)
    assert used.counts == {RING_GROUP: 2}
    assert not used.is_fresh
    assert used.at is not None
    assert datetime.now(UTC) - used.at >= timedelta(hours=1)


def test_what_was_never_counted_is_missing_not_zero(
    system: System, inventory: CountedInventory
) -> None:
    inventory.numbers = None
    assert quota.usage(system) == quota.Usage({}, None, is_fresh=False)


def test_a_failed_count_keeps_the_last_one(system: System, inventory: CountedInventory) -> None:
    inventory.numbers = {RING_GROUP: 2}
    quota.count(system)
    inventory.numbers = None
    with pytest.raises(InventoryUnavailable):
        quota.count(system)
    assert quota.usage(system).counts == {RING_GROUP: 2}


def test_counting_again_replaces_the_last_count(
    system: System, inventory: CountedInventory
) -> None:
    for number in (2, 1):
        inventory.numbers = {RING_GROUP: number}
        quota.count(system)
    with system.database.read() as session:
        assert [row.count for row in session.scalars(select(UsageRow))] == [1]


# what is licensed


def test_licensed_is_the_quantity_of_the_feature_that_counts_the_objects(system: System) -> None:
    lease = licensing.held_lease(system)
    assert quota.licensed(lease, RING_GROUP) == LIMIT
    assert quota.licensed(lease, Counted.QUEUE) == 0
    assert quota.licensed(None, RING_GROUP) == 0


def test_names_the_feature_to_order_unless_it_is_hidden_or_not_licensed(system: System) -> None:
    vendor = Vendor()
    system = replace(system, settings=replace(system.settings, license_root_key=vendor.root_key))
    hold(system, vendor, [feature(RING_GROUP, 2), feature(Counted.VOICEMAIL, 2, hidden=True)])
    assert quota.order_code(system, RING_GROUP) == "more_ring_group"
    assert quota.order_code(system, Counted.VOICEMAIL) is None
    assert quota.order_code(system, Counted.QUEUE) is None


# reservations


@pytest.mark.parametrize("used", [LIMIT, LIMIT + 1])
def test_refuses_when_everything_licensed_is_used(
    system: System, inventory: CountedInventory, used: int
) -> None:
    inventory.numbers = {RING_GROUP: used}
    with pytest.raises(UsedUp) as refused:
        quota.reserve(system, RING_GROUP)
    assert (refused.value.counted, refused.value.licensed, refused.value.used) == (
        RING_GROUP,
        LIMIT,
        used,
    )


def test_reserves_no_more_than_is_left(system: System, inventory: CountedInventory) -> None:
    inventory.numbers = {RING_GROUP: LIMIT - 2}
    quota.reserve(system, RING_GROUP)
    quota.reserve(system, RING_GROUP)
    with pytest.raises(UsedUp):
        quota.reserve(system, RING_GROUP)
    assert reservations(system) == 2


def test_a_released_reservation_is_free_again(system: System, inventory: CountedInventory) -> None:
    inventory.numbers = {RING_GROUP: LIMIT - 1}
    quota.release(system, quota.reserve(system, RING_GROUP).id)
    quota.release(system, uuid4())
    quota.reserve(system, RING_GROUP)


def test_a_reservation_nobody_released_expires_after_60_seconds(
    system: System, inventory: CountedInventory
) -> None:
    inventory.numbers = {RING_GROUP: LIMIT - 1}
    then = replace(system, clock=ShiftedClock(-timedelta(seconds=58)))
    reservation = quota.reserve(then, RING_GROUP)
    assert timedelta(seconds=59) < reservation.until - then.clock.now() <= timedelta(seconds=60)
    assert quota.reserve(system, RING_GROUP).until > reservation.until  # waited for it


def test_a_clock_set_back_keeps_no_reservation_alive(
    system: System, inventory: CountedInventory
) -> None:
    inventory.numbers = {RING_GROUP: LIMIT - 1}
    quota.reserve(replace(system, clock=ShiftedClock(timedelta(days=1))), RING_GROUP)
    quota.reserve(system, RING_GROUP)


def test_what_is_not_licensed_cannot_be_created(
    system: System, inventory: CountedInventory
) -> None:
    inventory.numbers = {Counted.QUEUE: 0}
    with pytest.raises(UsedUp, match="queue: 0 of 0 used"):
        quota.reserve(system, Counted.QUEUE)


def test_a_locked_license_guards_as_nothing_licensed(
    system: System, inventory: CountedInventory
) -> None:
    inventory.numbers = {RING_GROUP: 1}
    end_lease(system)
    assert licensing.current(system).status.is_locked
    with pytest.raises(UsedUp, match="ring_group: 1 of 0 used"):
        quota.reserve(system, RING_GROUP)


def test_a_lower_quantity_blocks_creation_at_once(
    system: System, inventory: CountedInventory
) -> None:
    inventory.numbers = {RING_GROUP: 2}
    vendor = Vendor()
    system = replace(system, settings=replace(system.settings, license_root_key=vendor.root_key))
    hold(system, vendor, [feature(RING_GROUP, 2)])
    with pytest.raises(UsedUp, match="2 of 2"):
        quota.reserve(system, RING_GROUP)


# without a count


def test_guards_by_the_last_count_while_the_pbx_is_away_and_never_beyond_it(
    system: System, inventory: CountedInventory
) -> None:
    inventory.numbers = {RING_GROUP: LIMIT - 1}
    quota.count(system)
    inventory.numbers = None
    with quota.guard(system, RING_GROUP):
        pass
    with pytest.raises(UsedUp):
        quota.reserve(system, RING_GROUP)


def test_refuses_while_the_pbx_was_never_counted(
    system: System, inventory: CountedInventory
) -> None:
    inventory.numbers = None
    with pytest.raises(InventoryUnavailable):
        quota.reserve(system, RING_GROUP)


# the guard


def test_the_guard_holds_its_reservation_only_inside(system: System) -> None:
    with quota.guard(system, RING_GROUP):
        assert reservations(system) == 1
    assert reservations(system) == 0


def test_the_guard_gives_back_what_a_failed_creation_did_not_use(system: System) -> None:
    with pytest.raises(KeyError), quota.guard(system, RING_GROUP):
        raise KeyError
    assert reservations(system) == 0


# separate interpreters racing for the last object


def race(folder: Path, system: System, way: str, rounds: int) -> list[int]:
    """How many of four interpreters created the last ring group, round by round."""
    command = [sys.executable, "-m", "tests.services.quota_racer", str(folder), way]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    try:
        assert [answer(racer) for racer in racers] == ["ready"] * len(racers)
        return [one_round(system, racers) for _ in range(rounds)]
    finally:
        for racer in racers:
            racer.communicate(timeout=20)


def one_round(system: System, racers: list[subprocess.Popen[str]]) -> int:
    with system.database.write() as session:
        session.execute(delete(RingGroupRow))
        session.add_all(
            RingGroupRow(number=f"{number}", name="Sales") for number in range(LIMIT - 1)
        )
    for place, racer in enumerate(racers):
        assert racer.stdin is not None
        racer.stdin.write(f"racer{place}\n")
        racer.stdin.flush()
    made = [answer(racer) for racer in racers].count("made")
    with system.database.read() as session:
        there = session.scalar(select(func.count()).select_from(RingGroupRow))
    assert there == LIMIT - 1 + made
    return made


def answer(racer: subprocess.Popen[str]) -> str:
    assert racer.stdout is not None
    return racer.stdout.readline().strip()


def test_four_interpreters_racing_for_the_last_object_create_exactly_one(
    pbx: System, tmp_path: Path
) -> None:
    assert race(tmp_path, pbx, "guarded", rounds=ROUNDS) == [1] * ROUNDS
    assert reservations(pbx) == 0


def test_looking_before_creating_would_create_too_many(pbx: System, tmp_path: Path) -> None:
    assert max(race(tmp_path, pbx, "naive", rounds=15)) > 1
