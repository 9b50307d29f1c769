"""The license client against real servers on loopback: what it sends, what it believes, when it
gives up.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from ayrix_foundation.clock import Moment
from ayrix_protocol.binding import Hardware
from ayrix_protocol.device import ActivationRequest, CheckRequest, Device, DeviceClock, LeaseAnswer
from ayrix_protocol.jws import InvalidDocument
from ayrix_protocol.keys import new_key, public_key_text
from ayrix_protocol.orders import LineRequest, OrderRequest, WantedOrder
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.proof import Caller, installation_id, verify_proof
from ayrix_web.adapters.connections import Deadline, ForbiddenAddress, is_forbidden
from ayrix_web.adapters.license_client import (
    DEVICE_KEY_FILE,
    HttpLicenseServer,
    load_or_create_device_key,
    one_at_a_time,
    origin_of,
)
from ayrix_web.domain.errors import FaultKind, LicenseServerFault, Refused
from ayrix_web.domain.ports import DiagnosisStep, Reply
from ayrix_web.settings import Settings
from tests.services.scripted_server import (
    JSON,
    PROBLEM,
    Answer,
    Authority,
    Request,
    ScriptedServer,
    serving,
    talking,
)

KEY = new_key()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEVICE = Device(
    hardware=Hardware(cpu_serial=None, nic_serial=None),
    address="192.0.2.10",
    lease=None,
    usage={"extensions": 3},
    version="1",
    clock=DeviceClock(wall=1, trusted=1, synchronized=True),
)
CHECK = CheckRequest(device=DEVICE)
LEASE_ANSWER = Answer(200, b'{"lease": "a.b.c", "from_a_newer_server": 1}')
OFFERS = {
    "upgrade_types": ["single"],
    "currency": "EUR",
    "period": "monthly",
    "tax_rate": "0.19",
    "features": [],
}
TOTALS = {
    "net": 100, "tax": 19, "gross": 119, "currency": "EUR", "period": "monthly", "tax_rate": "0.19",
}  # fmt: skip
ORDER = {
    **TOTALS,
    "code": "A-2026-0001",
    "key": "5f0c3f1e-98a3-4a87-9f05-3f4b0a6a2f11",
    "state": "submitted",
    "lines": [],
    "created_at": 1,
}


class Clock:
    """Counts readings, so that before and after are told apart."""

    def __init__(self) -> None:
        self.boot = 0

    def now(self) -> datetime:
        return NOW

    def moment(self) -> Moment:
        self.boot += 1
        return Moment(int(NOW.timestamp()), "boot", self.boot)

    def is_synchronized(self) -> bool:
        return True


class Counter:
    """The durable counter, without its database."""

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def take(self) -> int:
        self.value += 1
        return self.value

    def raise_to(self, value: int) -> None:
        self.value = max(self.value, value)


Connect = Callable[..., HttpLicenseServer]


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def connect(tmp_path: Path, counter: Counter) -> Connect:
    """The client of a server, with quick timeouts."""

    def connected(
        url: str | int,
        *,
        ignore_dates: bool = False,
        patience: float = 0.2,
        answer_timeout_s: float = 0.4,
        **settings: object,
    ) -> HttpLicenseServer:
        values: dict[str, object] = {
            "license_server_url": url if isinstance(url, str) else f"http://127.0.0.1:{url}",
            "license_root_key": public_key_text(KEY),
            "connect_timeout_s": 0.4,
            "answer_timeout_s": answer_timeout_s,
            **settings,
        }
        return HttpLicenseServer(
            Settings(instance=tmp_path, **values),  # type: ignore[arg-type] # pydantic checks them
            Clock(),
            KEY,
            take_counter=counter.take,
            raise_counter=counter.raise_to,
            lock_file=tmp_path / "lock",
            ignore_certificate_dates=lambda: ignore_dates,
            lock_patience=timedelta(seconds=patience),
        )

    return connected


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The only names there are, so that no test asks a real resolver."""
    names: dict[str, str] = {}
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: int, **options: int) -> list[object]:
        if host in {"127.0.0.1", "::1"}:
            return list(real(host, port, *args, **options))
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return list(real(names[host], port, *args, **options))

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return names


def always(answer: Answer) -> Callable[[Request], Answer]:
    return lambda _request: answer


def problem(status: int, code: str, **members: object) -> Answer:
    said = {"title": code, "status": status, "code": code, **members}
    return Answer(status, json.dumps(said).encode(), PROBLEM)


def check(server: HttpLicenseServer) -> Reply[LeaseAnswer]:
    with server.conversation() as conversation:
        return conversation.check(CHECK)


def fault_of_check(server: HttpLicenseServer) -> LicenseServerFault:
    with pytest.raises(LicenseServerFault) as caught:
        check(server)
    return caught.value


def caller_of(request: Request, server: ScriptedServer) -> Caller:
    """Who sent it, judged as the license server judges it."""
    origin = f"http://127.0.0.1:{server.port}"
    return verify_proof(
        request.headers["License-Proof"],
        audience=origin,
        method=request.method,
        url=origin + request.path,
        body=request.body,
    )


# What it sends


def test_every_request_carries_a_proof_for_itself_and_the_next_counter(connect: Connect) -> None:
    with serving(always(LEASE_ANSWER)) as server:
        client = connect(server.port)
        replies = [check(client), check(client)]
        callers = [caller_of(request, server) for request in server.requests]
    assert [caller.proof.counter for caller in callers] == [1, 2]
    assert [caller.installation for caller in callers] == [installation_id(KEY)] * 2
    assert [caller.proof.jti for caller in callers] == [reply.request for reply in replies]
    assert len({reply.request for reply in replies}) == 2


def test_a_reply_says_how_late_it_was_before_and_after(connect: Connect) -> None:
    with serving(always(LEASE_ANSWER)) as server:
        reply = check(connect(server.port))
    assert (reply.asked.boot, reply.answered.boot) == (1, 2)


def test_an_activation_sends_its_key(connect: Connect) -> None:
    with serving(always(Answer(201, LEASE_ANSWER.body))) as server:
        with connect(server.port).conversation() as conversation:
            answer = conversation.activate(ActivationRequest(license_key="K", device=DEVICE)).answer
        request = server.requests[0]
    assert answer.lease == "a.b.c"
    assert (request.method, request.path) == ("POST", "/api/v1/activations")
    assert json.loads(request.body)["license_key"] == "K"


def test_offers_are_asked_for_only_if_they_changed(connect: Connect) -> None:
    def respond(request: Request) -> Answer:
        if request.headers.get("If-None-Match") == '"1"':
            return Answer(304)
        return Answer(200, json.dumps(OFFERS).encode(), {**JSON, "ETag": '"1"'})

    with serving(respond) as server, connect(server.port).conversation() as conversation:
        first = conversation.offers(None)
        assert first is not None
        assert first.etag == '"1"'
        assert conversation.offers(first.etag) is None


def test_304_without_a_question_is_no_answer(connect: Connect) -> None:
    with (
        serving(always(Answer(304))) as server,
        connect(server.port).conversation() as conversation,
        pytest.raises(LicenseServerFault, match="server_error"),
    ):
        conversation.offers(None)


def test_an_order_travels_under_the_key_of_its_intention(connect: Connect) -> None:
    key = UUID(str(ORDER["key"]))
    wanted = WantedOrder(lines=(LineRequest(code="ring_groups", quantity=2),), quote_hash="h" * 43)
    answer = Answer(201, json.dumps({"order": ORDER, "lease": None}).encode())
    with serving(always(answer)) as server:
        with connect(server.port).conversation() as conversation:
            reply = conversation.order(key, OrderRequest(order=wanted, device=DEVICE))
        request = server.requests[0]
    assert reply.answer.order.key == key
    assert request.headers["Idempotency-Key"] == str(key)


def test_lists_quotes_and_cancellations_find_their_paths(connect: Connect) -> None:
    answers = {
        "/api/v1/orders": {"orders": []},
        "/api/v1/orders?after=A-1%26b": {"orders": [ORDER], "next_after": "A-2026-0001"},
        "/api/v1/quotes": {**TOTALS, "lines": [], "valid_until": 1, "quote_hash": "h" * 43},
        "/api/v1/orders/..%2FA/cancellation": {"order": ORDER},
    }

    def respond(request: Request) -> Answer:
        return Answer(200, json.dumps(answers[request.path]).encode())

    with serving(respond) as server:
        with connect(server.port).conversation() as conversation:
            assert conversation.orders(None).next_after is None
            assert conversation.orders("A-1&b").next_after == "A-2026-0001"
            assert conversation.quote([LineRequest(code="queues", quantity=1)]).gross == 119
            assert conversation.cancel("../A").order.code == "A-2026-0001"
        for request in server.requests:
            caller_of(request, server)  # raises unless the proof fits, query and escapes included


@pytest.mark.parametrize("body", [b"a.b.c", b'"a.b.c"\n'])
def test_the_key_set_needs_no_proof(connect: Connect, counter: Counter, body: bytes) -> None:
    with serving(always(Answer(200, body, {"Content-Type": "application/jose"}))) as server:
        with connect(server.port).conversation() as conversation:
            assert conversation.key_set() == "a.b.c"
        assert "License-Proof" not in server.requests[0].headers
    assert counter.value == 0


@pytest.mark.parametrize(
    "answer", [Answer(404, b"a.b.c"), Answer(200, b"<html>See www.example.com. Now.</html>")]
)
def test_a_portal_is_no_key_set(connect: Connect, answer: Answer) -> None:
    with (
        serving(always(answer)) as server,
        connect(server.port).conversation() as conversation,
        pytest.raises(LicenseServerFault, match="server_error"),
    ):
        conversation.key_set()


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://License.Example.com:443", "https://license.example.com"),
        ("https://license.example.com:8443", "https://license.example.com:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8081", "http://[::1]:8081"),
    ],
)
def test_both_sides_spell_the_audience_alike(url: str, origin: str) -> None:
    assert origin_of(url) == origin


# Counters


class CountingServer:
    """Refuses used counters as the license server does."""

    def __init__(self, seen: int) -> None:
        self.seen = seen

    def __call__(self, request: Request) -> Answer:
        payload = request.headers["License-Proof"].split(".")[1]
        counter = json.loads(_decoded(payload))["counter"]
        if counter <= self.seen:
            return problem(409, "counter_behind", counter=self.seen)
        self.seen = counter
        return LEASE_ANSWER


def _decoded(text: str) -> bytes:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_counter_the_server_has_seen_is_taken_over_and_the_request_repeated(
    connect: Connect, counter: Counter
) -> None:
    with serving(CountingServer(seen=41)) as server:
        reply = check(connect(server.port))
        assert caller_of(server.requests[1], server).proof.jti == reply.request
        assert len(server.requests) == 2
    assert counter.value == 42


def test_one_answer_moves_the_counter_by_a_million_at_most(
    connect: Connect, counter: Counter
) -> None:
    with serving(CountingServer(seen=1_500_000)) as server:
        client = connect(server.port)
        with pytest.raises(Refused, match="counter_behind"):
            check(client)
        assert counter.value == 1_000_002
        check(client)
    assert counter.value == 1_500_001


def test_a_server_that_names_a_lower_counter_is_not_followed(
    connect: Connect, counter: Counter
) -> None:
    counter.value = 9
    with serving(always(problem(409, "counter_behind", counter=3))) as server:
        with pytest.raises(Refused, match="counter_behind"):
            check(connect(server.port))
        assert len(server.requests) == 1
    assert counter.value == 10


# What it believes


def test_a_refusal_comes_with_its_reason(connect: Connect) -> None:
    answer = problem(409, "hardware_mismatch", components=["cpu_serial"], req=None)
    with serving(always(answer)) as server, pytest.raises(Refused) as caught:
        check(connect(server.port))
    assert caught.value.code is ProblemCode.HARDWARE_MISMATCH
    assert caught.value.problem.components == ("cpu_serial",)


def test_a_refusal_of_another_request_is_not_believed(connect: Connect) -> None:
    with serving(always(problem(403, "suspended", req="another"))) as server:
        assert fault_of_check(connect(server.port)).kind is FaultKind.UNTRUSTED


@pytest.mark.parametrize("status", [429, 503])
def test_come_again_later_is_heard(connect: Connect, status: int) -> None:
    busy = problem(status, "busy")
    answer = Answer(status, busy.body, {**PROBLEM, "Retry-After": "120"})
    with serving(always(answer)) as server:
        fault = fault_of_check(connect(server.port))
    assert (fault.kind, fault.retry_after_s) == (FaultKind.SERVER_BUSY, 120)


HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>Welcome to the hotel</html>", HTML),
        Answer(200, LEASE_ANSWER.body, HTML),
        Answer(200, b"<html>", JSON),
        Answer(200, b"", JSON),
        Answer(200, b'{"lease": 5}', JSON),
        Answer(200, b'{"lease": "' + b"a" * 70_000 + b'"}', JSON),
        Answer(204),
        Answer(206, LEASE_ANSWER.body),
        Answer(302, b"", {"Location": "http://169.254.169.254/latest/meta-data"}),
        Answer(307, b"", {"Location": "/api/v1/checks"}),
        Answer(403, b"<html>Blocked</html>", HTML),
        Answer(403, b'{"code": "suspended"}', JSON),
        Answer(403, b'{"title": "x", "status": 403, "code": "unheard_of"}', PROBLEM),
        Answer(500, b"<html>Internal Server Error</html>", HTML),
        problem(500, "server_error"),
        Answer(502, b"", {"Content-Type": "text/plain"}),
    ],
)
def test_anything_but_the_protocol_is_a_fault_of_the_server(
    connect: Connect, answer: Answer
) -> None:
    with serving(always(answer)) as server:
        assert fault_of_check(connect(server.port)).kind is FaultKind.SERVER_ERROR
        assert len(server.requests) == 1


@pytest.mark.parametrize("retry_after", ["soon", "-1", "1e9", "9" * 12, "²"])
def test_an_odd_retry_after_is_ignored(connect: Connect, retry_after: str) -> None:
    answer = Answer(503, b"", {"Retry-After": retry_after.encode().decode("latin-1")})
    with serving(always(answer)) as server:
        assert fault_of_check(connect(server.port)).retry_after_s is None


# When it gives up


def test_a_closed_port_is_a_connection_fault(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert fault_of_check(connect(port)).kind is FaultKind.CONNECTION


def test_an_unknown_name_is_a_fault_of_name_resolution(
    connect: Connect, resolver: dict[str, str]
) -> None:
    assert not resolver
    fault = fault_of_check(connect("https://license.example.test"))
    assert fault.kind is FaultKind.NAME_RESOLUTION


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", FaultKind.CONNECTION),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
         FaultKind.CONNECTION),
        (b"SSH-2.0-OpenSSH_9.2\r\n", FaultKind.SERVER_ERROR),
    ],
)  # fmt: skip
def test_a_connection_that_breaks_is_told_from_one_that_talks_nonsense(
    connect: Connect, said: bytes, kind: FaultKind
) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(said)

    with talking(talk) as port:
        assert fault_of_check(connect(port)).kind is kind


def test_silence_is_a_timeout(connect: Connect) -> None:
    with talking(lambda connection: time.sleep(1)) as port:
        assert fault_of_check(connect(port)).kind is FaultKind.TIMEOUT


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "beginning",
    [b"HTTP/1.1 200 O", HEAD + b"X: ", HEAD + b"\r\n{", HEAD + b"Content-Length: 5000\r\n\r\n"],
    ids=["status line", "header", "body to the end", "body of a length"],
)
def test_an_answer_that_drips_in_is_a_timeout_too(connect: Connect, beginning: bytes) -> None:
    stopping = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(beginning)
        while not stopping.wait(0.1):
            connection.sendall(b"a")

    with talking(talk) as port:
        started = time.monotonic()
        assert fault_of_check(connect(port)).kind is FaultKind.TIMEOUT
        stopping.set()
    assert time.monotonic() - started < 3


def test_after_a_timeout_the_same_conversation_can_ask_again(connect: Connect) -> None:
    slow = [True]

    def respond(_request: Request) -> Answer:
        if slow.pop():
            slow.append(False)
            time.sleep(1)
        slow.append(False)
        return LEASE_ANSWER

    with serving(respond) as server, connect(server.port).conversation() as conversation:
        with pytest.raises(LicenseServerFault, match="timeout"):
            conversation.check(CHECK)
        assert conversation.check(CHECK).answer.lease == "a.b.c"


# Certificates and proxies


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def named(resolver: dict[str, str]) -> str:
    resolver["license.example.test"] = "127.0.0.1"
    return "license.example.test"


def test_a_certificate_of_the_set_authority_is_good(
    connect: Connect, authority: Authority, named: str
) -> None:
    with serving(always(LEASE_ANSWER), authority.context(named)) as server:
        client = connect(f"https://{named}:{server.port}", ca_file=authority.file)
        check(client)
        steps = client.diagnose()
    assert [(step.step, step.fault) for step in steps] == [(step, None) for step in DiagnosisStep]


@pytest.mark.parametrize(
    ("names", "starts", "is_known", "ignore_dates", "is_good"),
    [
        ("license.example.test", timedelta(0), False, False, False),
        ("other.example.test", timedelta(0), True, False, False),
        ("license.example.test", timedelta(days=-60), True, False, False),
        ("license.example.test", timedelta(days=60), True, False, False),
        ("license.example.test", timedelta(days=-60), True, True, True),
        ("license.example.test", timedelta(days=60), True, True, True),
        ("license.example.test", timedelta(days=-60), False, True, False),
        ("other.example.test", timedelta(days=-60), True, True, False),
    ],
    ids=[
        "stranger", "other name", "expired", "not yet valid", "expired, dates ignored",
        "not yet valid, dates ignored", "stranger, dates ignored", "other name, dates ignored",
    ],
)  # fmt: skip
def test_only_dates_are_ever_left_unchecked(
    connect: Connect,
    authority: Authority,
    named: str,
    names: str,
    starts: timedelta,
    *,
    is_known: bool,
    ignore_dates: bool,
    is_good: bool,
) -> None:
    with serving(always(LEASE_ANSWER), authority.context(names, starts=starts)) as server:
        client = connect(
            f"https://{named}:{server.port}",
            ca_file=authority.file if is_known else None,
            ignore_dates=ignore_dates,
        )
        if is_good:
            check(client)
        else:
            assert fault_of_check(client).kind is FaultKind.CERTIFICATE
            assert client.diagnose()[-1].fault is FaultKind.CERTIFICATE
            assert not server.requests


def test_a_missing_or_broken_authority_file_is_a_certificate_fault(
    connect: Connect, authority: Authority, named: str, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with serving(always(LEASE_ANSWER), authority.context(named)) as server:
        for file in (tmp_path / "missing.pem", broken):
            client = connect(f"https://{named}:{server.port}", ca_file=file)
            assert fault_of_check(client).kind is FaultKind.CERTIFICATE


def test_plain_http_where_tls_is_expected_is_a_certificate_fault(
    connect: Connect, named: str
) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with talking(talk) as port:
        fault = fault_of_check(connect(f"https://{named}:{port}"))
    assert fault.kind is FaultKind.CERTIFICATE


def test_a_proxy_is_asked_for_a_tunnel(connect: Connect, resolver: dict[str, str]) -> None:
    assert not resolver
    with serving(always(Answer(407, b""))) as proxy:
        client = connect("https://license.example.test", proxy_url=f"http://127.0.0.1:{proxy.port}")
        assert fault_of_check(client).kind is FaultKind.CONNECTION
        asked = proxy.requests[0]
    assert (asked.method, asked.path) == ("CONNECT", "license.example.test:443")


def test_the_environment_chooses_no_proxy(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(always(LEASE_ANSWER)) as server:
        check(connect(server.port))
        check(connect(server.port, proxy_url="http://127.0.0.1:9"))


# Where no license server can be


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("169.254.169.254", True),
        ("::ffff:169.254.169.254", True),
        ("fe80::1", True),
        ("fe80::1%eth0", True),
        ("fd00:ec2::254", True),
        ("100.100.100.200", True),
        ("224.0.0.1", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("192.168.1.2", False),
        ("203.0.113.9", False),
    ],
)
def test_link_local_and_metadata_addresses_are_forbidden(address: str, expected: bool) -> None:
    assert is_forbidden(address) is expected


class ConnectedElsewhere(socket.socket):
    """A socket that a name in the DNS led to the cloud's metadata."""

    def getpeername(self) -> tuple[str, int]:
        return ("169.254.169.254", 80)


def test_nothing_is_sent_where_a_name_leads_to_a_forbidden_address() -> None:
    elsewhere = ConnectedElsewhere()
    with pytest.raises(ForbiddenAddress):
        Deadline(refuse_addresses=True).watch(elsewhere)
    assert elsewhere.fileno() == -1


# One at a time


def test_conversations_do_not_overlap(connect: Connect) -> None:
    with serving(always(LEASE_ANSWER)) as server:
        client, spoken = connect(server.port, patience=5), []

        def speak(name: int) -> None:
            with client.conversation() as conversation:
                spoken.append(name)
                conversation.check(CHECK)
                spoken.append(name)

        threads = [threading.Thread(target=speak, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert spoken[0::2] == spoken[1::2]
    assert sorted(spoken) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_who_waits_too_long_hears_busy(connect: Connect) -> None:
    client = connect(9)
    with client.conversation():
        assert fault_of_check(client).kind is FaultKind.BUSY
    with suppress(LicenseServerFault), client.conversation():
        return
    pytest.fail("the lock was not given back")


HOLD = """
import sys, time
from pathlib import Path
from ayrix_web.adapters.license_client import one_at_a_time
with one_at_a_time(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that keeps the lock."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_kernel_frees_the_lock_of_a_process_that_was_killed(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    with (
        pytest.raises(LicenseServerFault, match="busy"),
        one_at_a_time(tmp_path / "lock", timedelta(seconds=0.1)),
    ):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with one_at_a_time(tmp_path / "lock", timedelta(seconds=0.5)):
        pass


# Diagnosis


def test_diagnosis_of_a_healthy_server_on_this_machine(connect: Connect) -> None:
    with serving(always(Answer(200, b'{"status": "ok"}'))) as server:
        client = connect(server.port)
        steps = client.diagnose()
        assert client.address == f"127.0.0.1:{server.port}"
    assert [(step.step.value, step.fault, step.detail) for step in steps] == [
        ("name_resolution", None, "127.0.0.1"),
        ("connection", None, client.address),
        ("certificate", None, "not needed"),
        ("answer", None, "HTTP 200"),
    ]


def test_diagnosis_stops_at_the_step_that_fails(connect: Connect, resolver: dict[str, str]) -> None:
    client = connect("https://license.example.test")
    assert client.address == "license.example.test:443"
    assert [step.fault for step in client.diagnose()] == [FaultKind.NAME_RESOLUTION]
    resolver["license.example.test"] = "169.254.169.254"
    assert [step.fault for step in client.diagnose()] == [None, FaultKind.CONNECTION]


def test_diagnosis_names_a_portal(connect: Connect) -> None:
    with serving(always(Answer(200, b"<html>", HTML))) as server:
        last = connect(server.port).diagnose()[-1]
    assert (last.step, last.fault) == (DiagnosisStep.ANSWER, FaultKind.SERVER_ERROR)


# The device key


def test_the_device_key_is_made_once_and_for_us_only(tmp_path: Path) -> None:
    first, second = load_or_create_device_key(tmp_path), load_or_create_device_key(tmp_path)
    assert installation_id(first) == installation_id(second)
    assert [file.name for file in tmp_path.iterdir()] == [DEVICE_KEY_FILE]
    assert (tmp_path / DEVICE_KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_processes_that_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    barrier, ids = threading.Barrier(8), []

    def make() -> None:
        barrier.wait()
        ids.append(installation_id(load_or_create_device_key(tmp_path)))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert [file.name for file in tmp_path.iterdir()] == [DEVICE_KEY_FILE]


def test_a_damaged_device_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / DEVICE_KEY_FILE).write_text("damaged")
    with pytest.raises(InvalidDocument):
        load_or_create_device_key(tmp_path)
    assert (tmp_path / DEVICE_KEY_FILE).read_text() == "damaged"
