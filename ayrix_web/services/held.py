"""What this PBX holds, as it is stored: lease, keys and clocks, none of them judged yet."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_foundation.clock import Moment
from ayrix_foundation.database import Database
from ayrix_web.domain.license import Reason
from ayrix_web.domain.machine import MachineChoice
from ayrix_web.domain.trusted_time import Anchor, Mark
from ayrix_web.rows import INSTALLATION, InstallationRow


class Held(NamedTuple):
    """The columns of the installation row that decide about the license, in the order they
    are read; the last one seals the others.
    """

    lease: str | None = None
    key_set: str | None = None
    revocation: str | None = None
    failure: str | None = None
    nic_mac: str | None = None
    cpu_source: str | None = None
    key_hint: str | None = None
    anchor_iat: int | None = None
    anchor_wall: int | None = None
    anchor_boot_id: str | None = None
    anchor_boot: float | None = None
    mark_time: int | None = None
    mark_wall: int | None = None
    mark_boot_id: str | None = None
    mark_boot: float | None = None
    seal: str | None = None

    @property
    def choice(self) -> MachineChoice:
        """What was chosen at the activation."""
        return MachineChoice(self.nic_mac, self.cpu_source)

    @property
    def anchor(self) -> Anchor | None:
        """The last online lease's time and clocks; None before the first."""
        asked = _moment(self.anchor_wall, self.anchor_boot_id, self.anchor_boot)
        return None if self.anchor_iat is None or asked is None else Anchor(self.anchor_iat, asked)

    @property
    def mark(self) -> Mark | None:
        """The latest trusted time written down."""
        seen = _moment(self.mark_wall, self.mark_boot_id, self.mark_boot)
        return None if self.mark_time is None or seen is None else Mark(self.mark_time, seen)

    def with_mark(self, mark: Mark) -> Held:
        """The same with another mark; the seal is no longer the right one."""
        seen = mark.seen
        return self._replace(
            mark_time=mark.time,
            mark_wall=seen.wall,
            mark_boot_id=seen.boot_id,
            mark_boot=seen.boot,
        )

    @property
    def failure_reason(self) -> Reason | None:
        """Why the last check failed; None after a good one."""
        return Reason(self.failure) if self.failure else None


_QUERY = f"SELECT {', '.join(Held._fields)} FROM installation WHERE id = {INSTALLATION}"  # noqa: S608 - constants of ours
_COLUMNS = tuple(getattr(InstallationRow, name) for name in Held._fields)


def read_held(database: Database) -> Held | None:
    """What is stored, by the fastest way there is; None before `init`. Raises
    DatabaseUnreadable.
    """
    row = database.fast_row(_QUERY)
    return Held(*row) if row else None


def held_in(session: Session) -> Held:
    """What is stored, inside a transaction of the caller's."""
    row = session.execute(select(*_COLUMNS).where(InstallationRow.id == INSTALLATION)).first()
    return Held(*row) if row else Held()


def stored_installation(session: Session) -> InstallationRow:
    """The one row with everything that is stored; an empty one before `init`."""
    return session.get(InstallationRow, INSTALLATION) or InstallationRow()


def held_of(row: InstallationRow) -> Held:
    """What a row that was read already holds."""
    return Held(*(getattr(row, name) for name in Held._fields))


def _moment(wall: int | None, boot_id: str | None, boot: float | None) -> Moment | None:
    if wall is None or boot_id is None or boot is None:
        return None
    return Moment(wall, boot_id, boot)
