"""`python -m benchmarks`: measure and print all figures; `--write` puts them into README.md."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import gate_cost, instances, pbx, throughput
from benchmarks.gate_cost import GateCost
from benchmarks.load import CONNECTIONS
from benchmarks.machine import Others, description
from benchmarks.memory import Memory
from benchmarks.pbx import ColdStarts
from benchmarks.processes import GENERATOR_CORES, PREFIXES, free_port, gunicorn
from benchmarks.report import Figure, Goal, figure_table, load_table
from benchmarks.throughput import BARE, BOUND, CHECK, PAGE, Rounds, ratios

LICENSE_SERVER = "ayrix_license_server.app:create_app()"
LICENSE_HEALTH = "/api/v1/healthz"
README = Path(__file__).with_name("README.md")
_MEASURED = re.compile(r"(<!-- measured -->\n).*(<!-- end of measured -->\n)", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure everything in one run and report it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the figures into README.md")
    wanted = parser.parse_args(arguments)
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        del os.environ[name]  # settings of other installations
    os.sched_setaffinity(0, GENERATOR_CORES)
    with TemporaryDirectory(prefix="ayrix-bench-") as folder:
        text = _measured(Path(folder))
    print(text)
    if wanted.write:
        _write(text)


def _measured(folder: Path) -> str:
    others, port = Others(), free_port()
    origin = f"http://127.0.0.1:{port}"
    print("Setting up a license server and a PBX ...", flush=True)
    vendor = instances.make_vendor(folder / "vendor", origin, CONNECTIONS + 1)
    variables = {"LICENSE_SERVER_INSTANCE": str(vendor.instance)}
    log, instance = folder / "license-server.log", folder / "pbx"
    with gunicorn(LICENSE_SERVER, LICENSE_HEALTH, log, variables, port) as license_server:
        instances.make_pbx(instance, vendor, origin)
        print("Checks, pages and bare Flask in turn ...", flush=True)
        with pbx.web(instance) as web:
            rounds = throughput.measure(folder, vendor, license_server, web)
        print("Gate, memory, cold starts ...", flush=True)
        gate = gate_cost.measure(instance)
        memory = pbx.memory_in_use(instance)
        starts = pbx.cold_starts(instance)
    figures = _figures(rounds, gate, memory, starts)
    machine = description(others, datetime.now(UTC).date())
    return f"{figure_table(figures)}\n\n{load_table(rounds)}\n\n{machine}\n"


def _figures(
    rounds: Rounds, gate: GateCost, memory: Memory, starts: ColdStarts
) -> tuple[Figure, ...]:
    """The figures, with what is to be reached."""
    return (
        Figure("check / bare Flask", "", 2, ratios(rounds, CHECK, BARE), Goal(0.38, True)),
        Figure("check / bound", "", 2, ratios(rounds, CHECK, BOUND), Goal(0.80, True)),
        Figure("License page / bare Flask", "", 2, ratios(rounds, PAGE, BARE), Goal(0.15, True)),
        Figure("gate, added to a request", "µs", 0, gate.added, Goal(30, False)),
        Figure("gate, called in a loop", "µs", 0, gate.looped),
        Figure("memory of web + agent, PSS", "MB", 0, (memory.pss,), Goal(120, False)),
        Figure("the same if nothing else ran", "MB", 0, (memory.alone,), Goal(120, False)),
        Figure("cold start of web", "s", 2, starts.web, Goal(1.5, False)),
        Figure("cold start of agent", "s", 2, starts.agent, Goal(1.5, False)),
    )


def _write(text: str) -> None:
    readme = README.read_text("utf-8")
    README.write_text(_MEASURED.sub(lambda found: found[1] + text + found[2], readme), "utf-8")
    print(f"Written to {README.name}.")


if __name__ == "__main__":
    main()
