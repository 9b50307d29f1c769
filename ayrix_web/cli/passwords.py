"""Reading a password without showing it."""

from __future__ import annotations

import sys
from getpass import getpass

from ayrix_web.cli.parsers import Failure


def read_password(name: str) -> str:
    """A new password for `name`: asked for twice at a terminal, else the first line of the input.

    Raises Failure if the two differ or there is none.
    """
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass(f"Password for {name}: ")
        if getpass("Once more: ") != password:
            raise Failure("The two passwords are not the same.")
    if not password:
        raise Failure("No password was given: type it, or write it to standard input.")
    return password
