"""A device key that a re-installation replaced, and how its device wins the license back."""

from __future__ import annotations

from hmac import compare_digest
from secrets import token_urlsafe

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.licenses import NONCE_LASTS, InstallationState
from ayrix_license_server.rows.customers import InstallationRow, LicenseRow, license_code
from ayrix_license_server.services import devices
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.installations import current_installation, locked_license
from ayrix_license_server.system import System
from ayrix_protocol.problems import ProblemCode

_NONCE_BYTES = 32


def follow(current: InstallationRow, now: int) -> None:
    """Let another key follow `current` on the same hardware, at `now` in epoch seconds.

    Only one that nobody doubts may prove later that it is alive: of two copies, both are.
    """
    is_doubted = current.state == InstallationState.CLONE_SUSPECTED
    current.state = InstallationState.RETIRED if is_doubted else InstallationState.REPLACED
    current.replaced_at = now


def retire_others(
    session: Session, license_row: LicenseRow, keeps: InstallationRow | None, now: int
) -> int:
    """Shut out for good everybody who holds or may win back the license, but for `keeps`; gives
    the highest generation that anybody had.
    """
    highest = 0
    for row in session.scalars(
        select(InstallationRow).where(InstallationRow.license_id == license_row.id)
    ):
        highest = max(highest, row.gen)
        if row is not keeps and row.state != InstallationState.RETIRED:
            row.state = InstallationState.RETIRED
            row.replaced_at = now
            row.nonce = None
    return highest


def require_echo(
    system: System, session: Session, row: InstallationRow, echoed: str | None, call: Call
) -> None:
    """Make sure that a replaced device echoes what it was asked to echo, which works once.

    Raises Refused with `prove_alive` and a new nonce.
    """
    now = int(system.clock.now().timestamp())
    asked, until = row.nonce, row.nonce_until or 0
    row.nonce = None
    in_time = asked is not None and echoed is not None and now < until
    if in_time and compare_digest(str(asked).encode(), str(echoed).encode()):
        return
    row.nonce = token_urlsafe(_NONCE_BYTES)
    row.nonce_until = now + int(NONCE_LASTS.total_seconds())
    subject = license_code(row.license_id)
    devices.note(system, session, call, "license.elder_speaks", subject=subject, result="asked")
    raise Refused(ProblemCode.PROVE_ALIVE, nonce=row.nonce)


def win(system: System, session: Session, row: InstallationRow, call: Call) -> None:
    """The elder is alive: it holds the license again, and whoever followed it is shut out."""
    license_row = locked_license(session, row.license_id)
    follower = current_installation(session, license_row)
    highest = retire_others(session, license_row, row, int(system.clock.now().timestamp()))
    row.state = InstallationState.ACTIVE
    row.replaced_at = None
    row.gen = highest + 1
    details: dict[str, object] = {
        "gen": row.gen,
        "shut_out": None if follower is None else follower.id,
        "seller": row.seller,
    }
    subject = license_row.code
    devices.note(system, session, call, "license.elder_alive", subject=subject, details=details)
