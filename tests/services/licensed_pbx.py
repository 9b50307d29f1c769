"""A PBX in a folder with a lease signed by keys of the test, for tests of what is licensed."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from ayrix_foundation.clock import SystemClock
from ayrix_foundation.database import Database
from ayrix_protocol.binding import Hardware, component_hash
from ayrix_protocol.jws import DocumentType
from ayrix_protocol.keys import (
    KeySet,
    PublishedKey,
    SigningKey,
    new_key,
    public_jwk,
    public_key_text,
    sign_key_set,
)
from ayrix_protocol.lease import (
    DEFAULT_LEASE,
    Binding,
    Category,
    Confirmation,
    Contact,
    Contacts,
    Counted,
    Customer,
    Lease,
    LicensedFeature,
    Mode,
)
from ayrix_web.adapters.inventory import SqlInventory
from ayrix_web.adapters.mark_file import MarkFile
from ayrix_web.domain.errors import FaultKind, LicenseServerFault
from ayrix_web.domain.license import Reason
from ayrix_web.domain.machine import Machine, MachineChoice
from ayrix_web.domain.ports import Conversation, StepResult
from ayrix_web.rows import INSTALLATION, Base, InstallationRow
from ayrix_web.services.seal import put_seal
from ayrix_web.settings import Settings
from ayrix_web.system import System

INSTALLATION_ID = "i" * 43
ADDRESS = "192.168.10.20"
HARDWARE = Hardware(cpu_serial=component_hash("cpu_serial", "product_uuid:1"), nic_serial=None)
LARGE = int(DEFAULT_LEASE.total_seconds()) * 100


class ThisMachine:
    """The machine that the lease is bound to."""

    def read(self, choice: MachineChoice) -> Machine:
        return Machine(HARDWARE, ADDRESS, "eth0", choice)

    def store_installation_secret(self, secret: str) -> None:
        raise NotImplementedError


class NoLicenseServer:
    """A license server that nobody reaches."""

    address = "license.example.test:443"

    def conversation(self) -> AbstractContextManager[Conversation]:
        raise LicenseServerFault(FaultKind.CONNECTION)

    def diagnose(self) -> Sequence[StepResult]:
        return ()


class Vendor:
    """The keys of a license server, and leases signed with them."""

    def __init__(self) -> None:
        self._root = SigningKey("root", new_key())
        self._signing = SigningKey("k1", new_key())

    @property
    def root_key(self) -> str:
        return public_key_text(self._root.key)

    def key_set(self) -> str:
        published = PublishedKey(kid="k1", nbf=0, exp=2**40, **public_jwk(self._signing.key))  # type: ignore[arg-type] # the JWK's members are the literals
        key_set = KeySet(iss="https://license.example.test", iat=0, version=1, keys=(published,))
        return sign_key_set(key_set, self._root)

    def lease(self, now: int, features: Sequence[LicensedFeature]) -> str:
        lease = Lease(
            iss="https://license.example.test",
            aud=INSTALLATION_ID,
            sub="license-1",
            jti="lease-1",
            iat=now,
            nbf=now,
            exp=now + int(DEFAULT_LEASE.total_seconds()),
            req="request-1",
            seq=1,
            gen=1,
            cnf=Confirmation(jkt=INSTALLATION_ID),
            mode=Mode.ONLINE,
            offline_until=None,
            provisional=None,
            binding=Binding(
                required=(), hardware=HARDWARE, bound_hardware=HARDWARE, addresses=(ADDRESS,)
            ),
            features=tuple(features),
            check_interval_s=10_800,
            retry_interval_s=300,
            customer=Customer(number="10482", name="Example AG"),
            contacts=Contacts(support=Contact(name="Support"), seller=Contact(name="Seller")),
        )
        return self._signing.sign(DocumentType.LEASE, lease.model_dump_json().encode())


def feature(counted: Counted, quantity: int, *, hidden: bool = False) -> LicensedFeature:
    """A licensed feature that objects of this kind use up."""
    return LicensedFeature(
        code=f"more_{counted}",
        category=Category.GENERAL,
        counts=counted,
        quantity=quantity,
        hidden=hidden,
    )


def make_pbx(folder: Path, quantities: Mapping[Counted, int]) -> System:
    """A PBX that was activated just now, with these quantities; kept for `open_pbx`."""
    vendor = Vendor()
    (folder / "root_key").write_text(vendor.root_key)
    system = open_pbx(folder)
    with system.database.write() as session:
        Base.metadata.create_all(session.connection())
    hold(system, vendor, [feature(*pair) for pair in quantities.items()])
    return system


def hold(system: System, vendor: Vendor, features: Sequence[LicensedFeature]) -> None:
    """Put a lease with these features where an accepted one is stored."""
    moment = system.clock.moment()
    with system.database.write() as session:
        row = session.merge(
            InstallationRow(
                id=INSTALLATION,
                counter=1,
                lease=vendor.lease(moment.wall, features),
                lease_seq=1,
                key_set=vendor.key_set(),
                anchor_iat=moment.wall,
                anchor_wall=moment.wall,
                anchor_boot_id=moment.boot_id,
                anchor_boot=moment.boot,
            )
        )
        put_seal(system, row)


def end_lease(system: System) -> None:
    """Let the lease have ended: what the PBX knows of the time is far behind it."""
    later = system.clock.moment().wall + LARGE
    with system.database.write() as session:
        row = session.get_one(InstallationRow, INSTALLATION)
        row.mark_time = row.mark_wall = later
        row.mark_boot_id = system.clock.moment().boot_id
        row.mark_boot = system.clock.moment().boot
        put_seal(system, row)


def lose_contact(system: System) -> None:
    """Let the last check have failed, so that the grace period runs."""
    with system.database.write() as session:
        row = session.get_one(InstallationRow, INSTALLATION)
        row.failure = Reason.UNREACHABLE
        put_seal(system, row)


def open_pbx(folder: Path) -> System:
    """The PBX of `make_pbx`, as another process opens it."""
    settings = Settings(
        instance=folder,
        license_server_url="https://license.example.test",
        license_root_key=(folder / "root_key").read_text(),
    )
    return System(
        settings=settings,
        installation_id=INSTALLATION_ID,
        database=Database(settings.database),
        clock=SystemClock(),
        license_server=NoLicenseServer(),
        inventory=SqlInventory(settings.database),
        machine_reader=ThisMachine(),
        mark_store=MarkFile(folder),
        seal_key=b"s" * 32,
    )


def close_pbx(system: System) -> None:
    """Give its connections back."""
    system.database.close()
    assert isinstance(system.inventory, SqlInventory)
    system.inventory.close()
