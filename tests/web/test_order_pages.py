"""Ordering in the browser: prices of the server, bad input, second thoughts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ayrix_protocol.orders import OrderState
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.access import Access, Module
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.order import OrderStage
from ayrix_web.services import order_book, outbox
from tests.fakes import feature
from tests.pbx_fixtures import Pbx
from tests.web import sentences
from tests.web.conftest import SignIn
from tests.web.pages import fields_of, main_of, words_of

FORM = "/license/order?feature=ring_group&quantity=2"
LANGUAGES = pytest.mark.parametrize(("position", "language"), [(0, "en"), (1, "de")])
CHANGED = (
    "The price changed from €18.00 to €19.00. Please confirm again.",
    "Der Preis hat sich von 18,00 € auf 19,00 € geändert. Bitte erneut bestätigen.",
)
NOT_ORDERED = ("Nothing was ordered", "Es wurde nichts bestellt")


def send(client: FlaskClient, **changes: str) -> TestResponse:
    """Fill in the order form and send it."""
    fields = fields_of(client.get(FORM))
    return client.post("/license/order", data={**fields, "action": "order", **changes})


def placed(pbx: Pbx) -> int:
    """How many orders there are, here and at the license server."""
    here = order_book.listing(pbx.system, 1).total
    assert here >= len(pbx.server.placed)
    return here


def test_the_form_shows_what_the_server_computed(sign_in: SignIn) -> None:
    said = words_of(sign_in().get(FORM))
    assert "Add ring groups" in said
    assert "5 of 5 in use on this system" in said
    assert "You will have 7 ring groups, 2 of them free." in said
    assert "2 ring groups at €18.00 €36.00" in said
    assert "VAT 19% €6.84" in said
    assert "Total, one-off €42.84" in said
    assert "Example Reseller sends the invoice." in said
    assert "Order for €42.84" in said


def test_in_german_the_button_says_that_it_costs_money(sign_in: SignIn) -> None:
    said = words_of(sign_in().get(f"{FORM}&lang=de"))
    assert "Zahlungspflichtig bestellen: 42,84 €" in said
    assert "Sie haben dann 7 Rufgruppen, davon 2 frei." in said


def test_ordering_leads_to_the_order_and_the_licenses_are_there(
    sign_in: SignIn, active_pbx: Pbx
) -> None:
    client = sign_in()
    answer = send(client)
    assert answer.status_code == 303
    assert answer.location == "/orders/A-2026-0001?placed=1"
    order = words_of(client.get(answer.location))
    assert "Order A-2026-0001" in order
    assert "The licenses are available." in order
    assert "Ordered by admin" in order
    assert "5 of 7 used" in words_of(client.get("/license"))


def test_a_double_click_orders_once(sign_in: SignIn, active_pbx: Pbx) -> None:
    client = sign_in()
    fields = {**fields_of(client.get(FORM)), "action": "order"}
    first = client.post("/license/order", data=fields)
    second = client.post("/license/order", data=fields)
    assert first.location == second.location
    assert placed(active_pbx) == 1


@LANGUAGES
@pytest.mark.parametrize("typed", sentences.QUANTITIES)
def test_a_wrong_quantity_is_said_at_the_field_and_nothing_is_lost(
    sign_in: SignIn, active_pbx: Pbx, typed: str, position: int, language: str
) -> None:
    client = sign_in()
    client.get(f"/license?lang={language}")
    shown = client.get("/license/order", query_string={"feature": "ring_group", "quantity": typed})
    for page in (shown, send(client, quantity=typed)):
        assert page.status_code == 422
        assert page.text.count(sentences.QUANTITIES[typed][position]) == 2, "summary and field"
        assert f'value="{typed}"' in main_of(page)
        assert 'aria-invalid="true"' in main_of(page)
    assert placed(active_pbx) == 0


@LANGUAGES
@pytest.mark.parametrize("code", ["nothing", "secret_thing", "call_transfer", ""])
def test_unknown_and_hidden_features_cannot_be_told_apart(
    sign_in: SignIn, active_pbx: Pbx, code: str, position: int, language: str
) -> None:
    active_pbx.server.features.append(feature("secret_thing", None, 7, hidden=True))
    page = sign_in().get(f"/license/order?feature={code}&lang={language}")
    assert page.status_code == 404
    assert sentences.REFUSALS[ProblemCode.UNKNOWN_FEATURE][position] in words_of(page)
    assert "secret" not in main_of(page)


def test_what_is_not_offered_cannot_be_ordered(sign_in: SignIn, active_pbx: Pbx) -> None:
    del active_pbx.server.prices["voicemail"]
    client = sign_in()
    client.post("/license/check", data=fields_of(client.get("/license")))
    page = client.get("/license/order?feature=voicemail")
    assert page.status_code == 403
    assert sentences.REFUSALS[ProblemCode.UPGRADE_NOT_AVAILABLE][0] in words_of(page)


@LANGUAGES
def test_a_changed_price_asks_again_and_then_orders_at_the_new_one(
    sign_in: SignIn, active_pbx: Pbx, position: int, language: str
) -> None:
    client = sign_in()
    client.get(f"/license?lang={language}")
    fields = {**fields_of(client.get(FORM)), "action": "order"}
    active_pbx.server.prices["ring_group"] = 1900
    page = client.post("/license/order", data=fields)
    assert page.status_code == 422
    assert CHANGED[position] in words_of(page)
    assert placed(active_pbx) == 0
    again = client.post("/license/order", data={**fields_of(page), "action": "order"})
    assert again.status_code == 303
    assert [order.totals.net for order in order_book.listing(active_pbx.system, 1).orders] == [3800]


def test_a_quantity_changed_without_a_new_price_must_be_confirmed(
    sign_in: SignIn, active_pbx: Pbx
) -> None:
    page = send(sign_in(), quantity="3")
    assert page.status_code == 422
    assert "This is the price of the new quantity. Please confirm it." in words_of(page)
    assert "Order for €64.26" in words_of(page)
    assert placed(active_pbx) == 0


def test_without_a_script_a_button_shows_the_price_of_another_quantity(sign_in: SignIn) -> None:
    client = sign_in()
    answer = send(client, quantity="3", action="quote")
    assert answer.status_code == 303
    assert answer.location == "/license/order?feature=ring_group&quantity=3"
    assert "Order for €64.26" in words_of(client.get(answer.location))


@pytest.mark.parametrize(
    "forged", [{"quote_hash": "short"}, {"quote_hash": ""}, {"key": "1"}, {"key": ""}]
)
def test_a_forged_form_orders_nothing(
    sign_in: SignIn, active_pbx: Pbx, forged: dict[str, str]
) -> None:
    page = send(sign_in(), **forged)
    assert page.status_code == 422
    assert "This price is out of date." in words_of(page)
    assert placed(active_pbx) == 0


@LANGUAGES
@pytest.mark.parametrize("kind", FaultKind)
def test_without_the_license_server_nothing_can_be_ordered(
    sign_in: SignIn, active_pbx: Pbx, kind: FaultKind, position: int, language: str
) -> None:
    client = sign_in()
    fields = {**fields_of(client.get(f"{FORM}&lang={language}")), "action": "order"}
    active_pbx.server.away = kind
    for page in (client.get(FORM), client.post("/license/order", data=fields)):
        assert page.status_code == 503
        assert NOT_ORDERED[position] in words_of(page)
        assert sentences.FAULTS[kind][position] in words_of(page)
        assert 'value="2"' in main_of(page)
    assert placed(active_pbx) == 0


@LANGUAGES
def test_an_order_lost_on_its_way_waits_here(
    sign_in: SignIn, active_pbx: Pbx, position: int, language: str
) -> None:
    client = sign_in()
    client.get(f"/license?lang={language}")
    active_pbx.server.lose_order = True
    answer = send(client)
    page = client.get(answer.location)
    assert sentences.STAGES[OrderStage.WAITING][position].partition(": ")[2] in words_of(page)
    assert '<noscript><meta http-equiv="refresh"' in page.text
    assert "data-poll" in page.text
    active_pbx.clock.go_on(timedelta(minutes=1))
    outbox.send_waiting(active_pbx.system)
    settled = client.get(answer.location.partition("?")[0])
    assert "A-2026-0001" in words_of(settled)
    assert "refresh" not in settled.text
    assert "data-poll" not in settled.text


@LANGUAGES
def test_an_order_whose_price_changed_on_the_way_is_confirmed_again(
    sign_in: SignIn, active_pbx: Pbx, position: int, language: str
) -> None:
    client = sign_in()
    client.get(f"/license?lang={language}")
    active_pbx.server.lose_order = True
    path = send(client).location.partition("?")[0]
    active_pbx.server.prices["ring_group"] = 1900
    active_pbx.clock.go_on(timedelta(minutes=1))
    outbox.send_waiting(active_pbx.system)
    page = client.get(path)
    assert CHANGED[position] in words_of(page)
    answer = client.post(f"{path}/confirm", data=fields_of(page))
    assert answer.location == "/orders/A-2026-0001?placed=1"
    assert sentences.STAGES[OrderStage.FULFILLED][position].partition(": ")[2] in words_of(
        client.get(answer.location)
    )


def test_a_price_that_changes_once_more_is_shown_once_more(
    sign_in: SignIn, active_pbx: Pbx
) -> None:
    client = sign_in()
    active_pbx.server.lose_order = True
    path = send(client).location.partition("?")[0]
    active_pbx.server.prices["ring_group"] = 1900
    active_pbx.clock.go_on(timedelta(minutes=1))
    outbox.send_waiting(active_pbx.system)
    fields = fields_of(client.get(path))
    active_pbx.server.prices["ring_group"] = 2000
    page = client.post(f"{path}/confirm", data=fields)
    assert page.status_code == 422
    assert "from €18.00 to €20.00" in words_of(page)


def test_an_open_order_can_be_cancelled(sign_in: SignIn, active_pbx: Pbx) -> None:
    active_pbx.server.fulfills = False
    client = sign_in()
    path = send(client).location.partition("?")[0]
    page = client.get(path)
    assert "Being confirmed" in words_of(page)
    answer = client.post(f"{path}/cancel", data=fields_of(page))
    assert (answer.status_code, answer.location) == (303, path)
    assert "The order was cancelled. Nothing is charged." in words_of(client.get(path))


@LANGUAGES
def test_a_completed_order_cannot_be_cancelled(
    sign_in: SignIn, active_pbx: Pbx, position: int, language: str
) -> None:
    active_pbx.server.fulfills = False
    client = sign_in()
    path = send(client).location.partition("?")[0]
    fields = fields_of(client.get(f"{path}?lang={language}"))
    active_pbx.server.decide(next(iter(active_pbx.server.placed)), OrderState.FULFILLED)
    page = client.post(f"{path}/cancel", data=fields)
    assert page.status_code == 422
    assert sentences.REFUSALS[ProblemCode.NOT_CANCELLABLE][position] in words_of(page)
    assert sentences.STAGES[OrderStage.FULFILLED][position].partition(": ")[2] in words_of(page)


def test_an_order_is_not_cancelled_while_nobody_can_be_asked(
    sign_in: SignIn, active_pbx: Pbx
) -> None:
    active_pbx.server.fulfills = False
    client = sign_in()
    path = send(client).location.partition("?")[0]
    fields = fields_of(client.get(path))
    active_pbx.server.away = FaultKind.TIMEOUT
    page = client.post(f"{path}/cancel", data=fields)
    assert page.status_code == 503
    assert "The order was not cancelled." in words_of(page)
    assert "Being confirmed" in words_of(page)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "en",
            "Your reseller declined the order: credit limit reached. Nothing was charged. "
            "Order again",
        ),
        (
            "de",
            "Ihr Händler hat die Bestellung abgelehnt: credit limit reached. "
            "Es wurde nichts berechnet. Erneut bestellen",
        ),
    ],
)
def test_a_declined_order_says_why_and_can_be_ordered_again(
    sign_in: SignIn, active_pbx: Pbx, language: str, sentence: str
) -> None:
    active_pbx.server.fulfills = False
    client = sign_in()
    send(client)
    key = next(iter(active_pbx.server.placed))
    active_pbx.server.decide(key, OrderState.REJECTED, "credit limit reached")
    active_pbx.clock.go_on(timedelta(minutes=1))
    outbox.send_waiting(active_pbx.system)
    page = client.get(f"/orders?lang={language}")
    assert sentence in words_of(page)
    assert 'href="/license/order?feature=ring_group&amp;quantity=2"' in page.text


def test_read_only_users_see_orders_and_change_none(sign_in: SignIn, active_pbx: Pbx) -> None:
    active_pbx.server.fulfills = False
    path = send(sign_in()).location.partition("?")[0]
    viewer = sign_in("reception", {Module.LICENSE: Access.READ_ONLY})
    page = viewer.get(path)
    assert "Being confirmed" in words_of(page)
    assert "<form" not in main_of(page)
    token = {"csrf_token": fields_of_shell(page)}
    for post in ("/license/order", f"{path}/cancel", f"{path}/confirm"):
        assert viewer.post(post, data=token).status_code == 403
    assert viewer.get(FORM).status_code == 403


def fields_of_shell(page: TestResponse) -> str:
    """The CSRF token that the sign-out form of the shell carries."""
    return page.text.partition('name="csrf_token" value="')[2].partition('"')[0]


def test_many_orders_come_a_page_at_a_time(sign_in: SignIn, active_pbx: Pbx) -> None:
    client = sign_in()
    for _number in range(21):
        send(client)
    first, second = client.get("/orders"), client.get("/orders?page=2")
    assert "Page 1 of 2" in words_of(first)
    assert "21 orders." in words_of(first)
    assert main_of(first).count('id="order-') == 20
    assert main_of(second).count('id="order-') == 1
    assert "All orders" in words_of(client.get("/license"))


@pytest.mark.parametrize("page", ["0", "-1", "99", "x"])
def test_a_page_that_does_not_exist_is_the_nearest_one(sign_in: SignIn, page: str) -> None:
    assert sign_in().get(f"/orders?page={page}").status_code == 200


def test_an_order_that_does_not_exist_is_not_found(sign_in: SignIn) -> None:
    client = sign_in()
    assert client.get("/orders/A-2026-9999").status_code == 404
    token = fields_of(client.get("/license"))
    assert client.post("/orders/A-2026-9999/cancel", data=token).status_code == 404
