"""The six properties of protocol.md as questions to the world; each names its sentence."""

from __future__ import annotations

from datetime import timedelta

from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import Refused
from ayrix_web.domain.license import Reason, Status
from ayrix_web.domain.order import OrderStage
from ayrix_web.services import licensing
from tests.services.model.machine import PbxMachine
from tests.services.model.vendor import BEGINS_WITH
from tests.services.model.world import World, lease_of

LEASE = timedelta(hours=72)
SLACK = timedelta(minutes=10)
"""Clocks count whole seconds, are believed within five minutes, and are read now and then."""

CHECKS_UNTIL_FOUND = 3

SENTENCES = {
    "P1": "An honest customer whose server is reachable once per 72 h is never deactivated and "
    "never accused.",
    "P2": "No device is active more than 72 h after its last answer.",
    "P3": "Two live copies are found within two or three checks.",
    "P4": "There is exactly one order per intention.",
    "P5": "Box and server agree on the address and a change never locks the box.",
    "P6": "After a restored server backup, devices recover by themselves.",
}


class Broken(AssertionError):
    """A property does not hold."""

    def __init__(self, name: str, detail: object) -> None:
        super().__init__(f"{name} is broken: {SENTENCES[name]} {detail}")
        self.name = name


def hold(name: str, is_true: bool, detail: object) -> None:
    """Raise Broken unless it is true."""
    if not is_true:
        raise Broken(name, detail)


def never_locked(world: World) -> None:
    """P1, at any moment: within 72 h of an answer everything works, and nobody is accused."""
    if not world.is_honest:
        return
    box, known = world.box, world.box.known
    hold("P1", not world.vendor.is_accused(box.id), "The box is taken for a copy.")
    hold("P1", box.held().failure != Reason.CLONE_SUSPECTED, "The box shows an accusation.")
    is_reached = world.now < known.answered_at + (LEASE - SLACK).total_seconds()
    if known.lease is None or known.is_ahead or not is_reached:
        return
    for process in (box.web, box.agent):
        state = licensing.current(process)
        hold("P1", not state.status.is_locked, state)


def never_active_for_longer(world: World) -> None:
    """P2, at any moment and for every machine, whatever its owner does to the clock."""
    for machine in world.machines:
        _not_active_for_longer(world, machine)


def _not_active_for_longer(world: World, machine: PbxMachine) -> None:
    if all(licensing.current(process).status.is_locked for process in (machine.web, machine.agent)):
        return
    known, most = machine.known, (LEASE + SLACK).total_seconds()
    hold("P2", known.ran <= most, f"It ran for {known.ran / 3600:.1f} h since the answer.")
    off = machine.clock.wall - world.now
    is_right = abs(known.answered_wall_off) < SLACK.total_seconds() / 2 and abs(off) < 1
    since = world.now - known.answered_at
    hold("P2", not is_right or since <= most, f"{since / 3600:.1f} h since the answer.")


def works_after_an_answer(world: World) -> None:
    """P1, P5 and P6, once a box asks and nothing disturbs it: it works, and both sides agree."""
    box, row = world.box, world.vendor.row(world.box.id)
    lease = lease_of(box)
    if not world.is_honest or lease is None:
        return
    name = "P6" if world.was_server_restored else "P1"
    is_at_home = _is_at_home(world)
    world.network.clear()
    outcome = world.check(box)
    world.observe(box)
    row = world.vendor.row(box.id)
    if outcome.refusal is not None and outcome.refusal.code is ProblemCode.IP_MISMATCH:
        # Nothing is locked by that, see `never_locked`; a bound address is never refused.
        hold("P5", not is_at_home, outcome)
        return
    hold(name, outcome.state.status is Status.ACTIVE, outcome)
    hold("P5", row is not None and row.address == box.reader.address, "Other addresses.")
    world.was_server_restored = False


def _is_at_home(world: World) -> bool:
    """Whether the box stands where the license server, or what it said last, has it."""
    row, lease = world.vendor.row(world.box.id), lease_of(world.box)
    address = world.box.reader.address
    is_lease_newer = lease is not None and (row is None or lease.seq > row.top)
    if is_lease_newer:
        return lease is not None and address in lease.binding.addresses
    return row is not None and address == row.address


def copies_are_found(world: World) -> None:
    """P3: both ask in turn, and within three checks of each the server knows that they are two."""
    box, copy = world.box, world.copy
    row = world.vendor.row(box.id)
    if copy is None or row is None or lease_of(box) is None or lease_of(copy) is None:
        return
    if not row.address == box.reader.address == copy.reader.address:
        return  # who stands elsewhere gets no lease: only one of them lives
    world.network.clear()
    for _ in range(CHECKS_UNTIL_FOUND):
        for machine in (box, copy):
            world.attempt(machine, lambda machine=machine: world.check(machine))  # type: ignore[misc] # a loop variable
    hold("P3", world.vendor.is_accused(box.id), "Two copies live on.")


def one_order_per_intention(world: World) -> None:
    """P4, once everything had time to arrive: each saved order exists once at the server, and the
    box knows each of the server's.
    """
    if not world.is_honest or lease_of(world.box) is None or not _is_at_home(world):
        return
    name = "P6" if world.was_server_restored else "P4"
    world.settle()
    world.was_server_restored = False
    orders, box = world.vendor.orders(), world.box
    hold("P4", set(orders) <= set(world.intended), "An order that nobody wanted.")
    hold("P4", len(orders) == len(set(orders)), "Two orders under one key.")
    waiting = box.order_keys(OrderStage.WAITING, OrderStage.SUBMITTED, OrderStage.APPROVED)
    hold("P4", not waiting, f"Still on the way: {waiting}")
    in_book = box.order_keys() - set(world.vendor.purchases())
    refused = box.order_keys(OrderStage.FAILED)
    hold(name, in_book - refused <= set(orders), "The server has lost an order.")
    hold(name, set(orders) <= in_book, "The box has lost an order.")
    brought = BEGINS_WITH + sum(world.intended[key] for key in orders)
    hold("P4", world.vendor.bought() == brought, "Other quantities than ordered.")
    hold("P4", world.vendor.entitled() == brought, "Entitlements are not what was ordered.")


def ordering_knows_all_orders(world: World) -> None:
    """P4, before anything new is sent: a box fetches its orders first, so that somebody who ordered
    before its backup was restored sees that and does not order twice.
    """
    box = world.box
    if not world.is_honest or lease_of(box) is None:
        return
    world.network.clear()
    try:
        world.order(box, 1)
    except Refused:
        return  # a server that has forgotten the box takes no orders before its next check
    world.observe(box)
    hold("P4", set(world.vendor.orders()) <= box.order_keys(), "Ordered without all in view.")
