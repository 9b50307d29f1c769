"""Both programs as processes that can be killed at any moment, with a relay between them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import requests

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_foundation.clock import SystemClock
from ayrix_foundation.database import Database
from ayrix_foundation.migrations import upgrade
from ayrix_license_server.app import MIGRATIONS as VENDOR_MIGRATIONS
from ayrix_license_server.app import build_system as build_license_server
from ayrix_license_server.domain.catalog_file import read_catalog
from ayrix_license_server.services.catalog_loading import load_catalog
from ayrix_license_server.services.customers import NewCustomer, add_customer, add_seller
from ayrix_license_server.services.keys import make_keys
from ayrix_license_server.services.licenses import issue_license
from ayrix_license_server.settings import Settings as LicenseServerSettings
from ayrix_license_server.system import System as LicenseServerSystem
from ayrix_protocol.lease import Contact
from ayrix_web.assembly import MIGRATIONS, build_system
from ayrix_web.services import accounts
from ayrix_web.settings import Settings
from ayrix_web.system import System
from tests.processes.programs import (
    LONGEST_WAIT_S,
    PASSWORD,
    ROOT,
    Ended,
    environment,
    free_port,
    wait_until,
)

CUSTOMER, SELLER = "10482", "S1"
LEASE_SECONDS = 90
"""Short enough that a PBX tries again within two seconds, long enough for a busy machine."""

GUNICORN = (sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"))
HIDDEN_FIELD = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"')
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(slots=True)
class Program:
    """A program in a session of its own, whose processes die together when it is killed."""

    command: Sequence[str]
    variables: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it unless it runs."""
        if self.process is not None and self.process.poll() is None:
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.variables),
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to every process of it."""
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """The power cut: none of its processes gets to do anything more."""
        if self.process is None or self.process.poll() is not None:
            return
        self.signal_all(signal.SIGKILL)
        self.process.wait(LONGEST_WAIT_S)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        self.process.wait(LONGEST_WAIT_S)


@dataclass(slots=True)
class LicenseServer:
    """The license server of a folder, known to PBXs as `public_url`."""

    folder: Path
    port: int
    public_url: str
    system: LicenseServerSystem = field(init=False)
    program: Program = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = LicenseServerSettings(self.folder, self.public_url, lease_seconds=LEASE_SECONDS)
        make_keys(settings, SystemClock().now())
        upgrade(Database(settings.database), VENDOR_MIGRATIONS)
        self.system = build_license_server(settings)
        load_catalog(self.system, read_catalog(ROOT / "examples/catalog.yaml"), COMMAND_LINE)
        add_seller(self.system, SELLER, Contact(name="Example Reseller"), COMMAND_LINE)
        add_customer(self.system, NewCustomer(CUSTOMER, "Example AG"), COMMAND_LINE)
        variables = environment(
            LICENSE_SERVER_INSTANCE=str(self.folder),
            LICENSE_SERVER_PUBLIC_URL=self.public_url,
            LICENSE_SERVER_LEASE_SECONDS=str(LEASE_SECONDS),
        )
        app = "ayrix_license_server.app:create_app()"
        command = (*GUNICORN, "--bind", f"127.0.0.1:{self.port}", app)
        self.program = Program(command, variables, log_of(self.folder, "license-server"))

    @property
    def root_key(self) -> str:
        """What PBXs trust."""
        return (self.folder / "root_key.pub").read_text("ascii").strip()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.program.start()
        url = f"http://127.0.0.1:{self.port}/api/v1/healthz"
        wait_until(lambda: _answers(url), "the license server answers")

    def run(self, *arguments: str) -> Ended:
        """Run `ayrix-license-server` to its end."""
        return run(self.program.variables, "ayrix_license_server.cli", *arguments)

    def sell(self, **quantities: int) -> str:
        """The activation key of a new license."""
        return issue_license(self.system, CUSTOMER, quantities, COMMAND_LINE).key


@dataclass(slots=True)
class Pbx:
    """A PBX in a folder: its web and agent, a browser that is signed in, and the test's own view
    of its database.
    """

    folder: Path
    license_server: LicenseServer
    port: int = field(default_factory=free_port)
    browser: requests.Session = field(default_factory=requests.Session)
    system: System = field(init=False)
    web: Program = field(init=False)
    agent: Program = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings = Settings(
            instance=self.folder,
            license_server_url=self.license_server.public_url,
            license_root_key=self.license_server.root_key,
        )
        self.system = build_system(settings)
        upgrade(self.system.database, MIGRATIONS)
        accounts.create_account(self.system, "admin", PASSWORD, True, COMMAND_LINE)
        variables = environment(
            AYRIX_INSTANCE=str(self.folder),
            AYRIX_LICENSE_SERVER_URL=self.license_server.public_url,
            AYRIX_LICENSE_ROOT_KEY=self.license_server.root_key,
        )
        command = (*GUNICORN, "--bind", f"127.0.0.1:{self.port}", "examples.host.app:create_app()")
        self.web = Program(command, variables, log_of(self.folder, "web"))
        agent = (sys.executable, "-m", "ayrix_web.cli", "agent")
        self.agent = Program(agent, variables, log_of(self.folder, "agent"))
        self.browser.trust_env = False

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    def start_web(self) -> None:
        """Start the pages, and wait until they answer."""
        self.web.start()
        wait_until(lambda: _answers(f"{self.url}/healthz"), "the pages answer")

    def sign_in(self) -> None:
        """Sign the browser in."""
        assert self.post("/login", "/login", username="admin", password=PASSWORD) == "/license"

    def post(self, form_at: str, path: str, **fields: str) -> str:
        """Send the form of a page; where the answer leads, else its status."""
        answer = self.send(form_at, path, **fields)
        return answer.headers.get("Location") or str(answer.status_code)

    def send(self, form_at: str, path: str, **fields: str) -> requests.Response:
        """Send the form of a page as a browser does."""
        page = self.browser.get(self.url + form_at, timeout=LONGEST_WAIT_S).text
        token = TOKEN.search(page)
        assert token, page
        sent = {**dict(HIDDEN_FIELD.findall(page)), "csrf_token": token[1], **fields}
        return self.browser.post(
            self.url + path, data=sent, timeout=LONGEST_WAIT_S, allow_redirects=False
        )

    def run(self, *arguments: str) -> Ended:
        """Run `ayrix-web` to its end."""
        return run(self.agent.variables, "ayrix_web.cli", *arguments)

    def stop(self) -> None:
        """End everything that runs here."""
        for program in (self.agent, self.web):
            program.kill()
        self.browser.close()
        self.system.database.close()


def run(variables: Mapping[str, str], module: str, *arguments: str) -> Ended:
    """A command line as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=dict(variables),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT_S,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


def log_of(folder: Path, name: str) -> Path:
    """Where a program writes, beside its folder: that may be full."""
    return folder.parent / f"{folder.name}-{name}.log"


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=LONGEST_WAIT_S).ok
    except requests.ConnectionError:
        return False
