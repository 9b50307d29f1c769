"""When a machine still is the one a license was bound to."""

import pytest

from ayrix_protocol.binding import Component, Hardware, component_hash, fit

ALL = tuple(Component)
BOUND = Hardware(cpu_serial="c" * 43, nic_serial="n" * 43, installation_secret="s" * 43)
ADDRESSES = ("192.168.10.20",)


def hardware(**changes: object) -> Hardware:
    return BOUND.model_copy(update=changes)


@pytest.mark.parametrize(
    ("now", "address", "differs", "is_strong"),
    [
        (hardware(), "192.168.10.20", set(), True),
        (hardware(nic_serial="x" * 43), "192.168.10.20", {Component.NIC_SERIAL}, True),
        (hardware(cpu_serial="x" * 43), "192.168.10.20", {Component.CPU_SERIAL}, True),
        (hardware(), "192.168.10.50", {Component.ADDRESS}, True),
        (hardware(cpu_serial=None), "192.168.10.20", set(), True),
        (hardware(cpu_serial=None, nic_serial=None), "192.168.10.20", set(), True),
        (
            hardware(cpu_serial="x" * 43, nic_serial="x" * 43, installation_secret="x" * 43),
            "192.168.10.20",
            {Component.CPU_SERIAL, Component.NIC_SERIAL},
            False,
        ),
        (
            hardware(cpu_serial=None, nic_serial=None, installation_secret=None),
            "192.168.10.20",
            set(),
            False,
        ),
        (
            hardware(cpu_serial=None, installation_secret=None, weak=("nic_serial",)),
            "192.168.10.20",
            set(),
            False,
        ),
    ],
)
def test_what_differs_and_whether_anything_strong_is_equal(
    now: Hardware, address: str, differs: set[Component], is_strong: bool
) -> None:
    result = fit(ALL, BOUND, ADDRESSES, now, address)
    assert result.differs == frozenset(differs)
    assert result.strong is is_strong


def test_only_required_components_can_differ() -> None:
    other = hardware(nic_serial="x" * 43)
    assert not fit((Component.CPU_SERIAL,), BOUND, ADDRESSES, other, "10.0.0.1").differs


def test_both_addresses_fit_while_a_change_is_open() -> None:
    two = ("192.168.10.20", "192.168.10.50")
    assert not fit(ALL, BOUND, two, BOUND, "192.168.10.50").differs


def test_a_component_is_hashed_with_its_name() -> None:
    # printf cpu_serial=1 | openssl dgst -sha256 -hmac ayrix-hardware-1 -binary | basenc --base64url
    expected = "rtPNEA4JksODu9ZD_QOu1bV_l44p8BLWMEyeC4sXjPk"
    assert component_hash("cpu_serial", "1") == expected
    assert component_hash("nic_serial", "1") != expected
