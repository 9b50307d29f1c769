"""Pages of a list, and a list as CSV: what spreadsheets open and what they must not carry out."""

from __future__ import annotations

import csv
from io import StringIO

import pytest

from ayrix_foundation.tables import csv_pieces, page_of


@pytest.mark.parametrize(
    ("number", "total", "expected"),
    [
        (1, 0, (1, 1, 0)),
        (1, 50, (1, 1, 0)),
        (2, 51, (2, 2, 50)),
        (3, 51, (2, 2, 50)),
        (0, 51, (1, 2, 0)),
        (-7, 51, (1, 2, 0)),
        (10**30, 51, (2, 2, 50)),
    ],
)
def test_a_page_that_does_not_exist_is_the_nearest(
    number: int, total: int, expected: tuple[int, int, int]
) -> None:
    page = page_of(number, total, 50)
    assert (page.number, page.count, page.offset) == expected


def written(rows: list[tuple[str | int, ...]], language: str) -> str:
    return b"".join(csv_pieces(rows, language)).decode()


def test_english_has_commas() -> None:
    assert written([("a", "b, c"), ("ä", 3)], "en") == 'a,"b, c"\r\nä,3\r\n'


@pytest.mark.parametrize("language", ["de", "de_CH"])
def test_german_has_semicolons_and_a_byte_order_mark(language: str) -> None:
    assert written([("a", "b; c"), ("ä", 3)], language) == '\ufeffa;"b; c"\r\nä;3\r\n'


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_cell_is_never_a_formula(sign: str, language: str) -> None:
    text = written([(f"{sign}HYPERLINK(1)", "harmless")], language).removeprefix("\ufeff")
    delimiter = ";" if language == "de" else ","
    (row,) = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    assert row == [f"'{sign}HYPERLINK(1)", "harmless"]


def test_a_number_stays_a_number() -> None:
    assert written([(-5, "x")], "en") == "-5,x\r\n"


def test_a_long_list_comes_in_pieces() -> None:
    pieces = list(csv_pieces((("x" * 100,) for _ in range(1000)), "en"))
    assert len(pieces) > 5
    assert max(map(len, pieces)) < 20_000
    assert b"".join(pieces) == (b"x" * 100 + b"\r\n") * 1000
