"""Fifty orders at once under one key, over HTTP, against the license server as a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_license_server.rows.customers import EntitlementEventRow, EntitlementRow
from ayrix_license_server.rows.orders import OrderRow
from ayrix_protocol.orders import LineRequest, OrderRequest, WantedOrder
from ayrix_protocol.problems import ProblemCode
from ayrix_web.adapters.conversation import HttpConversation, Signer
from ayrix_web.adapters.license_client import load_or_create_device_key
from ayrix_web.adapters.license_http import Line
from ayrix_web.domain.errors import FaultKind, LicenseServerFault, Refused
from ayrix_web.services import activation, device_counter, ordering
from ayrix_web.services.device import describe_device
from tests.processes.breakable import LicenseServer, Pbx
from tests.processes.programs import free_port

FEATURE, BOUGHT, ORDERED, AT_ONCE = "extension", 40, 2, 50


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[Pbx]:
    """An active PBX beside a license server that runs."""
    port = free_port()
    license_server = LicenseServer(tmp_path / "vendor", port, f"http://127.0.0.1:{port}")
    license_server.start()
    pbx = Pbx(tmp_path / "pbx", license_server)
    activation.activate(pbx.system, license_server.sell(**{FEATURE: BOUGHT}), COMMAND_LINE)
    yield pbx
    pbx.stop()
    license_server.program.kill()
    license_server.system.database.close()


def conversation(pbx: Pbx) -> HttpConversation:
    """A line of its own: none of the PBX's locks keeps these requests one behind the other."""
    system = pbx.system
    signer = Signer(
        load_or_create_device_key(pbx.folder),
        lambda: device_counter.take_counter(system.database),
        lambda to: device_counter.raise_counter(system.database, to),
    )
    line = Line(system.settings, check_dates=True)
    return HttpConversation(line, system.settings.license_server_url, system.clock, signer)


def test_fifty_orders_at_once_under_one_key_are_one(pbx: Pbx) -> None:
    lines = (LineRequest(code=FEATURE, quantity=ORDERED),)
    quote = ordering.propose(pbx.system, lines).quote
    wanted = WantedOrder(lines=lines, quote_hash=quote.quote_hash)
    request, key = OrderRequest(order=wanted, device=describe_device(pbx.system)), uuid4()
    together = threading.Barrier(AT_ONCE)

    def order(_number: int) -> str:
        asking = conversation(pbx)
        together.wait()
        try:
            return until_taken(asking, key, request)
        finally:
            asking.line.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(order, range(AT_ONCE)))
    assert len(codes) == AT_ONCE
    assert len(set(codes)) == 1
    with pbx.license_server.system.database.read() as session:
        assert session.scalar(select(func.count()).where(OrderRow.key == str(key))) == 1
        assert session.scalar(select(EntitlementRow.quantity)) == BOUGHT + ORDERED
        changes = select(EntitlementEventRow.change).order_by(EntitlementEventRow.id)
        assert list(session.scalars(changes)) == [BOUGHT, ORDERED]


def until_taken(asking: HttpConversation, key: UUID, request: OrderRequest) -> str:
    """The order's code; whoever was overtaken or met a busy server asks again, as a PBX does."""
    while True:
        try:
            return asking.order(key, request).answer.order.code
        except Refused as refusal:
            if refusal.code is not ProblemCode.COUNTER_BEHIND:
                raise
        except LicenseServerFault as fault:
            if fault.kind is not FaultKind.BUSY:
                raise
