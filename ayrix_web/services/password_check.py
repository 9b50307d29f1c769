"""Comparing a typed password with an account's, within limits that all processes share."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_foundation.passwords import password_fits
from ayrix_foundation.throttle import Limit, count_try, forget_tries, take_back_try
from ayrix_web.domain.access import WrongPassword, same_name
from ayrix_web.domain.errors import TooManyTries
from ayrix_web.rows import ATTEMPTS, AUDIT, AccountRow
from ayrix_web.services.account_rows import row_named
from ayrix_web.system import System

ACCOUNT_LIMIT = Limit(tries=10, window=timedelta(minutes=15))
"""Passwords that may be tried for one account."""

ADDRESS_LIMIT = Limit(tries=50, window=timedelta(minutes=15))
"""Wrong passwords that may come from one address, whatever the accounts."""

IPV6_SITE_BITS = 64
"""One site has all the IPv6 addresses of a /64 (RFC 6177), so these count as one address."""


def check_password(system: System, name: str, password: str, actor: Actor) -> AccountRow:
    """The account whose password this is; raises WrongPassword, TooManyTries.

    Unknown names are answered, limited and recorded like known ones, in the same time.
    """
    _count(system, name, actor.address)
    with system.database.read() as session:
        row = row_named(session, name)
    fits = password_fits(password, row.password_hash if row else None)
    if row is None or not fits:
        _record_refusal(system, row, actor)
        raise WrongPassword
    forget_account_tries(system, name)
    take_back_try(system.database, ATTEMPTS, _address_bucket(actor.address))
    return row


def forget_account_tries(system: System, name: str) -> None:
    """Let an account's password be tried afresh: it was right, or it is a new one."""
    forget_tries(system.database, ATTEMPTS, _account_bucket(name))


def _count(system: System, name: str, address: str) -> None:
    # Counted before the password is looked at, so that tries at the same time are not free. The
    # address comes first: one that is shut out can no longer shut out accounts.
    for bucket, limit in (
        (_address_bucket(address), ADDRESS_LIMIT),
        (_account_bucket(name), ACCOUNT_LIMIT),
    ):
        wait = count_try(system.database, ATTEMPTS, bucket, limit, system.clock.now())
        if wait is not None:
            raise TooManyTries(wait)


def _record_refusal(system: System, row: AccountRow | None, actor: Actor) -> None:
    # What was typed as a name may be a password: only names that exist are written down.
    subject = row.name if row else ""
    entry = Entry(system.clock.now(), actor, "session.refused", subject, "wrong_password")
    with system.database.write() as session:
        record(session, AUDIT, entry)


def _account_bucket(name: str) -> str:
    return f"login:account:{sha256(same_name(name).encode(errors='replace')).hexdigest()}"


def _address_bucket(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"login:address:{address}"
    if isinstance(parsed, IPv6Address):
        return f"login:address:{ip_network((parsed, IPV6_SITE_BITS), strict=False)}"
    return f"login:address:{parsed}"
