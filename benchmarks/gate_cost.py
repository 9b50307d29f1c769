"""What the gate adds to a request, in this process: the same application with it and without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import thread_time_ns
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.test import create_environ

from ayrix_web.app import init_app
from ayrix_web.system import System
from ayrix_web.web.gate import gate
from benchmarks.instances import pbx_system

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 31
REQUESTS = 500


@dataclass(frozen=True, slots=True)
class GateCost:
    """Microseconds of CPU time, round by round.

    `added` is what a request costs more, `looped` the gate called again and again within one
    request, where processor caches and branch prediction serve nothing else.
    """

    added: tuple[float, ...]
    looped: tuple[float, ...]


def measure(instance: Path) -> GateCost:
    """The cost of the gate of an activated PBX."""
    with pbx_system(instance) as system:
        gated, open_ = _host(system), _host(system)
        open_.before_request_funcs[None].remove(gate)
        _per_request_us(gated)
        _per_request_us(open_)
        return GateCost(
            tuple(_per_request_us(gated) - _per_request_us(open_) for _round in range(ROUNDS)),
            tuple(_per_call_us(gated) for _round in range(ROUNDS)),
        )


def _host(system: System) -> Flask:
    host = Flask("host", static_folder=None)
    host.secret_key = "of a host that lives for seconds"  # noqa: S105 - nobody signs in there
    init_app(host, system=system)

    @host.get("/ping")
    def ping() -> dict[str, str]:
        return {"status": "ok"}

    return host


def _per_request_us(host: Flask) -> float:
    environ = create_environ("/ping")
    began = thread_time_ns()
    for _request in range(REQUESTS):
        answer = host.wsgi_app(dict(environ), _start_response)
        assert b"".join(answer) == b'{"status":"ok"}\n'
    return (thread_time_ns() - began) / REQUESTS / 1000


def _per_call_us(host: Flask) -> float:
    with host.test_request_context("/ping"):
        began = thread_time_ns()
        for _call in range(REQUESTS):
            assert gate() is None
        return (thread_time_ns() - began) / REQUESTS / 1000


def _start_response(
    status: str, _headers: list[tuple[str, str]], _exc_info: object = None
) -> Callable[[bytes], object]:
    assert status == "200 OK", status
    return lambda data: None
