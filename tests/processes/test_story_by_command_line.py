"""The story of a PBX by command line, against the processes of `make demo`, on real clocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ayrix_protocol.activation_key import new_activation_key
from ayrix_protocol.lease import Counted
from tests.browser.demo_process import TRIAL_LEASE, Demo, running_demo, until
from tests.browser.random_sale import USED, random_sale, sell

MEMBERS = ["status", "reason", "valid_until", "hours_left", "last_check", "features"]
FEATURE_MEMBERS = ["code", "category", "licensed", "used"]
LOCKED, REFUSED = 3, 1
ORDERED = 2
SOON = timedelta(seconds=20)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo that was never activated, with short leases."""
    seconds = str(int(TRIAL_LEASE.total_seconds()))
    with running_demo(tmp_path, FRESH="1", LEASE_SECONDS=seconds) as demo:
        yield demo


def test_a_pbx_is_activated_orders_locks_and_comes_back_by_command_line(demo: Demo) -> None:
    sale = random_sale()
    key = sell(demo, sale)
    ring_groups = sale.features[Counted.RING_GROUP]
    assert status(demo) == ("unlicensed", "never_activated", LOCKED)
    assert_wrong_keys_are_refused(demo, key)

    assert demo.pbx("activate", key).returncode == 0
    assert status(demo) == ("active", None, 0)
    assert used_of_licensed(demo, ring_groups.code) == (5, 5)
    done = demo.pbx("order", ring_groups.code, str(ORDERED))
    assert done.returncode == 0, done.stderr
    assert used_of_licensed(demo, ring_groups.code) == (5, 5 + ORDERED)
    assert demo.pbx("order", sale.hidden.code, "1").returncode == REFUSED

    demo.stop_license_server()
    assert demo.pbx("check").returncode == REFUSED
    assert status(demo) == ("grace", "unreachable", 0)
    until(lambda: status(demo)[2] == LOCKED, TRIAL_LEASE + SOON, "status exits 3")
    assert status(demo) == ("deactivated", "unreachable", LOCKED)
    demo.start_license_server()
    assert demo.pbx("check").returncode == 0
    assert status(demo) == ("active", None, 0)


def test_status_says_in_json_what_scripts_rely_on(demo: Demo) -> None:
    sale = random_sale()
    assert demo.pbx("activate", sell(demo, sale)).returncode == 0
    said = json.loads(demo.pbx("status", "--json").stdout)
    assert list(said) == MEMBERS
    assert datetime.fromisoformat(said["valid_until"]).utcoffset() == timedelta(0)
    assert datetime.fromisoformat(said["last_check"]).utcoffset() == timedelta(0)
    assert 0 <= said["hours_left"] <= 1
    assert all(list(feature) == FEATURE_MEMBERS for feature in said["features"])
    assert {
        feature["code"]: (feature["licensed"], feature["used"]) for feature in said["features"]
    } == {
        **{
            feature.code: (feature.licensed, USED[counted])
            for counted, feature in sale.features.items()
        },
        sale.core.code: (None, None),
    }


def assert_wrong_keys_are_refused(demo: Demo, key: str) -> None:
    """A mistyped and an unknown key, each with its own sentence and nothing changed."""
    wrong = "2" if key[0] != "2" else "3"
    for attempt, words in (
        (wrong + key[1:], "typing mistake"),
        (new_activation_key(), "does not know this activation key"),
    ):
        done = demo.pbx("activate", attempt)
        assert done.returncode == REFUSED
        assert words in done.stderr
    assert status(demo)[0] == "unlicensed"


def status(demo: Demo) -> tuple[str, str | None, int]:
    """Status and reason as JSON says them, with the exit code, which is the same in words."""
    done = demo.pbx("status", "--json")
    said = json.loads(done.stdout)
    return said["status"], said["reason"], done.returncode


def used_of_licensed(demo: Demo, code: str) -> tuple[int, int]:
    """How many of a feature are used and licensed."""
    features = json.loads(demo.pbx("status", "--json").stdout)["features"]
    return next((row["used"], row["licensed"]) for row in features if row["code"] == code)
