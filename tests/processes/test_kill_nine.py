"""kill -9 of web, agent and license server at every step of activation, check and order.

Each step is hit from outside: a relay holds a request or its answer, a row is watched by another
connection, a stopped process reads nothing. Afterwards there is exactly one order, what it brings
is there exactly once, and the PBX is active without anybody's help.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import requests
from sqlalchemy import func, select

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_license_server.rows.base import audit_entries
from ayrix_license_server.rows.customers import (
    EntitlementEventRow,
    EntitlementRow,
    InstallationRow,
)
from ayrix_license_server.rows.orders import OrderRow as PlacedRow
from ayrix_protocol.orders import LineRequest
from ayrix_web.domain.license import Status
from ayrix_web.domain.order import OrderDraft, OrderStage
from ayrix_web.rows import INSTALLATION, OrderRow
from ayrix_web.rows import InstallationRow as HeldRow
from ayrix_web.services import activation, licensing, order_book, ordering
from tests.processes.breakable import LicenseServer, Pbx, Program
from tests.processes.programs import free_port, wait_until
from tests.processes.relay import Held, Relay

FEATURE, BOUGHT, ORDERED = "extension", 40, 2
ROUNDS = 20
LONGEST_DELAY_S = 0.2
"""What passes at most, in a random round, between a step and the power cut."""


class Act(StrEnum):
    """What is going on when the power goes."""

    ACTIVATION = "activation"
    CHECK = "check"
    ORDER = "order"


class Step(StrEnum):
    """How far it has come."""

    BEFORE_SEND = "before send"
    SENT = "sent"
    COMMITTED = "server committed"
    ANSWER_LOST = "answer lost"
    LEASE_STORED = "lease stored"


class Part(StrEnum):
    """Who does it, and who is killed."""

    WEB = "web"
    AGENT = "agent"
    LICENSE_SERVER = "license server"


Record = Callable[[str, object], None]
SHOWN = "shown"
"""A property of a test's report that tests/conftest.py prints at the end of a run."""

PATHS = {
    Act.ACTIVATION: "/api/v1/activations",
    Act.CHECK: "/api/v1/checks",
    Act.ORDER: "/api/v1/orders",
}
CASES = (
    (Act.ACTIVATION, Part.WEB, Part.WEB),
    (Act.ACTIVATION, Part.WEB, Part.LICENSE_SERVER),
    (Act.CHECK, Part.WEB, Part.WEB),
    (Act.CHECK, Part.AGENT, Part.AGENT),
    (Act.CHECK, Part.AGENT, Part.LICENSE_SERVER),
    (Act.ORDER, Part.WEB, Part.WEB),
    (Act.ORDER, Part.WEB, Part.LICENSE_SERVER),
    (Act.ORDER, Part.AGENT, Part.AGENT),
)
"""What is going on, who does it, and who is killed meanwhile."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Who is killed while somebody does something, and how long after which step."""

    act: Act
    actor: Part
    victim: Part
    step: Step
    delay_s: float = 0.0

    def __str__(self) -> str:
        later = f" + {self.delay_s:.3f} s" if self.delay_s else ""
        return f"{self.act:10} by {self.actor:5} {self.step + later:26} kill -9 {self.victim:14}"


@dataclass(slots=True)
class Scene:
    """A license server, a relay before it, and one PBX that lives through all kills."""

    license_server: LicenseServer
    relay: Relay
    pbx: Pbx
    folder: Path
    ordered: int = 0
    seq_before: int = 0
    key: UUID = field(default_factory=uuid4)
    activation_key: str = ""

    def another_pbx(self) -> None:
        """Go on with a PBX that was never activated."""
        self.pbx.stop()
        self.pbx = Pbx(self.folder / f"pbx-{uuid4()}", self.license_server)
        self.activation_key = self.license_server.sell(**{FEATURE: BOUGHT})
        self.ordered = 0

    def program(self, part: Part) -> Program:
        """The processes of a part."""
        programs = {
            Part.WEB: self.pbx.web,
            Part.AGENT: self.pbx.agent,
            Part.LICENSE_SERVER: self.license_server.program,
        }
        return programs[part]

    # what a person or the agent does

    def begin(self, act: Act, actor: Part) -> Callable[[], object]:
        """Prepare it up to the moment it is asked for; gives back what asks."""
        self.key = uuid4()
        if actor is Part.WEB:
            return self._by_web(act)
        if act is Act.ORDER:
            self._write_order_down()
        with self.pbx.system.database.write() as session:
            row = session.get_one(HeldRow, INSTALLATION)
            row.next_check_at = self.pbx.system.clock.now()
            if act is Act.ORDER:
                row.next_check_at += licensing.held_lease(self.pbx.system).check_interval  # type: ignore[union-attr] # it is active
        return self.pbx.agent.start

    def _by_web(self, act: Act) -> Callable[[], object]:
        pbx = self.pbx
        pbx.start_web()
        if act is Act.ACTIVATION:
            return lambda: pbx.post("/activation", "/activation", key=self.activation_key)
        pbx.browser.cookies.clear()
        pbx.sign_in()
        if act is Act.CHECK:
            return lambda: pbx.post("/license", "/license/check")
        form = f"/license/order?feature={FEATURE}&quantity={ORDERED}"
        fields = {"action": "order", "key": str(self.key), "quantity": str(ORDERED)}
        return lambda: pbx.post(form, "/license/order", **fields)

    def _write_order_down(self) -> None:
        """What the pages do before they send an order."""
        system, lines = self.pbx.system, (LineRequest(code=FEATURE, quantity=ORDERED),)
        quote = ordering.propose(system, lines).quote
        draft = OrderDraft(self.key, lines, quote.quote_hash)
        with system.database.write() as session:
            session.add(order_book.new_row(draft, quote, "admin", system.clock.now()))

    # what can be seen from outside

    def installation(self) -> InstallationRow | None:
        """What the license server knows of this PBX."""
        with self.license_server.system.database.read() as session:
            return session.get(InstallationRow, self.pbx.system.installation_id)

    def orders_placed(self) -> int:
        """How many orders the license server has under the present key."""
        query = select(func.count()).where(PlacedRow.key == str(self.key))
        with self.license_server.system.database.read() as session:
            return session.scalar(query) or 0

    def seq(self) -> int:
        """The number of the lease that the PBX holds; 0 without one."""
        with self.pbx.system.database.read() as session:
            return session.scalar(select(HeldRow.lease_seq)) or 0

    def top(self) -> int:
        """The number of the newest lease that the license server gave this PBX."""
        row = self.installation()
        return row.top if row else 0

    def entitled(self) -> tuple[int, int]:
        """What the license server grants, and what the orders of this license added to it."""
        row = self.installation()
        assert row is not None
        granted = select(EntitlementRow.quantity).where(EntitlementRow.license_id == row.license_id)
        added = select(func.sum(EntitlementEventRow.change)).where(
            EntitlementEventRow.license_id == row.license_id
        )
        with self.license_server.system.database.read() as session:
            return session.scalar(granted) or 0, session.scalar(added) or 0

    def licensed(self) -> int | None:
        """How many the PBX may have."""
        lease = licensing.held_lease(self.pbx.system)
        feature = lease.feature(FEATURE) if lease else None
        return feature.quantity if feature else None

    def stage(self) -> str | None:
        """Where the PBX sees the order."""
        with self.pbx.system.database.read() as session:
            return session.scalar(select(OrderRow.stage).where(OrderRow.key == self.key))

    def accusations(self) -> list[str]:
        """What the license server recorded against anybody."""
        query = select(audit_entries.c.action).where(audit_entries.c.action.contains("clone"))
        with self.license_server.system.database.read() as session:
            return list(session.scalars(query))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """An active PBX that has never ordered."""
    folder, port = tmp_path_factory.mktemp("scene"), free_port()
    relay = Relay(port)
    license_server = LicenseServer(folder / "vendor", port, relay.url)
    license_server.start()
    pbx = Pbx(folder / "pbx", license_server)
    scene = Scene(license_server, relay, pbx, folder)
    yield scene
    scene.pbx.stop()
    license_server.program.kill()
    license_server.system.database.close()
    relay.close()


def ready(scene: Scene, act: Act) -> None:
    """A PBX that has not yet done it, with nothing else going on."""
    scene.license_server.start()
    if act is Act.ACTIVATION:
        scene.another_pbx()
        return
    scene.pbx.agent.stop()
    if not scene.activation_key:
        scene.activation_key = scene.license_server.sell(**{FEATURE: BOUGHT})
    if licensing.current(scene.pbx.system).status is not Status.ACTIVE:
        activation.activate(scene.pbx.system, scene.activation_key, COMMAND_LINE)


def reach(scene: Scene, held: Held, kill: Kill) -> None:
    """Let the request come as far as the step says, and no farther."""
    held.wait_until_here()
    if kill.step is Step.BEFORE_SEND:
        return
    if kill.step is Step.SENT:
        # The kernel takes the request, nobody reads it.
        scene.license_server.program.signal_all(signal.SIGSTOP)
        held.pass_on()
        return
    held.pass_on()
    if kill.step is Step.COMMITTED:
        wait_until(lambda: has_committed(scene, kill.act), "the license server commits")
        return
    held.wait_for_answer()
    held.give_back(half=kill.step is Step.ANSWER_LOST)
    if kill.step is Step.LEASE_STORED:
        wait_until(lambda: scene.seq() > scene.seq_before, "the PBX stores the lease")


def has_committed(scene: Scene, act: Act) -> bool:
    return scene.orders_placed() > 0 if act is Act.ORDER else scene.top() > scene.seq_before


def execute(scene: Scene, kill: Kill) -> None:
    """Begin it, and kill the victim at that step."""
    ask = scene.begin(kill.act, kill.actor)
    scene.seq_before = scene.seq()
    held = scene.relay.hold("POST", PATHS[kill.act])
    with ThreadPoolExecutor(1) as person:
        asked: Future[object] = person.submit(ask)
        try:
            reach(scene, held, kill)
            time.sleep(kill.delay_s)
            scene.program(kill.victim).kill()
        finally:
            held.cut()
            if kill.victim is not Part.LICENSE_SERVER:
                scene.license_server.program.signal_all(signal.SIGCONT)
        with suppress(requests.ConnectionError):  # the browser of a killed web
            asked.result()


def survive(scene: Scene, kill: Kill) -> str:
    """Kill, heal and judge; gives back a line for the table."""
    ready(scene, kill.act)
    execute(scene, kill)
    killed_at = time.monotonic()
    heal(scene, kill.act)
    took = time.monotonic() - killed_at
    assert_nothing_lost_or_doubled(scene, kill.act)
    return f"{kill} whole after {took:4.1f} s"


def heal(scene: Scene, act: Act) -> None:
    """What systemd does: start again whatever has ended. Then wait, and for nothing but time."""
    scene.license_server.start()
    if act is Act.ACTIVATION and licensing.current(scene.pbx.system).status is Status.UNLICENSED:
        scene.pbx.start_web()
        scene.pbx.post("/activation", "/activation", key=scene.activation_key)  # he tries again
    make_tries_due(scene)
    scene.pbx.agent.start()
    wait_until(lambda: is_whole(scene, act), f"{act} is whole again")


def make_tries_due(scene: Scene) -> None:
    """Let the seconds pass that are kept between two tries to send an order."""
    with scene.pbx.system.database.write() as session:
        now = scene.pbx.system.clock.now()
        for row in session.scalars(select(OrderRow).where(OrderRow.next_try_at.is_not(None))):
            row.next_try_at = now


def is_whole(scene: Scene, act: Act) -> bool:
    facts = licensing.facts(scene.pbx.system)
    if facts.state.status is not Status.ACTIVE or facts.state.reason is not None:
        return False
    if act is not Act.ORDER:
        return scene.top() == scene.seq() > scene.seq_before
    return scene.stage() == OrderStage.FULFILLED and scene.licensed() == scene.entitled()[0]


def assert_nothing_lost_or_doubled(scene: Scene, act: Act) -> None:
    if act is Act.ORDER:
        scene.ordered += ORDERED
        assert scene.orders_placed() == 1
    expected = BOUGHT + scene.ordered
    assert (scene.licensed(), scene.entitled()) == (expected, (expected, expected))
    row = scene.installation()
    assert row is not None
    assert (row.state, row.license_state) == ("active", "active")
    assert scene.accusations() == []


@pytest.mark.xdist_group("kill_nine")
@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_nothing_is_lost_or_doubled_whoever_is_killed_when(
    scene: Scene, case: tuple[Act, Part, Part], step: Step, record_property: Record
) -> None:
    record_property(SHOWN, survive(scene, Kill(*case, step)))


@pytest.mark.long
@pytest.mark.xdist_group("kill_nine")
@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_nothing_is_lost_or_doubled_whenever_it_happens(
    scene: Scene, round_number: int, record_property: Record
) -> None:
    case, step = random.choice(CASES), random.choice(list(Step))
    kill = Kill(*case, step, random.uniform(0, LONGEST_DELAY_S))
    record_property(SHOWN, f"round {round_number:2}: {survive(scene, kill)}")
