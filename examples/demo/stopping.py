"""How somebody asks the demo to stop: looked at between two steps, so no child is forgotten."""

from __future__ import annotations

import signal
import time
from datetime import timedelta
from types import FrameType

PAUSE = timedelta(milliseconds=100)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_asked: list[int] = []
"""The signals that came; a list, because its append cannot be interrupted half-way."""


class Stopped(Exception):
    """Somebody asked the demo to stop."""


def listen() -> None:
    """Take note of signals from now on, the first like the tenth."""
    for number in SIGNALS:
        signal.signal(number, _note)


def go_on() -> None:
    """Raise Stopped if somebody asked for it."""
    if _asked:
        raise Stopped


def pause() -> None:
    """Wait a moment; raises Stopped."""
    go_on()
    time.sleep(PAUSE.total_seconds())
    go_on()


def _note(number: int, _frame: FrameType | None) -> None:
    _asked.append(number)
