"""One PBX of the model: the real services on a file of its own, and the world's knowledge of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey
from sqlalchemy import select

from ayrix_foundation.database import Database
from ayrix_protocol.lease import Counted
from ayrix_protocol.proof import installation_id
from ayrix_web.adapters.conversation import HttpConversation, Signer
from ayrix_web.adapters.mark_file import MARK_FILE, MarkFile
from ayrix_web.assembly import seal_key
from ayrix_web.domain.ports import Conversation, LicenseServer, StepResult
from ayrix_web.rows import Base, OrderRow
from ayrix_web.services import device_counter
from ayrix_web.services.held import Held, read_held
from ayrix_web.settings import Settings
from ayrix_web.system import Memory, System
from tests.fakes import ORIGIN, FakeClock, FakeInventory, FakeMachineReader
from tests.services.model import files
from tests.services.model.network import Fate, FaultyLine, Network, SteppingDatabase, Steps


@lru_cache(maxsize=1)
def _empty_database() -> bytes:
    with files.new_folder() as folder:
        file = Path(folder) / "ayrix.db"
        database = Database(f"sqlite:///{file}")
        with database.write() as session:
            Base.metadata.create_all(session.connection())
        database.close()
        return files.content(file)


@lru_cache(maxsize=8)
def device_key(number: int) -> OKPKey:
    """The same key in every run: a device's place in the schedule follows from it."""
    private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    return OKPKey.import_key(private)


@dataclass(frozen=True)
class Known:
    """What the world knows of the lease a machine holds, independent of the machine's own rules.

    `ran` are the seconds it was switched on since the answer, `marked` those it has surely written
    down. `ahead` says that its wall clock claimed more time than had passed.
    """

    lease: str | None = None
    answered_at: float = 0.0
    answered_wall_off: float = 0.0
    ran: float = 0.0
    marked: float = 0.0
    is_ahead: bool = False


@dataclass(frozen=True)
class Backup:
    """A copy of the database, and what the world knew of it."""

    content: bytes
    known: Known
    boot_id: str
    boot: float


@dataclass
class ModelServer(LicenseServer):
    """The license server as the PBX sees it: real conversations over the model's network."""

    machine: PbxMachine
    address = "license.example.test:443"

    @contextmanager
    def conversation(self) -> Iterator[Conversation]:
        """Have it to oneself: a machine of the model does one thing at a time."""
        machine = self.machine
        database = machine.database
        signer = Signer(
            machine.key,
            lambda: device_counter.take_counter(database),
            lambda to: device_counter.raise_counter(database, to),
        )
        line = FaultyLine(machine.network, machine.steps, machine.own_fates)
        yield HttpConversation(line, ORIGIN, machine.clock, signer)

    def diagnose(self) -> Sequence[StepResult]:
        """Nobody asks in the model."""
        return ()


@dataclass
class PbxMachine:
    """A machine with its disk, clocks, identity and the processes of web and agent."""

    folder: Path
    network: Network
    root_key: str
    own_fates: Mapping[Fate, Callable[[], None]]
    key: OKPKey
    clock: FakeClock = field(default_factory=FakeClock)
    reader: FakeMachineReader = field(default_factory=FakeMachineReader)
    steps: Steps = field(default_factory=Steps)
    known: Known = field(default_factory=Known)
    frozen: float = 0.0
    """The seconds it stood still during what it is doing."""

    def __post_init__(self) -> None:
        self.folder.mkdir()
        files.put_back(self.file, _empty_database())
        self.open()

    @property
    def file(self) -> Path:
        """Where the database lies."""
        return self.folder / "ayrix.db"

    @property
    def id(self) -> str:
        """The installation id."""
        return installation_id(self.key)

    def open(self) -> None:
        """Start the processes: nothing is left of what they had in memory."""
        self.steps.left = None
        settings = Settings(
            instance=self.folder,
            license_server_url=ORIGIN,
            license_root_key=self.root_key,
        )
        self.database = SteppingDatabase(settings.database, self.steps)
        self.agent = System(
            settings=settings,
            installation_id=self.id,
            database=self.database,
            clock=self.clock,
            license_server=ModelServer(self),
            inventory=FakeInventory({Counted.RING_GROUP: 2}),
            machine_reader=self.reader,
            mark_store=MarkFile(self.folder),
            seal_key=seal_key(self.key),
        )
        self.web = replace(self.agent, memory=Memory())

    def close(self) -> None:
        """End the processes."""
        self.database.close()

    def restart(self) -> None:
        """What is left after a crash, or after the service was restarted."""
        self.close()
        self.open()

    def held(self) -> Held:
        """What is stored."""
        return read_held(self.database) or Held()

    def pass_time(self, seconds: float) -> None:
        """Be switched on for so long."""
        self.clock.wall += seconds
        self.clock.boot += seconds
        self.known = replace(self.known, ran=self.known.ran + seconds)

    def note_mark(self) -> None:
        """The agent has just written down how late it is."""
        self.known = replace(self.known, marked=self.known.ran)

    def reboot(self, *, is_clock_dead: bool) -> None:
        """Switch off and on again; a dead clock begins in 1970."""
        if is_clock_dead:
            self.clock.wall = 0.0
        self.clock.boot, self.clock.boot_id = 10.0, str(uuid4())
        self.known = replace(self.known, ran=self.known.marked + self.clock.boot)
        self.restart()

    def backup(self) -> Backup:
        """Copy the database while it runs."""
        return Backup(files.content(self.file), self.known, self.clock.boot_id, self.clock.boot)

    def restore(self, backup: Backup) -> None:
        """Put a backup in the database's place."""
        self.close()
        files.put_back(self.file, backup.content)
        is_same_boot = backup.boot_id == self.clock.boot_id
        known = backup.known
        ran = known.ran - backup.boot if is_same_boot else known.marked
        # The second mark stays where it was, with all that the clock made it believe.
        is_ahead = known.is_ahead or self.known.is_ahead
        self.known = replace(known, ran=ran + self.clock.boot, is_ahead=is_ahead)
        self.open()

    def become_copy_of(self, other: PbxMachine) -> None:
        """Get everything of the other machine: its disk, its identity and the time it shows."""
        self.key = other.key
        self.reader.hardware, self.reader.address = other.reader.hardware, other.reader.address
        self.clock.wall, self.clock.boot_id = other.clock.wall, str(uuid4())
        self.clock.boot = 10.0
        mark = MarkFile(other.folder).read()
        if mark is not None:
            (self.folder / MARK_FILE).write_bytes(mark)
        self.restore(other.backup())

    def order_keys(self, *stages: str) -> set[str]:
        """The keys of the orders in the book, of these stages only if any are given."""
        query = select(OrderRow.key)
        if stages:
            query = query.where(OrderRow.stage.in_(stages))
        with self.database.read() as session:
            return {str(key) for key in session.scalars(query)}
