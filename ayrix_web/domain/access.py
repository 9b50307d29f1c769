"""Who may do what: full access, read-only or none, per user and module."""

from __future__ import annotations

import unicodedata
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


LONGEST_NAME = 80
"""Characters of an account's name."""


class InvalidName(ValueError):
    """An account's name must have 1 to 80 printable characters."""


def account_name(text: str) -> str:
    """The name a person typed, as it is kept: trimmed and composed (NFC); raises InvalidName."""
    name = unicodedata.normalize("NFC", text.strip())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidName
    return name


def same_name(text: str) -> str:
    """What two spellings of one name share: no two accounts may have it in common."""
    return unicodedata.normalize("NFKC", text.strip()).casefold()


@dataclass(frozen=True, slots=True)
class AccessChange:
    """A new access to a module: of the account named, or the system's default (None).

    None as `old` or `new` means that the account follows the default.
    """

    account: str | None
    module: Module
    old: Access | None
    new: Access | None


class LastAdministrator(ValueError):
    """The change would leave the system without an administrator."""


class NameTaken(ValueError):
    """Another account has this name, perhaps in other letters (Admin, admin)."""


class UnknownAccount(LookupError):
    """There is no account of this name, or no longer."""


class WrongPassword(Exception):
    """The password is not this account's, or there is no such account: never said which."""


class ChangedMeanwhile(Exception):
    """Someone else changed the same access after the person saw it; nothing was saved."""
