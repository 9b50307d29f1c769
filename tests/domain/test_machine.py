"""The identity of a machine: which serial and which card count, and what leaves it unchanged."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ayrix_foundation.clock import Moment
from ayrix_protocol.binding import component_hash
from ayrix_web.adapters.machine import LinuxMachine, RecentMachine, mask
from ayrix_web.adapters.netlink import NetworkLink, normalized_mac
from ayrix_web.domain.machine import NO_ADDRESS, Machine, MachineChoice

DMI = "sys/class/dmi/id"
UUID = "4c4c4544-0051-3010-8052-b4c04f4d3732"
PC = {f"{DMI}/product_uuid": UUID.upper() + "\n", f"{DMI}/board_serial": "/7XRM72/CN129/\n"}
RASPBERRY = {
    "proc/device-tree/serial-number": "10000000a1b2c3d4\0",
    "proc/cpuinfo": "processor\t: 0\nSerial\t\t: 10000000a1b2c3d4\nModel\t\t: Raspberry Pi 4\n",
}

LOOPBACK = NetworkLink("lo", None, ("127.0.0.1",), is_loopback=True)
OFFICE = NetworkLink("eth0", "d4ae52001122", ("192.0.2.10",), has_default_route=True)
VOICE = NetworkLink("eth1", "d4ae52001123", ("198.51.100.7",))
LINKS = (LOOPBACK, VOICE, OFFICE)

Build = Callable[..., LinuxMachine]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """A machine with these files and cards."""

    def built(
        files: dict[str, str], links: tuple[NetworkLink, ...] = LINKS, interface: str = ""
    ) -> LinuxMachine:
        root = tmp_path / "root"
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        (tmp_path / "instance").mkdir(exist_ok=True)
        return LinuxMachine(tmp_path / "instance", interface, root=root, links=lambda: links)

    return built


def serial_hash(value: str) -> str:
    return component_hash("cpu_serial", value)


@pytest.mark.parametrize(
    ("files", "value"),
    [
        (PC, f"product_uuid:{UUID}"),
        ({f"{DMI}/board_serial": "  /7XRM72/   CN129/ \n"}, "board_serial:/7xrm72/ cn129/"),
        (RASPBERRY, "device_tree:10000000a1b2c3d4"),
        ({"proc/cpuinfo": RASPBERRY["proc/cpuinfo"]}, "cpuinfo:10000000a1b2c3d4"),
        ({**PC, **RASPBERRY}, "device_tree:10000000a1b2c3d4"),
        (
            {
                f"{DMI}/product_uuid": "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
                f"{DMI}/board_serial": "CN129",
            },
            "board_serial:cn129",
        ),
    ],
)
def test_the_first_usable_serial_counts_with_its_source(
    build: Build, files: dict[str, str], value: str
) -> None:
    machine = build(files).read(MachineChoice())
    assert machine.hardware.cpu_serial == serial_hash(value)
    assert machine.choice.cpu_source == value.partition(":")[0]


@pytest.mark.parametrize(
    "uuid",
    [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "03000200-0400-0500-0006-000700080009",
        "Not Settable",
        "",
    ],
)
@pytest.mark.parametrize(
    "serial", ["To Be Filled By O.E.M.", "Default  string\n", "A1-", "xxxxxxxx", "0000000000", "\0"]
)
def test_filler_is_no_serial(build: Build, uuid: str, serial: str) -> None:
    files = {f"{DMI}/product_uuid": uuid, f"{DMI}/board_serial": serial}
    machine = build(files).read(MachineChoice())
    assert machine.hardware.cpu_serial is None
    assert machine.choice.cpu_source is None


def test_the_source_chosen_at_the_activation_is_kept(build: Build) -> None:
    chosen = MachineChoice(cpu_source="board_serial")
    machine = build(PC).read(chosen)
    assert machine.hardware.cpu_serial == serial_hash("board_serial:/7xrm72/cn129/")


def test_no_other_serial_takes_the_place_of_a_silent_chosen_one(build: Build) -> None:
    files = {f"{DMI}/board_serial": "CN129"}
    machine = build(files).read(MachineChoice(cpu_source="product_uuid"))
    assert machine.hardware.cpu_serial is None
    assert machine.choice.cpu_source == "product_uuid"


def test_what_root_wrote_down_at_boot_stands_in_for_files_only_root_can_read(
    build: Build, tmp_path: Path
) -> None:
    reader = build({})
    (tmp_path / "instance/machine").mkdir()
    boot_file = tmp_path / "instance/machine/hardware"
    boot_file.write_text(f"product_uuid={UUID}\nboard_serial=CN129\n")
    assert reader.read(MachineChoice()).hardware.cpu_serial == serial_hash(f"product_uuid:{UUID}")


def test_the_card_of_the_default_route_is_chosen(build: Build) -> None:
    machine = build(PC).read(MachineChoice())
    assert (machine.interface, machine.address) == ("eth0", "192.0.2.10")
    assert machine.choice.nic_mac == "d4ae52001122"
    assert machine.hardware.nic_serial == component_hash("nic_serial", "d4ae52001122")


def test_a_setting_overrides_the_default_route(build: Build) -> None:
    machine = build(PC, interface="eth1").read(MachineChoice())
    assert (machine.interface, machine.address) == ("eth1", "198.51.100.7")


def test_a_setting_that_names_no_card_chooses_none(build: Build) -> None:
    machine = build(PC, interface="eth7").read(MachineChoice())
    assert (machine.interface, machine.address) == ("eth7", NO_ADDRESS)
    assert machine.hardware.nic_serial is None


def test_the_chosen_card_is_kept_under_another_name_and_without_the_default_route(
    build: Build,
) -> None:
    links = (LOOPBACK, replace(VOICE, has_default_route=True), replace(OFFICE, name="enp3s0",
             has_default_route=False))  # fmt: skip
    machine = build(PC, links).read(MachineChoice(nic_mac="d4ae52001122"))
    assert (machine.interface, machine.address) == ("enp3s0", "192.0.2.10")


def test_a_swapped_card_is_noticed(build: Build) -> None:
    swapped = replace(OFFICE, mac="d4ae52ffffff")
    machine = build(PC, (LOOPBACK, VOICE, swapped)).read(MachineChoice(nic_mac="d4ae52001122"))
    assert machine.interface == "eth0"
    assert machine.hardware.nic_serial == component_hash("nic_serial", "d4ae52ffffff")


def test_of_a_card_and_its_bridge_the_one_with_the_address_counts(build: Build) -> None:
    port = replace(OFFICE, addresses=(), has_default_route=False)
    bridge = replace(OFFICE, name="br0")
    machine = build(PC, (port, bridge)).read(MachineChoice(nic_mac="d4ae52001122"))
    assert (machine.interface, machine.address) == ("br0", "192.0.2.10")


def test_without_a_default_route_the_first_card_with_an_address_counts(build: Build) -> None:
    unplugged = NetworkLink("eth5", "d4ae52001199")
    machine = build(PC, (LOOPBACK, unplugged, VOICE)).read(MachineChoice())
    assert machine.interface == "eth1"


def test_without_any_address_there_is_none(build: Build) -> None:
    machine = build(PC, (LOOPBACK, NetworkLink("eth5", "d4ae52001199"))).read(MachineChoice())
    assert machine.address == NO_ADDRESS


@pytest.mark.parametrize("mac", ["525400123456", "02fc00000001", "0a58a9fe0001"])
def test_a_card_with_an_invented_mac_is_weak(build: Build, mac: str) -> None:
    hardware = build({}, (replace(OFFICE, mac=mac),)).read(MachineChoice()).hardware
    assert hardware.weak == ("nic_serial",)
    assert hardware.strong() == {}


def test_the_installation_secret_makes_a_weak_machine_strong(build: Build, tmp_path: Path) -> None:
    reader = build({}, (replace(OFFICE, mac="525400123456"),))
    reader.store_installation_secret("first")
    reader.store_installation_secret("a-secret-of-the-server")
    hardware = reader.read(MachineChoice()).hardware
    secret_hash = component_hash("installation_secret", "a-secret-of-the-server")
    assert hardware.strong() == {"installation_secret": secret_hash}
    files = list((tmp_path / "instance").iterdir())
    assert [(file.name, file.stat().st_mode & 0o777) for file in files] == [
        ("installation_secret", 0o600)
    ]


def test_more_processors_memory_disks_or_another_kernel_change_nothing(
    build: Build, tmp_path: Path
) -> None:
    reader = build({**PC, "proc/cpuinfo": "processor\t: 0\nmodel name\t: One\n"})
    before = reader.read(MachineChoice())
    root = tmp_path / "root"
    (root / "proc/cpuinfo").write_text(
        "processor\t: 0\nmodel name\t: Two\nprocessor\t: 1\nmodel name\t: Two\n"
    )
    (root / "proc/meminfo").write_text("MemTotal: 64000000 kB\n")
    (root / "proc/version").write_text("Linux version 7.1.0\n")
    (root / "sys/block/nvme1n1").mkdir(parents=True)
    assert reader.read(before.choice) == before


def test_people_see_no_whole_value(build: Build) -> None:
    reader = build(PC)
    reader.store_installation_secret("a-secret-of-the-server")
    masked = reader.read(MachineChoice()).masked
    assert masked["cpu_serial"] == "4c4c…3732"
    assert masked["nic_serial"] == "d4ae…1122"
    assert "secret" not in masked["installation_secret"]
    assert mask("abcd") == "a…d"


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("D4:AE:52:00:11:22", "d4ae52001122"),
        ("00:00:00:00:00:00", None),
        ("ff:ff:ff:ff:ff:ff", None),
        ("01:00:5e:00:00:01", None),
        ("0a:00:00:01", None),
        ("d4ae520011zz", None),
        ("", None),
    ],
)
def test_only_the_address_of_one_card_is_a_mac(text: str, mac: str | None) -> None:
    assert normalized_mac(text) == mac


class Clock:
    """A boot clock the test moves."""

    def __init__(self) -> None:
        self.boot = 100.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.boot, UTC)

    def moment(self) -> Moment:
        return Moment(int(self.boot), "boot", self.boot)

    def is_synchronized(self) -> bool:
        return False


class Counting(LinuxMachine):
    """Counts how often it is really read, and can be out of file descriptors."""

    readings = 0
    is_broken = False

    def read(self, choice: MachineChoice) -> Machine:
        self.readings += 1
        if self.is_broken:
            raise OSError(24, "Too many open files")
        return super().read(choice)


def counting(instance: Path) -> Counting:
    return Counting(instance, root=instance, links=lambda: LINKS)


def test_a_reading_lasts_fifteen_seconds_of_the_boot_clock(tmp_path: Path) -> None:
    clock, reader = Clock(), counting(tmp_path)
    recent = RecentMachine(reader, clock)
    chosen = recent.read(MachineChoice()).choice
    clock.boot += 14.9
    recent.read(MachineChoice())
    recent.read(chosen)
    assert reader.readings == 1
    clock.boot += 0.1
    recent.read(chosen)
    assert reader.readings == 2


def test_another_choice_is_read_at_once(tmp_path: Path) -> None:
    recent = RecentMachine(counting(tmp_path), Clock())
    recent.read(MachineChoice())
    assert recent.read(MachineChoice(nic_mac=VOICE.mac)).interface == "eth1"


def test_a_secret_stored_by_another_process_is_noticed_at_once(tmp_path: Path) -> None:
    recent, other = (RecentMachine(counting(tmp_path), Clock()) for _process in range(2))
    assert recent.read(MachineChoice()).hardware.installation_secret is None
    other.store_installation_secret("a-secret-of-the-server")
    assert recent.read(MachineChoice()).hardware.installation_secret is not None


def test_a_machine_that_cannot_be_read_now_is_still_the_same(tmp_path: Path) -> None:
    clock, reader = Clock(), counting(tmp_path)
    recent = RecentMachine(reader, clock)
    before = recent.read(MachineChoice())
    reader.is_broken = True
    clock.boot += 60
    assert recent.read(MachineChoice()) == before
    with pytest.raises(OSError, match="Too many"):
        recent.read(MachineChoice(nic_mac=VOICE.mac))
