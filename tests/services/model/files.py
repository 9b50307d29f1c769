"""Database files of the model: kept in memory where there is room, backed up and put back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

_MEMORY = Path("/dev/shm")  # noqa: S108 - only where TemporaryDirectory makes its own folder


def new_folder() -> TemporaryDirectory[str]:
    """A folder whose files cost no disk: the model commits thousands of times."""
    return TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)


def content(file: Path) -> bytes:
    """A backup of a SQLite file: everything in its write-ahead log is brought into it first."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.read_bytes()


def put_back(file: Path, backup: bytes) -> None:
    """Put a backup in the place of a database that nobody has open."""
    for beside in ("-wal", "-shm"):
        file.with_name(file.name + beside).unlink(missing_ok=True)
    fresh = file.with_name(file.name + ".new")
    fresh.write_bytes(backup)
    fresh.replace(file)
