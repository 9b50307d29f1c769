"""What whoever starts the demo can choose, by environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LARGEST_PORT = 65_535
DEFAULT_FOLDER = Path("instance/demo")
DEFAULT_HOST = "examples.host.app:create_app"
FACTORY = ":create_app"

PREFIXES = ("AYRIX_", "LICENSE_SERVER_", "GUNICORN_")
"""Variables of other installations, which must not reach the demo's processes."""


class DemoError(Exception):
    """The demo cannot start or go on; the text says why and what to do, in one sentence."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Ports, folder and how the demo begins; `lease_seconds` None is the license server's own."""

    web_port: int
    license_port: int
    folder: Path
    is_fresh: bool
    lease_seconds: int | None
    host_app: str

    @property
    def web_url(self) -> str:
        """Where the PBX's pages are."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def license_url(self) -> str:
        """Where the license server is."""
        return f"http://127.0.0.1:{self.license_port}"

    @property
    def web_instance(self) -> Path:
        """The instance folder of the PBX."""
        return self.folder / "web"

    @property
    def license_instance(self) -> Path:
        """The instance folder of the license server."""
        return self.folder / "license_server"

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """What every process and command of the demo finds in its environment."""
        kept = {name: text for name, text in environ.items() if not name.startswith(PREFIXES)}
        return {
            **kept,
            "AYRIX_INSTANCE": str(self.web_instance),
            "LICENSE_SERVER_INSTANCE": str(self.license_instance),
        }


def read_choices(environ: Mapping[str, str]) -> Choices:
    """The choices of an environment; raises DemoError for one that cannot be."""
    lease_seconds = environ.get("LEASE_SECONDS", "")
    choices = Choices(
        web_port=_port(environ, "WEB_PORT", 8080),
        license_port=_port(environ, "LICENSE_PORT", 8081),
        folder=Path(environ.get("DEMO_DIR") or DEFAULT_FOLDER).absolute(),
        is_fresh=environ.get("FRESH", "") not in {"", "0"},
        lease_seconds=_number("LEASE_SECONDS", lease_seconds) if lease_seconds else None,
        host_app=_host_app(environ.get("HOST_APP") or DEFAULT_HOST),
    )
    if choices.web_port == choices.license_port:
        raise DemoError(f"WEB_PORT and LICENSE_PORT are both {choices.web_port}: choose two.")
    return choices


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    port = _number(name, environ.get(name) or str(default))
    if not 1 <= port <= LARGEST_PORT:
        raise DemoError(f"{name} must be a port from 1 to {LARGEST_PORT}, not {port}.")
    return port


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise DemoError(f"{name} must be a number, not {text!r}.")
    return int(text)


def _host_app(name: str) -> str:
    """gunicorn's name of an application; a factory is called."""
    if ":" not in name:
        raise DemoError(f"HOST_APP must be module:app, not {name!r}.")
    return f"{name}()" if name.endswith(FACTORY) else name
