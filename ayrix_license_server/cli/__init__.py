"""The license server's command line: `ayrix-license-server`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from sqlalchemy.exc import DBAPIError

from ayrix_foundation.database import DatabaseFault, fault_of
from ayrix_foundation.settings import SettingsError
from ayrix_license_server.cli import records, requests, sales, setup, upkeep
from ayrix_license_server.domain.errors import Mistake

Command = Callable[[argparse.Namespace], None]

EXIT_MISTAKE = 2
"""What was asked for cannot be done as asked; the sentence on standard error says why."""

EXIT_DATABASE = 1

_SENTENCES = {
    DatabaseFault.BUSY: "The database is busy. Try again in a moment.",
    DatabaseFault.READ_ONLY: "The database cannot be written: check who owns the folder.",
    DatabaseFault.FULL: "The disk is full.",
    DatabaseFault.OTHER: "The database refused. Is `database_url` right?",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; leaves the process with 0, 1 (database) or 2 (mistake)."""
    parsed = parser().parse_args(arguments)
    command: Command = parsed.command
    try:
        command(parsed)
    except (SettingsError, Mistake) as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_MISTAKE)
    except DBAPIError as error:
        print(_SENTENCES[fault_of(error)], file=sys.stderr)
        sys.exit(EXIT_DATABASE)


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    whole = argparse.ArgumentParser(
        prog="ayrix-license-server",
        description="The vendor's license server.",
        epilog="The folder for its data is LICENSE_SERVER_INSTANCE"
        " (default: instance/license_server).",
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for module in (setup, sales, requests, records, upkeep):
        module.add_commands(commands)
    return whole
