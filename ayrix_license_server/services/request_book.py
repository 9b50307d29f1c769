"""The rows of requests to sellers: opened once per device and kind, and closed."""

from __future__ import annotations

from datetime import datetime
from secrets import token_urlsafe

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_license_server.domain.requests import RequestKind
from ayrix_license_server.rows.customers import InstallationRow, license_code
from ayrix_license_server.rows.requests import RequestRow
from ayrix_license_server.services import devices
from ayrix_license_server.services.devices import Call
from ayrix_license_server.services.installations import bound_hardware
from ayrix_license_server.system import System
from ayrix_protocol.binding import Hardware
from ayrix_protocol.rebindings import Decision

_TOKEN_BYTES = 16


def waiting_request(
    session: Session, license_id: int, installation: str, kind: RequestKind
) -> RequestRow | None:
    """The request of this device that waits for its decision."""
    return session.scalar(
        select(RequestRow)
        .where(
            RequestRow.license_id == license_id,
            RequestRow.installation_id == installation,
            RequestRow.kind == kind,
            RequestRow.state == Decision.WAITING,
        )
        .with_for_update()
    )


def new_request(call: Call, license_id: int, kind: RequestKind, now: datetime) -> RequestRow:
    """A waiting request of the calling device; its machine and its reason are still to be
    written.
    """
    return RequestRow(
        token=token_urlsafe(_TOKEN_BYTES),
        kind=kind,
        license_id=license_id,
        installation_id=call.installation,
        public_key=call.caller.jwk.x,
        counter=call.counter,
        created_at=now,
        state=Decision.WAITING,
        decided_by="",
        answer="",
    )


def state_machine(request: RequestRow, hardware: Hardware, address: str) -> None:
    """Write the machine that the request is about."""
    request.hardware = hardware.model_dump(mode="json")
    request.address = address


def open_clone_request(
    system: System, session: Session, row: InstallationRow, call: Call
) -> RequestRow:
    """Ask the seller which of two copies is the right one, unless he is asked already."""
    found = waiting_request(session, row.license_id, row.id, RequestKind.CLONE)
    if found is not None:
        return found
    request = new_request(call, row.license_id, RequestKind.CLONE, system.clock.now())
    state_machine(request, bound_hardware(row), row.address)
    request.reason = ""
    session.add(request)
    session.flush()
    note_opened(system, session, call, request, row.seller)
    return request


def note_opened(
    system: System, session: Session, call: Call, request: RequestRow, seller: str
) -> None:
    """Record that a seller is asked."""
    details: dict[str, object] = {"id": request.id, "kind": str(request.kind), "seller": seller}
    subject = license_code(request.license_id)
    devices.note(system, session, call, "request.opened", subject=subject, details=details)


def close(request: RequestRow, decision: Decision, by: str, answer: str, now: datetime) -> None:
    """Write down what was decided, by whom and why."""
    request.state = decision
    request.decided_at = now
    request.decided_by = by[:200]
    request.answer = answer
