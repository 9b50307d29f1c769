"""A host that has users, CSRF protection, languages and error pages before ours come."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, Response, abort, render_template_string, request, session
from flask.testing import FlaskClient
from flask_babel import Babel, gettext
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from ayrix_protocol.lease import Counted
from ayrix_web.app import init_app
from ayrix_web.domain.access import Access, Account, Module
from ayrix_web.system import System
from ayrix_web.web.extension import HostMenuEntry
from tests.services.licensed_pbx import close_pbx, end_lease, lose_contact, make_pbx

PREFIXES = pytest.mark.parametrize("prefix", ["", "/licensing"])
LAYOUT = "{{ csrf_token() }}|{{ ayrix_banner() }}|{{ ayrix_hours_left() }}|{{ _('Licenses') }}"
GRANTS = {
    "boss": {Module.LICENSE: Access.FULL},
    "guest": {Module.LICENSE: Access.READ_ONLY},
    "visitor": {},
}


class Person(UserMixin):
    """A user of the host, known by name."""

    def __init__(self, name: str) -> None:
        self.id = name


def identify() -> Account | None:
    """What the licensing pages ask this host."""
    if not current_user.is_authenticated:
        return None
    name = str(current_user.id)
    return Account(name, name, is_admin=False, grants=GRANTS[name])


def make_host(system: System, prefix: str) -> Flask:
    """The host's own users, CSRF protection, languages, hooks, pages and error pages, then ours."""
    host = Flask("own_host", static_folder=None)
    host.secret_key = "the host's own"
    CSRFProtect(host)
    Babel(host, locale_selector=lambda: request.args.get("lang", "en"))
    logins = LoginManager(host)
    logins.user_loader(Person)

    @host.before_request
    def teapot() -> Response | None:
        """A hook that answers before any view."""
        return Response("short and stout", 418) if "teapot" in request.args else None

    @host.get("/enter/<name>")
    def enter(name: str) -> str:
        login_user(Person(name))
        session["host"] = "kept"
        return "in"

    @host.route("/phones", methods=["GET", "POST"])
    @login_required
    def phones() -> str:
        return render_template_string(LAYOUT)

    @host.errorhandler(HTTPException)
    def show_error(error: HTTPException) -> tuple[str, int]:
        return f"the host's own {error.code}", error.code or 500

    @host.errorhandler(CSRFError)
    def show_csrf_error(_error: CSRFError) -> tuple[str, int]:
        return "the host's own CSRF page", 400

    @host.get("/missing")
    def missing() -> str:
        abort(404)

    init_app(
        host,
        url_prefix=prefix or None,
        identify=identify,
        menu=[HostMenuEntry("Phones", "phones", "phone")],
        system=system,
    )
    return host


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    system = make_pbx(tmp_path, dict.fromkeys(Counted, 3))
    yield system
    close_pbx(system)


def enter(system: System, prefix: str, name: str) -> FlaskClient:
    browser = make_host(system, prefix).test_client()
    browser.get(f"/enter/{name}")
    return browser


def token_of(text: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found is not None
    return found[1]


@PREFIXES
def test_the_license_page_knows_the_hosts_user_and_menu(system: System, prefix: str) -> None:
    page = enter(system, prefix, "boss").get(f"{prefix}/license")
    assert page.status_code == 200
    assert 'href="/phones"' in page.text
    assert ">boss<" in page.text
    assert "User authorisation" not in page.text


@PREFIXES
def test_styles_are_served_under_the_prefix(system: System, prefix: str) -> None:
    browser = enter(system, prefix, "boss")
    styles = re.findall(
        r'<link rel="stylesheet" href="([^"]+)"', browser.get(f"{prefix}/license").text
    )
    assert styles
    for style in styles:
        assert style.startswith(f"{prefix}/ayrix-static/")
        assert browser.get(style).status_code == 200


@PREFIXES
def test_access_is_what_identify_says(system: System, prefix: str) -> None:
    assert make_host(system, prefix).test_client().get(f"{prefix}/license").status_code == 401
    assert enter(system, prefix, "visitor").get(f"{prefix}/license").status_code == 403
    guest = enter(system, prefix, "guest")
    page = guest.get(f"{prefix}/license")
    assert page.status_code == 200
    assert f"{prefix}/license/order" not in page.text
    token = guest.get("/phones").text.partition("|")[0]
    answer = guest.post(f"{prefix}/license/check", data={"csrf_token": token})
    assert answer.status_code == 403


@PREFIXES
def test_the_host_has_no_pages_of_accounts(system: System, prefix: str) -> None:
    browser = enter(system, prefix, "boss")
    for path in ("/login", "/users", "/account"):
        assert browser.get(prefix + path).status_code == 404


@PREFIXES
def test_one_token_works_on_both_sides_and_none_on_neither(system: System, prefix: str) -> None:
    browser = enter(system, prefix, "boss")
    token = browser.get("/phones").text.partition("|")[0]
    assert browser.post("/phones", data={"csrf_token": token}).status_code == 200
    assert browser.post(f"{prefix}/license/check", data={"csrf_token": token}).status_code == 303
    assert browser.post("/phones").status_code == 400
    assert browser.post(f"{prefix}/license/check").status_code in {400, 422}


@PREFIXES
def test_each_side_speaks_with_its_own_words(system: System, prefix: str) -> None:
    browser = enter(system, prefix, "boss")
    assert 'data-copied="Kopiert"' in browser.get(f"{prefix}/license?lang=de").text
    # The host has no German words of its own, and does not get ours.
    assert browser.get("/phones?lang=de").text.endswith("|Licenses")


@PREFIXES
def test_the_hosts_layout_can_show_the_banner_and_the_hours_left(
    system: System, prefix: str
) -> None:
    browser = enter(system, prefix, "boss")
    _token, banner, hours, _own = browser.get("/phones").text.split("|")
    assert banner == ""
    assert hours in {"71", "72"}
    lose_contact(system)
    _token, banner, _hours, own = browser.get("/phones?lang=de").text.split("|")
    assert 'class="ayrix-banner ayrix-banner-warn"' in banner
    assert f'href="{prefix}/license"' in banner
    assert "Lizenzserver nicht erreichbar." in banner
    assert own == "Licenses"


def test_the_hosts_error_pages_stay_the_hosts(system: System) -> None:
    browser = enter(system, "", "boss")
    assert browser.get("/missing").text == "the host's own 404"
    assert browser.get("/nothing/at/all").text == "the host's own 404"


@PREFIXES
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", ["/phones", "/enter/boss", "/nothing", "/phones?teapot=1", "/"])
def test_a_locked_license_leads_every_request_to_the_activation_page(
    system: System, prefix: str, method: str, path: str
) -> None:
    browser = make_host(system, prefix).test_client()
    end_lease(system)
    answer = browser.open(path, method=method)
    assert (answer.status_code, answer.location) == (303, f"{prefix}/activation")


@PREFIXES
def test_the_activation_page_works_while_locked(system: System, prefix: str) -> None:
    browser = make_host(system, prefix).test_client()
    end_lease(system)
    page = browser.get(f"{prefix}/activation")
    assert page.status_code == 200
    answer = browser.post(
        f"{prefix}/activation", data={"csrf_token": token_of(page.text), "key": "no key"}
    )
    assert answer.status_code == 422


def test_the_hosts_own_hook_still_comes_before_its_views(system: System) -> None:
    assert enter(system, "", "boss").get("/phones?teapot=1").status_code == 418


def test_the_hosts_session_is_left_alone(system: System) -> None:
    browser = enter(system, "", "boss")
    browser.get("/license")
    with browser.session_transaction() as kept:
        assert kept["host"] == "kept"


def test_a_host_with_a_login_manager_that_forgets_identify_is_told(system: System) -> None:
    host = Flask("own_host", static_folder=None)
    LoginManager(host)
    with pytest.raises(RuntimeError, match="identify"):
        init_app(host, system=system)


def test_gettext_of_the_host_is_its_own_outside_our_pages(system: System) -> None:
    with make_host(system, "").test_request_context("/?lang=de"):
        assert gettext("Licenses") == "Licenses"
