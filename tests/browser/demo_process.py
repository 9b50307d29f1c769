"""`make demo` as a user starts it, for a test: its processes, its commands, and taking its license
server away.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import requests

from examples.demo.choices import PREFIXES
from examples.demo.processes import ROOT

COMMAND = (sys.executable, "-m", "examples.demo")
"""The last line of the target `demo` in the Makefile."""

LONGEST_START = timedelta(seconds=180)
"""Nine commands and three processes, on a machine that runs other tests at the same time."""

LONGEST_STOP = timedelta(seconds=30)
LONGEST_COMMAND = timedelta(seconds=40)
ANSWER_S = 10
PAUSE = timedelta(milliseconds=100)
LAST_WORDS = 4000
"""Characters of each log that a failing test shows."""

TRIAL_LEASE = timedelta(seconds=20)
"""The lease of the stories: long enough to read a page in grace, short enough to wait for."""


def until(happened: Callable[[], bool], within: timedelta, what: str) -> None:
    """Wait for something; fails with `what` in its words if it does not happen in time."""
    give_up_at = time.monotonic() + within.total_seconds()
    while not happened():
        assert time.monotonic() < give_up_at, f"not within {within.total_seconds():.0f} s: {what}"
        time.sleep(PAUSE.total_seconds())


@dataclass(frozen=True, slots=True)
class Details:
    """What demo.json says."""

    web_url: str
    license_url: str
    web_instance: str
    license_instance: str
    activation_key: str
    customer_name: str
    admin: Mapping[str, str]
    processes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Process:
    """How a running process was started, as Linux tells it (proc(5))."""

    id: int
    parent: int
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path

    @classmethod
    def of(cls, number: int) -> Process:
        """The process of that id."""
        place = Path(f"/proc/{number}")
        pairs = place.joinpath("environ").read_text().split("\0")
        return cls(
            id=number,
            parent=int(_status(number)[1]),
            command=tuple(place.joinpath("cmdline").read_text().split("\0")[:-1]),
            environment=dict(pair.split("=", 1) for pair in pairs if pair),
            folder=place.joinpath("cwd").readlink(),
        )


@dataclass(slots=True)
class Demo:
    """A running demo; what a test does to its license server is undone when the demo ends."""

    folder: Path
    supervisor: subprocess.Popen[bytes]
    details: Details
    license_server: Process
    _again: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def vendor(self, *arguments: str) -> str:
        """Run `ayrix-license-server` beside the demo's server; fails with its own words."""
        done = self._run("ayrix_license_server.cli", arguments)
        assert done.returncode == 0, f"ayrix-license-server {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def pbx(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run `ayrix-web` on the demo's PBX; `typed` is its standard input."""
        return self._run("ayrix_web.cli", arguments, typed)

    def stop_license_server(self) -> None:
        """End the license server for real: its port refuses, as on a day of maintenance.

        A demo ends when one of its processes does. So the process that watches them is put to
        sleep first (SIGSTOP); web and agent go on as they were.
        """
        self.supervisor.send_signal(signal.SIGSTOP)
        number = self._again.pid if self._again else self.license_server.id
        os.kill(number, signal.SIGTERM)
        until(lambda: has_ended(number), LONGEST_STOP, "the license server ends after SIGTERM")
        assert not self.has_license_server()

    def start_license_server(self) -> None:
        """Start it again, by the command, in the folder and environment that the demo gave it."""
        with self._log("license-server-again").open("ab") as log:
            self._again = subprocess.Popen(
                self.license_server.command,
                cwd=self.license_server.folder,
                env=self.license_server.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(self.has_license_server, LONGEST_START, "the license server is back")

    def has_license_server(self) -> bool:
        """Whether the license server answers at the demo's address."""
        try:
            return requests.get(f"{self.details.license_url}/api/v1/healthz", timeout=ANSWER_S).ok
        except requests.ConnectionError:
            return False

    def end(self) -> None:
        """Ask the demo to stop and wait until it has; whoever sleeps is woken for it."""
        if self._again is not None:
            _end(self._again)
        self.supervisor.send_signal(signal.SIGTERM)
        self.supervisor.send_signal(signal.SIGCONT)
        _end(self.supervisor)
        left = [name for name, number in self.details.processes.items() if not has_ended(number)]
        assert not left, f"the demo left processes behind: {left}"

    def show_logs(self) -> None:
        """Print the end of every log, which pytest shows of a test that failed."""
        for log in sorted((*self.folder.glob("*.log"), *self.folder.parent.glob("*.log"))):
            print(f"---- the end of {log.name}\n{log.read_text('utf-8', 'replace')[-LAST_WORDS:]}")

    def _log(self, name: str) -> Path:
        return self.folder.parent / f"{name}.log"

    def _run(
        self, module: str, arguments: tuple[str, ...], typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=self.license_server.environment,  # every process of a demo has the same
            input=typed,
            capture_output=True,
            text=True,
            timeout=LONGEST_COMMAND.total_seconds(),
            check=False,
        )


@contextmanager
def running_demo(folder: Path, **choices: str) -> Iterator[Demo]:
    """`make demo` with these choices on two free ports, in `folder`/demo, ended in the end."""
    log, place = folder / "demo.log", folder / "demo"
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith(PREFIXES)},
        "WEB_PORT": str(free_port()),
        "LICENSE_PORT": str(free_port()),
        "DEMO_DIR": str(place),
        **choices,
    }
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            COMMAND,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        demo = _when_ready(supervisor, place, log)
        try:
            yield demo
        finally:
            demo.show_logs()
            demo.end()
    finally:
        _end(supervisor)


def _when_ready(supervisor: subprocess.Popen[bytes], place: Path, log: Path) -> Demo:
    def is_ready() -> bool:
        assert supervisor.poll() is None, f"the demo ended: {log.read_text()}"
        return "READY" in log.read_text()

    until(is_ready, LONGEST_START, "the demo says READY")
    details = Details(**json.loads(place.joinpath("demo.json").read_text("utf-8")))
    return Demo(place, supervisor, details, Process.of(details.processes["license server"]))


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def listening_ports(number: int) -> set[int]:
    """The TCP ports a process accepts connections at, from its descriptors and proc_net(5)."""
    own = {link.readlink().name for link in Path(f"/proc/{number}/fd").iterdir()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = "0A"
    return {
        int(row[1].rpartition(":")[2], 16)
        for row in rows
        if row[3] == listening and f"socket:[{row[9]}]" in own
    }


def has_ended(number: int) -> bool:
    """Whether a process has ended, even if its parent has not asked for its result yet."""
    try:
        return _status(number)[0] == "Z"
    except FileNotFoundError:
        return True


def _status(number: int) -> list[str]:
    """State, parent and more of a process (proc_pid_stat(5)); its name before may hold spaces."""
    return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(LONGEST_STOP.total_seconds())
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
