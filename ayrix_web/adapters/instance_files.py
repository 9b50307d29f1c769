"""Small secret files in the instance folder: written whole or not at all, readable by us only."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

SECRET_MODE = 0o600


def create_once(path: Path, data: bytes) -> bytes:
    """Write a file that does not exist yet; gives back what the file holds.

    Of two processes that try at once the first wins and both get its bytes. Survives a power cut.
    A file that is there is only read, so that a full or read-only disk does not matter then.
    Raises OSError.
    """
    if path.is_file():
        return path.read_bytes()
    temporary = _written_beside(path, data)
    try:
        with suppress(FileExistsError):
            os.link(temporary, path)  # unlike a rename, it never takes the place of another file
    finally:
        temporary.unlink()
    _sync_folder(path.parent)
    return path.read_bytes()


def replace(path: Path, data: bytes) -> None:
    """Write a file in the place of the one there is; survives a power cut. Raises OSError."""
    temporary = _written_beside(path, data)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise
    _sync_folder(path.parent)


def _written_beside(path: Path, data: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        temporary.unlink()
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
