"""An interpreter of its own that creates a ring group for every line it reads.

    python -m tests.services.quota_racer FOLDER guarded|naive

It answers each line with "made" or "refused".
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from ayrix_protocol.lease import Counted
from ayrix_web.domain.errors import UsedUp
from ayrix_web.rows import RingGroupRow
from ayrix_web.services import licensing, quota
from ayrix_web.system import System
from tests.services.licensed_pbx import open_pbx

WORK_S = 0.005
"""How long the host takes between the question and the row."""


def create(system: System, name: str) -> None:
    """What the host does after it was allowed to."""
    time.sleep(WORK_S)
    with system.database.write() as session:
        session.add(RingGroupRow(number=name, name=name))


def guarded(system: System, name: str) -> bool:
    try:
        with quota.guard(system, Counted.RING_GROUP):
            create(system, name)
    except UsedUp:
        return False
    return True


def naive(system: System, name: str) -> bool:
    """Look first, create then: what a host without the guard would write."""
    used = quota.usage(system).counts[Counted.RING_GROUP]
    if used >= quota.licensed(licensing.held_lease(system), Counted.RING_GROUP):
        return False
    create(system, name)
    return True


WAYS: dict[str, Callable[[System, str], bool]] = {"guarded": guarded, "naive": naive}


def main(folder: str, way: str) -> None:
    system = open_pbx(Path(folder))
    quota.usage(system)
    print("ready", flush=True)
    for line in sys.stdin:
        print("made" if WAYS[way](system, line.strip()) else "refused", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
