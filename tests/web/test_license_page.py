"""The License page, in each state a license can be in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from ayrix_protocol.lease import Counted
from ayrix_protocol.orders import UpgradeType
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.access import Access, Module
from ayrix_web.domain.errors import FaultKind
from ayrix_web.services import checks, quota
from tests.fakes import feature, refused
from tests.pbx_fixtures import TESTER, Pbx
from tests.web import sentences
from tests.web.conftest import SignIn, post_form
from tests.web.pages import fields_of, words_of

READ_ONLY = {Module.LICENSE: Access.READ_ONLY}
ADD_RING_GROUPS = "/license/order?feature=ring_group"


def row_of(page: TestResponse, code: str) -> str:
    """The row of a feature, as HTML."""
    return page.text.partition(f'<tr role="row" id="{code}">')[2].partition("</tr>")[0]


def check(pbx: Pbx) -> None:
    """The license check runs."""
    checks.check(pbx.system, TESTER)


def test_shows_customer_binding_and_only_the_end_of_the_key(
    sign_in: SignIn, active_pbx: Pbx
) -> None:
    page = sign_in().get("/license")
    key = active_pbx.server.key
    assert key is not None
    assert "Example AG · Customer 10482" in words_of(page)
    assert "192.168.10.20 · eth0" in words_of(page)
    assert f"…-{key[-4:]}" in words_of(page)
    assert key[:-4] not in page.text
    assert f'data-copy="{active_pbx.system.installation_id}"' in page.text


def test_says_that_the_license_is_active_and_for_how_long_without_the_server(
    sign_in: SignIn,
) -> None:
    said = words_of(sign_in().get("/license"))
    assert "Your license is active" in said
    assert "your phones keep working for 72 hours" in said
    assert "Confirmed today at 09:00" in said
    assert "No PBX connected" in said


def test_a_used_up_feature_has_a_callout_and_the_green_add(sign_in: SignIn) -> None:
    page = sign_in().get("/license")
    assert sentences.USED_UP[Counted.RING_GROUP][0] in words_of(page)
    assert f'class="b b-add" href="{ADD_RING_GROUPS}"' in row_of(page, "ring_group")
    assert "5 of 5 used" in row_of(page, "ring_group")


def test_what_is_left_has_a_quiet_order_more_and_the_counted_objects_behind_it(
    sign_in: SignIn,
) -> None:
    row = row_of(sign_in().get("/license"), "extension")
    assert "34 of 40 used" in row
    assert "6 left" in row
    assert 'href="/license/objects/extension"' in row
    assert "Order more" in row
    assert "b-add" not in row


def test_over_use_is_shown(sign_in: SignIn, active_pbx: Pbx) -> None:
    active_pbx.inventory.current = {Counted.RING_GROUP: 6}
    row = row_of(sign_in().get("/license"), "ring_group")
    assert "6 of 5 used" in row
    assert "1 too many" in row


def test_hidden_features_are_nowhere(sign_in: SignIn, active_pbx: Pbx) -> None:
    active_pbx.server.features.append(feature("secret_thing", None, 7, hidden=True))
    check(active_pbx)
    client = sign_in()
    for path in ("/license", "/orders"):
        assert "secret" not in client.get(path).text.lower()
    assert client.get("/license/objects/secret_thing").status_code == 404


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "You can view licenses but not order them."),
        ("de", "Sie können Lizenzen ansehen, aber nicht bestellen."),
    ],
)
def test_read_only_is_the_same_page_without_any_button(
    sign_in: SignIn, language: str, sentence: str
) -> None:
    client = sign_in("reception", READ_ONLY)
    page = client.get(f"/license?lang={language}")
    assert sentence in words_of(page)
    assert "<form" not in page.text.partition("<main")[2]
    assert "/license/order" not in page.text
    assert post_form(client, "/license/check", form_at="/license").status_code == 403


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "You do not have access to Licenses. Ask an administrator."),
        ("de", "Sie haben keinen Zugriff auf „Lizenzen“. Fragen Sie einen Administrator."),
    ],
)
def test_without_access_the_page_says_whom_to_ask(
    sign_in: SignIn, language: str, sentence: str
) -> None:
    page = sign_in("guest", {Module.LICENSE: Access.NONE}).get(f"/license?lang={language}")
    assert page.status_code == 403
    assert sentence in words_of(page)


def test_grace_names_reason_deadline_and_hours_left(sign_in: SignIn, active_pbx: Pbx) -> None:
    client = sign_in()
    active_pbx.clock.go_on(timedelta(hours=11))
    active_pbx.server.away = FaultKind.CONNECTION
    check(active_pbx)
    english, german = client.get("/license"), client.get("/license?lang=de")
    assert "License server not reachable" in words_of(english)
    assert "We try again every 5 minutes" in words_of(english)
    assert "no contact by Friday, 27 November, 09:00, this system is deactivated" in words_of(
        english
    )
    assert "61 hours left of 72" in words_of(english)
    assert "Noch 61 von 72 Stunden" in words_of(german)
    assert "bis Freitag, 27. November, 09:00 Uhr keinen Kontakt" in words_of(german)


@pytest.mark.parametrize(("passed", "level"), [(59, "warn"), (61, "full")])
def test_the_last_twelve_hours_are_red(
    sign_in: SignIn, active_pbx: Pbx, passed: int, level: str
) -> None:
    client = sign_in()
    active_pbx.clock.go_on(timedelta(hours=passed))
    active_pbx.server.away = FaultKind.CONNECTION
    check(active_pbx)
    assert f'class="hours-left {level}"' in client.get("/license").text


def test_a_trial_lease_is_told_in_seconds(sign_in: SignIn, active_pbx: Pbx) -> None:
    client = sign_in()
    active_pbx.server.lease_duration = timedelta(seconds=20)
    check(active_pbx)
    assert "keep working for 20 seconds" in words_of(client.get("/license"))
    active_pbx.clock.go_on(timedelta(seconds=8))
    active_pbx.server.away = FaultKind.CONNECTION
    check(active_pbx)
    said = words_of(client.get("/license"))
    assert "12 seconds left of 20" in said
    assert "try again every 2 seconds" in said
    assert "by Tuesday, 24 November, 09:00:20" in said


def test_an_order_on_the_way_stands_in_place_of_add(sign_in: SignIn, active_pbx: Pbx) -> None:
    active_pbx.server.fulfills = False
    client = sign_in()
    form = client.get(f"{ADD_RING_GROUPS}&quantity=2")
    client.post("/license/order", data={**fields_of(form), "action": "order"})
    page = client.get("/license")
    assert "2 on the way" in row_of(page, "ring_group")
    assert "b-add" not in page.text
    assert "Being confirmed" in words_of(page)


@pytest.mark.parametrize(
    ("types", "sentence"),
    [
        (
            (UpgradeType.PACKAGE,),
            "No upgrade packages are available for this system. Contact Example Reseller.",
        ),
        ((UpgradeType.SINGLE,), "Nothing can be ordered for this system at present."),
    ],
)
def test_who_cannot_upgrade_is_told_whom_to_contact(
    sign_in: SignIn, active_pbx: Pbx, types: tuple[UpgradeType, ...], sentence: str
) -> None:
    active_pbx.server.upgrade_types = types
    active_pbx.server.prices = {}
    check(active_pbx)
    page = sign_in().get("/license")
    assert sentence in words_of(page)
    assert "/license/order" not in page.text


def test_without_any_order_the_page_says_where_they_appear(sign_in: SignIn) -> None:
    said = words_of(sign_in().get("/license"))
    assert "Nothing added yet. Orders for this system appear here." in said


def test_old_counts_are_told_with_their_time_and_never_shown_as_zero(
    sign_in: SignIn, active_pbx: Pbx
) -> None:
    quota.count(active_pbx.system)
    client = sign_in()
    active_pbx.clock.go_on(timedelta(hours=1))
    active_pbx.inventory.current = None
    page = client.get("/license")
    assert "The PBX cannot be counted at the moment." in words_of(page)
    assert "from today at 09:00" in words_of(page)
    assert "34 of 40 used" in words_of(page)


def test_counts_that_were_never_taken_are_not_shown_as_zero(
    sign_in: SignIn, active_pbx: Pbx
) -> None:
    active_pbx.inventory.current = None
    page = sign_in().get("/license")
    assert "Not counted yet" in row_of(page, "extension")
    assert "of 40 used" not in row_of(page, "extension")


def test_check_now_says_that_the_license_is_confirmed(sign_in: SignIn) -> None:
    client = sign_in()
    answer = post_form(client, "/license/check", form_at="/license")
    assert (answer.status_code, answer.location) == (303, "/license")
    assert "The license server confirmed the license." in words_of(client.get("/license"))
    assert "The license server confirmed" not in words_of(client.get("/license"))


@pytest.mark.parametrize(("position", "language"), [(0, "en"), (1, "de")])
@pytest.mark.parametrize("kind", FaultKind)
def test_check_now_says_what_is_wrong(
    sign_in: SignIn, active_pbx: Pbx, kind: FaultKind, position: int, language: str
) -> None:
    client = sign_in()
    client.get(f"/license?lang={language}")
    active_pbx.server.away = kind
    post_form(client, "/license/check", form_at="/license")
    assert sentences.FAULTS[kind][position] in words_of(client.get("/license"))


def test_check_now_of_a_suspended_license_says_so(sign_in: SignIn, active_pbx: Pbx) -> None:
    client = sign_in()
    active_pbx.server.refusal = refused(ProblemCode.SUSPENDED).problem
    post_form(client, "/license/check", form_at="/license")
    said = words_of(client.get("/license"))
    assert sentences.REFUSALS[ProblemCode.SUSPENDED][0] in said
    assert "The license is suspended" in said


def test_the_objects_are_exactly_those_counted(sign_in: SignIn) -> None:
    page = sign_in().get("/license/objects/ring_group")
    assert "5 of 5 used" in words_of(page)
    assert page.text.count('<tr role="row"') == 1 + 5


@pytest.mark.parametrize("code", ["nothing", "call_transfer"])
def test_what_is_not_counted_has_no_objects(sign_in: SignIn, code: str) -> None:
    assert sign_in().get(f"/license/objects/{code}").status_code == 404


def test_objects_that_cannot_be_read_are_no_empty_list(sign_in: SignIn, active_pbx: Pbx) -> None:
    active_pbx.inventory.current = None
    page = sign_in().get("/license/objects/ring_group")
    assert page.status_code == 503
    assert "The PBX cannot be read at the moment." in words_of(page)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "en",
            "The license is bound to 192.168.10.20. Change the address only here; a change made "
            "elsewhere ends in deactivation after 72 hours.",
        ),
        (
            "de",
            "Die Lizenz ist an 192.168.10.20 gebunden. Ändern Sie die Adresse nur hier; eine "
            "Änderung an anderer Stelle führt nach 72 Stunden zur Deaktivierung.",
        ),
    ],
)
def test_the_network_page_warns_of_changing_the_address_elsewhere(
    sign_in: SignIn, language: str, sentence: str
) -> None:
    page = sign_in().get(f"/network/interface?lang={language}")
    assert sentence in words_of(page)
    assert "<form" not in page.text.partition("<main")[2]
