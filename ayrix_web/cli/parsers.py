"""What all commands share: how they are added, how they end, and the system they work on."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from ayrix_foundation.logs import configure_logs
from ayrix_web import settings

if TYPE_CHECKING:
    from ayrix_web.system import System

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
    """What `add_subparsers` gives; argparse has no public name for it."""

Command = Callable[[argparse.Namespace], int]

DONE = 0
FAILED = 1
LOCKED = 3


class Failure(Exception):
    """What was asked for cannot be done; the text is a sentence for whoever asked."""


def current_system() -> System:
    """The system of the instance folder.

    Raises SettingsError, OSError and InvalidDocument for its files, DatabaseNotCurrent.
    """
    from ayrix_foundation.schema import require_current
    from ayrix_web.assembly import MIGRATIONS, build_system

    loaded = settings.load()
    configure_logs("ERROR")  # the command's own sentences say the rest
    system = build_system(loaded)
    require_current(system.database, MIGRATIONS)
    return system
