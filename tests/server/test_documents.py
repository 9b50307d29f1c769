"""What everybody may read, and the migrations that made the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect

from ayrix_foundation.database import Database
from ayrix_foundation.migrations import check, downgrade, upgrade
from ayrix_license_server.app import MIGRATIONS
from ayrix_license_server.services.keys import make_keys
from ayrix_license_server.web.api.openapi import OPERATIONS
from ayrix_protocol.jws import InvalidDocument
from ayrix_protocol.keys import new_key, public_key_from_text, public_key_text, verify_key_set
from tests.server.conftest import START, Server
from tests.server.device import API, ORIGIN, TestDevice


def test_the_key_set_is_signed_by_the_root_key(server: Server) -> None:
    token = server.client.get("/.well-known/license-keys").get_data(as_text=True)
    root = public_key_from_text(make_keys(server.system.settings, START))
    key_set = verify_key_set(token, root)
    assert (key_set.iss, key_set.version) == (ORIGIN, 1)
    assert [key.kid for key in key_set.keys] == [server.system.keys.signing.kid]
    with pytest.raises(InvalidDocument):
        verify_key_set(token, public_key_from_text(public_key_text(new_key())))


def test_both_contacts_are_there_before_any_activation(server: Server) -> None:
    contacts = server.client.get(f"{API}/contact").get_json()
    assert contacts["support"]["name"] == "Customer Service Center"
    assert contacts["seller"]["name"] == "Example Reseller"


def test_health_is_ok(server: Server) -> None:
    answer = server.client.get(f"{API}/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_offers_are_not_sent_twice(device: TestDevice) -> None:
    first = device.send("GET", "/offers")
    etag = first.headers["ETag"]
    again = device.send("GET", "/offers", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    assert device.send("GET", "/offers", headers={"If-None-Match": '"x"'}).status_code == 200


def test_offers_list_what_is_visible_and_has_a_price(device: TestDevice) -> None:
    offers = device.send("GET", "/offers").json
    assert offers["upgrade_types"] == ["single"]
    assert (offers["currency"], offers["period"], offers["tax_rate"]) == ("EUR", "monthly", "0.19")
    amounts = {feature["code"]: feature["unit_amount"] for feature in offers["features"]}
    assert amounts == {
        "extension": 390,
        "voicemail": 120,
        "announcement": 250,
        "ring_group": 490,
        "queue": 990,
    }


def test_answers_of_devices_are_never_kept_on_the_way(device: TestDevice) -> None:
    assert device.check().headers["Cache-Control"] == "no-store"
    assert device.send("GET", "/nothing").headers["Cache-Control"] == "no-store"
    assert device.send("GET", "/offers").headers["Cache-Control"] == "private, no-cache"


def test_no_browser_guesses_what_an_answer_is(server: Server, device: TestDevice) -> None:
    for path in ("/healthz", "/nothing", "/openapi.json"):
        assert server.client.get(API + path).headers["X-Content-Type-Options"] == "nosniff"


def test_the_description_names_every_route_and_nothing_else(server: Server) -> None:
    described = server.client.get(f"{API}/openapi.json").get_json()
    routes = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in server.client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {
        (path, method) for path in described["paths"] for method in described["paths"][path]
    }


def test_every_reference_of_the_description_leads_somewhere(server: Server) -> None:
    described = server.client.get(f"{API}/openapi.json").get_json()
    found: list[str] = []

    def walk(part: object) -> None:
        if isinstance(part, dict):
            found.extend(value for name, value in part.items() if name == "$ref")
            part = list(part.values())
        if isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(described)
    known = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    assert len(found) > len(OPERATIONS)
    assert set(found) <= known


def test_tables_are_what_the_rows_say_up_and_down(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'd.db'}")
    upgrade(database, MIGRATIONS)
    check(database, MIGRATIONS)
    downgrade(database, MIGRATIONS, "base")
    assert inspect(database.engine).get_table_names() == ["alembic_version"]
    upgrade(database, MIGRATIONS)
    check(database, MIGRATIONS)
    database.close()
