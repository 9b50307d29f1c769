"""Who may do what: full access, read-only or none, per user and module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Module(StrEnum):
    """What access is given to (product.md, User authorisation)."""

    LICENSE = "license"
    NETWORK = "network"
    USERS = "users"


class Access(IntEnum):
    """How much of a module a user may use; each includes the ones before it."""

    NONE = 0
    READ_ONLY = 1
    FULL = 2


SYSTEM_DEFAULTS: Mapping[Module, Access] = {
    Module.LICENSE: Access.FULL,
    Module.NETWORK: Access.NONE,
    Module.USERS: Access.NONE,
}
"""What applies to a user without a setting of his own, until an administrator changes it."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the PBX as its pages see him; `grants` already include the system's defaults."""

    id: str
    name: str
    is_admin: bool
    grants: Mapping[Module, Access] = field(default_factory=dict)

    def access(self, module: Module) -> Access:
        """How much of `module` this user may use; administrators may everything."""
        return Access.FULL if self.is_admin else self.grants.get(module, Access.NONE)

    def may(self, module: Module, access: Access) -> bool:
        """Whether this user has at least `access` to `module`."""
        return self.access(module) >= access


class LastAdministrator(ValueError):
    """The change would leave the system without an administrator."""
