"""Everything the services of the license server stand on, in one frozen value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ayrix_foundation.clock import Clock
from ayrix_foundation.database import Database
from ayrix_license_server.domain.catalog import Catalog
from ayrix_license_server.settings import Settings
from ayrix_protocol.keys import KeySet, SigningKey


@dataclass(frozen=True, slots=True)
class Keys:
    """The key that signs leases, and the key set as the root key signed it."""

    signing: SigningKey
    key_set: KeySet
    key_set_token: str


class CatalogCache:
    """The catalog of this process, read again once it is 60 seconds old."""

    OLDEST = timedelta(seconds=60)

    def __init__(self) -> None:
        self._kept: tuple[datetime, Catalog] | None = None

    def at(self, now: datetime, read: Callable[[], Catalog]) -> Catalog:
        """The catalog, through `read` if none is kept that is fresh at `now`."""
        kept = self._kept
        # A clock that was set back makes the age negative: read again then, too.
        if kept is not None and timedelta(0) <= now - kept[0] < self.OLDEST:
            return kept[1]
        catalog = read()
        self._kept = (now, catalog)
        return catalog

    def forget(self) -> None:
        """Read again at once, after a change made by this process."""
        self._kept = None


@dataclass(frozen=True, slots=True)
class System:
    """What `create_app` and the command line build, and tests build otherwise."""

    settings: Settings
    database: Database
    clock: Clock
    keys: Keys
    catalog: CatalogCache = field(default_factory=CatalogCache)
