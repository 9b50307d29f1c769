"""Network > Interface: the address the license is bound to."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from ayrix_protocol.lease import DEFAULT_LEASE
from ayrix_web.domain.access import Access, Module
from ayrix_web.services import licensing
from ayrix_web.web.access import requires
from ayrix_web.web.blueprints import ayrix
from ayrix_web.web.extension import system
from ayrix_web.web.rendering import page


@ayrix.get("/network/interface")
@requires(Module.NETWORK, Access.READ_ONLY)
def show_network() -> ResponseReturnValue:
    """The interface as it is; changing it comes with the rebinding."""
    facts = licensing.facts(system())
    lease = facts.lease
    return page(
        "ayrix/network.html",
        machine=facts.machine,
        bound=", ".join(lease.binding.addresses) if lease else "",
        grace=lease.duration if lease else DEFAULT_LEASE,
    )
