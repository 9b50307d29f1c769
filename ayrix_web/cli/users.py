"""`user`: accounts and their access from the command line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_web.cli.parsers import DONE, Failure, current_system
from ayrix_web.cli.passwords import read_password
from ayrix_web.domain.access import Access, Account, Module, same_name

if TYPE_CHECKING:
    from ayrix_web.cli.parsers import Subparsers
    from ayrix_web.services.accounts import AccountView
    from ayrix_web.system import System

ACCESS = {"full": Access.FULL, "read-only": Access.READ_ONLY, "none": Access.NONE, "default": None}
ADMINISTRATOR = "administrator"


def add_commands(commands: Subparsers) -> None:
    """Add `user add`, `passwd`, `list` and `access`."""
    actions = commands.add_parser("user", help="users and what they may do").add_subparsers(
        required=True, metavar="ACTION"
    )
    add = actions.add_parser("add", help="add a user; the password is asked for")
    add.add_argument("name")
    add.add_argument("--admin", action="store_true", help="an administrator, who may everything")
    add.set_defaults(command=add_user)
    password = actions.add_parser("passwd", help="give a user a new password")
    password.add_argument("name")
    password.set_defaults(command=change_password)
    actions.add_parser("list", help="show all users").set_defaults(command=list_users)
    access = actions.add_parser("access", help="show or change what a user may do")
    access.add_argument("name")
    access.add_argument(
        "access",
        nargs="*",
        type=_module_access,
        metavar="MODULE=ACCESS",
        help=f"MODULE: {', '.join(Module)}; ACCESS: {', '.join(ACCESS)}",
    )
    access.set_defaults(command=change_access)


def add_user(arguments: argparse.Namespace) -> int:
    """Add a user with the password typed."""
    from ayrix_web.services import accounts

    system, name = current_system(), arguments.name
    account = accounts.create_account(
        system, name, read_password(name), is_admin=arguments.admin, actor=COMMAND_LINE
    )
    print(f"The user {account.name} can sign in.")
    return DONE


def change_password(arguments: argparse.Namespace) -> int:
    """Give a user the password typed, which ends his sessions."""
    from ayrix_web.services import accounts

    system = current_system()
    account = _view(system, arguments.name).account
    accounts.set_password(system, account.name, read_password(account.name), COMMAND_LINE)
    print(f"The user {account.name} has a new password and must sign in again.")
    return DONE


def list_users(_arguments: argparse.Namespace) -> int:
    """One user a line."""
    from ayrix_web.services import accounts

    for view in accounts.list_accounts(current_system()):
        print(f"{view.account.name:20} {_access_words(view)}")
    return DONE


def change_access(arguments: argparse.Namespace) -> int:
    """Change what is named, then show what the user may do."""
    from ayrix_web.services import accounts

    system = current_system()
    name = _view(system, arguments.name).account.name
    if arguments.access:
        accounts.set_access(system, name, dict(arguments.access), COMMAND_LINE)
    view = _view(system, name)
    print(f"{name:20} {_access_words(view)}")
    return DONE


def _view(system: System, name: str) -> AccountView:
    from ayrix_web.services import accounts

    for view in accounts.list_accounts(system):
        if same_name(view.account.name) == same_name(name):
            return view
    raise Failure(f"There is no user {name}. `ayrix-web user list` shows all.")


def _access_words(view: AccountView) -> str:
    if view.account.is_admin:
        return ADMINISTRATOR
    return "  ".join(f"{module}={_word(view.account, view, module)}" for module in Module)


def _word(account: Account, view: AccountView, module: Module) -> str:
    words = {access: word for word, access in ACCESS.items()}
    own = view.own.get(module)
    return words[own] if own is not None else f"default ({words[account.access(module)]})"


def _module_access(text: str) -> tuple[Module, Access | None]:
    module, _equals, access = text.partition("=")
    if module not in set(Module) or access not in ACCESS:
        raise argparse.ArgumentTypeError(f"{text!r} is not MODULE=ACCESS, for example license=full")
    return Module(module), ACCESS[access]
