"""The users of the PBX: who exists, what each may do, and whether a password is theirs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_foundation.passwords import hash_password
from ayrix_web.domain.access import (
    Access,
    AccessChange,
    Account,
    ChangedMeanwhile,
    Module,
    NameTaken,
    account_name,
    same_name,
)
from ayrix_web.rows import AUDIT, AccountRow, GrantRow
from ayrix_web.services.account_rows import (
    KNOWN_MODULES,
    access_now,
    account_of,
    existing_row,
    keep_an_administrator,
    new_stamp,
    own_access,
    put_access,
    put_default,
    read_defaults,
    row_named,
)
from ayrix_web.services.password_check import check_password, forget_account_tries
from ayrix_web.system import System

ACCOUNT_ID = re.compile("[0-9]{1,18}", re.ASCII)
"""What an id may look like, so that a made-up one cannot upset the database."""


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account, and the access it was given itself; `account.grants` include the defaults."""

    account: Account
    own: Mapping[Module, Access]


def create_account(
    system: System, name: str, password: str, is_admin: bool, actor: Actor
) -> Account:
    """Add a user; raises InvalidName, NameTaken, UnfitPassword."""
    kept_name = account_name(name)
    password_hash = hash_password(password)
    with system.database.write() as session:
        if row_named(session, kept_name) is not None:
            raise NameTaken(kept_name)
        row = AccountRow(
            name=kept_name,
            password_hash=password_hash,
            is_admin=is_admin,
            session_stamp=new_stamp(),
            created_at=system.clock.now(),
        )
        session.add(row)
        session.flush()
        _note(system, session, actor, "account.created", kept_name, administrator=is_admin)
        return account_of(row, {}, read_defaults(session))


def set_password(system: System, name: str, password: str, actor: Actor) -> None:
    """Give a user a new password and end his sessions; raises UnknownAccount, UnfitPassword."""
    password_hash = hash_password(password)
    with system.database.write() as session:
        row = existing_row(session, name)
        row.password_hash = password_hash
        row.session_stamp = new_stamp()
        _note(system, session, actor, "account.password_changed", row.name)
    forget_account_tries(system, name)


def change_own_password(system: System, name: str, present: str, new: str, actor: Actor) -> None:
    """Let a user change his password, which he must know; raises WrongPassword, TooManyTries,
    UnfitPassword.
    """
    check_password(system, name, present, actor)
    set_password(system, name, new, actor)


def set_admin(system: System, name: str, is_admin: bool, actor: Actor) -> None:
    """Make a user an administrator, or no longer; raises UnknownAccount, LastAdministrator."""
    with system.database.write() as session:
        row = existing_row(session, name)
        if row.is_admin == is_admin:
            return
        keep_an_administrator(session, row)
        row.is_admin = is_admin
        row.session_stamp = new_stamp()
        _note(system, session, actor, "account.role_changed", row.name, administrator=is_admin)


def delete_account(system: System, name: str, actor: Actor) -> None:
    """Remove a user and end his sessions; raises UnknownAccount, LastAdministrator."""
    with system.database.write() as session:
        row = existing_row(session, name)
        keep_an_administrator(session, row)
        session.delete(row)  # his access goes with him: ON DELETE CASCADE
        _note(system, session, actor, "account.deleted", row.name)


def set_access(
    system: System, name: str, access: Mapping[Module, Access | None], actor: Actor
) -> None:
    """Give a user access to modules, None for the system's default; raises UnknownAccount."""
    with system.database.write() as session:
        row = existing_row(session, name)
        own = own_access(session, row.id)
        for module, new in access.items():
            _apply(system, session, AccessChange(row.name, module, own.get(module), new), actor)


def set_default(system: System, module: Module, access: Access, actor: Actor) -> None:
    """Change what applies to users without their own setting, and end their sessions."""
    with system.database.write() as session:
        old = read_defaults(session)[module]
        _apply(system, session, AccessChange(None, module, old, access), actor)


def change_access(system: System, changes: Sequence[AccessChange], actor: Actor) -> None:
    """Make all these changes or none; raises UnknownAccount, ChangedMeanwhile."""
    with system.database.write() as session:
        for change in changes:
            if access_now(session, change) != change.old:
                raise ChangedMeanwhile
            _apply(system, session, change, actor)


def list_accounts(system: System) -> tuple[AccountView, ...]:
    """All users, sorted by name."""
    own: defaultdict[int, dict[Module, Access]] = defaultdict(dict)
    with system.database.read() as session:
        fallback = read_defaults(session)
        for grant in session.scalars(select(GrantRow).where(GrantRow.module.in_(KNOWN_MODULES))):
            own[grant.account_id][Module(grant.module)] = Access(grant.access)
        views = [
            AccountView(account_of(row, own[row.id], fallback), own[row.id])
            for row in session.scalars(select(AccountRow))
        ]
    return tuple(sorted(views, key=lambda view: same_name(view.account.name)))


def defaults(system: System) -> Mapping[Module, Access]:
    """What applies to users without their own setting."""
    with system.database.read() as session:
        return read_defaults(session)


def count_administrators(system: System) -> int:
    """How many administrators there are."""
    query = select(func.count()).select_from(AccountRow).where(AccountRow.is_admin)
    with system.database.read() as session:
        return session.scalar(query) or 0


def find(system: System, account_id: str) -> tuple[Account, str] | None:
    """The account of an id, and the stamp its sessions must carry; asked on every request."""
    if ACCOUNT_ID.fullmatch(account_id) is None:
        return None
    with system.database.read() as session:
        row = session.get(AccountRow, int(account_id))
        if row is None:
            return None
        if row.is_admin:
            return account_of(row, {}, {}), row.session_stamp
        own = own_access(session, row.id)
        return account_of(row, own, read_defaults(session)), row.session_stamp


def verify(system: System, name: str, password: str, address: str) -> Account:
    """The account that signs in; raises WrongPassword, TooManyTries.

    Unknown names are answered, limited and recorded like known ones, in the same time.
    """
    row = check_password(system, name, password, Actor("anonymous", address))
    with system.database.write() as session:
        _note(system, session, Actor(row.name, address), "session.opened", row.name)
        own = own_access(session, row.id)
        return account_of(row, own, read_defaults(session))


def _apply(system: System, session: Session, change: AccessChange, actor: Actor) -> None:
    if change.old == change.new:
        return
    if change.account is not None:
        put_access(session, change.account, change.module, change.new)
    elif change.new is not None:
        put_default(session, change.module, change.new)
    else:
        raise ValueError("a system default has nothing to follow")
    _note(
        system,
        session,
        actor,
        "access.changed" if change.account else "access.default_changed",
        change.account or "",
        module=change.module.value,
        old=_word(change.old),
        new=_word(change.new),
    )


def _word(access: Access | None) -> str:
    return "default" if access is None else access.name.lower()


def _note(
    system: System, session: Session, actor: Actor, action: str, subject: str, **details: object
) -> None:
    entry = Entry(system.clock.now(), actor, action, subject, details=details)
    record(session, AUDIT, entry)
