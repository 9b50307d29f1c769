"""An interpreter of its own that does to accounts what each line says.

    python -m tests.services.account_racer FOLDER

`demote NAME` answers "done" or "last"; `try NAME PASSWORD` answers "right", "wrong" or "wait".
"""

import sys
from pathlib import Path

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_web.domain.access import LastAdministrator, WrongPassword
from ayrix_web.domain.errors import TooManyTries
from ayrix_web.services import accounts
from ayrix_web.system import System
from tests.services.licensed_pbx import open_pbx


def demote(system: System, name: str) -> str:
    try:
        accounts.set_admin(system, name, False, COMMAND_LINE)
    except LastAdministrator:
        return "last"
    return "done"


def try_password(system: System, name: str, password: str) -> str:
    try:
        accounts.verify(system, name, password, "192.0.2.7")
    except WrongPassword:
        return "wrong"
    except TooManyTries:
        return "wait"
    return "right"


def main(folder: str) -> None:
    system = open_pbx(Path(folder))
    accounts.list_accounts(system)
    print("ready", flush=True)
    for line in sys.stdin:
        action, *words = line.split()
        answer = demote(system, words[0]) if action == "demote" else try_password(system, *words)
        print(answer, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
