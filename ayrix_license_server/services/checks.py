"""The license check: the good case is one statement, everything else is explained after it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    Dialect,
    Table,
    Text,
    and_,
    bindparam,
    case,
    literal_column,
    update,
)
from sqlalchemy import cast as as_type
from sqlalchemy.dialects import sqlite

from ayrix_license_server.rows.customers import InstallationRow
from ayrix_license_server.services import devices, presented, renewal
from ayrix_license_server.services.devices import LARGEST_JUMP, Call
from ayrix_license_server.services.installations import weak_text
from ayrix_license_server.services.leases import Grant, new_lease_id, signed_lease
from ayrix_license_server.system import System
from ayrix_protocol.device import Device, LeaseAnswer

_table = cast(Table, InstallationRow.__table__)
_row = _table.c
# Named parameters instead of question marks, so that one value can stand in several places.
_SQLITE = sqlite.dialect(paramstyle="named")


def _given(name: str) -> BindParameter[Any]:
    # The prefix is for SQLAlchemy, which keeps the names of columns for itself.
    return bindparam(f"given_{name}")


# Guard (counter), states, binding and history in one condition: the device is the bound machine at
# the bound address and shows the newest lease. Whatever differs leaves the row untouched.
_as_bound = and_(
    _row.id == _given("installation"),
    _row.counter < _given("counter"),
    _row.counter >= _given("lowest_counter"),
    _row.state == literal_column("'active'"),
    _row.license_state == literal_column("'active'"),
    (_row.issued_jti == _given("held")) | (_row.offline_jti == _given("held")),
    _row.cpu_serial.is_not_distinct_from(_given("cpu_serial")),
    _row.nic_serial.is_not_distinct_from(_given("nic_serial")),
    _row.installation_secret.is_not_distinct_from(_given("installation_secret")),
    _row.weak == _given("weak"),
    _row.address == _given("address"),
    _row.next_address.is_(None),
    _row.provisional_until.is_(None),
)
RENEW = (
    update(_table)
    .where(_as_bound)
    .values(
        counter=_given("counter"),
        shown_jti=_given("held"),
        issued_jti=_given("jti"),
        top=_row.top + literal_column("1"),
        usage=bindparam("given_usage", type_=_row.usage.type),
        version=_given("version"),
        last_contact_at=_given("now"),
        source_address=_given("source"),
        source_changed_at=case(
            (_row.source_address == _given("source"), _row.source_changed_at),
            else_=_given("now"),
        ),
    )
    .returning(
        _row.license_id,
        _row.top,
        _row.gen,
        as_type(_row.required, Text),
        as_type(_row.entitlements, Text),
        as_type(_row.customer, Text),
        _row.seller,
        as_type(_row.known_orders, Text),
    )
)
"""The check in the good case (protocol.md, History)."""


class Renewed(NamedTuple):
    """What the statement gives back, in its order."""

    license_id: int
    top: int
    gen: int
    required: str
    entitlements: str
    customer: str
    seller: str
    known_orders: str


def check(system: System, call: Call, device: Device) -> LeaseAnswer:
    """A fresh lease for a device.

    Raises Refused: `unknown_installation`, `counter_behind`, `hardware_mismatch`, `ip_mismatch`,
    `suspended`, `clone_suspected`, `revoked`.
    """
    answer = _good_case(system, call, device)
    return answer if answer is not None else _explained(system, call, device)


def _good_case(system: System, call: Call, device: Device) -> LeaseAnswer | None:
    held = presented.claimed_lease_id(device.lease)
    if held is None:
        return None
    now, jti = int(system.clock.now().timestamp()), new_lease_id()
    renewed = _renew(system, _values(call, device, held, jti, now))
    if renewed is None:
        return None
    grant = Grant(
        installation=call.installation,
        license_id=renewed.license_id,
        jti=jti,
        seq=renewed.top,
        gen=renewed.gen,
        request=call.caller.proof.jti,
        required=renewed.required,
        hardware=device.hardware,
        bound_hardware=device.hardware,
        addresses=(device.address,),
        entitlements=renewed.entitlements,
        customer=renewed.customer,
        seller=renewed.seller,
    )
    return LeaseAnswer(
        lease=signed_lease(system, grant, now),
        unknown_orders=_unknown_orders(system, renewed, device),
    )


def _values(call: Call, device: Device, held: str, jti: str, now: int) -> dict[str, object]:
    hardware = device.hardware
    return {
        "given_installation": call.installation,
        "given_counter": call.counter,
        "given_lowest_counter": call.counter - LARGEST_JUMP,
        "given_held": held,
        "given_jti": jti,
        "given_cpu_serial": hardware.cpu_serial,
        "given_nic_serial": hardware.nic_serial,
        "given_installation_secret": hardware.installation_secret,
        "given_weak": weak_text(hardware),
        "given_address": device.address,
        "given_usage": json.dumps(device.usage),
        "given_version": device.version,
        "given_now": now,
        "given_source": call.source,
    }


def _renew(system: System, given: dict[str, object]) -> Renewed | None:
    database = system.database
    row = database.fast_statement(_compiled(database.engine.dialect), given)
    return None if row is None else Renewed(*row)


@lru_cache(maxsize=4)
def _compiled(dialect: Dialect) -> str:
    """The statement as the driver takes it; SQLAlchemy's part of a check is done only once."""
    return str(RENEW.compile(dialect=_SQLITE if dialect.name == "sqlite" else dialect))


def _unknown_orders(system: System, renewed: Renewed, device: Device) -> tuple[UUID, ...]:
    if not device.acked_orders:
        return ()
    known = json.loads(renewed.known_orders)
    if not {str(key) for key in device.acked_orders}.difference(known):
        return ()
    with system.database.read() as session:
        return renewal.unknown_orders(session, renewed.license_id, known, device)


def _explained(system: System, call: Call, device: Device) -> LeaseAnswer:
    with devices.conversation(system, call) as (session, row):
        lease = renewal.renew(system, session, row, device, call)
        missing = renewal.unknown_orders(session, row.license_id, row.known_orders, device)
        return LeaseAnswer(lease=lease, unknown_orders=missing)
