"""Issuing a lease: the one function through which every answer that carries one goes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from secrets import token_urlsafe

from pydantic import TypeAdapter

from ayrix_license_server.domain.catalog import Catalog, Entitlement, licensed_features
from ayrix_license_server.rows.customers import InstallationRow, license_code
from ayrix_license_server.services.catalog import current_catalog, support_contact
from ayrix_license_server.system import System
from ayrix_protocol.binding import Hardware
from ayrix_protocol.jws import DocumentType
from ayrix_protocol.lease import (
    Contact,
    Contacts,
    Customer,
    LicensedFeature,
    Mode,
    Revocation,
    RevocationReason,
    check_interval,
    retry_interval,
)

_JTI_BYTES = 16
_ENTITLEMENTS = TypeAdapter(tuple[Entitlement, ...])
_FEATURES = TypeAdapter(tuple[LicensedFeature, ...])
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What is to be said in a lease; `entitlements`, `customer` and `required` are the JSON texts
    of the installation's row, so that equal ones are read once.
    """

    installation: str
    license_id: int
    jti: str
    seq: int
    gen: int
    request: str
    required: str
    hardware: Hardware
    bound_hardware: Hardware
    addresses: tuple[str, ...]
    entitlements: str
    customer: str
    seller: str
    provisional: int | None = None
    """The epoch second at which the days on other hardware end."""

    def ends_at(self, now: int, lease_seconds: int) -> int:
        """When the lease ends, in epoch seconds."""
        end = now + lease_seconds
        return end if self.provisional is None else min(end, self.provisional)


def new_lease_id() -> str:
    """A fresh `jti`: 128 random bit. Only who was given the lease can name it, which is why a
    presented lease that names the newest one needs no look at its signature.
    """
    return token_urlsafe(_JTI_BYTES)


def signed_lease(system: System, grant: Grant, now: int) -> str:
    """The lease as the device gets it; `now` in epoch seconds."""
    claims = lease_claims(system, grant, now)
    return system.keys.signing.sign(DocumentType.LEASE, claims.encode())


def lease_claims(system: System, grant: Grant, now: int) -> str:
    """The claims as JSON, as `Lease.model_dump_json` would write them.

    What only this lease says is joined with what many leases say alike, because writing all of it
    anew would be a tenth of a check.
    """
    own = {
        "iss": system.settings.public_url,
        "aud": grant.installation,
        "sub": license_code(grant.license_id),
        "jti": grant.jti,
        "iat": now,
        "nbf": now,
        "exp": grant.ends_at(now, system.settings.lease_seconds),
        "req": grant.request,
        "seq": grant.seq,
        "gen": grant.gen,
        "cnf": {"jkt": grant.installation},
        "mode": Mode.ONLINE,
        "offline_until": None,
        "provisional": grant.provisional,
        "binding": {
            "required": json.loads(grant.required),
            "hardware": grant.hardware.model_dump(),
            "bound_hardware": grant.bound_hardware.model_dump(),
            "addresses": grant.addresses,
        },
    }
    try:
        shared = _shared_by(system, grant)
    except KeyError:
        # A seller or a feature that came after the catalog was read.
        system.catalog.forget()
        shared = _shared_by(system, grant)
    return _JSON.encode(own)[:-1] + shared


def signed_revocation(
    system: System, row: InstallationRow, reason: RevocationReason, presented_seq: int
) -> str:
    """The statement that ends every lease given so far, and the presented one even if the database
    lost that it was given (protocol.md, Revocation).
    """
    revocation = Revocation(
        iss=system.settings.public_url,
        aud=row.id,
        iat=int(system.clock.now().timestamp()),
        reason=reason,
        gen=row.gen,
        up_to_seq=max(row.top, presented_seq),
    )
    return system.keys.signing.sign(DocumentType.REVOCATION, revocation.model_dump_json().encode())


def _shared_by(system: System, grant: Grant) -> str:
    return _shared_claims(
        current_catalog(system),
        system.settings.lease_seconds,
        support_contact(system.settings),
        (grant.entitlements, grant.customer, grant.seller),
    )


@lru_cache(maxsize=4096)
def _shared_claims(
    catalog: Catalog, lease_seconds: int, support: Contact, terms: tuple[str, str, str]
) -> str:
    """The rest of the claims, from a comma to the closing brace."""
    entitlements, customer, seller = terms
    duration = timedelta(seconds=lease_seconds)
    shared = {
        "features": _FEATURES.dump_python(
            licensed_features(catalog, _ENTITLEMENTS.validate_json(entitlements)), mode="json"
        ),
        "check_interval_s": int(check_interval(duration).total_seconds()),
        "retry_interval_s": int(retry_interval(duration).total_seconds()),
        "customer": Customer.model_validate_json(customer).model_dump(),
        "contacts": Contacts(support=support, seller=catalog.sellers[seller]).model_dump(),
    }
    return "," + _JSON.encode(shared)[1:]
