"""Building the system from its settings: the only place that knows every adapter.

Apart from the pages on purpose: the agent and the command line need no web framework.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import OKPKey

from ayrix_foundation.clock import SystemClock
from ayrix_foundation.database import Database
from ayrix_protocol.proof import installation_id
from ayrix_web.adapters.instance_files import create_once
from ayrix_web.adapters.inventory import SqlInventory
from ayrix_web.adapters.license_client import HttpLicenseServer, load_or_create_device_key
from ayrix_web.adapters.machine import LinuxMachine, RecentMachine
from ayrix_web.adapters.mark_file import MarkFile
from ayrix_web.services import device_counter, licensing
from ayrix_web.settings import Settings
from ayrix_web.system import System

MIGRATIONS = Path(__file__).parent / "migrations"

SESSION_KEY_FILE = "session.key"
SESSION_KEY_BYTES = 32
GUARD_FILE = "guard_token"
GUARD_TOKEN_BYTES = 32
SEAL_KEY_BYTES = 32


def build_system(settings: Settings) -> System:
    """Everything the services work with, from the settings; makes the device key if there is
    none.
    """
    clock = SystemClock()
    database = Database(settings.database)
    device_key = load_or_create_device_key(settings.instance)
    license_server = HttpLicenseServer(
        settings,
        clock,
        device_key,
        take_counter=lambda: device_counter.take_counter(database),
        raise_counter=lambda to: device_counter.raise_counter(database, to),
        lock_file=settings.instance / "license-server.lock",
        ignore_certificate_dates=lambda: licensing.is_wall_clock_wrong(database, clock),
    )
    return System(
        settings=settings,
        installation_id=installation_id(device_key),
        database=database,
        clock=clock,
        license_server=license_server,
        inventory=SqlInventory(settings.database),
        machine_reader=RecentMachine(LinuxMachine(settings.instance, settings.interface), clock),
        mark_store=MarkFile(settings.instance),
        seal_key=seal_key(device_key),
    )


def seal_key(device_key: OKPKey) -> bytes:
    """The key that seals what is stored of the license: HKDF-SHA256 (RFC 5869) of the device key.

    So a state copied to another installation, or one whose device key was replaced, is not sound.
    """
    secret = str(device_key.as_dict(private=True)["d"]).encode()
    return HKDF(SHA256(), SEAL_KEY_BYTES, salt=None, info=b"ayrix-seal-1").derive(secret)


def secret_key(instance: Path) -> bytes:
    """The key that signs sessions, made once and kept in the instance folder for its owner only."""
    return create_once(instance / SESSION_KEY_FILE, secrets.token_bytes(SESSION_KEY_BYTES))


def guard_token(instance: Path) -> bytes:
    """What other programs must show to ask the guard, made once and kept like the session key.

    A new one is made when the file was deleted. Raises OSError.
    """
    file = instance / GUARD_FILE
    if file.is_file():
        return file.read_bytes().strip()
    return create_once(file, secrets.token_urlsafe(GUARD_TOKEN_BYTES).encode()).strip()
