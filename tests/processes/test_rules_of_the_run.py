"""The rules of tests/conftest.py bite: each is shown on a small project with a run of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent.parent / "conftest.py"
OUR_FIXTURES = 'pytest_plugins = ["tests.pbx_fixtures"]\n'
"""What the rules bring beside themselves, and a small project does not have."""

LIMIT = 60

CONFIG = """\
[pytest]
addopts = --strict-markers --import-mode=importlib -p no:cacheprovider
markers = needs_root: x
"""

SHOWS = """\
def test_shows(record_property):
    record_property("shown", "what a long round found")
"""

TESTS = """\
import pytest

def test_runs():
    pass

@pytest.mark.needs_root
def test_that_needs_root():
    pass

@pytest.mark.needs_root
def test_that_needs_root_too():
    pass
"""

SKIPPED = """\
import pytest

def test_runs():
    pass

def test_skipped():
    pytest.skip("no browser here")
"""

CALLS_OUT = """\
import socket

def test_calls_out():
    socket.create_connection(("HOST", 9), timeout=1)
"""


def run(folder: Path, tests: str, minimums: str, user_id: int, *options: str) -> tuple[int, str]:
    """Run `tests` as tests/domain/test_it.py under the rules, as the user the test is about."""
    (folder / "tests/domain").mkdir(parents=True)
    (folder / "pytest.ini").write_text(CONFIG)
    (folder / "conftest.py").write_text(f"import os\nos.geteuid = lambda: {user_id}\n")
    rules = CONFTEST.read_text("utf-8")
    assert OUR_FIXTURES in rules
    (folder / "tests/conftest.py").write_text(rules.replace(OUR_FIXTURES, ""))
    (folder / "tests/minimums.toml").write_text(f"[minimum]\n{minimums}\n")
    (folder / "tests/domain/test_it.py").write_text(tests)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture(params=["one process", "two workers"])
def workers(request: pytest.FixtureRequest) -> list[str]:
    """Every rule holds with pytest-xdist as well."""
    return ["-n", "2"] if request.param == "two workers" else ["-n", "0"]


def test_what_needs_root_is_left_out_and_counted_without_root(
    tmp_path: Path, workers: list[str]
) -> None:
    code, output = run(tmp_path, TESTS, "", 1000, *workers)
    assert code == 0
    assert "2 tests need root and were not collected." in output
    assert "1 passed" in output
    assert "skipped" not in output


def test_what_needs_root_runs_as_root(tmp_path: Path, workers: list[str]) -> None:
    code, output = run(tmp_path, TESTS, "domain = 3", 0, "--whole", *workers)
    assert code == 0, output
    assert "3 passed" in output
    assert "need root" not in output


def test_what_a_test_wants_shown_is_printed_at_the_end(tmp_path: Path, workers: list[str]) -> None:
    code, output = run(tmp_path, SHOWS, "", 0, *workers)
    assert (code, output.count("what a long round found")) == (0, 1), output


def test_a_skip_fails_the_run_as_root(tmp_path: Path, workers: list[str]) -> None:
    code, output = run(tmp_path, SKIPPED, "", 0, *workers)
    assert code == 1
    assert "1 tests were skipped: as root every test must be able to run." in output


def test_a_skip_is_no_failure_without_root(tmp_path: Path, workers: list[str]) -> None:
    code, output = run(tmp_path, SKIPPED, "domain = 2", 1000, "--whole", *workers)
    assert code == 0, output


def test_fewer_tests_than_the_minimum_fail_a_whole_run(tmp_path: Path, workers: list[str]) -> None:
    code, output = run(tmp_path, TESTS, "domain = 4", 0, "--whole", *workers)
    assert code == 1
    assert "tests/domain: 3 tests ran, at least 4 must" in output


def test_a_folder_that_ran_nothing_fails_a_whole_run(tmp_path: Path) -> None:
    code, output = run(tmp_path, TESTS, "domain = 3\nweb = 1", 0, "--whole")
    assert code == 1
    assert "tests/web: 0 tests ran, at least 1 must" in output


def test_a_folder_without_a_minimum_fails_a_whole_run(tmp_path: Path) -> None:
    code, output = run(tmp_path, TESTS, "", 0, "--whole")
    assert code == 1
    assert "tests/domain has no minimum" in output


def test_a_part_of_the_tests_needs_no_minimum(tmp_path: Path) -> None:
    code, output = run(tmp_path, TESTS, "domain = 99", 0)
    assert code == 0, output


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_no_socket_leaves_this_machine(tmp_path: Path, host: str) -> None:
    code, output = run(tmp_path, CALLS_OUT.replace("HOST", host), "", 1000)
    assert code == 1
    assert f"LeavesThisMachine: {host}" in output


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_sockets_reach_loopback(tmp_path: Path, host: str) -> None:
    code, output = run(tmp_path, CALLS_OUT.replace("HOST", host), "", 1000)
    assert code == 1
    assert "ConnectionRefusedError" in output
