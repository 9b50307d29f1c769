"""The matrix of users and modules: its cells, and the changes that a filled-in one asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flask_babel import gettext as _

from ayrix_web.domain.access import Access, AccessChange, Account, Module
from ayrix_web.services.accounts import AccountView
from ayrix_web.web.account_words import access_words
from ayrix_web.web.errors import MODULES

DEFAULT = "default"
"""The value of a cell that follows the system's default."""

CHOICES = (Access.FULL, Access.READ_ONLY, Access.NONE)


class NotOffered(ValueError):
    """A form holds what its page did not offer."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One radio group: the access of one account, or the system's default (None), to a module."""

    account: str | None
    module: Module
    field: str
    own: Access | None
    default: Access

    @property
    def legend(self) -> str:
        """What the group is for, for whoever cannot see rows and columns."""
        who = _("Default") if self.account is None else self.account
        return _("%(module)s for %(user)s", module=MODULES[self.module], user=who)

    @property
    def chosen(self) -> str:
        """The value that stands now."""
        return _value(self.own)

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """Value and label of each radio; a default has no default to follow."""
        follow: tuple[Access | None, ...] = () if self.account is None else (None,)
        return tuple(
            (_value(access), access_words(access, self.default)) for access in (*follow, *CHOICES)
        )

    def change(self, value: str) -> AccessChange:
        """What choosing `value` asks for; raises NotOffered."""
        if value not in dict(self.choices):
            raise NotOffered(value)
        return AccessChange(self.account, self.module, self.own, _VALUES[value])


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A user, or the system's defaults (`account` is None); administrators have no cells."""

    account: Account | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """All rows; the defaults come first."""

    rows: tuple[MatrixRow, ...]

    def changes(self, fields: Mapping[str, str]) -> tuple[AccessChange, ...]:
        """What a filled-in form would change; fields it lacks stay. Raises NotOffered."""
        cells = (cell for row in self.rows for cell in row.cells if cell.field in fields)
        asked = (cell.change(fields[cell.field]) for cell in cells)
        return tuple(change for change in asked if change.old != change.new)


def build_matrix(views: Sequence[AccountView], defaults: Mapping[Module, Access]) -> Matrix:
    """The matrix of these users."""
    own_defaults = tuple(
        Cell(None, module, f"default-{module}", defaults[module], defaults[module])
        for module in Module
    )
    rows = [MatrixRow(view.account, tuple(_cells(view, defaults))) for view in views]
    return Matrix((MatrixRow(None, own_defaults), *rows))


def _cells(view: AccountView, defaults: Mapping[Module, Access]) -> Iterator[Cell]:
    if view.account.is_admin:
        return
    for module in Module:
        field = f"access-{view.account.id}-{module}"
        yield Cell(view.account.name, module, field, view.own.get(module), defaults[module])


def pack(change: AccessChange) -> str:
    """A reviewed change, for the form that confirms it."""
    return json.dumps([change.account, change.module, _value(change.old), _value(change.new)])


def unpack(text: str) -> AccessChange:
    """A change that `pack` wrote; raises NotOffered for anything else."""
    try:
        account, module, old, new = json.loads(text)
        change = AccessChange(account, Module(module), _VALUES[old], _VALUES[new])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise NotOffered(text) from error
    if account is None and None in (change.old, change.new):
        raise NotOffered(text)
    if account is not None and not isinstance(account, str):
        raise NotOffered(text)
    return change


def _value(access: Access | None) -> str:
    return DEFAULT if access is None else str(int(access))


_VALUES: Mapping[str, Access | None] = {_value(access): access for access in (None, *CHOICES)}
