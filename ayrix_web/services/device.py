"""What this PBX tells the license server about itself."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from uuid import UUID

from sqlalchemy import select

from ayrix_protocol.device import MOST_ACKNOWLEDGED_ORDERS, Device, DeviceClock
from ayrix_protocol.lease import Lease
from ayrix_web.domain.machine import Machine
from ayrix_web.rows import OrderRow
from ayrix_web.services import quota
from ayrix_web.services.held import Held, held_in
from ayrix_web.services.licensing import believed_lease, time_of
from ayrix_web.services.seal import sound
from ayrix_web.system import System


def describe_device(system: System) -> Device:
    """The state of this PBX for a request: machine, held lease, usage by feature code, clocks."""
    with system.database.read() as session:
        held = sound(system, held_in(session))
        newest = select(OrderRow.key).where(OrderRow.acknowledged).order_by(OrderRow.id.desc())
        acked = tuple(session.scalars(newest.limit(MOST_ACKNOWLEDGED_ORDERS)))
    lease = believed_lease(system, held)
    machine = system.machine_reader.read(held.choice)
    return _device(system, machine, held, lease, acked)


def _device(
    system: System, machine: Machine, held: Held, lease: Lease | None, acked: tuple[UUID, ...]
) -> Device:
    moment = system.clock.moment()
    return Device(
        hardware=machine.hardware,
        address=machine.address,
        lease=held.lease if lease is not None else None,
        usage=_usage(system, lease),
        version=_version(),
        acked_orders=acked,
        clock=DeviceClock(
            wall=moment.wall,
            trusted=time_of(system, held, moment).now,
            synchronized=system.clock.is_synchronized(),
        ),
    )


def _usage(system: System, lease: Lease | None) -> dict[str, int]:
    if lease is None:
        return {}
    counts = quota.usage(system).counts
    return {
        feature.code: counts[feature.counts]
        for feature in lease.features
        if feature.counts is not None and feature.counts in counts
    }


def _version() -> str:
    try:
        return version("ayrix")
    except PackageNotFoundError:
        return "development"
