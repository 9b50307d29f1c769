"""Users and their access as rows: the steps that the use cases of accounts are made of."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ayrix_web.domain.access import (
    SYSTEM_DEFAULTS,
    Access,
    AccessChange,
    Account,
    LastAdministrator,
    Module,
    UnknownAccount,
    same_name,
)
from ayrix_web.rows import AccountRow, GrantRow, ModuleDefaultRow

KNOWN_MODULES = tuple(Module)
"""Rows of other modules, left by a newer release, are passed over."""


def new_stamp() -> str:
    """A session stamp; sessions that carry another one are over."""
    return secrets.token_urlsafe(32)


def account_of(
    row: AccountRow, own: Mapping[Module, Access], defaults: Mapping[Module, Access]
) -> Account:
    """A row as the pages see it."""
    return Account(str(row.id), row.name, row.is_admin, {**defaults, **own})


def row_named(session: Session, name: str) -> AccountRow | None:
    """The account of a name, in whatever letters it is written."""
    wanted = same_name(name)
    # Compared here: a database folds the letters of ASCII only, and a PBX has few users.
    known = session.execute(select(AccountRow.id, AccountRow.name)).all()
    found = [account_id for account_id, known_name in known if same_name(known_name) == wanted]
    return session.get(AccountRow, found[0]) if found else None


def existing_row(session: Session, name: str) -> AccountRow:
    """The account of a name; raises UnknownAccount."""
    row = row_named(session, name)
    if row is None:
        raise UnknownAccount(name)
    return row


def keep_an_administrator(session: Session, leaving: AccountRow) -> None:
    """Raise LastAdministrator unless another one stays; needs a writing transaction."""
    if not leaving.is_admin:
        return
    others = select(AccountRow.id).where(AccountRow.is_admin, AccountRow.id != leaving.id)
    if session.scalars(others.with_for_update()).first() is None:
        raise LastAdministrator


def read_defaults(session: Session) -> dict[Module, Access]:
    """What applies to users without their own setting."""
    query = select(ModuleDefaultRow.module, ModuleDefaultRow.access)
    changed = session.execute(query.where(ModuleDefaultRow.module.in_(KNOWN_MODULES)))
    return {**SYSTEM_DEFAULTS, **{Module(module): Access(access) for module, access in changed}}


def own_access(session: Session, account_id: int) -> dict[Module, Access]:
    """What a user was given himself."""
    query = select(GrantRow.module, GrantRow.access).where(GrantRow.account_id == account_id)
    found = session.execute(query.where(GrantRow.module.in_(KNOWN_MODULES)))
    return {Module(module): Access(access) for module, access in found}


def access_now(session: Session, change: AccessChange) -> Access | None:
    """What stands now where the change would go; raises UnknownAccount."""
    if change.account is None:
        return read_defaults(session)[change.module]
    return own_access(session, existing_row(session, change.account).id).get(change.module)


def put_default(session: Session, module: Module, access: Access) -> None:
    """Store a system default, and end the sessions of those to whom it applies."""
    session.merge(ModuleDefaultRow(module=module, access=access))
    with_own = select(GrantRow.account_id).where(GrantRow.module == module)
    affected = ~AccountRow.is_admin & AccountRow.id.not_in(with_own)
    for row in session.scalars(select(AccountRow).where(affected)):
        row.session_stamp = new_stamp()


def put_access(session: Session, name: str, module: Module, access: Access | None) -> None:
    """Store a user's own access, None for the default, and end his sessions; raises
    UnknownAccount.
    """
    row = existing_row(session, name)
    if access is None:
        found = (GrantRow.account_id == row.id) & (GrantRow.module == module)
        session.execute(delete(GrantRow).where(found))
    else:
        session.merge(GrantRow(account_id=row.id, module=module, access=access))
    row.session_stamp = new_stamp()
