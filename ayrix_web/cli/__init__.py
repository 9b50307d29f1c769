"""The PBX's command line: `ayrix-web`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ayrix_web.cli import auditing, licensing, setting_up, users
from ayrix_web.cli.parsers import FAILED, Command
from ayrix_web.settings import INSTANCE_VARIABLE


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; gives back the exit code.

    0 done, 1 refused or failed with a sentence on standard error, 3 from `status` for a locked
    system; wrong usage leaves with 2.
    """
    parsed = parser().parse_args(arguments)
    command: Command = parsed.command
    try:
        return command(parsed)
    except Exception as error:
        from ayrix_web.cli.failures import sentence_of

        sentence = sentence_of(error)
        if sentence is None:
            raise
        print(sentence, file=sys.stderr)
        return FAILED


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    whole = argparse.ArgumentParser(
        prog="ayrix-web",
        description="The licensing of this PBX.",
        epilog=f"The folder for its data is {INSTANCE_VARIABLE} (default: instance).",
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for module in (setting_up, licensing, users, auditing):
        module.add_commands(commands)
    return whole
