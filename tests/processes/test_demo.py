"""`make demo`: license server, pages and agent as processes, started and stopped as a user does."""

import fcntl
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from examples.demo.choices import Choices, DemoError, read_choices
from examples.demo.folder import DETAILS, MARKER
from examples.demo.processes import ROOT

pytestmark = pytest.mark.xdist_group("demo")  # the runs are started once, in one worker

LONGEST_START_S = 240
LONGEST_STOP_S = 40


@dataclass(slots=True)
class Run:
    """One start of the demo, and what it said."""

    folder: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[str] = field(init=False)
    said: list[str] = field(default_factory=list)
    details: dict[str, object] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "examples.demo"],
            cwd=ROOT,
            env={**os.environ, "DEMO_DIR": str(self.folder), **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_until_ready(self) -> dict[str, object]:
        """What demo.json says once READY was printed."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if "Ctrl-C" in line:
                break
        if "READY\n" not in self.said:
            self.wait()
            pytest.fail("".join(self.said))
        self.details = json.loads((self.folder / DETAILS).read_text())
        return self.details

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; gives the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end and keep what was said until then."""
        rest, _errors = self.process.communicate(timeout=LONGEST_STOP_S)
        self.said.append(rest)
        return self.process.returncode


@dataclass(frozen=True, slots=True)
class Seen:
    """What a test found out about one run."""

    details: Mapping[str, object]
    mode: int
    status: Mapping[str, object]
    orders: int
    processes: Mapping[str, int]
    exit_status: int
    survivors: list[int]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demos") / "demo"


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    return {"WEB_PORT": str(free_port()), "LICENSE_PORT": str(free_port())}


@pytest.fixture(scope="module")
def first(folder: Path, ports: dict[str, str]) -> Seen:
    """A plain first start."""
    return look_at(Run(folder, ports), signal.SIGTERM)


@pytest.fixture(scope="module")
def second(folder: Path, ports: dict[str, str], first: Seen) -> Seen:
    """A start in the same folder."""
    assert first.exit_status == 0
    return look_at(Run(folder, ports), signal.SIGINT)


def look_at(run: Run, number: int) -> Seen:
    try:
        details = run.wait_until_ready()
        processes = details["processes"]
        assert isinstance(processes, dict)
        status, orders = status_of(details), orders_of(details)
        mode = stat.S_IMODE((run.folder / DETAILS).stat().st_mode)
        exit_status = run.end(number)
    finally:
        if run.process.poll() is None:
            run.end()
    survivors = [pid for pid in processes.values() if is_alive(pid)]
    return Seen(details, mode, status, orders, processes, exit_status, survivors)


def status_of(details: Mapping[str, object]) -> dict[str, object]:
    """What `ayrix-web status --json` says of the demo's PBX."""
    done = subprocess.run(
        [sys.executable, "-m", "ayrix_web.cli", "status", "--json"],
        cwd=ROOT,
        env={**os.environ, "AYRIX_INSTANCE": str(details["web_instance"])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said: dict[str, object] = json.loads(done.stdout)
    return said


def orders_of(details: Mapping[str, object]) -> int:
    """How many orders an administrator sees, -1 if he cannot sign in and get there."""
    browser = requests.Session()
    browser.trust_env = False
    url, admin = details["web_url"], details["admin"]
    assert isinstance(admin, dict)
    page = browser.get(f"{url}/login", timeout=30)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    if token is None:
        return -1
    answer = {"csrf_token": token[1], "username": admin["user"], "password": admin["password"]}
    browser.post(f"{url}/login", data=answer, timeout=30)
    return len(set(re.findall(r"/orders/(A-\d+-\d+)", browser.get(f"{url}/orders").text)))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def used_of_licensed(seen: Seen) -> dict[str, tuple[int, int]]:
    features = seen.status["features"]
    assert isinstance(features, list)
    return {each["code"]: (each["used"], each["licensed"]) for each in features if each["used"]}


# a plain start


def test_it_says_everything_one_needs(first: Seen, folder: Path, ports: dict[str, str]) -> None:
    details = first.details
    assert details["web_url"] == f"http://127.0.0.1:{ports['WEB_PORT']}"
    assert details["license_url"] == f"http://127.0.0.1:{ports['LICENSE_PORT']}"
    assert details["web_instance"] == str(folder / "web")
    assert details["license_instance"] == str(folder / "license_server")
    assert details["customer_name"] == "Example AG"
    assert details["activation_key"]


def test_only_its_owner_reads_the_passwords(first: Seen, folder: Path) -> None:
    assert first.mode == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_server_pages_and_agent_are_processes_of_their_own(first: Seen) -> None:
    assert set(first.processes) == {"license server", "web", "agent"}
    assert len(set(first.processes.values())) == 3


def test_a_first_start_is_activated_and_its_ring_groups_are_used_up(first: Seen) -> None:
    assert first.status["status"] == "active"
    assert used_of_licensed(first) == {
        "extension": (34, 40),
        "voicemail": (28, 30),
        "announcement": (8, 20),
        "ring_group": (5, 5),
        "queue": (2, 3),
    }


def test_a_first_start_has_orders_to_look_at(first: Seen) -> None:
    assert first.orders >= 3


@pytest.mark.parametrize("start", ["first", "second"])
def test_a_signal_stops_it_and_all_its_processes(
    start: str, request: pytest.FixtureRequest
) -> None:
    seen: Seen = request.getfixturevalue(start)
    assert seen.exit_status == 0
    assert seen.survivors == []


def test_started_again_it_keeps_its_data(first: Seen, second: Seen) -> None:
    kept = ("activation_key", "admin", "web_instance", "license_instance", "customer_name")
    assert {name: second.details[name] for name in kept} == {
        name: first.details[name] for name in kept
    }
    assert second.orders == first.orders
    assert used_of_licensed(second) == used_of_licensed(first)


# FRESH=1, and a process that ends by itself


@pytest.fixture(scope="module")
def fresh(folder: Path, ports: dict[str, str], second: Seen) -> Iterator[Run]:
    """The same folder begun anew, with short leases."""
    assert second.exit_status == 0
    run = Run(folder, {**ports, "FRESH": "1", "LEASE_SECONDS": "60"})
    run.wait_until_ready()
    yield run
    if run.process.poll() is None:
        run.end()


def test_fresh_begins_anew_without_a_license_but_with_objects(fresh: Run, first: Seen) -> None:
    details = fresh.details
    assert details["activation_key"] != first.details["activation_key"]
    assert details["admin"] != first.details["admin"]
    status = status_of(details)
    assert (status["status"], status["reason"]) == ("unlicensed", "never_activated")
    activate(details)
    assert "lease_seconds = 60" in (fresh.folder / "license_server/settings.toml").read_text()
    status = status_of(details)
    assert status["status"] == "active"
    hours_left = status["hours_left"]
    assert isinstance(hours_left, float)
    assert hours_left <= round(60 / 3600, 4)
    assert {"code": "extension", "category": "general", "licensed": 40, "used": 34} in (
        status["features"] if isinstance(status["features"], list) else []
    )


def activate(details: Mapping[str, object]) -> None:
    """Enter the key by command line."""
    subprocess.run(
        [sys.executable, "-m", "ayrix_web.cli", "activate", str(details["activation_key"])],
        cwd=ROOT,
        env={**os.environ, "AYRIX_INSTANCE": str(details["web_instance"])},
        capture_output=True,
        timeout=60,
        check=True,
    )


def test_a_process_that_ends_by_itself_ends_the_demo_with_a_sentence(fresh: Run) -> None:
    processes = fresh.details["processes"]
    assert isinstance(processes, dict)
    os.kill(processes["agent"], signal.SIGKILL)
    assert fresh.wait() == 1
    assert "The agent ended by itself (exit status -9), so the demo stops." in "".join(fresh.said)
    assert [pid for pid in processes.values() if is_alive(pid)] == []


# what it refuses


def refused(folder: Path, environment: Mapping[str, str]) -> str:
    run = Run(folder, environment)
    assert run.wait() == 1
    return "".join(run.said)


@pytest.mark.parametrize("variable", ["WEB_PORT", "LICENSE_PORT"])
def test_a_port_in_use_is_named_before_anything_is_touched(
    tmp_path: Path, ports: dict[str, str], variable: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(tmp_path / "demo", {**ports, variable: str(port)})
    assert f"Port {port} cannot be used (Address already in use)" in said
    assert f"make demo {variable}=" in said
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("fresh", ["", "1"])
def test_a_folder_that_is_not_a_demos_is_left_alone(
    tmp_path: Path, ports: dict[str, str], fresh: str
) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    said = refused(tmp_path, {**ports, "FRESH": fresh})
    assert f"{tmp_path} is not the folder of a demo" in said
    assert [entry.name for entry in tmp_path.iterdir()] == ["letters.txt"]


def test_a_folder_in_which_a_demo_runs_is_left_alone(tmp_path: Path, ports: dict[str, str]) -> None:
    (tmp_path / "kept").write_text("data")
    with (tmp_path / MARKER).open("w") as marker:
        fcntl.flock(marker, fcntl.LOCK_EX)
        said = refused(tmp_path, {**ports, "FRESH": "1"})
    assert f"A demo is running in {tmp_path}" in said
    assert (tmp_path / "kept").read_text() == "data"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_stopped_or_killed_while_it_sets_up_it_leaves_no_process_behind(
    tmp_path: Path, ports: dict[str, str], number: int, status: int
) -> None:
    run = Run(tmp_path / "demo", ports)
    log = tmp_path / "demo" / "license-server.log"
    wait_for(lambda: log.exists() and "Listening at" in log.read_text(), LONGEST_START_S)
    assert run.end(number) == status
    wait_for(lambda: is_free(int(ports["LICENSE_PORT"])), LONGEST_STOP_S)


def wait_for(happened: Callable[[], bool], seconds: float) -> None:
    give_up_at = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# choices


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"WEB_PORT": "http"}, "WEB_PORT must be a number, not 'http'."),
        ({"WEB_PORT": "-1"}, "WEB_PORT must be a number, not '-1'."),
        ({"WEB_PORT": "0"}, "WEB_PORT must be a port from 1 to 65535, not 0."),
        ({"LICENSE_PORT": "65536"}, "LICENSE_PORT must be a port from 1 to 65535, not 65536."),
        ({"WEB_PORT": "8081"}, "WEB_PORT and LICENSE_PORT are both 8081: choose two."),
        ({"LEASE_SECONDS": "soon"}, "LEASE_SECONDS must be a number, not 'soon'."),
        ({"HOST_APP": "module"}, "HOST_APP must be module:app, not 'module'."),
    ],
)
def test_a_choice_that_cannot_be_is_named(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(DemoError) as refusal:
        read_choices(environment)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("environment", "host_app"),
    [
        ({}, "examples.host.app:create_app()"),
        ({"HOST_APP": ""}, "examples.host.app:create_app()"),
        ({"HOST_APP": "own.host:create_app"}, "own.host:create_app()"),
        ({"HOST_APP": "own.host:make('x')"}, "own.host:make('x')"),
        ({"HOST_APP": "own.host:app"}, "own.host:app"),
    ],
)
def test_the_host_is_an_application_or_what_makes_one(
    environment: dict[str, str], host_app: str
) -> None:
    assert read_choices(environment).host_app == host_app


def test_settings_of_another_installation_do_not_reach_the_demo() -> None:
    choices: Choices = read_choices({})
    environment = choices.environment(
        {"AYRIX_LICENSE_SERVER_URL": "https://other.example.com", "PATH": "/bin"}
    )
    assert environment == {
        "PATH": "/bin",
        "AYRIX_INSTANCE": str(choices.web_instance),
        "LICENSE_SERVER_INSTANCE": str(choices.license_instance),
    }
