"""Bringing a database to the tables its program expects."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from alembic import command, context
from alembic.config import Config
from sqlalchemy import MetaData

from ayrix_foundation.database import Database, UtcDateTime

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def upgrade(database: Database, folder: Path, revision: str = "head") -> None:
    """Bring the tables up to `revision`; safe to repeat."""
    command.upgrade(_config(database, folder), revision)


def downgrade(database: Database, folder: Path, revision: str) -> None:
    """Take the tables back to `revision` ("base" for none)."""
    command.downgrade(_config(database, folder), revision)


def check(database: Database, folder: Path) -> None:
    """Make sure that the tables are what the rows say; raises alembic's CommandError with the
    difference.
    """
    with redirect_stdout(StringIO()):
        command.check(_config(database, folder))


def new_revision(database: Database, folder: Path, message: str) -> None:
    """Write a migration from the difference between rows and tables, to be read before it is
    kept.
    """
    command.revision(_config(database, folder), message, autogenerate=True)


def run(metadata: MetaData) -> None:
    """What each program's `migrations/env.py` calls."""
    database: Database = context.config.attributes["database"]
    with database.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            compare_type=True,
            render_item=_render_item,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


def _config(database: Database, folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["database"] = database
    return config


def _render_item(kind: str, value: object, autogen: AutogenContext) -> str | Literal[False]:
    if kind == "type" and isinstance(value, UtcDateTime):
        autogen.imports.add("from ayrix_foundation.database import UtcDateTime")
        return "UtcDateTime()"
    return False
