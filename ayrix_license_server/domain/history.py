"""Which leases of an installation were shown, issued and given up: how clones are found.

The rule and its reasons: protocol.md, "History". It accuses nobody who lost answers or restored a
backup, and finds two live copies within two or three checks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

REMEMBERED = timedelta(days=30)
"""How long a given-up lease is known as given up, and how long one return counts."""

MOST_LEFT = 64
"""How many given-up leases are kept, newest first; a forgotten one is never an accusation."""


class Finding(StrEnum):
    """What the presented lease says about the installation."""

    CURRENT = "current"
    ANSWER_LOST = "answer_lost"
    BACKUP_RESTORED = "backup_restored"
    RETURNED = "returned"
    CLONE_SUSPECTED = "clone_suspected"
    SERVER_BEHIND = "server_behind"


@dataclass(frozen=True, slots=True)
class Presented:
    """A lease of ours that a device holds, by its id and number."""

    jti: str
    seq: int


@dataclass(frozen=True, slots=True)
class History:
    """Ids of leases: last presented, last issued online, last issued by file; `top` is the
    highest number ever given; `left` holds given-up leases with the epoch second of that.
    """

    shown: str | None = None
    issued: str | None = None
    offline: str | None = None
    top: int = 0
    left: tuple[tuple[str, int], ...] = ()
    returned_at: int | None = None


def present(history: History, presented: Presented | None, now: int) -> tuple[History, Finding]:
    """The history once a device has shown the lease it holds (None: it holds none), and what
    that means. `now` is in epoch seconds.
    """
    jti = None if presented is None else presented.jti
    if jti is not None and jti in {history.issued, history.offline}:
        return replace(history, shown=jti), Finding.CURRENT
    if jti == history.shown:
        lost = _give_up(history, now, history.issued)
        return replace(lost, issued=None), Finding.ANSWER_LOST
    if presented is not None and presented.seq > history.top:
        return replace(history, shown=jti, issued=None, top=presented.seq), Finding.SERVER_BEHIND
    returned = jti in dict(_remembered(history, now))
    if returned and _came_back_before(history, now):
        return history, Finding.CLONE_SUSPECTED
    back = replace(
        _give_up(history, now, history.shown, history.issued, taken_up=jti), shown=jti, issued=None
    )
    if returned:
        return replace(back, returned_at=now), Finding.RETURNED
    return back, Finding.BACKUP_RESTORED


def issue(history: History, jti: str) -> History:
    """The history with a new lease, numbered one above the highest."""
    return replace(history, issued=jti, top=history.top + 1)


def _came_back_before(history: History, now: int) -> bool:
    at = history.returned_at
    return at is not None and now - at < REMEMBERED.total_seconds()


def _remembered(history: History, now: int) -> tuple[tuple[str, int], ...]:
    since = now - int(REMEMBERED.total_seconds())
    return tuple((jti, at) for jti, at in history.left if at > since)


def _give_up(
    history: History, now: int, *given_up: str | None, taken_up: str | None = None
) -> History:
    gone = tuple((jti, now) for jti in given_up if jti is not None and jti != taken_up)
    kept = tuple(pair for pair in _remembered(history, now) if pair[0] != taken_up)
    return replace(history, left=(gone + kept)[:MOST_LEFT])
