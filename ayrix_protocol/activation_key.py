"""Activation keys: 130 bit in 26 Crockford base32 characters and one check character."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256

from ayrix_protocol.jws import encode_base64url

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no I, L, O and U, so that nothing is read as something else."""

RANDOM_CHARACTERS = 26
LENGTH = RANDOM_CHARACTERS + 1
GROUP = 4

_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015_.]+")
_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})


class MistypedKey(ValueError):
    """The text cannot be an activation key: its length, a character or the check character is
    wrong.
    """


def new_activation_key() -> str:
    """A fresh key in its normal form, from the system's random source."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return text + check_character(text)


def normalized(text: str) -> str:
    """The key as 27 characters, from however a person wrote it; raises MistypedKey.

    Spaces, dashes, lower case and Crockford's lookalikes (O, I, L) are accepted.
    """
    key = _SEPARATORS.sub("", text).upper().translate(_LOOKALIKES)
    if len(key) != LENGTH or not set(key) <= set(ALPHABET):
        raise MistypedKey
    if check_character(key[:-1]) != key[-1]:
        raise MistypedKey
    return key


def grouped(key: str) -> str:
    """The key as a person reads it: groups of four, joined by dashes."""
    return "-".join(key[start : start + GROUP] for start in range(0, len(key), GROUP))


def last_characters(key: str) -> str:
    """All of a key that is kept after an activation: its last four characters."""
    return key[-GROUP:]


def key_hash(key: str) -> str:
    """What the server stores of a normalized key. Plain SHA-256 suffices: nobody guesses 130
    bit.
    """
    return encode_base64url(sha256(key.encode()).digest())


def check_character(text: str) -> str:
    """The Luhn mod 32 character: finds every single wrong character and nearly every swap of
    neighbors.
    """
    total = 0
    for position, character in enumerate(reversed(text)):
        value = ALPHABET.index(character) * (2 if position % 2 == 0 else 1)
        total += value // len(ALPHABET) + value % len(ALPHABET)
    return ALPHABET[-total % len(ALPHABET)]
