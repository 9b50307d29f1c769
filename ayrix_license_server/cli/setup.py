"""`init` and `db`: what a server needs before it can start."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ayrix_foundation.clock import SystemClock
from ayrix_foundation.database import Database
from ayrix_foundation.migrations import upgrade
from ayrix_foundation.settings import SETTINGS_FILE
from ayrix_license_server.app import MIGRATIONS
from ayrix_license_server.services.keys import make_keys
from ayrix_license_server.settings import EXAMPLE, instance_folder, read_settings

if TYPE_CHECKING:
    from ayrix_license_server.cli.parsers import Subparsers

DEFAULT_PUBLIC_URL = "http://127.0.0.1:8081"
_ONLY_OWNER = 0o700


def add_commands(commands: Subparsers) -> None:
    """Add `init` and `db upgrade`."""
    init = commands.add_parser("init", help="make folder, settings, keys and database")
    init.add_argument(
        "--public-url",
        default=DEFAULT_PUBLIC_URL,
        metavar="URL",
        help="the address under which PBXs reach this server (default: %(default)s)",
    )
    init.set_defaults(command=init_instance)
    database = commands.add_parser("db", help="the database").add_subparsers(required=True)
    database.add_parser("upgrade", help="bring the tables up to this program").set_defaults(
        command=upgrade_database
    )


def init_instance(arguments: argparse.Namespace) -> None:
    """Make what is missing of an instance folder; says the root key for the PBX's settings."""
    folder = instance_folder(os.environ)
    folder.mkdir(mode=_ONLY_OWNER, parents=True, exist_ok=True)
    file = folder / SETTINGS_FILE
    if not file.exists():
        file.write_text(EXAMPLE.format(public_url=arguments.public_url), "utf-8")
    settings = read_settings(folder)
    root_key = make_keys(settings, SystemClock().now())
    upgrade(Database(settings.database), MIGRATIONS)
    print(f"The license server's folder is {folder}.")
    print(f"Move {settings.path_of(settings.root_key_file)} to a safe place away from here:")
    print("it vouches for the keys of this server and is not needed to run it.")
    print("Put this line into the settings of every PBX:")
    print(f'license_root_key = "{root_key}"')


def upgrade_database(_arguments: argparse.Namespace) -> None:
    """Bring the tables of the configured database up to this program."""
    upgrade(Database(read_settings().database), MIGRATIONS)
    print("The database is current.")
