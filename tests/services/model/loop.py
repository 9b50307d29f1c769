"""The state machine: anything may happen in any order, and the six properties hold."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import seed
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.services.model import properties
from tests.services.model.machine import PbxMachine
from tests.services.model.network import Fate
from tests.services.model.world import World, lease_of

SPANS = [
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=30),
    timedelta(hours=71),
    timedelta(days=8),
]
CLOCKS = [timedelta(0), timedelta(days=-400), timedelta(days=-2), timedelta(days=3)]
CLOCKS += [timedelta(days=500), timedelta(hours=-1)]
MOST_BACKUPS = 4


class Loop(RuleBasedStateMachine):
    """One world. The copy, if there is one, does what the box does, on a die."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    def teardown(self) -> None:
        """Clear up."""
        self.world.end()

    def one(self, is_copy: bool) -> PbxMachine:
        """The box, or its copy if there is one."""
        copy = self.world.copy
        return copy if is_copy and copy is not None else self.world.box

    @initialize()
    def is_activated(self) -> None:
        """Every story begins with a PBX that works."""
        self.world.server_backups.append(self.world.vendor.backup())
        self.world.attempt(self.world.box, lambda: self.world.activate(self.world.box))
        self.world.server_backups.append(self.world.vendor.backup())

    @rule(span=st.sampled_from(SPANS))
    def time_passes(self, span: timedelta) -> None:
        """The agents work at the end of it."""
        self.world.pass_time(span)

    @rule(fates=st.lists(st.sampled_from(Fate), min_size=1, max_size=5))
    def network_goes_wrong(self, fates: list[Fate]) -> None:
        """For the next requests."""
        self.world.network.fates = fates

    @rule(is_down=st.booleans())
    def network_goes_down(self, is_down: bool) -> None:
        """Or comes back."""
        self.world.network.is_down = is_down

    @rule()
    def late_requests_arrive(self) -> None:
        """The last one first."""
        self.world.network.deliver_late()

    @rule(is_copy=st.booleans())
    def somebody_checks(self, is_copy: bool) -> None:
        """With the network as it is."""
        machine = self.one(is_copy)
        self.world.attempt(machine, lambda: self.world.check(machine))

    @rule()
    def box_checks_undisturbed(self) -> None:
        """And works afterwards."""
        properties.works_after_an_answer(self.world)

    @rule(quantity=st.integers(1, 3))
    def customer_orders(self, quantity: int) -> None:
        """Once."""
        self.world.attempt(self.world.box, lambda: self.world.order(self.world.box, quantity))

    @rule()
    def customer_orders_undisturbed(self) -> None:
        """And sees all orders."""
        properties.ordering_knows_all_orders(self.world)

    @precondition(lambda self: self.world.intended)
    @rule(data=st.data())
    def customer_clicks_again(self, data: st.DataObject) -> None:
        """On the button of an order that was sent already."""
        key = data.draw(st.sampled_from(list(self.world.intended)))
        self.world.attempt(self.world.box, lambda: self.world.order_again(self.world.box, key))

    @rule()
    def orders_arrive(self) -> None:
        """Given time and a good connection."""
        properties.one_order_per_intention(self.world)

    @rule(steps=st.integers(0, 14), is_order=st.booleans(), is_copy=st.booleans())
    def process_dies(self, steps: int, is_order: bool, is_copy: bool) -> None:
        """Between any two steps of a check or of an order."""
        machine, world = self.one(is_copy), self.world
        machine.steps.left = steps
        world.attempt(
            machine, lambda: world.order(machine, 1) if is_order else world.check(machine)
        )

    @rule(steps=st.integers(0, 6))
    def server_dies(self, steps: int) -> None:
        """Somewhere in the next requests."""
        self.world.network.server_steps.left = steps

    @rule(off=st.sampled_from(SPANS), is_clock_dead=st.booleans(), is_copy=st.booleans())
    def machine_is_switched_off(self, off: timedelta, is_clock_dead: bool, is_copy: bool) -> None:
        """For a while; its clock may have no battery."""
        self.world.reboot(self.one(is_copy), off, is_clock_dead=is_clock_dead)

    @rule(off=st.sampled_from(CLOCKS), is_copy=st.booleans())
    def clock_is_set(self, off: timedelta, is_copy: bool) -> None:
        """Rightly or wrongly."""
        self.world.set_wall(self.one(is_copy), off)

    @precondition(lambda self: self.world.is_honest and len(self.world.backups) < MOST_BACKUPS)
    @rule()
    def box_is_backed_up(self) -> None:
        """Its database."""
        self.world.backups.append(self.world.box.backup())

    @precondition(lambda self: self.world.backups and self.world.is_honest)
    @rule(data=st.data())
    def box_is_restored(self, data: st.DataObject) -> None:
        """From one of its backups."""
        self.world.restore_box(data.draw(st.integers(0, len(self.world.backups) - 1)))

    @precondition(lambda self: len(self.world.server_backups) < MOST_BACKUPS)
    @rule()
    def server_is_backed_up(self) -> None:
        """Its database."""
        self.world.server_backups.append(self.world.vendor.backup())

    @precondition(lambda self: self.world.server_backups)
    @rule(data=st.data())
    def server_is_restored(self, data: st.DataObject) -> None:
        """From one of its backups."""
        self.world.restore_server(data.draw(st.integers(0, len(self.world.server_backups) - 1)))

    @rule(last=st.sampled_from(["20", "21"]))
    def box_gets_an_address(self, last: str) -> None:
        """The bound one or another one."""
        self.world.box.reader.address = f"192.168.10.{last}"

    @rule()
    def seller_binds_the_address(self) -> None:
        """At which the box stands."""
        self.world.vendor.bind_address(self.world.box.id, self.world.box.reader.address)

    @precondition(lambda self: self.world.copy is None and lease_of(self.world.box) is not None)
    @rule()
    def box_is_copied(self) -> None:
        """With its disk, identity and state."""
        self.world.copy_box()

    @precondition(lambda self: self.world.copy is not None)
    @rule(by_key=st.booleans())
    def copies_are_found_and_ended(self, by_key: bool) -> None:
        """Both ask; then somebody puts it right."""
        properties.copies_are_found(self.world)
        self.world.end_doubt(by_key=by_key)
        self.world.backups.clear()

    @invariant()
    def honest_is_never_locked(self) -> None:
        """P1."""
        properties.never_locked(self.world)

    @invariant()
    def nobody_is_active_for_longer(self) -> None:
        """P2."""
        properties.never_active_for_longer(self.world)


def seeded(number: int) -> type[Loop]:
    """A machine of its own to which the same things happen in every run."""

    class SeededLoop(Loop):
        pass

    return seed(number)(SeededLoop)
