"""The command line as a person and a script use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from ayrix_license_server.app import create_app
from ayrix_license_server.cli import main
from ayrix_license_server.services.upkeep import delete_old_rows
from ayrix_protocol.activation_key import normalized
from ayrix_protocol.keys import public_key_from_text
from tests.server.conftest import CATALOG, Server
from tests.server.device import TestDevice

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty instance folder that the command line uses."""
    for name in os.environ:
        if name.startswith("LICENSE_SERVER_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "instance"
    monkeypatch.setenv("LICENSE_SERVER_INSTANCE", str(folder))
    return folder


@pytest.fixture
def prepared_instance(instance: Path, capsys: Capture) -> Path:
    """One with the example catalog and a customer."""
    main(["init", "--public-url", "https://license.example.test"])
    main(["catalog", "load", str(CATALOG)])
    main(["customer", "add", "4711", "Example AG"])
    capsys.readouterr()
    return instance


def refused(arguments: list[str], capsys: Capture) -> tuple[int | str | None, str]:
    """Exit code and what was said on standard error."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return left.value.code, capsys.readouterr().err.strip()


def test_init_makes_everything_and_says_the_root_key(instance: Path, capsys: Capture) -> None:
    main(["init"])
    line = capsys.readouterr().out.splitlines()[-1]
    name, _, value = line.partition(" = ")
    assert name == "license_root_key"
    public_key_from_text(value.strip('"'))
    for file in ("root_key.pem", "signing_key.pem"):
        assert (instance / file).stat().st_mode & 0o777 == 0o600
    assert instance.stat().st_mode & 0o777 == 0o700


def test_init_again_changes_nothing_also_without_the_root_key(
    instance: Path, capsys: Capture
) -> None:
    main(["init"])
    first = capsys.readouterr().out.splitlines()[-1]
    (instance / "root_key.pem").unlink()
    before = (instance / "signing_key.pem").read_bytes()
    main(["init"])
    assert capsys.readouterr().out.splitlines()[-1] == first
    assert (instance / "signing_key.pem").read_bytes() == before
    assert not (instance / "root_key.pem").exists()


def test_the_whole_way_from_nothing_to_an_activated_pbx(
    prepared_instance: Path, capsys: Capture
) -> None:
    main(["license", "issue", "4711", "--entitle", "ring_group=3", "--json"])
    issued = json.loads(capsys.readouterr().out)
    device = TestDevice(create_app(prepared_instance).test_client())
    assert device.activate(issued["activation_key"]).status_code == 201
    assert device.held().sub == issued["license"]
    main(["license", "suspend", issued["license"]])
    assert device.check().code == (403, "suspended")
    main(["license", "resume", issued["license"]])
    assert device.check().status_code == 200
    main(["license", "revoke", issued["license"]])
    assert device.check().code == (403, "revoked")


def test_a_key_is_shown_once_in_groups(prepared_instance: Path, capsys: Capture) -> None:
    main(["license", "issue", "4711"])
    key = capsys.readouterr().out.splitlines()[-1]
    assert len(key.split("-")) == 7
    content = (prepared_instance / "license_server.db").read_bytes()
    assert normalized(key).encode() not in content
    assert key.encode() not in content


def test_lists_licenses(prepared_instance: Path, capsys: Capture) -> None:
    main(["license", "issue", "4711"])
    capsys.readouterr()
    main(["license", "list"])
    assert capsys.readouterr().out.split() == [
        "L-000001", "active", "not", "activated", "4711", "Example", "AG",
    ]  # fmt: skip
    main(["license", "list", "--json"])
    assert json.loads(capsys.readouterr().out)[0]["code"] == "L-000001"


def test_a_seller_is_added_and_chosen(prepared_instance: Path, capsys: Capture) -> None:
    main(["seller", "add", "north", "Example Reseller", "--phone", "+49 30 1234"])
    main(["customer", "add", "4712", "Third Example KG", "--seller", "north"])
    main(["license", "issue", "4712", "--json"])
    key = json.loads(capsys.readouterr().out.splitlines()[-1])["activation_key"]
    device = TestDevice(create_app(prepared_instance).test_client())
    device.activate(key)
    assert device.held().contacts.seller.phone == "+49 30 1234"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["customer", "add", "4711", "Again AG"], "There is already a customer 4711."),
        (["customer", "add", "1", "A", "--seller", "x"], "There is no seller x."),
        (["customer", "add", "1", "A", "--price-list", "x"], "There is no price list x."),
        (
            ["customer", "add", "1", "A", "--upgrade-types", "all"],
            "'all' must be one of single, package.",
        ),
        (
            ["customer", "add", "1", "A", "--upgrade-types", ","],
            "A customer needs at least one upgrade type: single or package.",
        ),
        (["license", "issue", "999"], "There is no customer 999."),
        (
            ["license", "issue", "4711", "--entitle", "ring_group"],
            "'ring_group' must look like ring_group=5.",
        ),
        (
            ["license", "issue", "4711", "--entitle", "Fax=5"],
            "There is no feature Fax to order.",
        ),
        (
            ["license", "issue", "4711", "--entitle", "backup=5"],
            "There is no feature backup to order.",
        ),
        (
            ["license", "issue", "4711", "--entitle", "queue=0"],
            "A quantity is between 1 and 1000000.",
        ),
        (
            ["license", "issue", "4711", "--bind", "cpu"],
            "'cpu' must be one of cpu_serial, nic_serial, address.",
        ),
        (["license", "suspend", "L-7"], "There is no license L-7."),
        (["license", "revoke", "x"], "There is no license x."),
        (["catalog", "load", "missing.yaml"], "There is no file missing.yaml."),
        (
            ["catalog", "visibility", "fax", "hidden", "--customer", "4711"],
            "There is no feature fax.",
        ),
    ],
)
@pytest.mark.usefixtures("prepared_instance")
def test_every_mistake_has_its_sentence(
    arguments: list[str], sentence: str, capsys: Capture
) -> None:
    assert refused(arguments, capsys) == (2, sentence)


def test_revoked_is_for_ever(prepared_instance: Path, capsys: Capture) -> None:
    main(["license", "issue", "4711"])
    main(["license", "revoke", "L-000001"])
    capsys.readouterr()
    assert refused(["license", "resume", "L-000001"], capsys) == (
        2,
        "The license L-000001 was revoked, which cannot be taken back.",
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("public_url = 1", "public_url is 1."),
        ('public_url = "ftp://x"', "It must look like https://license.example.com."),
        ('public_url = "https://x/path"', "It must be scheme, host and port only."),
        ('public_url = "https://x"\nlease_seconds = 9', "lease_seconds is 9."),
        ('public_url = "https://x"\nlease_second = 20', "Did you mean 'lease_seconds'?"),
        ('public_url = "https://x"\ntime_zone = "Mars"', "It must be a time zone like"),
        ("lease_seconds = 20", "the setting 'public_url' is missing."),
        ("public_url", "is not valid TOML"),
    ],
)
def test_a_wrong_setting_has_its_sentence(
    instance: Path, lines: str, said: str, capsys: Capture
) -> None:
    instance.mkdir()
    (instance / "settings.toml").write_text(lines, "utf-8")
    code, sentence = refused(["db", "upgrade"], capsys)
    assert code == 2
    assert said in sentence
    assert "settings.toml" in sentence


def test_the_environment_wins_over_the_file(
    prepared_instance: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("LICENSE_SERVER_LEASE_SECONDS", "20")
    main(["license", "issue", "4711", "--json"])
    key = json.loads(capsys.readouterr().out)["activation_key"]
    device = TestDevice(create_app(prepared_instance).test_client())
    device.activate(key)
    lease = device.held()
    assert (lease.exp - lease.iat, lease.check_interval_s, lease.retry_interval_s) == (20, 2, 2)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("signing_key.pem", "signing_key.pem cannot be read as a private key."),
        ("license_keys.jws", "license_keys.jws cannot be read as a key set."),
    ],
)
def test_a_server_without_its_keys_does_not_start(
    prepared_instance: Path, missing: str, said: str
) -> None:
    (prepared_instance / missing).unlink()
    with pytest.raises(SystemExit, match=said):
        create_app(prepared_instance)


def test_a_server_on_an_old_database_does_not_start(prepared_instance: Path) -> None:
    (prepared_instance / "license_server.db").unlink()
    with pytest.raises(SystemExit, match="Run `ayrix-license-server db upgrade`"):
        create_app(prepared_instance)


def test_the_worker_ends_on_a_signal(prepared_instance: Path) -> None:
    program = "from ayrix_license_server.cli import main; main(['worker'])"
    with subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stderr is not None
        assert "Old rows deleted" in worker.stderr.readline()
        time.sleep(0.1)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0


def test_old_tries_are_deleted_and_new_ones_kept(server: Server) -> None:
    server.device().activate("a wrong key")
    server.clock.forward(timedelta(minutes=59))
    assert delete_old_rows(server.system) == 0
    server.clock.forward(timedelta(minutes=1))
    assert delete_old_rows(server.system) == 2
