"""`request`: what waits for a seller, and his decisions."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_license_server.cli.parsers import current_system
from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.services import decisions
from ayrix_license_server.services.request_list import (
    ChangedMachine,
    WaitingRequest,
    changed_machines,
    waiting_requests,
)
from ayrix_license_server.system import System
from ayrix_protocol.rebindings import LONGEST_REASON

if TYPE_CHECKING:
    from ayrix_license_server.cli.parsers import Subparsers

MACHINE_CHANGED = "machine changed"


def add_commands(commands: Subparsers) -> None:
    """Add `request list`, `request approve` and `request decline`."""
    request = commands.add_parser("request", help="what sellers must decide")
    verbs = request.add_subparsers(required=True)
    listing = verbs.add_parser("list", help="what waits, and machines that changed")
    listing.add_argument("--json", action="store_true", help="for scripts")
    listing.set_defaults(command=list_requests)
    approve = verbs.add_parser("approve", help="do what was asked for")
    decline = verbs.add_parser("decline", help="say no, and why")
    for verb, command in ((approve, approve_request), (decline, decline_request)):
        verb.add_argument("id", type=int, metavar="ID")
        verb.add_argument("--reason", default="", required=verb is decline, help="for the customer")
        verb.set_defaults(command=command)


def list_requests(arguments: argparse.Namespace) -> None:
    """Print what waits."""
    system = current_system()
    requests, machines = waiting_requests(system), changed_machines(system)
    if arguments.json:
        changed = [{"id": None, "kind": "machine_changed", **asdict(one)} for one in machines]
        print(json.dumps([*(asdict(one) for one in requests), *changed]))
        return
    for request in requests:
        print(_line_of_request(request))
    for machine in machines:
        print(_line_of_machine(machine, system))


def approve_request(arguments: argparse.Namespace) -> None:
    """Approve one."""
    reason = _reason(arguments)
    decisions.approve(current_system(), arguments.id, reason, COMMAND_LINE)
    print(f"Request {arguments.id} is approved.")


def decline_request(arguments: argparse.Namespace) -> None:
    """Decline one."""
    reason = _reason(arguments)
    decisions.decline(current_system(), arguments.id, reason, COMMAND_LINE)
    print(f"Request {arguments.id} is declined.")


def _reason(arguments: argparse.Namespace) -> str:
    reason = str(arguments.reason)
    if len(reason) > LONGEST_REASON:
        raise Mistake(f"The reason may have {LONGEST_REASON} characters.")
    return reason


def _line_of_request(request: WaitingRequest) -> str:
    return (
        f"{request.id:>6}  {_day(request.created_at)}  {request.kind:<15}  {request.license}"
        f"  {request.customer_number}  {request.customer_name}  {request.address}"
        f"  {_printable(request.reason)}"
    ).rstrip()


def _line_of_machine(machine: ChangedMachine, system: System) -> str:
    verb = "ran" if machine.is_over(system.clock.now()) else "runs"
    return (
        f"{'':>6}  {_day(machine.until)}  {MACHINE_CHANGED:<15}  {machine.license}"
        f"  {machine.customer_number}  {machine.customer_name}  {machine.address}"
        f"  It {verb} on other hardware until then."
    )


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _printable(text: str) -> str:
    # A customer wrote it: no control character of his reaches the seller's terminal.
    return "".join(char if char.isprintable() else " " for char in text)
