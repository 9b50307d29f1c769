"""The agent as systemd runs it: signs of life, stopping, and what its death means."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ayrix_web.agent import systemd
from tests.processes.programs import LONGEST_WAIT_S, PASSWORD, PbxCommands, Vendor, wait_until

LEASE_SECONDS = 20


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    folder = tmp_path / "vendor"
    folder.mkdir()
    vendor = Vendor(folder, LEASE_SECONDS)
    yield vendor
    vendor.stop()


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[socket.socket]:
    """systemd's end of the notification socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(LONGEST_WAIT_S)
        yield channel


Start = Callable[[PbxCommands], subprocess.Popen[bytes]]


@pytest.fixture
def start_agent(tmp_path: Path) -> Iterator[Start]:
    """Starts agents, which do not outlive the test; they tell systemd if it listens."""
    started: list[subprocess.Popen[bytes]] = []

    def start(pbx: PbxCommands) -> subprocess.Popen[bytes]:
        with (tmp_path / "agent.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ayrix_web.cli", "agent"],
                env=pbx.environment(NOTIFY_SOCKET=str(tmp_path / "notify")),
                stderr=log,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def told(channel: socket.socket, until: bytes) -> list[bytes]:
    """What the agent told up to a certain word."""
    said: list[bytes] = []
    while until not in said:
        said.append(channel.recv(100))
    return said


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_tells_systemd_that_it_lives_and_stops_when_asked(
    vendor: Vendor,
    tmp_path: Path,
    channel: socket.socket,
    start_agent: Start,
    asked: signal.Signals,
) -> None:
    vendor.command("init")
    pbx = PbxCommands(tmp_path / "pbx", vendor)
    assert pbx.run("init", "--admin", "admin", typed=f"{PASSWORD}\n").code == 0
    agent = start_agent(pbx)
    assert told(channel, b"WATCHDOG=1") == [b"READY=1", b"WATCHDOG=1"]
    agent.send_signal(asked)
    told(channel, b"STOPPING=1")
    assert agent.wait(LONGEST_WAIT_S) == 0


def test_keeps_the_lease_fresh_and_the_pbx_locks_once_it_is_killed(
    vendor: Vendor, tmp_path: Path, start_agent: Start
) -> None:
    key = vendor.set_up()
    vendor.start()
    pbx = PbxCommands(tmp_path / "pbx", vendor)
    pbx.run("init", "--admin", "admin", typed=f"{PASSWORD}\n")
    assert pbx.run("activate", key).code == 0
    agent = start_agent(pbx)
    first = pbx.status()
    wait_until(
        lambda: str(pbx.status().json["last_check"]) > str(first.json["last_check"]),
        "the agent checks by itself",
    )
    over = time.monotonic() + LEASE_SECONDS
    while time.monotonic() < over:
        assert pbx.status().code == 0

    os.kill(agent.pid, signal.SIGKILL)
    agent.wait()
    wait_until(lambda: pbx.status().code == 3, "the PBX locks without its agent")
    assert pbx.status().json["status"] == "deactivated"

    start_agent(pbx)
    wait_until(lambda: pbx.status().code == 0, "the next agent brings the license back")


def test_a_deaf_systemd_holds_up_nothing(
    channel: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(channel.getsockname()))
    started = time.monotonic()
    for _message in range(1_000):
        systemd("WATCHDOG=1")
    assert time.monotonic() - started < LONGEST_WAIT_S
    assert channel.recv(100) == b"WATCHDOG=1"
