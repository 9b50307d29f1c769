"""A lease enters only if it is believable, ours, fresh and fitting."""

from collections.abc import Callable

import pytest

from ayrix_protocol.device import LeaseAnswer
from ayrix_protocol.keys import SigningKey, new_key
from ayrix_protocol.lease import Lease
from ayrix_web.domain.errors import FaultKind, LicenseServerFault
from ayrix_web.domain.ports import Reply
from ayrix_web.services import licensing
from ayrix_web.services.acceptance import accept_lease
from tests.pbx_fixtures import TESTER, Pbx


def offered(pbx: Pbx, **changes: object) -> Reply[LeaseAnswer]:
    """The answer with a lease one newer than the stored one, but for `changes`."""
    pbx.server.seq += 1
    lease = pbx.server.lease().model_copy(update=changes)
    moment = pbx.clock.moment()
    return Reply(LeaseAnswer(lease=pbx.server.sign_lease(lease)), "request-0", moment, moment)


def stored_seq(pbx: Pbx) -> int:
    """The number of the stored lease."""
    lease = licensing.held_lease(pbx.system)
    assert lease is not None
    return lease.seq


def test_a_newer_lease_for_this_request_is_taken(active_pbx: Pbx) -> None:
    accept_lease(active_pbx.system, active_pbx.server, offered(active_pbx, req="request-0"), TESTER)
    assert stored_seq(active_pbx) == active_pbx.server.seq


def with_hardware(lease: Lease) -> dict[str, object]:
    other = lease.binding.hardware.model_copy(
        update={"cpu_serial": "y" * 43, "nic_serial": "z" * 43}
    )
    return {"binding": lease.binding.model_copy(update={"hardware": other})}


def with_address(lease: Lease) -> dict[str, object]:
    return {"binding": lease.binding.model_copy(update={"addresses": ("192.168.10.99",)})}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _lease: {"req": "request-9"}, id="another request"),
        pytest.param(lambda _lease: {"seq": 1}, id="the stored number again"),
        pytest.param(lambda _lease: {"seq": 0}, id="an older number"),
        pytest.param(lambda _lease: {"gen": 0}, id="an older generation"),
        pytest.param(lambda _lease: {"aud": "x" * 43}, id="another installation"),
        pytest.param(with_hardware, id="other hardware"),
        pytest.param(with_address, id="another address"),
    ],
)
def test_anything_else_is_refused_and_changes_nothing(
    active_pbx: Pbx, change: Callable[[Lease], dict[str, object]]
) -> None:
    before = stored_seq(active_pbx)
    changes = {"req": "request-0", **change(active_pbx.server.lease())}
    with pytest.raises(LicenseServerFault) as caught:
        accept_lease(active_pbx.system, active_pbx.server, offered(active_pbx, **changes), TESTER)
    assert caught.value.kind is FaultKind.UNTRUSTED
    assert stored_seq(active_pbx) == before


def test_a_lease_by_a_key_the_root_does_not_vouch_for_is_refused(active_pbx: Pbx) -> None:
    active_pbx.server.signing = SigningKey("k1", new_key())
    with pytest.raises(LicenseServerFault):
        accept_lease(
            active_pbx.system, active_pbx.server, offered(active_pbx, req="request-0"), TESTER
        )


def test_a_new_signing_key_is_fetched_and_believed_if_the_root_signed_it(active_pbx: Pbx) -> None:
    server = active_pbx.server
    server.signing = SigningKey("k2", new_key())
    accept_lease(active_pbx.system, server, offered(active_pbx, req="request-0"), TESTER)
    assert stored_seq(active_pbx) == server.seq
