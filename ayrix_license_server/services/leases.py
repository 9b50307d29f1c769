"""Issuing a lease: the one function through which every answer that carries one goes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from secrets import token_urlsafe

from pydantic import TypeAdapter

from ayrix_license_server.domain.catalog import Catalog, Entitlement, licensed_features
from ayrix_license_server.rows.customers import InstallationRow, license_code
from ayrix_license_server.services.catalog import current_catalog, support_contact
from ayrix_license_server.system import System
from ayrix_protocol.binding import Component, Hardware
from ayrix_protocol.jws import DocumentType
from ayrix_protocol.lease import (
    Binding,
    Confirmation,
    Contacts,
    Customer,
    Lease,
    LicensedFeature,
    Mode,
    Revocation,
    RevocationReason,
    check_interval,
    retry_interval,
)

_JTI_BYTES = 16
_ENTITLEMENTS = TypeAdapter(tuple[Entitlement, ...])


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


def new_lease_id() -> str:
    """A fresh `jti`: 128 random bit. Only who was given the lease can name it, which is why a
    presented lease that names the newest one needs no look at its signature.
    """
    return token_urlsafe(_JTI_BYTES)


def signed_lease(system: System, grant: Grant, now: int) -> str:
    """The lease as the device gets it; `now` in epoch seconds."""
    settings = system.settings
    catalog = current_catalog(system)
    lease = Lease(
        iss=settings.public_url,
        aud=grant.installation,
        sub=license_code(grant.license_id),
        jti=grant.jti,
        iat=now,
        nbf=now,
        exp=now + settings.lease_seconds,
        req=grant.request,
        seq=grant.seq,
        gen=grant.gen,
        cnf=Confirmation(jkt=grant.installation),
        mode=Mode.ONLINE,
        offline_until=None,
        provisional=None,
        binding=Binding(
            required=_components(grant.required),
            hardware=grant.hardware,
            bound_hardware=grant.bound_hardware,
            addresses=grant.addresses,
        ),
        features=_features(grant.entitlements, catalog),
        check_interval_s=int(check_interval(settings.lease_duration).total_seconds()),
        retry_interval_s=int(retry_interval(settings.lease_duration).total_seconds()),
        customer=_customer(grant.customer),
        contacts=Contacts(support=support_contact(settings), seller=catalog.sellers[grant.seller]),
    )
    return system.keys.signing.sign(DocumentType.LEASE, lease.model_dump_json().encode())


def signed_revocation(system: System, row: InstallationRow, now: int) -> str:
    """The statement that ends every lease given so far (protocol.md, Revocation)."""
    revocation = Revocation(
        iss=system.settings.public_url,
        aud=row.id,
        iat=now,
        reason=RevocationReason.REVOKED,
        gen=row.gen,
        up_to_seq=row.top,
    )
    return system.keys.signing.sign(DocumentType.REVOCATION, revocation.model_dump_json().encode())


# Most installations share these texts with many others, so reading them again would be most of
# the work of a lease.
@lru_cache(maxsize=4096)
def _features(entitlements: str, catalog: Catalog) -> tuple[LicensedFeature, ...]:
    return licensed_features(catalog, _ENTITLEMENTS.validate_json(entitlements))


@lru_cache(maxsize=64)
def _components(required: str) -> tuple[Component, ...]:
    return tuple(Component(name) for name in json.loads(required))


def _customer(text: str) -> Customer:
    return Customer.model_validate_json(text)
