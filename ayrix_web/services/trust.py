"""Which signed documents this PBX believes: those that lead back to the pinned root key.

Results are kept by the whole text of what was verified, so that reading the same lease again costs
nothing and another text is always looked at anew.
"""

from __future__ import annotations

from functools import lru_cache

from ayrix_protocol.jws import DocumentType, InvalidDocument, UnverifiedDocument, read
from ayrix_protocol.keys import KeySet, PublishedKey, public_key_from_text, verify_key_set
from ayrix_protocol.lease import (
    Lease,
    Revocation,
    read_lease,
    verify_lease,
    verify_revocation,
)


class UnknownKey(InvalidDocument):
    """The document names a signing key that the key set at hand does not hold."""


@lru_cache(maxsize=8)
def trusted_key_set(token: str, root_key: str) -> KeySet:
    """The key set, if the root key (43 characters) signed it; raises InvalidDocument."""
    return verify_key_set(token, public_key_from_text(root_key))


@lru_cache(maxsize=8)
def trusted_lease(token: str, key_set: str, root_key: str) -> Lease:
    """The lease, if a key of the set signed it while that key was valid.

    Raises UnknownKey if the set must be fetched anew, InvalidDocument for everything else.
    """
    document = read_lease(token)
    published = _key_of(document, trusted_key_set(key_set, root_key))
    lease = verify_lease(document, published.to_key())
    if not published.signed_at(lease.iat):
        raise InvalidDocument("issued when the key was not valid")
    return lease


@lru_cache(maxsize=8)
def trusted_revocation(token: str, key_set: str, root_key: str) -> Revocation:
    """The revocation, under the same conditions as a lease."""
    document = read(DocumentType.REVOCATION, token)
    published = _key_of(document, trusted_key_set(key_set, root_key))
    revocation = verify_revocation(document, published.to_key())
    if not published.signed_at(revocation.iat):
        raise InvalidDocument("issued when the key was not valid")
    return revocation


def _key_of(document: UnverifiedDocument, key_set: KeySet) -> PublishedKey:
    published = key_set.find(str(document.header["kid"]))
    if published is None:
        raise UnknownKey("no such key in the set")
    return published
