"""The demo's three processes: started, waited for, watched and stopped by their own ids."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import requests

from examples.demo.choices import LARGEST_PORT, DemoError
from examples.demo.stopping import pause

ROOT = Path(__file__).parent.parent.parent
"""The checkout: examples are not installed, gunicorn.conf.py lies there."""

LONGEST_START = timedelta(seconds=90)
LONGEST_STOP = timedelta(seconds=15)
ANSWER_TIMEOUT_S = 2.0
WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "TERM", "--")
"""Before a command: it ends with the demo even if that is killed (util-linux, prctl(2))."""

HEALTH_PATHS = ("/healthz", "/api/v1/healthz")
"""Where the PBX and the license server say that they are well."""

LAST_WORDS = 15
"""Lines of a log that are shown when its process has ended."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running process, the head of its own process group, and where it writes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def require_running(self) -> None:
        """Raise DemoError with its last words if it has ended."""
        code = self.process.poll()
        if code is None:
            return
        lines = self.log.read_text("utf-8", "replace").splitlines()[-LAST_WORDS:]
        said = "\n".join(f"  {line}" for line in lines)
        raise DemoError(
            f"The {self.name} ended by itself (exit status {code}), so the demo stops. "
            f"The end of {self.log}:\n{said}"
        )


def require_free(port: int, variable: str) -> None:
    """Raise DemoError if something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoError(
                f"Port {port} cannot be used ({error.strerror}): choose another one, for example "
                f"make demo {variable}={another_port(port)}. Nothing was touched."
            ) from error


def another_port(port: int) -> int:
    """A port to propose instead."""
    return port + 1000 if port + 1000 <= LARGEST_PORT else port - 1000


def start(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Child:
    """Start a process that writes to `folder/<name>.log` and gets no signal but ours."""
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            (*WITH_ITS_PARENT, *command),
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(name, process, log)


def wait_until(child: Child, is_ready: Callable[[], bool]) -> None:
    """Wait until a child is ready; raises DemoError if it ends or takes too long, and Stopped."""
    give_up_at = time.monotonic() + LONGEST_START.total_seconds()
    while not is_ready():
        child.require_running()
        if time.monotonic() > give_up_at:
            raise DemoError(
                f"The {child.name} did not answer within {LONGEST_START.seconds} seconds: "
                f"see {child.log}."
            )
        pause()


def answers(url: str) -> bool:
    """Whether the program behind `url` says that it is well."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the user does not lead to this machine
        try:
            return any(
                session.get(url + path, timeout=ANSWER_TIMEOUT_S).ok for path in HEALTH_PATHS
            )
        except requests.RequestException:
            return False


def stop(children: Sequence[Child]) -> None:
    """End the children, the last one first: ask, wait, then force."""
    for child in reversed(children):
        if child.process.poll() is None:
            child.process.terminate()
    give_up_at = time.monotonic() + LONGEST_STOP.total_seconds()
    for child in reversed(children):
        try:
            child.process.wait(max(0.1, give_up_at - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
