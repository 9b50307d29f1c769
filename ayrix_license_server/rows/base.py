"""What all tables share: one metadata, the audit record and the throttle's counters."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Integer, Numeric
from sqlalchemy.orm import DeclarativeBase

from ayrix_foundation.audit import anchor_table, audit_table
from ayrix_foundation.database import UtcDateTime, new_metadata
from ayrix_foundation.throttle import attempt_table

RowId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts rows up only in an INTEGER column."""


class Base(DeclarativeBase):
    """The base of every row."""

    metadata = new_metadata()
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        Decimal: Numeric(6, 4),
        dict[str, str]: JSON,
        dict[str, int]: JSON,
        dict[str, object]: JSON,
        list[str]: JSON,
        list[dict[str, object]]: JSON,
    }


audit_entries = audit_table(Base.metadata)
audit_anchor = anchor_table(Base.metadata)
attempts = attempt_table(Base.metadata)


def one_of(column: str, values: Iterable[StrEnum]) -> str:
    """The CHECK of a column that holds a closed set of words."""
    words = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({words})"
