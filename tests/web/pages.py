"""Reading pages as people and browsers do."""

from __future__ import annotations

import re
from html import unescape

from werkzeug.test import TestResponse

TAG = re.compile(r"<[^>]+>")
INPUT = re.compile(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"')


def main_of(page: TestResponse) -> str:
    """The page without the shell around it, as HTML."""
    return page.text.partition("<main")[2].partition("</main>")[0]


def words_of(page: TestResponse) -> str:
    """What a person reads, in one line."""
    return re.sub(r"\s+", " ", unescape(TAG.sub(" ", main_of(page))))


def fields_of(page: TestResponse) -> dict[str, str]:
    """The fields of a page's form, as a browser would send them."""
    return dict(INPUT.findall(main_of(page)))
