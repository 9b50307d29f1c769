"""`audit`: whether the record of who did what was tampered with."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ayrix_license_server.cli.parsers import current_system
from ayrix_license_server.services.records import verify

if TYPE_CHECKING:
    from ayrix_license_server.cli.parsers import Subparsers

EXIT_BROKEN = 1


def add_commands(commands: Subparsers) -> None:
    """Add `audit verify`."""
    audit = commands.add_parser("audit", help="who did what").add_subparsers(required=True)
    audit.add_parser("verify", help="walk the chain of hashes").set_defaults(command=verify_audit)


def verify_audit(_arguments: argparse.Namespace) -> None:
    """Say whether the chain holds, and name the first entry where it does not; leaves the process
    with 1 then.
    """
    found = verify(current_system())
    if found.broken is None:
        print(f"The audit holds: {found.entries} entries, the newest is {found.newest}.")
        return
    broken = found.broken
    at = broken.at.isoformat(sep=" ", timespec="seconds")
    print(
        f"The audit is broken at entry {broken.entry_id} ({at}, {broken.action}):"
        f" {_SENTENCES[broken.damage]}",
        file=sys.stderr,
    )
    sys.exit(EXIT_BROKEN)


_SENTENCES = {
    "changed": "its content is not what was recorded.",
    "torn": "it does not follow the entry before it; one was deleted or put in between.",
}
