"""The rules of a test run: root, skips, how many tests a folder must have run, the network."""

import os
import socket
import sys
import tomllib
from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import pytest

NEED_ROOT = pytest.StashKey[int]()
BROKEN_RULES = pytest.StashKey[list[str]]()
pytest_plugins = ["tests.pbx_fixtures"]

MINIMUMS = Path(__file__).with_name("minimums.toml")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--whole` is what `make test` says when it runs every folder."""
    parser.addoption("--whole", action="store_true", help="every folder runs: check minimums.toml")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without root, leave out what needs it: a skip would look like something to mend."""
    if os.geteuid() == 0:
        return
    left_out = [item for item in items if item.get_closest_marker("needs_root")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
    config.stash[NEED_ROOT] = len(left_out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells its number; the process that reports judges the run."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["need_root"] = config.stash.get(NEED_ROOT, 0)
        return
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if os.geteuid() != 0 or reporter is None or config.option.collectonly:
        return
    broken = broken_rules(reporter.stats, whole=config.option.whole)
    config.stash[BROKEN_RULES] = broken
    if broken:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take the number over from a worker of pytest-xdist; each one has collected everything."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[NEED_ROOT] = output.get("need_root", 0)  # type: ignore[attr-defined] # xdist's WorkerController


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many tests were left out, what tests wanted shown, and which rule was broken."""
    left_out = config.stash.get(NEED_ROOT, 0)
    if left_out:
        terminalreporter.write_line(f"{left_out} tests need root and were not collected.")
    for report in terminalreporter.stats.get("passed", []):
        for line in (text for name, text in report.user_properties if name == "shown"):
            terminalreporter.write_line(line)
    for sentence in config.stash.get(BROKEN_RULES, []):
        terminalreporter.write_line(sentence, red=True)


def broken_rules(stats: dict[str, list[pytest.TestReport]], *, whole: bool) -> list[str]:
    """One sentence for each broken rule, from the reports of a run as root."""
    broken = []
    if skipped := len(stats.get("skipped", [])):
        broken.append(f"{skipped} tests were skipped: as root every test must be able to run.")
    if not whole:
        return broken
    ran = Counter(
        folder_of(report.nodeid)
        for outcome in ("passed", "failed", "xfailed", "xpassed")
        for report in stats.get(outcome, [])
        if report.when == "call"
    )
    minimums = tomllib.loads(MINIMUMS.read_text("utf-8"))["minimum"]
    broken += [
        f"tests/{folder}: {ran[folder]} tests ran, at least {minimum} must (tests/minimums.toml)."
        for folder, minimum in minimums.items()
        if ran[folder] < minimum
    ]
    broken += [
        f"tests/{folder} has no minimum in tests/minimums.toml."
        for folder in sorted(ran.keys() - minimums.keys())
    ]
    return broken


def folder_of(nodeid: str) -> str:
    """`web` for tests/web/test_login.py::test_a; what lies in tests/ itself counts for its file."""
    return nodeid.partition("::")[0].split("/")[1]


class LeavesThisMachine(Exception):
    """A test tried to reach another machine; no partner of ours must see a test's traffic."""


def stay_on_this_machine(event: str, args: tuple[object, ...]) -> None:
    """Audit hook (PEP 578): a socket of the test process talks to loopback addresses only."""
    if event not in {"socket.connect", "socket.sendto"}:
        return
    talking, address = args
    if not isinstance(talking, socket.socket) or not isinstance(address, tuple):
        return
    if talking.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    host = str(address[0])
    try:
        is_here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name, which only a resolver outside could know
        is_here = False
    if not is_here:
        raise LeavesThisMachine(host)


sys.addaudithook(stay_on_this_machine)
