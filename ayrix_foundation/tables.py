"""What every list of both programs needs: its pages, and the whole of it as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A cell that begins with one of these is a formula to spreadsheets (OWASP, CSV injection)."""

HARMLESS = "'"
"""Before such a cell: spreadsheets show the rest as text."""

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_PIECE = 16 * 1024
"""About so many characters go to the browser at once."""

Cell = str | int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `number` counts from 1."""

    number: int
    count: int
    size: int
    total: int

    @property
    def offset(self) -> int:
        """How many rows come before this page."""
        return (self.number - 1) * self.size


def page_of(number: int, total: int, size: int) -> Page:
    """The page of that number; of one that does not exist the nearest that does."""
    count = max(1, -(-total // size))
    return Page(min(max(number, 1), count), count, size, total)


def csv_pieces(rows: Iterable[Sequence[Cell]], language: str) -> Iterator[bytes]:
    """The rows as a CSV file that a spreadsheet of that language opens as a table, in pieces.

    German ones want semicolons, and take UTF-8 only with a byte order mark.
    """
    is_german = language.startswith("de")
    buffer = StringIO(newline="")
    buffer.write(BYTE_ORDER_MARK if is_german else "")
    writer = csv.writer(buffer, delimiter=";" if is_german else ",")
    for row in rows:
        writer.writerow([_neutral(cell) for cell in row])
        if buffer.tell() >= _PIECE:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _neutral(cell: Cell) -> Cell:
    is_formula = isinstance(cell, str) and cell.startswith(DANGEROUS)
    return f"{HARMLESS}{cell}" if is_formula else cell
