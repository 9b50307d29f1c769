"""The lease: the server's signed statement of what a PBX may use and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from joserfc.jwk import OKPKey
from pydantic import Field, ValidationError, model_validator

from ayrix_protocol.binding import Address, Component, Hardware
from ayrix_protocol.jws import DocumentType, InvalidDocument, UnverifiedDocument, read
from ayrix_protocol.wire import Code, Count, Epoch, Line, Sha256, Texts, WireModel

DEFAULT_LEASE = timedelta(hours=72)
SHORTEST_LEASE = timedelta(seconds=10)
SHORTEST_INTERVAL = timedelta(seconds=2)
CHECKS_PER_LEASE = 24
RETRIES_PER_LEASE = 864


class Category(StrEnum):
    """How a feature is charged (product.md, Features and price categories)."""

    GENERAL = "general"
    INSTANCE = "instance"
    CORE = "core"


class Counted(StrEnum):
    """The objects of a PBX that use a feature up."""

    EXTENSION = "extension"
    VOICEMAIL = "voicemail"
    ANNOUNCEMENT = "announcement"
    RING_GROUP = "ring_group"
    QUEUE = "queue"


class Mode(StrEnum):
    """How a lease reached the PBX."""

    ONLINE = "online"
    OFFLINE = "offline"


class LicensedFeature(WireModel):
    """One feature and how many of it are licensed; `quantity` is None for core features.

    `counts` None means that nothing on the PBX uses it up. A hidden feature carries no names.
    """

    code: Code
    category: Category
    counts: Counted | None
    quantity: Count | None
    hidden: bool = False
    names: Texts = Field(default_factory=dict)

    @model_validator(mode="after")
    def _core_is_unlimited(self) -> Self:
        if (self.quantity is None) != (self.category is Category.CORE):
            raise ValueError("exactly the core features have no quantity")
        return self


class Binding(WireModel):
    """What the license is bound to: `required` is the license's policy, only those are compared.

    `hardware` is the machine this lease was issued to, `bound_hardware` the one of record; they
    differ only in a provisional lease. Two addresses while an address change is open.
    """

    required: Annotated[tuple[Component, ...], Field(max_length=3)]
    hardware: Hardware
    bound_hardware: Hardware
    addresses: Annotated[tuple[Address, ...], Field(min_length=1, max_length=2)]


class Confirmation(WireModel):
    """The key the lease belongs to (RFC 7800, section 3.1, by thumbprint)."""

    jkt: Sha256


class Customer(WireModel):
    """Who holds the license."""

    number: Line
    name: Line


class Contact(WireModel):
    """Whom to ask; `hours` says when somebody answers."""

    name: Line
    phone: Line = ""
    email: Line = ""
    hours: Line = ""


class Contacts(WireModel):
    """The two contacts: the Customer Service Center for failed checks, the reseller for the
    rest.
    """

    support: Contact
    seller: Contact


class Lease(WireModel):
    """The claims of a lease; every time is epoch seconds UTC (protocol.md, Lease)."""

    iss: Line
    aud: Sha256
    sub: Line
    jti: Line
    iat: Epoch
    nbf: Epoch
    exp: Epoch
    req: Line
    seq: Count
    gen: Count
    cnf: Confirmation
    mode: Mode
    offline_until: Epoch | None
    provisional: Epoch | None
    binding: Binding
    features: Annotated[tuple[LicensedFeature, ...], Field(max_length=200)]
    check_interval_s: Count
    retry_interval_s: Count
    customer: Customer
    contacts: Contacts

    @property
    def issued_at(self) -> datetime:
        """`iat` as an aware time."""
        return datetime.fromtimestamp(self.iat, UTC)

    @property
    def expires_at(self) -> datetime:
        """`exp` as an aware time: from this second on the lease is over."""
        return datetime.fromtimestamp(self.exp, UTC)

    @property
    def duration(self) -> timedelta:
        """How long the lease lasts, 72 hours unless the vendor chose otherwise."""
        return timedelta(seconds=self.exp - self.iat)

    @property
    def check_interval(self) -> timedelta:
        """How often a healthy PBX checks."""
        return timedelta(seconds=self.check_interval_s)

    @property
    def retry_interval(self) -> timedelta:
        """How often a PBX whose last check failed tries again."""
        return timedelta(seconds=self.retry_interval_s)

    def feature(self, code: str) -> LicensedFeature | None:
        """The feature of that code, or None if it is not licensed."""
        return next((feature for feature in self.features if feature.code == code), None)

    def feature_counting(self, counted: Counted) -> LicensedFeature | None:
        """The feature that objects of this kind use up, or None."""
        return next((feature for feature in self.features if feature.counts is counted), None)


class RevocationReason(StrEnum):
    """Why a lease was ended early."""

    REVOKED = "revoked"
    RETIRED = "retired"


class Revocation(WireModel):
    """The only statement that ends a lease early: covers leases up to (`gen`, `up_to_seq`)."""

    iss: Line
    aud: Sha256
    iat: Epoch
    reason: RevocationReason
    gen: Count
    up_to_seq: Count

    def covers(self, lease: Lease) -> bool:
        """Whether `lease` is among those it ends; a later lease overrides it."""
        return (lease.gen, lease.seq) <= (self.gen, self.up_to_seq)


def check_interval(lease_duration: timedelta) -> timedelta:
    """How often to check: 3 hours for 72, never under 2 seconds (protocol.md, Lease)."""
    return max(
        SHORTEST_INTERVAL,
        timedelta(seconds=int(lease_duration.total_seconds()) // CHECKS_PER_LEASE),
    )


def retry_interval(lease_duration: timedelta) -> timedelta:
    """How often to try again after a failed check: 5 minutes for 72 hours, never under 2
    seconds.
    """
    return max(
        SHORTEST_INTERVAL,
        timedelta(seconds=int(lease_duration.total_seconds()) // RETRIES_PER_LEASE),
    )


def read_lease(token: str) -> UnverifiedDocument:
    """A lease whose form is right; its `kid` says which key must have signed it. Raises
    InvalidDocument.
    """
    return read(DocumentType.LEASE, token)


def verify_lease(document: UnverifiedDocument, key: OKPKey) -> Lease:
    """The lease if `key` signed it; raises InvalidDocument otherwise."""
    try:
        return Lease.model_validate_json(document.verified_by(key))
    except ValidationError as error:
        raise InvalidDocument("not a lease") from error


def verify_revocation(document: UnverifiedDocument, key: OKPKey) -> Revocation:
    """The revocation if `key` signed it; raises InvalidDocument otherwise."""
    try:
        return Revocation.model_validate_json(document.verified_by(key))
    except ValidationError as error:
        raise InvalidDocument("not a revocation") from error
