"""`ayrix-web`: what each command does and says.

They run in this process, which is ten times as fast; the whole story with processes of its own is
in test_story_by_command_line.py.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from ayrix_foundation.database import Database
from ayrix_foundation.passwords import password_fits
from ayrix_protocol.activation_key import new_activation_key
from ayrix_protocol.keys import new_key, public_key_text
from ayrix_web.cli import main
from ayrix_web.rows import AccountRow
from tests.processes.programs import PASSWORD, Ended, Vendor

LEASE_SECONDS = 259_200


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    folder = tmp_path / "vendor"
    folder.mkdir()
    vendor = Vendor(folder, LEASE_SECONDS)
    yield vendor
    vendor.stop()


Call = Callable[..., Ended]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that does not exist yet, with settings in the environment."""
    folder = tmp_path / "pbx"
    monkeypatch.setenv("AYRIX_INSTANCE", str(folder))
    monkeypatch.setenv("AYRIX_LICENSE_SERVER_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AYRIX_LICENSE_ROOT_KEY", public_key_text(new_key()))
    return folder


@pytest.fixture
def call(
    instance: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Iterator[Call]:
    """`ayrix-web` with its output; `typed` is what stands on standard input."""
    assert not instance.exists()

    def called(*arguments: str, typed: str = "") -> Ended:
        file = tmp_path / "typed"
        file.write_text(typed)
        with file.open() as typing:
            monkeypatch.setattr("sys.stdin", typing)
            code = main(arguments)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    yield called
    logging.getLogger().handlers.clear()  # they write to this test's standard error
    logging.captureWarnings(capture=False)


@pytest.fixture
def ready(call: Call) -> Call:
    """`ayrix-web` after `init`."""
    assert call("init", "--admin", "admin", typed=f"{PASSWORD}\n").code == 0
    return call


def test_activation_order_and_check_with_a_real_license_server(
    vendor: Vendor, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = vendor.set_up()
    vendor.start()
    monkeypatch.setenv("AYRIX_LICENSE_SERVER_URL", vendor.url)
    monkeypatch.setenv("AYRIX_LICENSE_ROOT_KEY", vendor.root_key)
    call("init", "--admin", "admin", typed=f"{PASSWORD}\n")

    unknown = call("activate", new_activation_key())
    assert unknown.code == 1
    assert "does not know this activation key" in unknown.err
    assert "This PBX is activated." in call("activate", key.lower().replace("-", " ")).out

    active = call("status", "--json")
    assert (active.code, active.json["status"], active.json["reason"]) == (0, "active", None)
    assert 71.9 < float(str(active.json["hours_left"])) <= 72
    features = active.json["features"]
    assert isinstance(features, list)
    assert features[0] == {
        "code": "extension", "category": "general", "licensed": 40, "used": 0,
    }  # fmt: skip

    assert (
        call("order", "unheard_of", "1").err == "This feature cannot be ordered for this system.\n"
    )
    assert "Active" in call("order", "extension", "2").out
    assert "extension                42 licensed, 0 used" in call("status").out
    assert call("check").out == "The license server confirmed the license.\n"

    vendor.stop()
    away = call("check")
    assert (away.code, away.err.split(".")[0]) == (1, "The license server is not reachable")
    grace = call("status")
    assert grace.code == 0
    assert "License:      grace" in grace.out
    assert "Reason:       License server not reachable." in grace.out


def test_init_makes_a_folder_nobody_else_can_read(ready: Call, instance: Path) -> None:
    assert instance.stat().st_mode & 0o777 == 0o700
    secrets = {"device_key.pem", "session.key"}
    assert secrets <= {file.name for file in instance.iterdir()}
    assert {(instance / name).stat().st_mode & 0o777 for name in secrets} == {0o600}


def test_init_can_be_repeated_and_changes_nothing(ready: Call, instance: Path) -> None:
    kept = {file.name: file.read_bytes() for file in instance.glob("*.*") if "db" not in file.name}
    again = ready("init", "--admin", "Admin", typed="another-password\n")
    assert (again.code, again.err) == (0, "")
    assert "exists already and keeps the password" in again.out
    assert kept == {name: (instance / name).read_bytes() for name in kept}
    assert password_fits(PASSWORD, stored_password(instance, "admin"))


def stored_password(instance: Path, name: str) -> str | None:
    database = Database(f"sqlite:///{instance / 'ayrix.db'}")
    with database.read() as session:
        stored = session.scalar(select(AccountRow.password_hash).where(AccountRow.name == name))
    database.close()
    return stored


def test_init_says_which_settings_are_missing_and_how_to_write_them(
    call: Call, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AYRIX_LICENSE_SERVER_URL")
    monkeypatch.delenv("AYRIX_LICENSE_ROOT_KEY")
    ended = call("init", "--admin", "admin")
    assert ended.code == 1
    assert "'license_server_url' is missing" in ended.err
    assert f"Write into {instance / 'settings.toml'}:" in ended.err
    assert 'license_root_key = "..."' in ended.err


def test_init_does_not_hide_a_mistyped_setting(call: Call, instance: Path) -> None:
    instance.mkdir()
    (instance / "settings.toml").write_text('languge = "de"\n')
    ended = call("init", "--admin", "admin")
    assert (ended.code, ended.out) == (1, "")
    assert "there is no setting 'languge'. Did you mean 'language'?" in ended.err


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "No password was given"),
        ("\n", "No password was given"),
        ("short\n", "A password has 10 to 200 characters."),
    ],
)
def test_init_needs_a_fit_password(call: Call, typed: str, said: str) -> None:
    ended = call("init", "--admin", "admin", typed=typed)
    assert ended.code == 1
    assert said in ended.err


def test_init_makes_no_administrator_of_a_user(ready: Call) -> None:
    assert ready("user", "add", "reception", typed=f"{PASSWORD}\n").code == 0
    ended = ready("init", "--admin", "reception")
    assert ended.err == "There is a user reception already, who is no administrator.\n"


@pytest.mark.parametrize("command", [("status",), ("check",), ("user", "list"), ("agent",)])
def test_a_command_before_init_names_the_way_on(call: Call, command: tuple[str, ...]) -> None:
    ended = call(*command)
    assert ended.code == 1
    assert "Run `ayrix-web init --admin NAME` first." in ended.err


def test_an_old_database_is_brought_up_by_db_upgrade(ready: Call, instance: Path) -> None:
    (instance / "ayrix.db").unlink()
    assert "Run `ayrix-web db upgrade`." in ready("status").err
    assert ready("db", "upgrade").out == "The database is current.\n"
    assert ready("status").code == 3


def test_a_damaged_device_key_is_named(ready: Call, instance: Path) -> None:
    (instance / "device_key.pem").write_text("damaged")
    ended = ready("status")
    assert (ended.code, ended.err.split(" ")[0]) == (1, "device_key.pem")


def test_a_mistyped_key_is_said_before_anybody_is_asked(ready: Call) -> None:
    ended = ready("activate", "ABCD-EFGH")
    assert ended.code == 1
    assert ended.err.startswith("There is a typing mistake in this key.")


def test_an_activation_without_a_server_says_what_to_check(ready: Call) -> None:
    ended = ready("activate", new_activation_key())
    assert ended.code == 1
    assert "Check the internet connection and the firewall." in ended.err


@pytest.mark.parametrize(
    ("quantity", "said"),
    [
        ("0", "0 orders nothing. Enter 1 or more."),
        ("-1", "The quantity cannot be negative. Enter 1 or more."),
        ("1e9", "Enter a whole number in digits, for example 2."),
        ("1000000000", "At most 10,000 can be ordered at once. Ask your reseller for more."),
        ("two", "Enter a whole number in digits, for example 2."),
        ("", "Enter how many you want."),
    ],
)
def test_an_odd_quantity_has_its_own_sentence(ready: Call, quantity: str, said: str) -> None:
    ended = ready("order", "extension", quantity)
    assert (ended.code, ended.err) == (1, f"{said}\n")


def test_status_of_a_new_pbx_in_words(ready: Call) -> None:
    ended = ready("status")
    assert ended.code == 3
    assert "License:      not activated" in ended.out
    assert "PBX:          no PBX connected" in ended.out


def test_status_for_scripts_has_exactly_these_members(ready: Call) -> None:
    assert ready("status", "--json").json == {
        "status": "unlicensed",
        "reason": "never_activated",
        "valid_until": None,
        "hours_left": 0,
        "last_check": None,
        "features": [],
    }


def test_users_are_added_listed_and_given_access(ready: Call) -> None:
    ready("user", "add", "reception", typed=f"{PASSWORD}\n")
    ready("user", "add", "deputy", "--admin", typed=f"{PASSWORD}\n")
    changed = ready("user", "access", "Reception", "license=read-only", "users=full")
    assert changed.out.split() == [
        "reception", "license=read-only", "network=default", "(none)", "users=full",
    ]  # fmt: skip
    back = ready("user", "access", "reception", "license=default")
    assert "license=default (full)" in back.out
    listed = [line.split()[:2] for line in ready("user", "list").out.splitlines()]
    assert listed == [
        ["admin", "administrator"],
        ["deputy", "administrator"],
        ["reception", "license=default"],
    ]


def test_a_user_gets_a_new_password(ready: Call, instance: Path) -> None:
    assert ready("user", "passwd", "ADMIN", typed="another-password\n").code == 0
    assert password_fits("another-password", stored_password(instance, "admin"))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("user", "add", "admin"), "There is a user of this name already."),
        (("user", "add", ""), "A user name has 1 to 80 characters"),
        (("user", "passwd", "nobody"), "There is no user nobody."),
        (("user", "access", "nobody", "license=full"), "There is no user nobody."),
    ],
)
def test_a_fault_with_a_user_is_said(ready: Call, command: tuple[str, ...], said: str) -> None:
    ended = ready(*command, typed=f"{PASSWORD}\n")
    assert ended.code == 1
    assert said in ended.err


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("unheard-of",),
        ("init",),
        ("order", "extension"),
        ("user", "access", "admin", "license"),
        ("user", "access", "admin", "license=some"),
        ("user", "access", "admin", "telephone=full"),
    ],
)
def test_wrong_usage_leaves_with_2(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(command)
    assert left.value.code == 2
    assert "usage: ayrix-web" in capsys.readouterr().err


def test_an_unbroken_audit_log_is_said_with_the_hash_to_keep(ready: Call) -> None:
    verified = ready("audit", "verify")
    assert verified.code == 0
    assert "The audit log is unbroken: 1 entry since" in verified.out
    kept = verified.out.split()[-1]
    assert ready("audit", "verify", "--kept", kept).code == 0


def test_a_broken_audit_log_names_the_first_broken_entry(ready: Call, instance: Path) -> None:
    for name in ("anna", "berta", "clara"):
        ready("user", "add", name, typed=f"{PASSWORD}\n")
    kept = ready("audit", "verify").out.split()[-1]
    with closing(sqlite3.connect(instance / "ayrix.db")) as database, database:
        database.execute("UPDATE audit_entry SET subject = 'nobody' WHERE subject = 'berta'")
    changed = ready("audit", "verify")
    assert changed.code == 1
    assert "broken at entry 3 (account.created, " in changed.err
    assert "its content is not what was written" in changed.err
    with closing(sqlite3.connect(instance / "ayrix.db")) as database, database:
        database.execute("DELETE FROM audit_entry WHERE id = 3")
    assert "broken at entry 4" in ready("audit", "verify").err
    with closing(sqlite3.connect(instance / "ayrix.db")) as database, database:
        database.execute("DELETE FROM audit_entry WHERE id = 4")
    assert ready("audit", "verify").code == 0
    cut_off = ready("audit", "verify", "--kept", kept)
    assert cut_off.code == 1
    assert "no entry has the hash that was kept" in cut_off.err


def test_one_pass_of_the_agent_says_what_failed(ready: Call, instance: Path) -> None:
    assert ready("agent", "--once").code == 0
    database = Database(f"sqlite:///{instance / 'ayrix.db'}")
    with database.statement() as connection:
        connection.exec_driver_sql("DROP TABLE ring_group")
    database.close()
    ended = ready("agent", "--once")
    assert ended.code == 1
    assert ended.err.endswith("Failed: counts. The log above says why.\n")
