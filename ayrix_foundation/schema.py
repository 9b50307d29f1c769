"""Whether a database has the tables its program expects, asked without loading the migration
tool.
"""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ayrix_foundation.database import Database

_REVISION = re.compile(r'^(down_revision|revision) = ["\'](\w+)["\']', re.MULTILINE)


class DatabaseNotCurrent(Exception):
    """The tables are older or newer than the program; `db upgrade` brings older ones up."""


def require_current(database: Database, folder: Path) -> None:
    """Raise DatabaseNotCurrent unless the tables are those of the newest migration in `folder`.

    Every start of a process asks this. Loading Alembic for it would take longer than all the rest.
    """
    if current_revision(database) != newest_revision(folder):
        raise DatabaseNotCurrent


def current_revision(database: Database) -> str | None:
    """The migration the tables come from; None if there are no tables yet."""
    try:
        with database.read() as session:
            revision: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
            return revision
    except DBAPIError:
        return None


def newest_revision(folder: Path) -> str:
    """The one migration in `folder` that no other follows."""
    files = [path.read_text(encoding="utf-8") for path in (folder / "versions").glob("*.py")]
    found = [pair for content in files for pair in _REVISION.findall(content)]
    followed = {revision for name, revision in found if name == "down_revision"}
    (newest,) = {revision for name, revision in found if name == "revision"} - followed
    return str(newest)
