"""Passwords, stored as argon2id (RFC 9106)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

# Compared with when there is no such account, so that the answer takes as long. The hash of a
# random
# text nobody kept, with today's parameters (a test makes sure); hashing at every start would cost
# 64 MB.
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$p4JsqKcw5iIYtR2S5+7Cvg$"
    "gLxJD5p5ooWIMvKB4PeStDgCIOxqtiO2bl0n+cVVmkM"
)


class UnfitPassword(ValueError):
    """The password is too short or too long to be taken."""


def hash_password(password: str) -> str:
    """What to store of a password; raises UnfitPassword unless it has 10 to 200 characters."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UnfitPassword
    return _hasher.hash(password)


def password_fits(password: str, stored: str | None) -> bool:
    """Whether `password` is the stored one; takes as long when `stored` is None (no such
    account).
    """
    if len(password) > LONGEST_PASSWORD:
        return False
    try:
        _hasher.verify(stored or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None
