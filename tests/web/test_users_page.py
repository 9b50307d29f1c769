"""User authorisation: the matrix, the review before anything is saved, and what is refused."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_foundation.passwords import UnfitPassword
from ayrix_web.domain.access import (
    Access,
    Account,
    ChangedMeanwhile,
    InvalidName,
    LastAdministrator,
    Module,
    NameTaken,
    UnknownAccount,
    WrongPassword,
)
from ayrix_web.rows import AUDIT
from ayrix_web.services import accounts
from ayrix_web.system import System
from ayrix_web.web.account_words import FAULTS, wait_words
from tests.pbx_fixtures import Pbx
from tests.web.conftest import PASSWORD, SignIn, post_form

NEW_PASSWORD = "another long password"

SENTENCES: Mapping[type[Exception], tuple[str, str]] = {
    InvalidName: (
        "A user name has 1 to 80 characters, without control characters.",
        "Ein Benutzername hat 1 bis 80 Zeichen, ohne Steuerzeichen.",
    ),
    NameTaken: (
        "There is a user of this name already. Choose another name.",
        "Einen Benutzer mit diesem Namen gibt es schon. Wählen Sie einen anderen Namen.",
    ),
    UnfitPassword: (
        "A password has 10 to 200 characters.",
        "Ein Passwort hat 10 bis 200 Zeichen.",
    ),
    LastAdministrator: (
        "This is the last administrator, who can be neither removed nor demoted. Make somebody "
        "else an administrator first.",
        "Dies ist der letzte Administrator; er kann weder entfernt noch herabgestuft werden. "
        "Machen Sie zuerst jemand anderen zum Administrator.",
    ),
    UnknownAccount: (
        "This user was removed meanwhile. Nothing was changed.",
        "Dieser Benutzer wurde inzwischen entfernt. Es wurde nichts geändert.",
    ),
    WrongPassword: (
        "User name or password is wrong.",
        "Benutzername oder Passwort ist falsch.",
    ),
    ChangedMeanwhile: (
        "Somebody else changed the same access meanwhile. Nothing of yours was saved; this is how "
        "it stands now.",
        "Jemand anderes hat dieselben Rechte inzwischen geändert. Ihre Änderungen wurden nicht "
        "gespeichert; dies ist der jetzige Stand.",
    ),
}

CHANGE = re.compile(r'name="change" value="([^"]*)"')


@pytest.fixture
def system(active_pbx: Pbx) -> System:
    """The system behind the pages."""
    return active_pbx.system


@pytest.fixture
def admin(sign_in: SignIn) -> FlaskClient:
    """The only administrator, signed in."""
    return sign_in("admin")


@pytest.fixture
def reception(system: System) -> Account:
    """An ordinary user without any setting of his own."""
    return accounts.create_account(system, "reception", PASSWORD, False, COMMAND_LINE)


def now(system: System, account: Account) -> Account:
    found = accounts.find(system, account.id)
    assert found is not None
    return found[0]


def named(system: System, name: str) -> Account:
    return next(v.account for v in accounts.list_accounts(system) if v.account.name == name)


def cells(page: TestResponse) -> Mapping[str, str]:
    """Which value is chosen in each radio group of the matrix."""
    chosen = re.findall(r'name="([a-z0-9-]+)" value="([a-z0-9]+)" checked', page.text)
    return dict(chosen)


def review(client: FlaskClient, **fields: str) -> TestResponse:
    named_fields = {name.replace("_", "-"): value for name, value in fields.items()}
    return post_form(client, "/users/review", form_at="/users", **named_fields)


def confirm(client: FlaskClient, reviewed: TestResponse) -> TestResponse:
    """Press the button of the review page."""
    token = re.findall(r'name="csrf_token" value="([^"]+)"', reviewed.text)[-1]
    changes = [html.unescape(value) for value in CHANGE.findall(reviewed.text)]
    return client.post("/users/confirm", data={"csrf_token": token, "change": changes})


def send_changes(client: FlaskClient, *changes: object, lang: str = "en") -> TestResponse:
    packed = [change if isinstance(change, str) else json.dumps(change) for change in changes]
    return post_form(client, f"/users/confirm?lang={lang}", form_at="/users", change=packed)


# -- the matrix ------------------------------------------------------------------------------------


def test_the_matrix_shows_what_each_user_was_given(
    admin: FlaskClient, system: System, reception: Account
) -> None:
    accounts.set_access(system, "reception", {Module.NETWORK: Access.READ_ONLY}, COMMAND_LINE)
    assert cells(admin.get("/users")) == {
        "default-license": "2",
        "default-network": "0",
        "default-users": "0",
        f"access-{reception.id}-license": "default",
        f"access-{reception.id}-network": "1",
        f"access-{reception.id}-users": "default",
    }


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Full", "Read-only", "None", "Default (Full)", "may order, costs money")),
        (
            "de",
            (
                "Vollzugriff",
                "Nur lesen",
                "Kein Zugriff",
                "Standard (Vollzugriff)",
                "darf bestellen, kostet Geld",
            ),
        ),
    ],
)
def test_the_matrix_speaks_the_users_language(
    admin: FlaskClient, reception: Account, language: str, words: tuple[str, ...]
) -> None:
    page = admin.get(f"/users?lang={language}").text
    assert all(word in page for word in words)


def test_administrators_are_shown_as_having_everything(admin: FlaskClient, system: System) -> None:
    boss = named(system, "admin")
    page = admin.get("/users").text
    assert f"access-{boss.id}-" not in page
    row = page.partition(f"/users/{boss.id}")[2].partition("</tr>")[0]
    assert row.count("Full") == len(Module)


def test_every_radio_group_says_what_it_is_for(admin: FlaskClient, reception: Account) -> None:
    page = admin.get("/users").text
    assert "Licenses for reception</legend>" in page
    assert "Network for Default</legend>" in page


def test_whoever_may_only_read_sees_the_same_without_buttons(
    sign_in: SignIn, reception: Account
) -> None:
    client = sign_in("auditor", {Module.USERS: Access.READ_ONLY})
    page = client.get("/users").text
    main = page.partition("<main")[2]
    assert "You can view users but not change them." in main
    assert "reception" in main
    assert "<button" not in main
    assert f"/users/{reception.id}" not in main
    assert main.count("<fieldset") == main.count("disabled>")


def test_a_name_is_text_and_nothing_else(admin: FlaskClient, system: System) -> None:
    name = "<img src=x onerror=alert(1)>"
    accounts.create_account(system, name, PASSWORD, False, COMMAND_LINE)
    account = named(system, name)
    reviewed = review(admin, **{f"access_{account.id}_users": "2"})
    for page in (admin.get("/users"), admin.get(f"/users/{account.id}"), reviewed):
        assert "<img" not in page.text
        assert html.escape(name) in page.text


# -- review, then save -----------------------------------------------------------------------------


def test_the_review_names_old_and_new_and_saves_nothing(
    admin: FlaskClient, system: System, reception: Account
) -> None:
    page = review(admin, **{f"access_{reception.id}_license": "1", "default_network": "1"})
    assert page.status_code == 200
    text = re.sub(r"<[^>]+>|\s+", " ", page.text.partition("<tbody")[2])
    assert re.search(r"Default .*Network +None +Read-only", text)
    assert re.search(r"reception .*Licenses +Default \(Full\) +Read-only", text)
    assert now(system, reception).access(Module.LICENSE) is Access.FULL
    assert accounts.defaults(system)[Module.NETWORK] is Access.NONE


def test_what_was_reviewed_is_saved_and_recorded(
    admin: FlaskClient, system: System, reception: Account
) -> None:
    reviewed = review(admin, **{f"access_{reception.id}_license": "1", "default_network": "1"})
    answer = confirm(admin, reviewed)
    assert (answer.status_code, answer.location) == (303, "/users")
    assert "Saved." in admin.get("/users").text
    assert now(system, reception).access(Module.LICENSE) is Access.READ_ONLY
    assert now(system, reception).access(Module.NETWORK) is Access.READ_ONLY
    with system.database.read() as session:
        rows = session.execute(select(AUDIT).where(AUDIT.c.action.like("access.%"))).all()
    assert [(row.actor, row.address, row.action, row.subject) for row in rows] == [
        ("admin", "127.0.0.1", "access.default_changed", ""),
        ("admin", "127.0.0.1", "access.changed", "reception"),
    ]


def test_a_setting_can_go_back_to_the_default(
    admin: FlaskClient, system: System, reception: Account
) -> None:
    accounts.set_access(system, "reception", {Module.LICENSE: Access.NONE}, COMMAND_LINE)
    confirm(admin, review(admin, **{f"access_{reception.id}_license": "default"}))
    assert cells(admin.get("/users"))[f"access-{reception.id}-license"] == "default"
    assert now(system, reception).access(Module.LICENSE) is Access.FULL


def test_it_applies_with_the_users_next_click(
    app: Flask, admin: FlaskClient, system: System, reception: Account
) -> None:
    client = app.test_client()
    post_form(client, "/login", username="reception", password=PASSWORD)
    assert client.get("/license").status_code == 200
    confirm(admin, review(admin, **{f"access_{reception.id}_license": "0"}))
    assert client.get("/license").location == "/login?next=/license"
    post_form(client, "/login", username="reception", password=PASSWORD)
    assert client.get("/license").status_code == 403


def test_a_review_without_changes_says_so(admin: FlaskClient, reception: Account) -> None:
    answer = review(admin, **{f"access_{reception.id}_license": "default"})
    assert (answer.status_code, answer.location) == (303, "/users")
    assert "Nothing was changed." in admin.get("/users").text


def test_giving_the_right_to_order_is_pointed_out(
    admin: FlaskClient, system: System, reception: Account
) -> None:
    warning = "Full access to licenses includes ordering, which costs money."
    assert warning in review(admin, **{f"access_{reception.id}_license": "2"}).text
    assert warning not in review(admin, **{f"access_{reception.id}_license": "1"}).text


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Somebody else changed the same access meanwhile."),
        ("de", "Jemand anderes hat dieselben Rechte inzwischen geändert."),
    ],
)
def test_a_change_of_somebody_else_in_between_is_not_overwritten(
    admin: FlaskClient, system: System, reception: Account, language: str, sentence: str
) -> None:
    admin.get(f"/users?lang={language}")
    reviewed = review(admin, **{f"access_{reception.id}_license": "1"})
    accounts.set_access(system, "reception", {Module.LICENSE: Access.NONE}, COMMAND_LINE)
    answer = confirm(admin, reviewed)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert cells(answer)[f"access-{reception.id}-license"] == "0", "how it stands now"
    assert now(system, reception).access(Module.LICENSE) is Access.NONE


def test_a_user_removed_in_between_is_said_to_be_gone(
    admin: FlaskClient, system: System, reception: Account
) -> None:
    reviewed = review(admin, **{f"access_{reception.id}_license": "1"})
    accounts.delete_account(system, "reception", COMMAND_LINE)
    answer = confirm(admin, reviewed)
    assert answer.status_code == 422
    assert "This user was removed meanwhile." in answer.text


@pytest.mark.parametrize("value", ["3", "-1", "", "full", "2 ", "9" * 40])
def test_an_access_that_was_not_offered_is_refused(
    admin: FlaskClient, reception: Account, value: str
) -> None:
    assert review(admin, **{f"access_{reception.id}_license": value}).status_code == 400


def test_a_default_cannot_follow_itself(admin: FlaskClient) -> None:
    assert review(admin, default_license="default").status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        "",
        "null",
        "[]",
        "[" * 100_000,
        ["reception", "license", "default"],
        ["reception", "secrets", "default", "2"],
        ["reception", "license", "default", "3"],
        ["reception", "license", "default", 2.5],
        [7, "license", "default", "2"],
        [["reception"], "license", "default", "2"],
        [None, "license", "2", "default"],
    ],
)
def test_a_forged_change_is_refused(
    admin: FlaskClient, system: System, reception: Account, change: object
) -> None:
    assert send_changes(admin, change).status_code in {400, 413}
    assert now(system, reception) == reception


@pytest.mark.parametrize("path", ["/users/review", "/users/confirm"])
def test_the_page_of_a_form_opened_anew_leads_to_the_users(admin: FlaskClient, path: str) -> None:
    assert admin.get(path).location == "/users"


def test_whoever_changes_his_own_access_stays_signed_in(sign_in: SignIn, system: System) -> None:
    manager = sign_in("manager", {Module.USERS: Access.FULL})
    account = named(system, "manager")
    assert (
        confirm(manager, review(manager, **{f"access_{account.id}_network": "1"})).status_code
        == 303
    )
    assert manager.get("/users").status_code == 200
    confirm(manager, review(manager, **{f"access_{account.id}_users": "0"}))
    assert manager.get("/users").status_code == 403


# -- one user --------------------------------------------------------------------------------------


def test_a_user_is_added_with_the_systems_defaults(admin: FlaskClient, system: System) -> None:
    answer = post_form(admin, "/users/new", name="  sales ", password=PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/users")
    assert "sales was added." in admin.get("/users").text
    assert not named(system, "sales").is_admin
    assert accounts.verify(system, "sales", PASSWORD, "192.0.2.7") == named(system, "sales")


def test_an_administrator_is_added_when_asked_for(admin: FlaskClient, system: System) -> None:
    post_form(admin, "/users/new", name="deputy", password=PASSWORD, is_admin="y")
    assert named(system, "deputy").is_admin


@pytest.mark.parametrize(
    ("name", "password", "fault"),
    [
        ("", PASSWORD, InvalidName),
        ("x" * 81, PASSWORD, InvalidName),
        ("front\x07desk", PASSWORD, InvalidName),
        ("RECEPTION", PASSWORD, NameTaken),
        ("sales", "Sh0rt!", UnfitPassword),
    ],
)
@pytest.mark.usefixtures("reception")
def test_a_user_that_cannot_be_added_says_why(
    admin: FlaskClient, system: System, name: str, password: str, fault: type[Exception]
) -> None:
    for language, sentence in zip(("en", "de"), SENTENCES[fault], strict=True):
        answer = post_form(admin, f"/users/new?lang={language}", name=name, password=password)
        assert answer.status_code == 422
        assert sentence in answer.text
        assert f'value="{name}"' in answer.text, "what was typed is kept"
        assert password not in answer.text, "but never a password"
    assert len(accounts.list_accounts(system)) == 2


def test_a_new_password_is_given(admin: FlaskClient, system: System, reception: Account) -> None:
    at = f"/users/{reception.id}"
    answer = post_form(admin, f"{at}/password", form_at=at, password=NEW_PASSWORD)
    assert (answer.status_code, answer.location) == (303, at)
    assert "reception has a new password." in admin.get(at).text
    assert accounts.verify(system, "reception", NEW_PASSWORD, "192.0.2.7") == reception


def test_the_own_password_given_here_does_not_sign_one_out(
    admin: FlaskClient, system: System
) -> None:
    at = f"/users/{named(system, 'admin').id}"
    post_form(admin, f"{at}/password", form_at=at, password=NEW_PASSWORD)
    assert admin.get(at).status_code == 200


def test_an_unfit_new_password_says_why(admin: FlaskClient, reception: Account) -> None:
    at = f"/users/{reception.id}"
    answer = post_form(admin, f"{at}/password", form_at=at, password="short")
    assert answer.status_code == 422
    assert "A password has 10 to 200 characters." in answer.text


def test_a_user_becomes_an_administrator_and_back(
    admin: FlaskClient, system: System, reception: Account
) -> None:
    at = f"/users/{reception.id}"
    post_form(admin, f"{at}/role", form_at=at, administrator="1")
    assert now(system, reception).is_admin
    post_form(admin, f"{at}/role", form_at=at, administrator="0")
    assert not now(system, reception).is_admin


def test_a_user_is_removed_only_when_that_is_confirmed(
    admin: FlaskClient, system: System, reception: Account
) -> None:
    at = f"/users/{reception.id}"
    answer = post_form(admin, f"{at}/remove", form_at=at)
    assert answer.status_code == 422
    assert "Tick the box if the user really is to be removed." in answer.text
    answer = post_form(admin, f"{at}/remove", form_at=at, confirmed="y")
    assert (answer.status_code, answer.location) == (303, "/users")
    assert "reception was removed." in admin.get("/users").text
    assert admin.get(at).status_code == 404


LAST = {
    "en": "This is the last administrator, who can be neither removed nor demoted.",
    "de": "Dies ist der letzte Administrator; er kann weder entfernt noch herabgestuft werden.",
}


@pytest.mark.parametrize("language", LAST)
def test_the_last_administrator_is_protected_with_a_sentence(
    admin: FlaskClient, system: System, language: str
) -> None:
    at = f"/users/{named(system, 'admin').id}"
    page = admin.get(f"{at}?lang={language}").text
    assert LAST[language] in page
    assert f"{at}/role" not in page
    assert f"{at}/remove" not in page


@pytest.mark.parametrize("language", LAST)
@pytest.mark.parametrize(
    ("form", "fields"), [("role", {"administrator": "0"}), ("remove", {"confirmed": "y"})]
)
def test_who_became_the_last_administrator_meanwhile_is_protected_too(
    admin: FlaskClient, system: System, language: str, form: str, fields: dict[str, str]
) -> None:
    at = f"/users/{named(system, 'admin').id}"
    answer = post_form(admin, f"{at}/{form}?lang={language}", form_at=at, **fields)
    assert answer.status_code == 422
    assert LAST[language] in answer.text
    assert named(system, "admin").is_admin


@pytest.mark.parametrize("form", ["password", "role", "remove"])
def test_the_page_of_a_form_about_one_user_opened_anew_leads_to_him(
    admin: FlaskClient, reception: Account, form: str
) -> None:
    at = f"/users/{reception.id}"
    assert admin.get(f"{at}/{form}").location == at


@pytest.mark.parametrize("account_id", ["999", "0", "-1", "9" * 40, "x", "%2e%2e", "1;DROP"])
def test_a_user_that_is_not_there_is_not_found(admin: FlaskClient, account_id: str) -> None:
    assert admin.get(f"/users/{account_id}").status_code == 404


# -- who manages users has no say over administrators ----------------------------------------------


@pytest.fixture
def manager(sign_in: SignIn) -> FlaskClient:
    """Somebody who may change users but is no administrator."""
    return sign_in("manager", {Module.USERS: Access.FULL})


def test_only_administrators_touch_administrators(
    manager: FlaskClient, system: System, reception: Account
) -> None:
    boss = accounts.create_account(system, "boss", PASSWORD, True, COMMAND_LINE)
    at = f"/users/{boss.id}"
    assert at not in manager.get("/users").text
    assert manager.get(at).status_code == 403
    for form, fields in (
        ("password", {"password": NEW_PASSWORD}),
        ("role", {"administrator": "0"}),
        ("remove", {"confirmed": "y"}),
    ):
        answer = post_form(manager, f"{at}/{form}", form_at="/users", **fields)
        assert answer.status_code == 403
    assert accounts.verify(system, "boss", PASSWORD, "192.0.2.7").is_admin


def test_only_administrators_make_administrators(
    manager: FlaskClient, system: System, reception: Account
) -> None:
    at = f"/users/{reception.id}"
    assert f"{at}/role" not in manager.get(at).text
    assert post_form(manager, f"{at}/role", form_at=at, administrator="1").status_code == 403
    assert 'name="is_admin"' not in manager.get("/users/new").text
    answer = post_form(manager, "/users/new", name="x", password=PASSWORD, is_admin="y")
    assert answer.status_code == 403
    assert [v.account.name for v in accounts.list_accounts(system)] == ["manager", "reception"]


# -- the sentences ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("language", ["en", "de"])
def test_each_refusal_has_its_own_sentence_in_both_languages(
    app: Flask, fault: type[Exception], language: str
) -> None:
    with app.test_request_context(f"/login?lang={language}"):
        app.preprocess_request()
        assert str(FAULTS[fault]) == SENTENCES[fault][language == "de"]


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (1, "Try again in 1 minute.", "Versuchen Sie es in 1 Minute erneut."),
        (60, "Try again in 1 minute.", "Versuchen Sie es in 1 Minute erneut."),
        (61, "Try again in 2 minutes.", "Versuchen Sie es in 2 Minuten erneut."),
        (900, "Try again in 15 minutes.", "Versuchen Sie es in 15 Minuten erneut."),
    ],
)
def test_the_wait_is_told_in_whole_minutes(
    app: Flask, seconds: int, english: str, german: str
) -> None:
    for language, words in (("en", english), ("de", german)):
        with app.test_request_context(f"/login?lang={language}"):
            app.preprocess_request()
            assert wait_words(timedelta(seconds=seconds)).endswith(words)
