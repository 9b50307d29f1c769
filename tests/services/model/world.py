"""Both sides in one process, and everything that happens to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ayrix_foundation.audit import AGENT, Actor
from ayrix_protocol.binding import Hardware, component_hash
from ayrix_protocol.lease import Lease, read_lease
from ayrix_protocol.orders import LineRequest
from ayrix_web.agent import check_due
from ayrix_web.domain.errors import LicenseServerFault, PriceChanged, Refused
from ayrix_web.domain.order import OrderDraft
from ayrix_web.services import acceptance, activation, checks, licensing, ordering, outbox
from ayrix_web.services.checks import CheckOutcome
from tests.services.model import files
from tests.services.model.machine import Backup, Known, PbxMachine, device_key
from tests.services.model.network import Crash, Fate, Network
from tests.services.model.vendor import FEATURE, Vendor

FROZEN_S = timedelta(hours=30).total_seconds()
OFTEN_ENOUGH = 3
"""Passes of the agent, some minutes apart, after which nothing may be on the way any longer."""

FAULT_OF_THE_CLOCK_S = timedelta(days=399).total_seconds()
NOTICEABLE_S = 240
OTHER_HARDWARE = Hardware(
    cpu_serial=component_hash("cpu_serial", "product_uuid:another"),
    nic_serial=component_hash("nic_serial", "d4ae52009999"),
)


def lease_of(machine: PbxMachine) -> Lease | None:
    """The lease a machine holds, as it stands there."""
    token = machine.held().lease
    return None if token is None else Lease.model_validate_json(read_lease(token).payload)


class NoChance:
    """In the place of the random numbers that spread the load."""

    def random(self) -> float:
        """The middle."""
        return 0.5


class World:
    """One customer with one license: his PBX `box`, sometimes a `copy` of it, and the vendor."""

    def __init__(self) -> None:
        self._folder = files.new_folder()
        self._patch = pytest.MonkeyPatch()
        for module in (acceptance, checks):
            self._patch.setattr(module, "_CHANCE", NoChance())  # a failure must happen again
        self._path = Path(self._folder.name)
        self.vendor = Vendor(self._path)
        self.network = Network(self.vendor.client, server_steps=self.vendor.steps)
        self._machines = 0
        self.box = self._new_machine()
        self.home = self.box.reader.hardware
        self.copy: PbxMachine | None = None
        self.is_doubtful = False
        self.was_server_restored = False
        self.moved_at: float | None = None
        self.intended: dict[str, int] = {}
        self.backups: list[Backup] = []
        self.server_backups: list[bytes] = []

    def end(self) -> None:
        """Clear up."""
        for machine in self.machines:
            machine.close()
        self.vendor.close()
        self._patch.undo()
        self._folder.cleanup()

    @property
    def now(self) -> float:
        """The time it really is, in epoch seconds."""
        return self.vendor.time.seconds

    @property
    def machines(self) -> list[PbxMachine]:
        """Who is switched on."""
        return [self.box] if self.copy is None else [self.box, self.copy]

    @property
    def is_honest(self) -> bool:
        """Whether there is, and was since the last doubt was cleared, one machine only."""
        return self.copy is None and not self.is_doubtful

    def _new_machine(self) -> PbxMachine:
        self._machines += 1
        own: dict[Fate, Callable[[], None]] = {}
        folder = self._path / f"pbx{self._machines}"
        key = device_key(self._machines)
        machine = PbxMachine(folder, self.network, self.vendor.root_key, own, key)
        own[Fate.FROZEN] = lambda: self._freeze(machine)
        own[Fate.CLOCK_SET] = lambda: self.set_wall(machine, timedelta(hours=-5))
        machine.clock.wall = self.now
        return machine

    # What machines do

    def attempt(self, machine: PbxMachine, action: Callable[[], object]) -> None:
        """Let a person or the agent do something that may fail, or die over it."""
        try:
            action()
        except Crash:
            machine.restart()
        except (LicenseServerFault, Refused, PriceChanged):
            pass
        self.observe(machine)

    def observe(self, machine: PbxMachine) -> None:
        """Note it if the machine has taken a new lease."""
        machine.steps.left = None
        token, lease = machine.held().lease, lease_of(machine)
        if lease is not None and token != machine.known.lease:
            off = machine.clock.wall - lease.iat
            # What comes back late is as old as it is, but for the time that no clock of it saw.
            ran = max(0.0, self.now - lease.iat - machine.frozen)
            machine.known = Known(token, lease.iat, off, ran)
        machine.frozen = 0.0

    def activate(self, machine: PbxMachine) -> None:
        """A person enters the key."""
        actor = Actor("admin", uuid4().hex)
        activation.activate(machine.web, self.vendor.key, actor)

    def check(self, machine: PbxMachine) -> CheckOutcome:
        """A person asks for a check."""
        return checks.check(machine.web, AGENT)

    def agent_pass(self, machine: PbxMachine) -> None:
        """What the agent does every few seconds."""
        system, now = machine.agent, machine.clock.now()
        licensing.write_mark(system)
        machine.note_mark()
        due = check_due(system)
        if due is not None and due <= now:
            checks.check(system, AGENT)
            self.observe(machine)
        if (due := outbox.next_send_at(system)) is not None and due <= now:
            outbox.send_waiting(system)

    def order(self, machine: PbxMachine, quantity: int) -> None:
        """A person orders something once, whatever comes of it."""
        lines = (LineRequest(code=FEATURE, quantity=quantity),)
        proposal = ordering.propose(machine.web, lines)
        self.intended[str(proposal.key)] = quantity
        draft = OrderDraft(proposal.key, lines, proposal.quote.quote_hash)
        ordering.place(machine.web, draft, AGENT)

    def order_again(self, machine: PbxMachine, key: str) -> None:
        """The same click arrives once more."""
        lines = (LineRequest(code=FEATURE, quantity=self.intended[key]),)
        with machine.web.license_server.conversation() as server:
            quote = server.quote(lines)
        ordering.place(machine.web, OrderDraft(UUID(key), lines, quote.quote_hash), AGENT)

    # What happens to them

    def pass_time(self, span: timedelta) -> None:
        """Let time pass, and the agents work at its end."""
        self._go_on(span.total_seconds())
        for machine in self.machines:
            self.attempt(machine, lambda machine=machine: self.agent_pass(machine))  # type: ignore[misc] # a loop variable

    def _go_on(self, seconds: float, but: PbxMachine | None = None) -> None:
        self.vendor.time.seconds += seconds
        for machine in self.machines:
            if machine is not but:
                machine.pass_time(seconds)

    def _freeze(self, machine: PbxMachine) -> None:
        machine.frozen += FROZEN_S
        self._go_on(FROZEN_S, but=machine)

    def set_wall(self, machine: PbxMachine, off: timedelta) -> None:
        """Set a machine's wall clock to so much beside the true time."""
        machine.clock.wall = self.now + off.total_seconds()
        self._look_at_clock(machine)
        self._go_on(licensing.LONGEST_MEMORY_S)

    def _look_at_clock(self, machine: PbxMachine) -> None:
        """Note it if the wall clock claims more time than has passed, and is believed."""
        known, seconds = machine.known, machine.clock.wall - self.now
        if abs(seconds - known.answered_wall_off) < 1:
            return
        is_fault = seconds - max(known.answered_wall_off, 0) > FAULT_OF_THE_CLOCK_S
        # A clock that was behind at the last answer and still is, but goes forward by a step: the
        # step counts as elapsed (protocol.md, Clock: "iat + e if wall < iat").
        step = seconds - known.answered_wall_off
        is_half_set = machine.clock.wall < known.answered_at and known.answered_wall_off < 0
        claims_step = is_half_set and NOTICEABLE_S < step <= FAULT_OF_THE_CLOCK_S
        if (seconds > NOTICEABLE_S and not is_fault) or claims_step:
            machine.known = replace(known, is_ahead=True)

    def reboot(self, machine: PbxMachine, off: timedelta, *, is_clock_dead: bool) -> None:
        """Switch a machine off for a while."""
        self._go_on(off.total_seconds(), but=machine)
        machine.clock.wall += off.total_seconds()
        machine.reboot(is_clock_dead=is_clock_dead)
        self._look_at_clock(machine)

    def restore_box(self, index: int) -> None:
        """Put an older backup back; what came after it is history that nobody returns to."""
        del self.backups[index + 1 :]
        self.box.restore(self.backups[index])
        self._look_at_clock(self.box)

    def restore_server(self, index: int) -> None:
        """The vendor loses what happened since a backup."""
        self.vendor.restore(self.server_backups[index])
        self.was_server_restored = True

    def copy_box(self) -> None:
        """Copy the whole machine while it runs; both live on."""
        self.copy = self._new_machine()
        self.copy.become_copy_of(self.box)
        self.is_doubtful = True

    def end_doubt(self, *, by_key: bool) -> None:
        """The copy is switched off, and the seller clears the box, or its owner enters the key."""
        if self.copy is not None:
            self.copy.close()
        self.copy = None
        self.network.clear()
        self.network.late.clear()
        if by_key:
            self.attempt(self.box, lambda: self.activate(self.box))
        if not by_key or self.vendor.is_accused(self.box.id):
            self.vendor.clear_doubt(self.box.id)
        self.attempt(self.box, lambda: self.check(self.box))
        self.is_doubtful = False
        # Restored, these would bring the doubt back: the vendor has to speak with them again.
        self.server_backups.clear()

    def settle(self) -> None:
        """Give the box a good connection for a while; at its end a person orders something."""
        self.network.clear()
        self.network.deliver_late()
        for _ in range(OFTEN_ENOUGH):
            self.pass_time(timedelta(minutes=6))
            self.attempt(self.box, lambda: self.check(self.box))
        self.order(self.box, 1)
        self.observe(self.box)
