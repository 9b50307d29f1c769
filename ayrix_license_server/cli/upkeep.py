"""`worker`: the vendor's background work."""

from __future__ import annotations

import argparse
import logging
import signal
from threading import Event
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from ayrix_foundation.logs import configure_logs
from ayrix_license_server.cli.parsers import current_system
from ayrix_license_server.services.upkeep import delete_old_rows

if TYPE_CHECKING:
    from ayrix_license_server.cli.parsers import Subparsers

_log = logging.getLogger(__name__)


def add_commands(commands: Subparsers) -> None:
    """Add `worker`."""
    worker = commands.add_parser("worker", help="delete what is no longer needed, again and again")
    worker.add_argument("--once", action="store_true", help="work once, then end")
    worker.set_defaults(command=work)


def work(arguments: argparse.Namespace) -> None:
    """Work every `worker_interval_s` until TERM or INT; a fault of the database is logged and
    tried again.
    """
    system = current_system()
    configure_logs(system.settings.log_level)
    stop = Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda _number, _frame: stop.set())
    while not stop.is_set():
        try:
            deleted = delete_old_rows(system)
            _log.info("Old rows deleted", extra={"rows": deleted})
        except DBAPIError:
            if arguments.once:
                raise
            _log.exception("The database refused; tried again later")
        if arguments.once:
            return
        stop.wait(system.settings.worker_interval_s)
