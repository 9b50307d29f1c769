"""Processes under measurement: started on a core of their own, watched, ended by their ids."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The checkout, where gunicorn.conf.py lies."""

PREFIXES = ("AYRIX_", "LICENSE_SERVER_", "GUNICORN_", "BENCHMARK_")
"""Variables of other installations, which must not reach what is measured."""

LONGEST_START = timedelta(seconds=30)
LONGEST_STOP = timedelta(seconds=15)
LOOK_EVERY = timedelta(milliseconds=2)
OK = 200

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES = {CORES[0]}
GENERATOR_CORES = {CORES[-1]}
"""The same one on a machine with a single core; with more, the load takes nothing from servers."""


class StartFailed(Exception):
    """A process under measurement did not come up; the text holds its last words."""


@dataclass(frozen=True, slots=True)
class Server:
    """A gunicorn and where it answers."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def address(self) -> tuple[str, int]:
        """For the load generator."""
        return "127.0.0.1", self.port

    @property
    def origin(self) -> str:
        """For everybody else."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """The CPU time that all its processes and threads have taken."""
        nanoseconds = 0
        for pid in family(self.process.pid):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                nanoseconds += int((thread / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9


def environment(**variables: str) -> dict[str, str]:
    """Ours without what belongs to other installations, and `variables`."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(PREFIXES)}
    return {**kept, **variables}


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def family(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [pid, *(int(child) for child in children.split())]


@contextmanager
def gunicorn(
    app: str,
    health: str,
    log: Path,
    variables: Mapping[str, str],
    port: int | None = None,
) -> Iterator[Server]:
    """A server of `app` as gunicorn.conf.py says, from the moment it answers at `health`."""
    port = port or free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", app]
    with running(command, log, variables) as process:
        wait_for_answer(process, port, health, log)
        yield Server(process, port)


@contextmanager
def running(
    command: list[str], log: Path, variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on the servers' core, in a process group of its own; ended at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # It has no second thread or child yet, so that all of them will inherit it.
    os.sched_setaffinity(process.pid, SERVER_CORES)
    try:
        yield process
    finally:
        _end(process)


def wait_for_answer(process: subprocess.Popen[bytes], port: int, health: str, log: Path) -> None:
    """Return with the first 200 at `health`; raises StartFailed."""
    give_up_at = time.monotonic() + LONGEST_START.total_seconds()
    while not _answers(port, health):
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise StartFailed(log.read_text("utf-8", "replace")[-2_000:])
        time.sleep(LOOK_EVERY.total_seconds())


def _answers(port: int, health: str) -> bool:
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=LONGEST_START.total_seconds()
    )
    try:
        connection.request("GET", health)
        return connection.getresponse().status == OK
    except OSError:
        return False
    finally:
        connection.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(LONGEST_STOP.total_seconds())
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
