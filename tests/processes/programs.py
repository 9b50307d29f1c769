"""Both programs as real processes: a license server under gunicorn, and the PBX's command line."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
LONGEST_WAIT_S = 60.0
"""Twenty times what anything here takes on an idle machine."""

PASSWORD = "correct-horse-battery"
CALL_VENDOR = "import sys; from ayrix_license_server.cli import main; sys.exit(main())"


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something that comes by itself; fails the test if it does not."""
    end = time.monotonic() + LONGEST_WAIT_S
    while not is_so():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """The test's own environment without settings of ours."""
    ours = ("AYRIX_", "LICENSE_SERVER_", "NOTIFY_SOCKET")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@dataclass
class Vendor:
    """A license server that can be stopped and started again on its port."""

    folder: Path
    lease_seconds: int
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def root_key(self) -> str:
        return (self.folder / "root_key.pub").read_text("ascii").strip()

    def set_up(self) -> str:
        """Fill it with one customer; gives back his activation key."""
        self.command("init", "--public-url", self.url)
        self.command("catalog", "load", str(ROOT / "examples/catalog.yaml"))
        self.command("seller", "add", "S1", "Example Reseller")
        self.command("customer", "add", "10482", "Example AG")
        issued = self.command("license", "issue", "10482", "--entitle", "extension=40", "--json")
        return str(json.loads(issued)["activation_key"])

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", CALL_VENDOR, *arguments],
            env=self._environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=LONGEST_WAIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        """Start gunicorn and wait until it answers."""
        command = [
            *(sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")),
            *("--bind", f"127.0.0.1:{self.port}", "ayrix_license_server.app:create_app()"),
        ]
        with (self.folder / "gunicorn.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self._environment(), cwd=self.folder, stdout=log, stderr=log
            )
        wait_until(self._answers, "the license server answers")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(LONGEST_WAIT_S)
            self.process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def _environment(self) -> dict[str, str]:
        return environment(
            LICENSE_SERVER_INSTANCE=str(self.folder),
            LICENSE_SERVER_LEASE_SECONDS=str(self.lease_seconds),
        )


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


@dataclass
class PbxCommands:
    """`ayrix-web` for an instance folder of its own, trusting `vendor`."""

    folder: Path
    vendor: Vendor

    def run(self, *arguments: str, typed: str = "") -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "ayrix_web.cli", *arguments],
            env=self.environment(),
            cwd=self.folder.parent,
            input=typed,
            capture_output=True,
            text=True,
            timeout=LONGEST_WAIT_S,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def status(self) -> Ended:
        return self.run("status", "--json")

    def environment(self, **more: str) -> dict[str, str]:
        return environment(
            AYRIX_INSTANCE=str(self.folder),
            AYRIX_LICENSE_SERVER_URL=self.vendor.url,
            AYRIX_LICENSE_ROOT_KEY=self.vendor.root_key,
            **more,
        )
