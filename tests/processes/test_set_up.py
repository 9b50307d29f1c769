"""The set-up says in one sentence what is missing, and changes the system only as root."""

import os
import subprocess
from pathlib import Path

SET_UP = Path(__file__).parent.parent.parent / "tools/set-up.sh"
LIMIT = 60


def program(folder: Path, name: str, *lines: str) -> Path:
    """A stand-in for a program of the system."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def run(folder: Path, *packages: str, python: str = "python3") -> tuple[int, str, str]:
    """Run the set-up with the programs of `folder` before the system's."""
    done = subprocess.run(
        [SET_UP, *packages],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHON": python},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_an_old_python_is_named_with_its_version(tmp_path: Path) -> None:
    old = program(tmp_path, "old", 'case "$2" in *exit*) exit 1;; *) echo 3.10.4;; esac')
    code, _, error = run(tmp_path, python=str(old))
    assert code == 1
    assert error == f"Python 3.11 or newer is needed, {old} is 3.10.4; name another with PYTHON=.\n"


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, _, error = run(tmp_path, python="/nowhere/python3")
    assert code == 1
    assert error == "PYTHON=/nowhere/python3 is no program on this machine.\n"


def test_without_root_the_missing_packages_are_named(tmp_path: Path) -> None:
    program(tmp_path, "id", "echo 1000")
    program(tmp_path, "apt-get", "echo must not run >&2", "exit 1")
    code, _, error = run(tmp_path, "no-such-font", "no-such-browser")
    assert code == 1
    assert error == (
        "Missing: no-such-font no-such-browser. Please have root run:"
        " apt-get install --no-install-recommends no-such-font no-such-browser\n"
    )


def test_as_root_a_failed_installation_shows_what_apt_said(tmp_path: Path) -> None:
    program(tmp_path, "id", "echo 0")
    refuse = 'case "$*" in *install*) exit 100;; esac'
    program(tmp_path, "apt-get", 'echo "asked for $*"', refuse)
    code, output, error = run(tmp_path, "no-such-font")
    assert code == 1
    assert output == "Installing Debian packages: no-such-font\n"
    assert "asked for -qq -y install --no-install-recommends no-such-font" in error
    assert error.endswith("Debian's packages could not be installed: no-such-font\n")


def test_bare_make_prints_every_target() -> None:
    done = subprocess.run(
        ["make"],
        cwd=SET_UP.parent.parent,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    targets = [line.split()[1] for line in done.stdout.splitlines()]
    assert targets == [
        *("demo", "test", "test-all", "check", "fix", "model-bites", "bench", "gallery"),
        *("migration", "translations", "vendor"),
    ]
