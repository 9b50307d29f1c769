"""`audit`: whether the record of who did what is still as it was written."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ayrix_foundation.audit import Damage
from ayrix_web.cli.parsers import DONE, Failure, current_system

if TYPE_CHECKING:
    from ayrix_foundation.audit import Broken
    from ayrix_web.cli.parsers import Subparsers
    from ayrix_web.services.audit_log import ChainState

DAMAGES = {
    Damage.CHANGED: "its content is not what was written",
    Damage.TORN: "an entry before it was deleted, changed or put in between",
}


def add_commands(commands: Subparsers) -> None:
    """Add `audit verify`."""
    actions = commands.add_parser("audit", help="the audit log").add_subparsers(
        required=True, metavar="ACTION"
    )
    verify = actions.add_parser("verify", help="check that no entry was changed or deleted")
    verify.add_argument(
        "--kept",
        metavar="HASH",
        help="a hash of an earlier run, kept elsewhere: finds newest entries that were cut off",
    )
    verify.set_defaults(command=verify_audit)


def verify_audit(arguments: argparse.Namespace) -> int:
    """Walk the chain; refuses with the first entry at which it does not hold."""
    from ayrix_web.services.audit_log import check_chain

    state = check_chain(current_system(), arguments.kept)
    if state.broken is not None:
        raise Failure(broken_words(state.broken))
    if not state.has_kept:
        raise Failure(
            "The chain holds, but no entry has the hash that was kept: it was deleted, or it is "
            "older than the log."
        )
    print(state_words(state))
    return DONE


def broken_words(broken: Broken) -> str:
    """Where the chain does not hold, and why."""
    at = broken.at.isoformat(" ", timespec="seconds")
    damage = DAMAGES[broken.damage]
    return f"The audit log is broken at entry {broken.entry_id} ({broken.action}, {at}): {damage}."


def state_words(state: ChainState) -> str:
    """What an unbroken chain holds."""
    if state.since is None:
        return "The audit log has no entries."
    since = state.since.isoformat(" ", timespec="seconds")
    noun = "entry" if state.entries == 1 else "entries"
    return (
        f"The audit log is unbroken: {state.entries} {noun} since {since}.\n"
        f"Newest hash, to be kept elsewhere: {state.newest_hash}"
    )
