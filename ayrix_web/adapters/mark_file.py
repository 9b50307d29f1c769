"""The second copy of the high-water mark: a file beside the database."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ayrix_web.adapters.instance_files import SECRET_MODE
from ayrix_web.domain.ports import MarkStore

MARK_FILE = "high_water_mark"
LONGEST_MARK = 1_024

log = logging.getLogger(__name__)


class MarkFile(MarkStore):
    """A file that is replaced as a whole. Written every few seconds, so it is not forced to the
    disk: what a power cut takes is in the database.
    """

    def __init__(self, instance: Path) -> None:
        self._path = instance / MARK_FILE

    def read(self) -> bytes | None:
        """What was written last; None if there is nothing to be read."""
        try:
            with self._path.open("rb") as file:
                return file.read(LONGEST_MARK)
        except OSError:
            return None

    def write(self, data: bytes) -> None:
        """Replace what is there; a disk that refuses is only logged, the first copy counts."""
        temporary = self._path.with_name(f".{MARK_FILE}.{os.getpid()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        try:
            with os.fdopen(os.open(temporary, flags, SECRET_MODE), "wb") as file:
                file.write(data)
            temporary.replace(self._path)
        except OSError as error:
            log.warning("the second mark was not written", extra={"detail": str(error)})
