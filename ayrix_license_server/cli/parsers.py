"""What all commands share: how they are added, and the system they work on."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ayrix_foundation.schema import DatabaseNotCurrent, require_current
from ayrix_license_server.app import MIGRATIONS, build_system
from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.settings import read_settings
from ayrix_license_server.system import System

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
    """What `add_subparsers` gives; argparse has no public name for it."""


def current_system() -> System:
    """The system of the instance folder; raises SettingsError, or Mistake for an old database."""
    system = build_system(read_settings())
    try:
        require_current(system.database, MIGRATIONS)
    except DatabaseNotCurrent as error:
        raise Mistake(
            "The database is not current. Run `ayrix-license-server db upgrade`."
        ) from error
    return system
