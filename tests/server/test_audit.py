"""The vendor's audit: verified on the command line, bounded by settings, and still whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update

from ayrix_foundation.audit import Entry, record
from ayrix_license_server.cli import main
from ayrix_license_server.rows.base import audit_entries
from ayrix_license_server.rows.requests import LeftAddressRow
from ayrix_license_server.services.records import verify
from ayrix_license_server.services.upkeep import delete_old_rows
from tests.server.conftest import VENDOR, Server
from tests.server.device import TestDevice

Capture = pytest.CaptureFixture[str]
ENTRY = audit_entries.c


@pytest.fixture
def command_line(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Capture:
    """The command line on the server under test."""
    for name in os.environ:
        if name.startswith("LICENSE_SERVER_"):
            monkeypatch.delenv(name)
    folder = server.system.settings.instance
    (folder / "settings.toml").write_text('public_url = "https://license.example.test"\n')
    monkeypatch.setenv("LICENSE_SERVER_INSTANCE", str(folder))
    return capsys


def entries(server: Server) -> int:
    with server.system.database.read() as session:
        return session.scalar(select(func.count()).select_from(audit_entries)) or 0


def test_everything_a_server_records_is_one_chain(
    server: Server, device: TestDevice, command_line: Capture
) -> None:
    device.buy("queue", 1)
    device.address = "10.0.0.9"
    device.check()
    device.ask_seller("address", reason="„Umzug“ – 2 Häuser weiter")
    main(["audit", "verify"])
    said = command_line.readouterr().out
    found = verify(server.system)
    assert found.broken is None
    assert f"{entries(server)} entries" in said
    assert found.newest in said


def _change(server: Server) -> None:
    with server.system.database.write() as session:
        session.execute(update(audit_entries).where(ENTRY.id == 2).values(actor="nobody"))


def _delete(server: Server) -> None:
    with server.system.database.write() as session:
        session.execute(delete(audit_entries).where(ENTRY.id == 1))


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (_change, "its content is not what was recorded"),
        (_delete, "it does not follow the entry before it"),
    ],
)
def test_a_broken_chain_is_named_and_ends_with_1(
    server: Server,
    device: TestDevice,
    command_line: Capture,
    tamper: Callable[[Server], None],
    words: str,
) -> None:
    tamper(server)
    with pytest.raises(SystemExit) as left:
        main(["audit", "verify"])
    said = command_line.readouterr().err
    assert left.value.code == 1
    assert said.startswith("The audit is broken at entry 2 (2026-11-24 09:00:00+00:00, ")
    assert words in said


def test_the_audit_is_kept_for_its_days_and_holds_afterwards(
    server: Server, device: TestDevice
) -> None:
    before = entries(server)
    days = timedelta(days=server.system.settings.keep_audit_days)
    server.clock.forward(timedelta(days=1))
    device.buy("queue", 1)
    server.clock.forward(days - timedelta(days=1))
    delete_old_rows(server.system)
    assert entries(server) == before + 1
    server.clock.forward(timedelta(seconds=1))
    delete_old_rows(server.system)
    assert entries(server) == 1
    assert verify(server.system).broken is None
    device.buy("queue", 1)
    assert verify(server.system).broken is None


def test_the_audit_never_has_more_entries_than_the_settings_keep(
    server: Server, device: TestDevice
) -> None:
    few = replace(server.system, settings=replace(server.system.settings, keep_audit_entries=1000))
    with server.system.database.write() as session:
        for _ in range(1100):
            record(session, audit_entries, Entry(server.clock.now(), VENDOR, "test.done"))
    delete_old_rows(few)
    assert entries(server) == 1000
    assert verify(server.system).broken is None


def test_left_addresses_are_kept_for_the_days_of_history(server: Server) -> None:
    device, issued = server.device(), server.issue()
    device.activate(issued.key)
    device.address = "10.0.0.9"
    device.activate(issued.key)
    days = timedelta(days=server.system.settings.keep_history_days)
    for step, left in ((days, 1), (timedelta(seconds=1), 0)):
        server.clock.forward(step)
        delete_old_rows(server.system)
        with server.system.database.read() as session:
            count = select(func.count()).select_from(LeftAddressRow)
            assert session.scalar(count) == left


def test_reconciling_on_the_command_line_is_recorded(
    server: Server, device: TestDevice, command_line: Capture
) -> None:
    code = device.held().sub
    main(["license", "reconcile", code])
    assert "nothing to reconcile" in command_line.readouterr().out
    assert server.actions()[-1] == "license.reconciled"
    with pytest.raises(SystemExit) as left:
        main(["license", "reconcile", "L-000999"])
    assert left.value.code == 2
