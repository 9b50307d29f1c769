"""Quotes and orders: right prices, once per key, usable at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from ayrix_license_server.domain.catalog_file import CatalogFile, read_catalog
from ayrix_license_server.domain.licenses import LicenseState
from ayrix_license_server.rows.customers import EntitlementEventRow, EntitlementRow
from ayrix_license_server.rows.orders import OrderEventRow, OrderRow
from ayrix_license_server.services.catalog_loading import load_catalog
from ayrix_license_server.services.licenses import change_state
from ayrix_protocol.lease import LicensedFeature
from ayrix_protocol.orders import (
    LARGEST_QUANTITY,
    LineRequest,
    OrderPage,
    Quote,
    UpgradeType,
)
from tests.server.conftest import CATALOG, VENDOR, Server
from tests.server.device import TestDevice

TWO_GROUPS = LineRequest(code="ring_group", quantity=2)


def quoted(device: TestDevice, *lines: LineRequest) -> Quote:
    return Quote.model_validate_json(device.quote(*lines).data)


def licensed(device: TestDevice, code: str) -> int | None:
    feature = device.held().feature(code)
    assert isinstance(feature, LicensedFeature)
    return feature.quantity


def priced(**prices: int) -> CatalogFile:
    """The example catalog with other prices."""
    catalog = read_catalog(CATALOG)
    only = catalog.price_lists[0]
    changed = only.model_copy(update={"prices": {**only.prices, **prices}})
    return catalog.model_copy(update={"price_lists": (changed,)})


def orders_in(server: Server) -> int:
    """Orders that PBXs placed."""
    with server.system.database.read() as session:
        query = select(func.count()).select_from(OrderRow).where(OrderRow.reason == "")
        return session.scalar(query) or 0


# --- quotes -----------------------------------------------------------------------------------


def test_a_quote_is_net_tax_and_gross_per_line(device: TestDevice) -> None:
    quote = quoted(device, TWO_GROUPS, LineRequest(code="extension", quantity=7))
    first, second = quote.lines
    assert (first.unit_amount, first.net, first.tax, first.gross) == (490, 980, 186, 1166)
    assert (second.unit_amount, second.net, second.tax, second.gross) == (390, 2730, 519, 3249)
    assert (quote.net, quote.tax, quote.gross, quote.currency) == (3710, 705, 4415, "EUR")
    assert str(quote.tax_rate) == "0.19"


def test_a_quote_says_how_long_its_prices_hold(server: Server, device: TestDevice) -> None:
    until = server.clock.now() + timedelta(hours=1)
    assert quoted(device, TWO_GROUPS).valid_until == int(until.timestamp())


@pytest.mark.parametrize("quantity", [0, -1, LARGEST_QUANTITY + 1, 10**9, 2**63])
def test_refuses_a_quantity_out_of_range(device: TestDevice, quantity: int) -> None:
    line = LineRequest(code="ring_group", quantity=quantity)
    assert device.quote(line).code == (422, "invalid_quantity")


@pytest.mark.parametrize("quantity", ["2", 1.5, None, True, "1e9"])
def test_refuses_a_quantity_that_is_no_number(device: TestDevice, quantity: object) -> None:
    body = {"lines": [{"code": "ring_group", "quantity": quantity}]}
    assert device.send("POST", "/quotes", body).code == (422, "invalid")


@pytest.mark.parametrize("code", ["no_such_feature", "call_recording", "backup"])
def test_answers_unknown_hidden_and_free_features_alike(device: TestDevice, code: str) -> None:
    answer = device.quote(LineRequest(code=code, quantity=1))
    assert answer.code == (404, "unknown_feature")
    assert answer.json["detail"] == f"There is no feature {code} to order."


def test_refuses_a_feature_on_two_lines(device: TestDevice) -> None:
    assert device.quote(TWO_GROUPS, TWO_GROUPS).code == (422, "invalid")


def test_a_customer_of_packages_cannot_buy_single_features(server: Server) -> None:
    server.customer("4712", upgrade_types=frozenset({UpgradeType.PACKAGE}))
    device = server.device()
    device.activate(server.issue("4712").key)
    assert device.quote(TWO_GROUPS).code == (403, "upgrade_not_available")
    assert device.send("GET", "/offers").json["features"] == []


# --- placing ----------------------------------------------------------------------------------


def test_what_was_ordered_is_licensed_at_once(server: Server, device: TestDevice) -> None:
    assert licensed(device, "ring_group") == 3
    answer = device.buy("ring_group", 2)
    assert answer.status_code == 201
    assert answer.json["order"]["state"] == "fulfilled"
    assert licensed(device, "ring_group") == 5
    assert device.check().status_code == 200
    assert licensed(device, "ring_group") == 5


def test_a_feature_that_was_not_licensed_is_added(device: TestDevice) -> None:
    assert device.held().feature("queue") is None
    device.buy("queue", 1)
    assert licensed(device, "queue") == 1


def test_keeps_the_steps_and_the_event_of_an_order(server: Server, device: TestDevice) -> None:
    code = device.buy("ring_group", 2).json["order"]["code"]
    with server.system.database.read() as session:
        order = session.scalars(select(OrderRow).where(OrderRow.code == code)).one()
        steps = session.scalars(
            select(OrderEventRow.state)
            .where(OrderEventRow.order_id == order.id)
            .order_by(OrderEventRow.id)
        )
        event = session.scalars(
            select(EntitlementEventRow).where(EntitlementEventRow.order_id == order.id)
        ).one()
        assert list(steps) == ["submitted", "approved", "fulfilled"]
        assert (event.change, event.quantity) == (2, 5)
    assert server.actions()[-1] == "order.placed"


def test_numbers_orders_within_the_year_of_the_vendor_s_clock(server: Server) -> None:
    device = server.activated()
    assert device.buy("queue", 1).json["order"]["code"] == "A-2026-0002"
    assert device.buy("queue", 1).json["order"]["code"] == "A-2026-0003"
    server.clock.forward(timedelta(days=60))
    assert device.buy("queue", 1).json["order"]["code"] == "A-2027-0001"


def test_a_repeated_order_is_the_same_order_with_a_fresh_lease(
    server: Server, device: TestDevice
) -> None:
    key = uuid4()
    quote = quoted(device, TWO_GROUPS)
    first = device.order(quote, TWO_GROUPS, key=key)
    device.usage = {"ring_group": 3}  # the device is not part of what is compared
    again = device.order(quote, TWO_GROUPS, key=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["order"] == again.json["order"]
    assert first.json["lease"] != again.json["lease"]
    assert (orders_in(server), licensed(device, "ring_group")) == (1, 5)


def test_a_key_is_remembered_for_ever(server: Server, device: TestDevice) -> None:
    key = uuid4()
    quote = quoted(device, TWO_GROUPS)
    device.order(quote, TWO_GROUPS, key=key)
    server.clock.forward(timedelta(days=4000))
    load_catalog(server.system, priced(ring_group=999), VENDOR)
    assert device.order(quote, TWO_GROUPS, key=key).status_code == 200


def test_another_order_under_the_key_is_refused(device: TestDevice) -> None:
    key = uuid4()
    device.buy("ring_group", 2, key=key)
    assert device.buy("ring_group", 3, key=key).code == (422, "idempotency_conflict")


def test_eight_at_once_under_one_key_make_one_order(server: Server, device: TestDevice) -> None:
    key, quote = uuid4(), quoted(device, TWO_GROUPS)

    def post(number: int) -> str:
        one = replace(device, client=server.client.application.test_client(), sent=[])
        one.counter += number
        answer = one.order(quote, TWO_GROUPS, key=key)
        while answer.status_code == 409 and answer.json["code"] == "counter_behind":
            one.counter = answer.json["counter"] + number
            answer = one.order(quote, TWO_GROUPS, key=key)
        assert answer.status_code in {200, 201}
        return str(answer.json["order"]["code"])

    with ThreadPoolExecutor(8) as pool:
        codes = set(pool.map(post, range(8)))
    assert len(codes) == 1
    assert orders_in(server) == 1
    with server.system.database.read() as session:
        assert session.scalar(select(EntitlementRow.quantity)) == 5


def test_a_changed_price_asks_again_and_keeps_the_key(server: Server, device: TestDevice) -> None:
    key, quote = uuid4(), quoted(device, TWO_GROUPS)
    server.clock.forward(timedelta(minutes=1))
    load_catalog(server.system, priced(ring_group=520), VENDOR)
    refused = device.order(quote, TWO_GROUPS, key=key)
    assert refused.code == (409, "price_changed")
    now = Quote.model_validate(refused.json["quote"], strict=False)
    assert (now.lines[0].unit_amount, orders_in(server)) == (520, 0)
    assert device.order(now, TWO_GROUPS, key=key).status_code == 201


def test_an_order_keeps_the_price_of_its_day(server: Server, device: TestDevice) -> None:
    code = device.buy("ring_group", 2).json["order"]["code"]
    server.clock.forward(timedelta(minutes=1))
    load_catalog(server.system, priced(ring_group=1), VENDOR)
    assert device.send("GET", f"/orders/{code}").json["order"]["lines"][0]["unit_amount"] == 490


def test_a_tampered_price_buys_nothing(server: Server, device: TestDevice) -> None:
    quote = quoted(device, TWO_GROUPS)
    cheap = quote.model_copy(update={"quote_hash": "A" * 43})
    assert device.order(cheap, TWO_GROUPS).code == (409, "price_changed")
    assert orders_in(server) == 0


@pytest.mark.parametrize("key", ["", "1", "not-a-uuid"])
def test_an_order_needs_a_uuid_as_key(device: TestDevice, key: str) -> None:
    quote = quoted(device, TWO_GROUPS)
    body = {
        "order": {
            "lines": [{"code": "ring_group", "quantity": 2}],
            "quote_hash": quote.quote_hash,
        },
        "device": device.state(),
    }
    answer = device.send("POST", "/orders", body, headers={"Idempotency-Key": key})
    assert answer.code == (422, "invalid")


def test_a_suspended_license_orders_nothing(server: Server, device: TestDevice) -> None:
    quote = quoted(device, TWO_GROUPS)
    change_state(server.system, device.held().sub, LicenseState.SUSPENDED, VENDOR)
    assert device.order(quote, TWO_GROUPS).code == (403, "suspended")
    assert device.quote(TWO_GROUPS).code == (403, "suspended")
    assert orders_in(server) == 0


def test_another_machine_orders_nothing(server: Server, device: TestDevice) -> None:
    quote = quoted(device, TWO_GROUPS)
    device.address = "10.3.3.3"
    assert device.order(quote, TWO_GROUPS).code == (409, "ip_mismatch")
    assert orders_in(server) == 0


# --- approval, cancellation, lists ------------------------------------------------------------


@pytest.fixture
def waiting(server: Server) -> TestDevice:
    """A device whose orders up to 10.00 approve themselves."""
    server.customer("4712", approval_limit=1000)
    device = server.device()
    device.activate(server.issue("4712").key)
    return device


def test_an_order_over_the_limit_waits_for_approval(waiting: TestDevice) -> None:
    small, large = waiting.buy("ring_group", 1), waiting.buy("ring_group", 2)
    assert (small.json["order"]["gross"], small.json["order"]["state"]) == (583, "fulfilled")
    assert (large.json["order"]["gross"], large.json["order"]["state"]) == (1166, "submitted")
    assert large.json["lease"] is None
    assert licensed(waiting, "ring_group") == 4


def test_an_order_on_its_way_can_be_cancelled_once(waiting: TestDevice) -> None:
    code = waiting.buy("ring_group", 2).json["order"]["code"]
    cancelled = waiting.send("POST", f"/orders/{code}/cancellation")
    assert (cancelled.status_code, cancelled.json["order"]["state"]) == (200, "cancelled")
    again = waiting.send("POST", f"/orders/{code}/cancellation")
    assert again.code == (409, "not_cancellable")


def test_a_fulfilled_order_cannot_be_cancelled(device: TestDevice) -> None:
    code = device.buy("ring_group", 2).json["order"]["code"]
    answer = device.send("POST", f"/orders/{code}/cancellation")
    assert answer.code == (409, "not_cancellable")


def test_lists_all_orders_page_by_page(server: Server, device: TestDevice) -> None:
    placed = [device.buy("queue", 1).json["order"]["code"] for _ in range(51)]
    first = OrderPage.model_validate_json(device.send("GET", "/orders").data)
    assert len(first.orders) == 50
    assert first.orders[0].reason == "Purchase"
    rest = device.send("GET", f"/orders?after={first.next_after}")
    second = OrderPage.model_validate_json(rest.data)
    assert second.next_after is None
    assert [order.code for order in (*first.orders, *second.orders)][1:] == placed


def test_nobody_sees_the_orders_of_another_license(server: Server, device: TestDevice) -> None:
    code = device.buy("queue", 1).json["order"]["code"]
    other = server.activated()
    assert other.send("GET", f"/orders/{code}").code == (404, "not_found")
    assert other.send("GET", f"/orders?after={code}").code == (404, "not_found")
    assert other.send("POST", f"/orders/{code}/cancellation").code == (404, "not_found")
    assert code not in other.send("GET", "/orders").data.decode()


def test_the_same_key_at_two_licenses_is_two_orders(server: Server, device: TestDevice) -> None:
    key = uuid4()
    assert device.buy("queue", 1, key=key).status_code == 201
    assert server.activated().buy("queue", 1, key=key).status_code == 201
