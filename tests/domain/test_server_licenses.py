"""Whether a machine is the bound one, and who may move a license."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ayrix_license_server.domain.errors import Refused
from ayrix_license_server.domain.licenses import (
    is_same_hardware,
    judge_machine,
    learned,
    lost_its_secret,
    masked,
    may_move,
)
from ayrix_license_server.domain.orders import approves_itself, can_cancel, order_code
from ayrix_protocol.binding import Component, Hardware, component_hash
from ayrix_protocol.orders import OrderState
from ayrix_protocol.problems import ProblemCode

NOW = datetime(2026, 11, 24, tzinfo=UTC)
HOME = "192.168.10.20"


def machine(
    cpu: str | None = None, nic: str | None = None, secret: str | None = None, weak: str = ""
) -> Hardware:
    def hashed(name: str, value: str | None) -> str | None:
        return None if value is None else component_hash(name, value)

    return Hardware(
        cpu_serial=hashed("cpu_serial", cpu),
        nic_serial=hashed("nic_serial", nic),
        installation_secret=hashed("installation_secret", secret),
        weak=tuple(weak.split()),
    )


BOARD = machine("c", "n")
VIRTUAL = machine(nic="v", weak="nic_serial")
VIRTUAL_BOUND = machine(nic="v", secret="s", weak="nic_serial")


@pytest.mark.parametrize(
    ("bound", "now"),
    [
        (BOARD, BOARD),
        (BOARD, machine("c")),
        (machine("c"), BOARD),
        (VIRTUAL_BOUND, VIRTUAL_BOUND),
        (VIRTUAL_BOUND, machine(secret="s")),
    ],
)
def test_is_the_bound_machine(bound: Hardware, now: Hardware) -> None:
    judge_machine(tuple(Component), bound, (HOME,), now, HOME)


@pytest.mark.parametrize(
    ("bound", "now", "differs"),
    [
        (BOARD, machine("x", "n"), ("cpu_serial",)),
        (BOARD, machine("c", "x"), ("nic_serial",)),
        (BOARD, machine("x", "x"), ("cpu_serial", "nic_serial")),
        (BOARD, machine(), ()),
        (VIRTUAL_BOUND, VIRTUAL, ()),
        (VIRTUAL_BOUND, machine(nic="v", secret="x", weak="nic_serial"), ()),
    ],
)
def test_is_another_machine(bound: Hardware, now: Hardware, differs: tuple[str, ...]) -> None:
    with pytest.raises(Refused) as refusal:
        judge_machine(tuple(Component), bound, (HOME,), now, HOME)
    assert refusal.value.code is ProblemCode.HARDWARE_MISMATCH
    assert refusal.value.components == differs


def test_a_second_address_is_good_while_a_change_is_open() -> None:
    judge_machine(tuple(Component), BOARD, (HOME, "10.0.0.2"), BOARD, "10.0.0.2")
    with pytest.raises(Refused) as refusal:
        judge_machine(tuple(Component), BOARD, (HOME, "10.0.0.2"), BOARD, "10.0.0.3")
    assert (refusal.value.code, refusal.value.bound) == (ProblemCode.IP_MISMATCH, "192.168.10.x")


def test_an_address_that_is_not_required_may_be_any() -> None:
    judge_machine((Component.CPU_SERIAL,), BOARD, (HOME,), BOARD, "10.0.0.3")


def test_learns_what_was_unknown_and_forgets_nothing() -> None:
    assert learned(machine("c"), machine(None, "n", weak="nic_serial")) == (
        machine("c", "n", weak="nic_serial")
    )
    assert learned(BOARD, machine()) == BOARD


@pytest.mark.parametrize(
    ("bound", "now", "address", "same"),
    [
        (BOARD, BOARD, "10.0.0.1", True),
        (BOARD, machine("c"), "10.0.0.1", True),
        (BOARD, machine("c", "x"), HOME, False),
        (BOARD, machine("x", "x"), HOME, False),
        (VIRTUAL_BOUND, VIRTUAL, HOME, True),
        (VIRTUAL_BOUND, VIRTUAL, "10.0.0.1", False),
        (VIRTUAL_BOUND, machine(nic="x", weak="nic_serial"), HOME, False),
        (VIRTUAL_BOUND, BOARD, HOME, False),
        (machine(secret="s"), machine(), HOME, False),
        (BOARD, VIRTUAL, HOME, False),
    ],
)
def test_same_hardware_again(bound: Hardware, now: Hardware, address: str, same: bool) -> None:
    assert is_same_hardware(bound, (HOME,), now, address) is same


def test_only_a_machine_known_by_its_secret_can_lose_it() -> None:
    assert lost_its_secret(VIRTUAL_BOUND, VIRTUAL)
    assert not lost_its_secret(BOARD, VIRTUAL)
    assert not lost_its_secret(VIRTUAL_BOUND, VIRTUAL_BOUND)
    assert not lost_its_secret(VIRTUAL_BOUND, machine(nic="x", weak="nic_serial"))


@pytest.mark.parametrize(("days", "may"), [(0, False), (89, False), (90, True), (400, True)])
def test_moves_once_in_90_days(days: int, may: bool) -> None:
    assert may_move(NOW, NOW + timedelta(days=days)) is may


def test_the_first_move_is_free() -> None:
    assert may_move(None, NOW)


def test_a_masked_address_shows_the_network_only() -> None:
    assert masked("10.1.2.3") == "10.1.2.x"


@pytest.mark.parametrize(
    ("auto", "limit", "gross", "approves"),
    [
        (True, None, 10**9, True),
        (True, 1000, 1000, True),
        (True, 1000, 1001, False),
        (True, 0, 0, True),
        (False, None, 0, False),
    ],
)
def test_approves_itself(auto: bool, limit: int | None, gross: int, approves: bool) -> None:
    assert approves_itself(auto, limit, gross) is approves


def test_only_orders_on_their_way_can_be_cancelled() -> None:
    assert {state for state in OrderState if can_cancel(state)} == {
        OrderState.SUBMITTED,
        OrderState.APPROVED,
    }


def test_order_codes_have_four_digits_and_grow() -> None:
    assert [order_code(2026, n) for n in (1, 10_000)] == ["A-2026-0001", "A-2026-10000"]
