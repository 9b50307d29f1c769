"""`init` and `db`: what a PBX needs before its pages can start."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_foundation.settings import SETTINGS_FILE, SettingsError
from ayrix_web import settings
from ayrix_web.cli.parsers import DONE, Failure
from ayrix_web.cli.passwords import read_password

if TYPE_CHECKING:
    from ayrix_web.cli.parsers import Subparsers
    from ayrix_web.system import System

ONLY_OWNER = 0o700

NEEDED_SETTINGS = """\
{mistakes}
Write into {file}:
  license_server_url = "https://license.example.com"
  license_root_key = "..."
The license server's operator gives both; `ayrix-license-server init` prints the second."""


def add_commands(commands: Subparsers) -> None:
    """Add `init` and `db upgrade`."""
    init = commands.add_parser("init", help="make folder, keys, database and administrator")
    init.add_argument("--admin", required=True, metavar="NAME", help="the first administrator")
    init.set_defaults(command=init_instance)
    database = commands.add_parser("db", help="the database").add_subparsers(required=True)
    database.add_parser("upgrade", help="bring the tables up to this program").set_defaults(
        command=upgrade_database
    )


def init_instance(arguments: argparse.Namespace) -> int:
    """Make what is missing of an instance; what is there already stays as it is."""
    from ayrix_foundation.migrations import upgrade
    from ayrix_web.assembly import MIGRATIONS, build_system, guard_token, secret_key

    folder = settings.instance_folder()
    folder.mkdir(mode=ONLY_OWNER, parents=True, exist_ok=True)
    system = build_system(_load(folder))
    secret_key(folder)
    guard_token(folder)
    upgrade(system.database, MIGRATIONS)
    _make_administrator(system, arguments.admin)
    print(f"The folder for this PBX's data is {folder}.")
    print(f"Its license server is {system.license_server.address}; a firewall must let it through.")
    print("Next: `ayrix-web activate KEY`, or sign in and enter the activation key there.")
    return DONE


def upgrade_database(_arguments: argparse.Namespace) -> int:
    """Bring the tables of the configured database up to this program."""
    from ayrix_foundation.database import Database
    from ayrix_foundation.migrations import upgrade
    from ayrix_web.assembly import MIGRATIONS

    upgrade(Database(settings.load().database), MIGRATIONS)
    print("The database is current.")
    return DONE


def _load(folder: Path) -> settings.Settings:
    try:
        return settings.load(folder)
    except SettingsError as error:
        if "is missing" not in str(error):
            raise
        file = folder / SETTINGS_FILE
        raise Failure(NEEDED_SETTINGS.format(mistakes=error, file=file)) from error


def _make_administrator(system: System, name: str) -> None:
    from ayrix_web.domain.access import same_name
    from ayrix_web.services import accounts

    known = [view.account for view in accounts.list_accounts(system)]
    same = next((account for account in known if same_name(account.name) == same_name(name)), None)
    if same is None:
        account = accounts.create_account(
            system, name, read_password(name), is_admin=True, actor=COMMAND_LINE
        )
        print(f"The administrator {account.name} can sign in.")
    elif same.is_admin:
        print(f"The administrator {same.name} exists already and keeps the password.")
    else:
        raise Failure(f"There is a user {same.name} already, who is no administrator.")
