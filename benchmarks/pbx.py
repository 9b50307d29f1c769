"""The PBX's own processes, web and agent: how fast they start, how much memory they take."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from benchmarks import load, memory
from benchmarks.instances import license_page, make_check_due, pbx_system, sign_in, submit
from benchmarks.load import CONNECTIONS, Repeating
from benchmarks.memory import Memory
from benchmarks.processes import LONGEST_START, Server, StartFailed, family, gunicorn, running

STARTS = 7
LOADED_FOR = timedelta(seconds=2)
AGENT = [sys.executable, "-m", "ayrix_web.cli", "agent"]
PAGES = (
    "/orders",
    "/users",
    "/activation",
    "/network/interface",
    "/license/order?feature=extension",
)
READY = b"READY=1"
FIRST_PASS = b"WATCHDOG=1"
JOBS = 5
"""The agent gives a sign of life after each of its jobs."""


@dataclass(frozen=True, slots=True)
class ColdStarts:
    """Seconds from spawning a process to its first answer, or to its word that it is ready."""

    web: tuple[float, ...]
    agent: tuple[float, ...]


def web(instance: Path) -> AbstractContextManager[Server]:
    """The pages, as on a PBX."""
    variables = {"AYRIX_INSTANCE": str(instance)}
    return gunicorn("wsgi:app", "/healthz", instance.with_suffix(".web.log"), variables)


def cold_starts(instance: Path) -> ColdStarts:
    """Start both in turn, on one core; files and compiled modules are in the page cache."""
    of_web, of_agent = [], []
    for _start in range(STARTS):
        began = perf_counter()
        with web(instance):
            of_web.append(perf_counter() - began)
        began = perf_counter()
        with _agent(instance):
            of_agent.append(perf_counter() - began)
    return ColdStarts(tuple(of_web), tuple(of_agent))


def memory_in_use(instance: Path) -> Memory:
    """Web, all its processes, and agent: after pages were seen by many and a check was made."""
    with pbx_system(instance) as system:
        make_check_due(system)
    with web(instance) as server, _agent(instance, passes=1) as agent:
        _use(server)
        return memory.measure([*family(server.process.pid), agent])


def _use(server: Server) -> None:
    origin = server.origin
    with sign_in(origin) as browser:
        for page in PAGES:
            browser.get(origin + page, timeout=load.ANSWER_TIMEOUT_S).raise_for_status()
        submit(browser, f"{origin}/license", f"{origin}/license/check")
        clients = [Repeating(license_page(browser, origin))] * CONNECTIONS
        load.run(server.address, clients, LOADED_FOR, server.cpu_seconds)


@contextmanager
def _agent(instance: Path, passes: int = 0) -> Iterator[int]:
    """The agent's process id once it is ready and has been over all its jobs so many times."""
    log, channel_path = instance.with_suffix(".agent.log"), instance.with_suffix(".notify")
    channel_path.unlink(missing_ok=True)
    variables = {"AYRIX_INSTANCE": str(instance), "NOTIFY_SOCKET": str(channel_path)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(channel_path))
        channel.settimeout(LONGEST_START.total_seconds())
        with running(AGENT, log, variables) as process:
            try:
                for word in [READY, *[FIRST_PASS] * passes * JOBS]:
                    assert channel.recv(100) == word
            except TimeoutError as error:
                raise StartFailed(log.read_text("utf-8", "replace")[-2_000:]) from error
            yield process.pid
