"""What is kept and for how long: a small disk never fills, and no entry goes too early."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import FromClause, func, insert, select

from ayrix_foundation.audit import Entry, record
from ayrix_foundation.settings import SettingsError
from ayrix_foundation.throttle import Limit, count_try
from ayrix_protocol.lease import Counted
from ayrix_web import settings
from ayrix_web.rows import ATTEMPTS, AUDIT, OrderRow, ReservationRow
from ayrix_web.services import audit_log, housekeeping, quota
from ayrix_web.system import System
from tests.pbx_fixtures import TESTER, Pbx

DAY = timedelta(days=1)


def note(system: System, at: datetime) -> None:
    with system.database.write() as session:
        record(session, AUDIT, Entry(at, TESTER, "test.done"))


def entries(system: System) -> int:
    return audit_log.listing(system, audit_log.AuditFilter(), 1).page.total


def rows(system: System, table: FromClause) -> int:
    with system.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_an_entry_is_kept_two_years_and_no_longer(pbx: Pbx) -> None:
    start = pbx.clock.now()
    note(pbx.system, start)
    note(pbx.system, start + 10 * DAY)
    pbx.clock.go_on(730 * DAY)
    housekeeping.tidy(pbx.system)
    assert entries(pbx.system) == 2
    pbx.clock.go_on(timedelta(seconds=1))
    housekeeping.tidy(pbx.system)
    assert entries(pbx.system) == 1


def test_what_is_left_still_verifies_and_goes_on(pbx: Pbx) -> None:
    for _ in range(5):
        note(pbx.system, pbx.clock.now())
        pbx.clock.go_on(10 * DAY)
    system = replace(pbx.system, settings=replace(pbx.system.settings, keep_audit_days=30))
    assert housekeeping.prune_audit(system) == 2
    note(system, pbx.clock.now())
    state = audit_log.check_chain(system)
    assert (state.broken, state.entries) == (None, 4)


def test_more_entries_than_the_setting_are_never_kept(pbx: Pbx) -> None:
    system = replace(pbx.system, settings=replace(pbx.system.settings, keep_audit_entries=1_000))
    with system.database.write() as session:
        for _ in range(1_003):
            record(session, AUDIT, Entry(pbx.clock.now(), TESTER, "test.done"))
    housekeeping.tidy(system)
    assert entries(system) == 1_000
    assert audit_log.check_chain(system).broken is None


def test_a_clock_that_runs_years_ahead_does_not_empty_the_log(active_pbx: Pbx) -> None:
    for _ in range(5):
        note(active_pbx.system, active_pbx.clock.now())
    before = entries(active_pbx.system)
    active_pbx.clock.step(10 * 365 * DAY)
    housekeeping.tidy(active_pbx.system)
    assert entries(active_pbx.system) == before


def test_reservations_and_tries_go_when_they_are_over_and_not_before(active_pbx: Pbx) -> None:
    system = active_pbx.system
    quota.reserve(system, Counted.EXTENSION)
    count_try(system.database, ATTEMPTS, "b", Limit(3, timedelta(minutes=1)), system.clock.now())
    before = rows(system, ATTEMPTS)
    active_pbx.clock.go_on(timedelta(seconds=59))
    housekeeping.tidy(system)
    assert rows(system, ATTEMPTS) == before
    assert rows(system, ReservationRow.__table__) == 1
    active_pbx.clock.go_on(timedelta(days=1))
    housekeeping.tidy(system)
    assert rows(system, ATTEMPTS) == 0
    assert rows(system, ReservationRow.__table__) == 0


def test_orders_are_never_deleted(active_pbx: Pbx) -> None:
    system = active_pbx.system
    with system.database.write() as session:
        session.execute(
            insert(OrderRow).values(
                key=uuid4(),
                stage="failed",
                wanted=[],
                quote_hash="",
                lines=[],
                totals={},
                ordered_by="admin",
                created_at=system.clock.now(),
                acknowledged=False,
                attempts=0,
                reason="",
            )
        )
    active_pbx.clock.go_on(50 * 365 * DAY)
    housekeeping.tidy(system)
    assert rows(system, OrderRow.__table__) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("KEEP_AUDIT_DAYS", "29"), ("KEEP_AUDIT_ENTRIES", "999")]
)
def test_too_little_cannot_be_set(pbx: Pbx, name: str, value: str) -> None:
    environ = {
        "AYRIX_LICENSE_SERVER_URL": pbx.system.settings.license_server_url,
        "AYRIX_LICENSE_ROOT_KEY": pbx.system.settings.license_root_key,
        f"AYRIX_{name}": value,
    }
    with pytest.raises(SettingsError, match=name):
        settings.load(pbx.system.settings.instance, environ)
