"""Setting both programs up once, by the same commands that a vendor and a customer type."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from examples.demo.choices import Choices, DemoError
from examples.demo.folder import SECRETS, write_private
from examples.demo.processes import ROOT
from examples.demo.stopping import go_on

ADMIN = "admin"
CUSTOMER_NUMBER, CUSTOMER_NAME = "10482", "Example AG"
SELLER_CODE, SELLER_NAME = "example", "Example Reseller"

LICENSED = {"extension": 40, "voicemail": 30, "announcement": 20, "ring_group": 5, "queue": 3}
"""What the customer has in the end: 34 of 40 extensions are used, all ring groups, and so on."""

ORDERS = (("extension", 10), ("ring_group", 1), ("queue", 1))
"""What the customer has ordered himself, so that there are orders to look at."""

LONGEST_COMMAND = timedelta(seconds=120)
PASSWORD_BYTES = 12


@dataclass(frozen=True, slots=True)
class Secrets:
    """What was made once for this folder and is shown at every start."""

    activation_key: str
    password: str


@dataclass(frozen=True, slots=True)
class Commands:
    """The two command lines, run in the demo's environment."""

    environment: Mapping[str, str]

    def license_server(self, *arguments: str) -> str:
        """What `ayrix-license-server` prints; raises DemoError with its own words."""
        return self._run("ayrix_license_server.cli", arguments)

    def web(self, *arguments: str, typed: str = "") -> str:
        """What `ayrix-web` prints; `typed` is its standard input."""
        return self._run("ayrix_web.cli", arguments, typed)

    def _run(self, module: str, arguments: tuple[str, ...], typed: str = "") -> str:
        go_on()
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=LONGEST_COMMAND.total_seconds(),
            check=False,
            start_new_session=True,  # Ctrl-C reaches the demo only, which stops after it
        )
        if done.returncode != 0:
            command = f"{module.partition('.')[0]} {' '.join(arguments[:2])}"
            raise DemoError(f"{command} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout


def write_license_server_settings(choices: Choices) -> None:
    """Say where the license server is and how long its leases last; written at every start."""
    values: dict[str, object] = {
        "public_url": choices.license_url,
        "support_name": "Customer Service Center",
        "support_phone": "+49 30 555 0100",
        "support_email": "support@example.com",
        "support_hours": "Mon-Fri 8-18",
    }
    if choices.lease_seconds is not None:
        values["lease_seconds"] = choices.lease_seconds
    choices.license_instance.mkdir(mode=0o700, exist_ok=True)
    _write_settings(choices.license_instance / "settings.toml", values)


def write_web_settings(choices: Choices) -> None:
    """Say which license server the PBX trusts, and whom to ask; written at every start."""
    root_key = (choices.license_instance / "root_key.pub").read_text("ascii").strip()
    values = {
        "license_server_url": choices.license_url,
        "license_root_key": root_key,
        "support_phone": "+49 30 555 0100",
        "support_email": "support@example.com",
        "support_hours": "Mon-Fri 8-18",
        "seller_name": SELLER_NAME,
        "seller_phone": "+49 30 555 0200",
        "seller_email": "sales@example.com",
    }
    choices.web_instance.mkdir(mode=0o700, exist_ok=True)
    _write_settings(choices.web_instance / "settings.toml", values)


def set_up_license_server(commands: Commands, *, with_orders: bool) -> str:
    """Fill the license server; returns the activation key of the one customer.

    With orders to come the license begins with what they will not bring.
    """
    server = commands.license_server
    server("init")
    server("catalog", "load", "examples/catalog.yaml")
    server(
        *("seller", "add", SELLER_CODE, SELLER_NAME),
        *("--phone", "+49 30 555 0200", "--email", "sales@example.com"),
    )
    server("customer", "add", CUSTOMER_NUMBER, CUSTOMER_NAME, "--seller", SELLER_CODE)
    ordered = dict(ORDERS) if with_orders else {}
    entitlements = [
        part
        for code, quantity in LICENSED.items()
        for part in ("--entitle", f"{code}={quantity - ordered.get(code, 0)}")
    ]
    issued = json.loads(server("license", "issue", CUSTOMER_NUMBER, *entitlements, "--json"))
    return str(issued["activation_key"])


def set_up_web(commands: Commands, password: str) -> None:
    """Make the PBX's keys, its database and its administrator."""
    commands.web("init", "--admin", ADMIN, typed=f"{password}\n")


def activate_and_order(commands: Commands, activation_key: str) -> None:
    """Bind the license to this machine, then order as the customer would."""
    commands.web("activate", activation_key)
    for code, quantity in ORDERS:
        commands.web("order", code, str(quantity))


def new_password() -> str:
    """A password for the administrator, made anew for each folder."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def remember(choices: Choices, made: Secrets) -> None:
    """Keep the secrets for later starts: from now on the folder is set up."""
    write_private(choices.folder / SECRETS, asdict(made))


def recall(choices: Choices) -> Secrets | None:
    """The secrets of an earlier start, None in a folder that is not set up."""
    file = choices.folder / SECRETS
    return Secrets(**json.loads(file.read_text("utf-8"))) if file.exists() else None


def _write_settings(file: Path, values: Mapping[str, object]) -> None:
    """TOML of strings and numbers: JSON's spelling of both is TOML's too."""
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in values.items()]
    file.write_text("# Written by make demo at every start.\n" + "".join(lines), "utf-8")
