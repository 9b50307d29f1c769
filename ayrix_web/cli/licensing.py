"""`activate`, `check`, `status`, `order` and `agent`: the license from the command line."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_foundation.logs import configure_logs
from ayrix_web.cli.parsers import DONE, FAILED, LOCKED, Failure, current_system

if TYPE_CHECKING:
    from ayrix_web.cli.parsers import Subparsers


def add_commands(commands: Subparsers) -> None:
    """Add the five commands."""
    activate = commands.add_parser("activate", help="activate this PBX with a key")
    activate.add_argument(
        "key", metavar="KEY", help="the activation key; quote it if it has spaces"
    )
    activate.set_defaults(command=activate_key)
    commands.add_parser("check", help="ask the license server now").set_defaults(command=check_now)
    status = commands.add_parser(
        "status", help=f"show the license; exit code {LOCKED} if this PBX is locked"
    )
    status.add_argument("--json", action="store_true", help="for scripts")
    status.set_defaults(command=show_status)
    order = commands.add_parser("order", help="order more of a feature at today's price")
    order.add_argument("code", metavar="CODE", help="the feature, as `status` names it")
    order.add_argument("quantity", metavar="QUANTITY")
    order.set_defaults(command=place_order)
    agent = commands.add_parser("agent", help="check, send orders and count until stopped")
    agent.add_argument("--once", action="store_true", help="do only what is due now")
    agent.set_defaults(command=be_agent)


def activate_key(arguments: argparse.Namespace) -> int:
    """Bind the license of a key to this PBX."""
    from ayrix_web.cli.status import read_status
    from ayrix_web.services import activation

    system = current_system()
    activation.activate(system, arguments.key, COMMAND_LINE)
    print("This PBX is activated.")
    print(read_status(system).in_words())
    return DONE


def check_now(_arguments: argparse.Namespace) -> int:
    """Ask for a new lease, and say what came of it."""
    from ayrix_web.services import checks
    from ayrix_web.web.license import check_words

    outcome = checks.check(current_system(), COMMAND_LINE)
    _kind, sentence = check_words(outcome)
    if outcome.fault is not None or outcome.refusal is not None:
        raise Failure(sentence)
    print(sentence)
    return DONE


def show_status(arguments: argparse.Namespace) -> int:
    """Show the license as this PBX knows it; asks nobody."""
    from ayrix_web.cli.status import read_status

    status = read_status(current_system())
    print(json.dumps(status.as_json(), indent=2) if arguments.json else status.in_words())
    return LOCKED if status.is_locked else DONE


def place_order(arguments: argparse.Namespace) -> int:
    """Order, and say where the order is."""
    from ayrix_web.domain.order import OrderStage
    from ayrix_web.services import ordering
    from ayrix_web.web.order_words import STAGES, quantity_fault, stage_meaning

    if fault := quantity_fault(arguments.quantity):
        raise Failure(fault)
    order = ordering.order_at_once(
        current_system(), arguments.code, int(arguments.quantity), COMMAND_LINE
    )
    print(f"{order.reference}: {STAGES[order.stage].label}. {stage_meaning(order)}")
    has_failed = order.stage.has_ended_without or order.stage is OrderStage.CONFIRM_AGAIN
    return FAILED if has_failed else DONE


def be_agent(arguments: argparse.Namespace) -> int:
    """Work until SIGTERM or SIGINT, or for one pass."""
    from ayrix_web.agent import run_agent, run_once

    system = current_system()
    configure_logs(system.settings.log_level)
    if not arguments.once:
        run_agent(system)
        return DONE
    if broken := run_once(system):
        raise Failure(f"Failed: {', '.join(sorted(broken))}. The log above says why.")
    return DONE
