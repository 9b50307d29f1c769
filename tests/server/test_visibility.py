"""Hidden features never reach the customer, by whatever way he asks."""

from __future__ import annotations

import pytest

from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.services.visibility import set_visibility
from ayrix_protocol.orders import LineRequest
from tests.server.conftest import VENDOR, Server
from tests.server.device import TestDevice

SECRET = "call_recording"
SECRET_NAMES = ("Call recording", "Gesprächsaufzeichnung")


def offered(device: TestDevice) -> set[str]:
    return {feature["code"] for feature in device.send("GET", "/offers").json["features"]}


@pytest.fixture
def entitled(server: Server) -> TestDevice:
    """A device with a hidden feature."""
    device = server.device()
    device.activate(server.issue(ring_group=3, call_recording=2).key)
    return device


def test_a_hidden_feature_works_and_shows_nowhere(server: Server, entitled: TestDevice) -> None:
    feature = entitled.held().feature(SECRET)
    assert feature is not None
    assert (feature.quantity, feature.hidden, feature.names) == (2, True, {})
    answers = [
        entitled.check(),
        entitled.send("GET", "/offers"),
        entitled.send("GET", "/orders"),
        entitled.send("GET", "/contact"),
    ]
    for answer in answers:
        for name in SECRET_NAMES:
            assert name not in answer.data.decode()
    assert SECRET not in answers[1].data.decode()
    assert SECRET not in answers[2].data.decode()


def test_the_order_of_a_hidden_feature_cannot_be_asked_for(entitled: TestDevice) -> None:
    assert entitled.send("GET", "/orders/A-2026-0002").code == (404, "not_found")


def test_the_customer_s_word_beats_the_seller_s_beats_the_feature_s(
    server: Server, entitled: TestDevice
) -> None:
    assert SECRET not in offered(entitled)
    set_visibility(server.system, SECRET, False, VENDOR, seller="north")
    assert SECRET in offered(entitled)
    set_visibility(server.system, SECRET, True, VENDOR, customer="4711")
    assert SECRET not in offered(entitled)
    set_visibility(server.system, SECRET, None, VENDOR, customer="4711")
    assert SECRET in offered(entitled)


def test_a_word_reaches_the_next_lease(server: Server, entitled: TestDevice) -> None:
    set_visibility(server.system, SECRET, False, VENDOR, customer="4711")
    set_visibility(server.system, "ring_group", True, VENDOR, seller="north")
    set_visibility(server.system, "backup", True, VENDOR, customer="4711")
    entitled.check()
    lease = entitled.held()
    assert entitled.names_of(SECRET)["en"] == "Call recording"
    hidden = {feature.code for feature in lease.features if feature.hidden}
    assert hidden == {"ring_group", "backup"}
    assert all(not feature.names for feature in lease.features if feature.hidden)


def test_what_is_hidden_from_one_can_be_ordered_by_another(server: Server) -> None:
    server.customer("4712")
    set_visibility(server.system, "queue", True, VENDOR, customer="4711")
    line = LineRequest(code="queue", quantity=1)
    other = server.device()
    other.activate(server.issue("4712").key)
    assert server.activated().quote(line).code == (404, "unknown_feature")
    assert other.quote(line).status_code == 200


@pytest.mark.parametrize(
    ("code", "whose", "sentence"),
    [
        ("nothing", {"customer": "4711"}, "There is no feature nothing."),
        ("queue", {"customer": "1"}, "There is no customer 1."),
        ("queue", {"seller": "x"}, "There is no seller x."),
    ],
)
def test_a_word_about_what_does_not_exist_is_refused(
    server: Server, code: str, whose: dict[str, str], sentence: str
) -> None:
    with pytest.raises(Mistake, match=sentence):
        set_visibility(server.system, code, True, VENDOR, **whose)
