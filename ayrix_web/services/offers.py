"""What can be ordered, as the license server last said; prices here are for showing only."""

from __future__ import annotations

import logging
from functools import lru_cache

from ayrix_protocol.orders import Offers
from ayrix_web.domain.errors import LicenseServerFault, Refused
from ayrix_web.domain.ports import Conversation
from ayrix_web.rows import INSTALLATION, InstallationRow
from ayrix_web.services.acceptance import installation_row
from ayrix_web.services.held import stored_installation
from ayrix_web.system import System

log = logging.getLogger(__name__)


def last_known(system: System) -> Offers | None:
    """The offers as of the last successful check; None before the first."""
    with system.database.read() as session:
        return known_of(stored_installation(session))


def known_of(row: InstallationRow) -> Offers | None:
    """The same from a row that was read already."""
    return _read(row.offers) if row.offers else None


def refresh(system: System, server: Conversation) -> None:
    """Fetch the offers if they changed. A failure is logged only: they are no part of the
    license.
    """
    with system.database.read() as session:
        row = session.get(InstallationRow, INSTALLATION)
        etag = row.offers_etag if row else None
    try:
        fresh = server.offers(etag)
    except (LicenseServerFault, Refused) as error:
        log.warning("offers could not be fetched", extra={"reason": str(error)})
        return
    if fresh is None:
        return
    with system.database.write() as session:
        stored = installation_row(session)
        stored.offers = fresh.offers.model_dump_json()
        stored.offers_etag = fresh.etag


# Every page shows the same offers until the next check brings others.
@lru_cache(maxsize=4)
def _read(text: str) -> Offers:
    return Offers.model_validate_json(text)
