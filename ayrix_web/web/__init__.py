"""The pages of the PBX; importing this puts every view on its blueprint."""

from ayrix_web.web import (
    activation,
    audit,
    guard_api,
    host_layout,
    license,
    network,
    order_form,
    orders,
    users,
    ways_back,
)

__all__ = [
    "activation",
    "audit",
    "guard_api",
    "host_layout",
    "license",
    "network",
    "order_form",
    "orders",
    "users",
    "ways_back",
]
