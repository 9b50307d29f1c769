"""Start the demo, say when it is ready, and stop it cleanly: `make demo`."""

from __future__ import annotations

import os
import socket
import sys

from examples.demo import setting_up
from examples.demo.choices import Choices, DemoError, read_choices
from examples.demo.folder import DETAILS, own, write_private
from examples.demo.processes import (
    Child,
    answers,
    require_free,
    start,
    stop,
    wait_until,
)
from examples.demo.samples import create_samples
from examples.demo.stopping import Stopped, listen, pause

LICENSE_SERVER = "ayrix_license_server.app:create_app()"


def main() -> int:
    """Run until a signal or until a process ends by itself; 0, or 1 with a sentence."""
    listen()
    children: list[Child] = []
    try:
        choices = read_choices(os.environ)
        require_free(choices.web_port, "WEB_PORT")
        require_free(choices.license_port, "LICENSE_PORT")
        with own(choices.folder, empty_first=choices.is_fresh):
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                    _run(choices, children, channel)
            finally:
                stop(children)
    except Stopped:
        print("Stopped.")
        return 0
    except DemoError as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    return 0


def _run(choices: Choices, children: list[Child], channel: socket.socket) -> None:
    (choices.folder / DETAILS).unlink(missing_ok=True)
    commands = setting_up.Commands(choices.environment(os.environ))
    kept = setting_up.recall(choices)
    if kept is None:
        print("Setting up the demo ...", flush=True)
    setting_up.write_license_server_settings(choices)
    made = kept or setting_up.Secrets(
        setting_up.set_up_license_server(commands, with_orders=not choices.is_fresh),
        setting_up.new_password(),
    )
    setting_up.write_web_settings(choices)
    _start_license_server(choices, children)
    if kept is None:
        setting_up.set_up_web(commands, made.password)
        create_samples(choices.web_instance)
        if not choices.is_fresh:
            setting_up.activate_and_order(commands, made.activation_key)
        setting_up.remember(choices, made)
    _start_web(choices, children)
    _start_agent(choices, children, channel)
    _announce(choices, made, children)
    while True:
        for child in children:
            child.require_running()
        _heard(channel)
        pause()


def _start_license_server(choices: Choices, children: list[Child]) -> None:
    _start_gunicorn("license server", choices, choices.license_port, LICENSE_SERVER, children)
    wait_until(children[-1], lambda: answers(choices.license_url))


def _start_web(choices: Choices, children: list[Child]) -> None:
    _start_gunicorn("web", choices, choices.web_port, choices.host_app, children)
    wait_until(children[-1], lambda: answers(choices.web_url))


def _start_gunicorn(
    name: str, choices: Choices, port: int, app: str, children: list[Child]
) -> None:
    command = (sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", app)
    children.append(start(name, command, choices.environment(os.environ), choices.folder))


def _start_agent(choices: Choices, children: list[Child], channel: socket.socket) -> None:
    """Start the agent and wait for its word that it works, as systemd does (sd_notify(3))."""
    name = f"ayrix-demo-{os.getpid()}"
    channel.bind(f"\0{name}")
    channel.setblocking(False)
    environment = {**choices.environment(os.environ), "NOTIFY_SOCKET": f"@{name}"}
    command = (sys.executable, "-m", "ayrix_web.cli", "agent")
    children.append(start("agent", command, environment, choices.folder))
    wait_until(children[-1], lambda: b"READY=1" in _heard(channel))


def _heard(channel: socket.socket) -> list[bytes]:
    """What the agent has said since the last time; it must be listened to as long as it runs."""
    words = []
    while True:
        try:
            words.append(channel.recv(1024))
        except BlockingIOError:
            return words


def _announce(choices: Choices, made: setting_up.Secrets, children: list[Child]) -> None:
    details = {
        "web_url": choices.web_url,
        "license_url": choices.license_url,
        "web_instance": str(choices.web_instance),
        "license_instance": str(choices.license_instance),
        "activation_key": made.activation_key,
        "customer_name": setting_up.CUSTOMER_NAME,
        "admin": {"user": setting_up.ADMIN, "password": made.password},
        "processes": {child.name: child.process.pid for child in children},
    }
    write_private(choices.folder / DETAILS, details)
    print(
        f"READY\n"
        f"  PBX pages       {choices.web_url}\n"
        f"  sign in as      {setting_up.ADMIN}, password {made.password}\n"
        f"  license server  {choices.license_url}\n"
        f"  activation key  {made.activation_key}\n"
        f"  customer        {setting_up.CUSTOMER_NAME} ({setting_up.CUSTOMER_NUMBER})\n"
        f"  all this in     {choices.folder / DETAILS}\n"
        f"Ctrl-C stops it.",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
