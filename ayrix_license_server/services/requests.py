"""Devices ask their seller for another machine or another address, and learn what he decided."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.requests import RequestKind
from ayrix_license_server.rows.customers import InstallationRow, LicenseRow
from ayrix_license_server.rows.requests import RequestRow
from ayrix_license_server.services import devices
from ayrix_license_server.services.devices import LARGEST_JUMP, Call
from ayrix_license_server.services.installations import current_installation, locked_license
from ayrix_license_server.services.key_lookup import count_key_try, license_of_key
from ayrix_license_server.services.request_book import (
    new_request,
    note_opened,
    state_machine,
    waiting_request,
)
from ayrix_license_server.system import System
from ayrix_protocol.problems import ProblemCode
from ayrix_protocol.rebindings import Decision, DecisionAnswer, ReplacementRequest


def ask(system: System, call: Call, wanted: ReplacementRequest) -> str:
    """Put a request before the seller, or find the one of this device that waits already; gives
    the token to ask for the decision with.

    A repeated one takes the machine as it is now. Raises Refused: `unknown_key`,
    `unknown_installation` without a key, `bound_elsewhere` for an address of a device that does
    not hold the license, `counter_behind`, `too_many_requests`.
    """
    count_key_try(system, call, wanted.license_key)
    kind = RequestKind(wanted.kind)
    with devices.keeping_refusals(system) as session:
        row = devices.known(session, call)
        license_row = _license(session, row, wanted.license_key)
        if kind is RequestKind.ADDRESS and current_installation(session, license_row) is not row:
            raise Refused(ProblemCode.BOUND_ELSEWHERE)
        found = waiting_request(session, license_row.id, call.installation, kind)
        if found is not None and row is None:
            _take_counter(found, call)
        request = found or new_request(call, license_row.id, kind, system.clock.now())
        state_machine(request, wanted.device.hardware, wanted.device.address)
        request.reason = wanted.reason
        if found is None:
            session.add(request)
            session.flush()
            seller = license_row.customer.seller.code
            note_opened(system, session, call, request, seller)
        return request.token


def decision(system: System, call: Call, token: str) -> DecisionAnswer:
    """What became of a request; raises Refused: `not_found`, also for others', and
    `counter_behind`.
    """
    with devices.keeping_refusals(system) as session:
        row = devices.known(session, call)
        request = session.scalar(
            select(RequestRow)
            .where(RequestRow.token == token, RequestRow.installation_id == call.installation)
            .with_for_update()
        )
        if request is None:
            raise Refused(ProblemCode.NOT_FOUND)
        if row is None:
            _take_counter(request, call)
        return DecisionAnswer(state=Decision(request.state), reason=request.answer)


def _license(session: Session, row: InstallationRow | None, key: str | None) -> LicenseRow:
    if key is not None:
        return license_of_key(session, key)
    if row is None:
        raise Refused(ProblemCode.UNKNOWN_INSTALLATION)
    return locked_license(session, row.license_id)


def _take_counter(request: RequestRow, call: Call) -> None:
    """The counter of a device that has no row of its own yet."""
    if not request.counter < call.counter <= request.counter + LARGEST_JUMP:
        raise Refused(ProblemCode.COUNTER_BEHIND, counter=request.counter)
    request.counter = call.counter
