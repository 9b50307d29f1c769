"""Overload as gunicorn and the kernel make it: late requests are sent away, the rest is served."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ayrix_license_server.domain.overload import PATIENCE, Queue
from ayrix_license_server.web import admission
from ayrix_license_server.web.admission import ADMISSION, Admission
from ayrix_protocol.proof import PROOF_HEADER
from tests.server.conftest import Server
from tests.server.device import API, TestDevice

ROOT = Path(__file__).parents[2]
LONGEST_WAIT_S = 60.0
AT_ONCE = 80


class StandingQueue(Queue):
    """One that stands, whatever comes."""

    def is_standing(self, now: float, waited: timedelta) -> bool:
        return True


@pytest.fixture
def behind(server: Server, device: TestDevice) -> Server:
    """A server that cannot answer in time any more, once the device holds its license."""
    server.client.application.extensions[ADMISSION] = Admission(StandingQueue())
    return server


def pause_of(device: TestDevice) -> int:
    answer = device.check()
    assert answer.code == (503, "busy")
    return int(answer.headers["Retry-After"])


def test_who_is_sent_away_has_not_used_its_counter(server: Server, device: TestDevice) -> None:
    healthy = server.client.application.extensions[ADMISSION]
    server.client.application.extensions[ADMISSION] = Admission(StandingQueue())
    body = {"device": device.state()}
    proof = device.proof("POST", f"{API}/checks", device.encoded(body))
    assert device.send("POST", "/checks", body, proof=proof).code == (503, "busy")
    server.client.application.extensions[ADMISSION] = healthy
    assert device.send("POST", "/checks", body, proof=proof).status_code == 200


def test_what_everybody_may_read_is_answered_all_the_same(behind: Server) -> None:
    for path in (f"{API}/healthz", f"{API}/contact", "/.well-known/license-keys"):
        assert behind.client.get(path).status_code == 200


def test_the_pause_leaves_time_to_come_again(behind: Server, device: TestDevice) -> None:
    line = behind.client.application.extensions[ADMISSION].line
    line._ends_at = behind.clock.moment().boot + timedelta(days=1).total_seconds()
    devices = [replace(device, source=str(number)) for number in range(3)]
    for age, longest in ((0, 3 * 3600), (70, 3600), (71.95, 300), (80, 300)):
        lease = device.held()
        behind.clock._now = lease.issued_at + timedelta(hours=age)
        assert all(5 <= pause_of(one) <= longest for one in devices)


def test_who_shows_no_lease_waits_like_after_a_failed_check(
    behind: Server, device: TestDevice
) -> None:
    line = behind.client.application.extensions[ADMISSION].line
    line._ends_at = behind.clock.moment().boot + timedelta(days=1).total_seconds()
    for lease in (None, "", "no lease", "a.b.c", "a." + "x" * 599):
        device.lease = lease
        assert 5 <= pause_of(device) <= 300


def test_everybody_who_is_sent_away_makes_the_line_longer(
    server: Server, device: TestDevice
) -> None:
    line = server.client.application.extensions[ADMISSION].line
    with server.client.application.test_request_context(
        f"{API}/checks", headers={PROOF_HEADER: "x.y.z"}
    ):
        for _ in range(500):
            admission.pause()
        assert admission.pause() > timedelta(seconds=9)
    assert line._ends_at > server.clock.moment().boot + 9


def test_the_kernel_knows_how_long_a_request_waited(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        client.sendall(b"POST")
        time.sleep(0.3)
        taken_up, _address = listener.accept()
        with (
            client,
            taken_up,
            server.client.application.test_request_context(
                environ_overrides={"gunicorn.socket": taken_up}
            ),
        ):
            assert timedelta(seconds=0.25) < admission.waited() < timedelta(seconds=20)
            client.sendall(b" /checks")
            time.sleep(0.01)
            assert admission.waited() < timedelta(seconds=0.25)


def test_a_server_that_gives_no_socket_makes_nobody_late(server: Server) -> None:
    first, second = socket.socketpair()
    with first, second:
        for environ in ({}, {"gunicorn.socket": first}, {"gunicorn.socket": "none"}):
            with server.client.application.test_request_context(environ_overrides=environ):
                assert admission.waited() == timedelta(0)


@pytest.fixture
def slow_port(prepared: Path, tmp_path: Path) -> Iterator[int]:
    """A real gunicorn, as it is deployed, whose checks are slow."""
    for file in prepared.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    ours = {name: value for name, value in os.environ.items() if "LICENSE_SERVER_" not in name}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")),
            *("--bind", f"127.0.0.1:{port}", "tests.server.slow_server:slow_app()"),
        ],
        env={
            **ours,
            "LICENSE_SERVER_INSTANCE": str(tmp_path),
            "LICENSE_SERVER_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "PYTHONPATH": str(ROOT),
        },
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + LONGEST_WAIT_S
        while _status(port, "GET", f"{API}/healthz")[0] != 200:
            assert time.monotonic() < end, "in vain: the server answers"
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(LONGEST_WAIT_S)


def _status(port: int, method: str, path: str) -> tuple[int, str | None, float]:
    """Status, `Retry-After` and seconds of one request; status 0 if nobody answers."""
    started = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port, timeout=LONGEST_WAIT_S)
    try:
        connection.request(method, path, body=b"", headers={PROOF_HEADER: "of nobody"})
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return 0, None, 0.0
    finally:
        connection.close()
    return answer.status, answer.getheader("Retry-After"), time.monotonic() - started


def test_under_overload_some_are_served_and_the_others_sent_away_at_once(slow_port: int) -> None:
    # 80 requests of 0.2 s for 4 threads: 4 seconds of work come in at one moment.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(
            pool.map(lambda _: _status(slow_port, "POST", f"{API}/checks"), range(AT_ONCE))
        )
    statuses = Counter(status for status, _pause, _took in answers)
    # A proof of nobody: 401 says that the request was looked at.
    assert set(statuses) == {401, 503}
    assert statuses[401] >= 10
    assert statuses[503] >= 5
    assert all(pause for status, pause, _took in answers if status == 503)
    assert all(took > PATIENCE.total_seconds() for status, _pause, took in answers if status == 503)
    time.sleep(1.1)  # nobody waits any more
    assert _status(slow_port, "POST", f"{API}/checks")[0] == 401
