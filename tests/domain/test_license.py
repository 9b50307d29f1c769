"""The rule that decides whether this PBX works."""

from datetime import UTC, datetime, timedelta

import pytest

from ayrix_protocol.binding import Component, Hardware
from ayrix_protocol.lease import Lease, Revocation, RevocationReason
from ayrix_web.domain.license import CheckRecord, Reason, Status, evaluate
from ayrix_web.domain.machine import Machine, MachineChoice
from tests.fakes import ADDRESS, HARDWARE, INSTALLATION_ID, ORIGIN, FakeClock, FakeLicenseServer

CLOCK = FakeClock()
ISSUED = CLOCK.now()
LEASE = FakeLicenseServer(CLOCK).lease()
GOOD = CheckRecord(checked_at=ISSUED, succeeded_at=ISSUED)
A_SECOND = timedelta(seconds=1)


def machine(address: str = ADDRESS, hardware: Hardware = HARDWARE) -> Machine:
    return Machine(hardware, address, "eth0", MachineChoice())


def lease(**changes: object) -> Lease:
    return LEASE.model_copy(update=changes)


def revocation(gen: int, up_to_seq: int) -> Revocation:
    return Revocation(
        iss=ORIGIN,
        aud=INSTALLATION_ID,
        iat=LEASE.iat,
        reason=RevocationReason.REVOKED,
        gen=gen,
        up_to_seq=up_to_seq,
    )


@pytest.mark.parametrize(
    ("passed", "status"),
    [
        (timedelta(0), Status.ACTIVE),
        (timedelta(hours=71, minutes=59, seconds=59), Status.ACTIVE),
        (timedelta(hours=72), Status.DEACTIVATED),
        (timedelta(days=400), Status.DEACTIVATED),
    ],
)
def test_a_lease_works_for_72_hours_and_not_a_second_longer(
    passed: timedelta, status: Status
) -> None:
    assert evaluate(LEASE, GOOD, machine(), ISSUED + passed).status is status


@pytest.mark.parametrize("reason", list(Reason))
def test_a_failed_check_is_grace_until_the_lease_ends(reason: Reason) -> None:
    failed = CheckRecord(failure=reason)
    before_end = evaluate(LEASE, failed, machine(), LEASE.expires_at - A_SECOND)
    at_end = evaluate(LEASE, failed, machine(), LEASE.expires_at)
    assert (before_end.status, before_end.reason) == (Status.GRACE, reason)
    assert (at_end.status, at_end.reason) == (Status.DEACTIVATED, reason)


def test_nothing_was_ever_activated() -> None:
    state = evaluate(None, CheckRecord(), machine(), ISSUED)
    assert (state.status, state.reason) == (Status.UNLICENSED, Reason.NEVER_ACTIVATED)


def test_damaged_state_is_unlicensed_even_with_a_lease() -> None:
    state = evaluate(LEASE, CheckRecord(is_damaged=True), machine(), ISSUED)
    assert (state.status, state.reason) == (Status.UNLICENSED, Reason.STATE_DAMAGED)


@pytest.mark.parametrize(
    ("differing", "reason", "component"),
    [
        (machine(address="192.168.10.50"), Reason.IP_MISMATCH, Component.ADDRESS),
        (
            machine(hardware=HARDWARE.model_copy(update={"nic_serial": "x" * 43})),
            Reason.HARDWARE_MISMATCH,
            Component.NIC_SERIAL,
        ),
        (
            machine(hardware=HARDWARE.model_copy(update={"cpu_serial": "x" * 43})),
            Reason.HARDWARE_MISMATCH,
            Component.CPU_SERIAL,
        ),
    ],
)
def test_one_component_that_differs_is_grace_and_named(
    differing: Machine, reason: Reason, component: Component
) -> None:
    state = evaluate(LEASE, GOOD, differing, ISSUED)
    assert (state.status, state.reason) == (Status.GRACE, reason)
    assert state.differs == {component}


def test_other_hardware_gets_no_grace() -> None:
    other = Hardware(cpu_serial="x" * 43, nic_serial="y" * 43)
    state = evaluate(LEASE, GOOD, machine(hardware=other), ISSUED)
    assert (state.status, state.reason) == (Status.DEACTIVATED, Reason.HARDWARE_MISMATCH)


def test_a_provisional_lease_is_grace_until_its_seven_days_end() -> None:
    end = LEASE.iat + 3_600
    provisional = lease(provisional=end)
    state = evaluate(provisional, GOOD, machine(), ISSUED)
    assert (state.status, state.reason) == (Status.GRACE, Reason.HARDWARE_MISMATCH)
    assert state.valid_until == datetime.fromtimestamp(end, UTC)
    assert evaluate(provisional, GOOD, machine(), ISSUED + timedelta(hours=1)).status.is_locked


@pytest.mark.parametrize(
    ("gen", "up_to_seq", "ends_it"),
    [(1, 5, True), (1, 4, False), (2, 0, True), (0, 99, False)],
)
def test_only_a_signed_revocation_that_covers_the_lease_ends_it_early(
    gen: int, up_to_seq: int, *, ends_it: bool
) -> None:
    checks = CheckRecord(revocation=revocation(gen, up_to_seq))
    state = evaluate(lease(gen=1, seq=5), checks, machine(), ISSUED)
    assert state.status is (Status.DEACTIVATED if ends_it else Status.ACTIVE)


def test_time_left_is_nothing_once_locked() -> None:
    state = evaluate(LEASE, GOOD, machine(), ISSUED)
    assert state.time_left(ISSUED) == timedelta(hours=72)
    ended = evaluate(LEASE, GOOD, machine(), LEASE.expires_at)
    assert ended.time_left(LEASE.expires_at) == timedelta(0)
