"""What is stored of the license cannot be edited, deleted or put back with any gain."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ayrix_foundation.database import Database
from ayrix_protocol.jws import DocumentType
from ayrix_protocol.lease import Revocation, RevocationReason
from ayrix_protocol.problems import ProblemCode
from ayrix_web.adapters.license_client import DEVICE_KEY_FILE, load_or_create_device_key
from ayrix_web.adapters.mark_file import MARK_FILE
from ayrix_web.assembly import seal_key
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import LicenseState, Reason, Status
from ayrix_web.services import checks, licensing
from ayrix_web.services.held import Held, read_held
from tests.fakes import ORIGIN, refused
from tests.pbx_fixtures import TESTER, Pbx

FLIPS = 150
"""How many bytes of the stored values are flipped, each in turn, chosen at random."""

LATER = timedelta(hours=70)
LEASE = timedelta(hours=72)


def edit(pbx: Pbx, statement: str, *values: object) -> None:
    """Edit the database as somebody with a shell does."""
    with sqlite3.connect(str(pbx.system.database.engine.url.database)) as connection:
        connection.execute(statement, values)
    connection.close()


def state_now(pbx: Pbx) -> LicenseState:
    """What the gate says, after what it may remember is over."""
    pbx.clock.go_on(timedelta(seconds=6))
    return licensing.current(pbx.system)


def assert_only_the_key_helps(pbx: Pbx) -> None:
    """The gate and the pages call the state damaged; neither passing time nor a failed check
    mends it; the activation key does.
    """
    damaged = (Status.UNLICENSED, Reason.STATE_DAMAGED)
    state = state_now(pbx)
    assert (state.status, state.reason) == damaged
    licensing.write_mark(pbx.system)
    pbx.server.away = FaultKind.CONNECTION
    checks.check(pbx.system, TESTER)
    shown = licensing.facts(pbx.system).state
    assert (shown.status, shown.reason) == damaged
    pbx.server.away = None
    pbx.activate()
    assert state_now(pbx).status is Status.ACTIVE


def held_by(pbx: Pbx) -> Held:
    """What is stored."""
    held = read_held(pbx.system.database)
    assert held is not None
    return held


def fill_every_column(pbx: Pbx) -> None:
    """A failed check, and a signed revocation of an elder lease, which has no effect."""
    old = Revocation(
        iss=ORIGIN,
        aud=pbx.system.installation_id,
        iat=int(pbx.clock.wall),
        reason=RevocationReason.REVOKED,
        gen=0,
        up_to_seq=1,
    )
    token = pbx.server.signing.sign(DocumentType.REVOCATION, old.model_dump_json().encode())
    pbx.server.refusal = refused(ProblemCode.REVOKED, revocation=token).problem
    checks.check(pbx.system, TESTER)
    pbx.server.refusal = None
    licensing.write_mark(pbx.system)
    assert None not in held_by(pbx)
    assert state_now(pbx).status is Status.GRACE


@pytest.mark.parametrize("column", Held._fields)
def test_no_column_can_be_emptied_unseen(active_pbx: Pbx, column: str) -> None:
    fill_every_column(active_pbx)
    edit(active_pbx, f"UPDATE installation SET {column} = NULL")
    assert_only_the_key_helps(active_pbx)


@pytest.mark.parametrize("column", Held._fields)
def test_no_column_can_be_given_another_value_unseen(active_pbx: Pbx, column: str) -> None:
    fill_every_column(active_pbx)
    edit(active_pbx, f"UPDATE installation SET {column} = {column} || '1'")
    assert_only_the_key_helps(active_pbx)


@pytest.mark.parametrize("column", [name for name in Held._fields if "_" in name])
def test_no_time_can_be_set_back_unseen(active_pbx: Pbx, column: str) -> None:
    fill_every_column(active_pbx)
    edit(active_pbx, f"UPDATE installation SET {column} = {column} - 1")
    assert_only_the_key_helps(active_pbx)


def test_no_byte_can_be_flipped_unseen(active_pbx: Pbx) -> None:
    fill_every_column(active_pbx)
    stored = dict(zip(Held._fields, held_by(active_pbx), strict=True))
    chance = random.Random(20261124)
    for _flip in range(FLIPS):
        column = chance.choice(Held._fields)
        value = bytearray(str(stored[column]).encode())
        value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
        text = f"CAST(? AS TEXT) WHERE {column} IS NOT NULL"
        edit(active_pbx, f"UPDATE installation SET {column} = {text}", bytes(value))
        assert state_now(active_pbx).reason is Reason.STATE_DAMAGED, (column, bytes(value))
        assert licensing.facts(active_pbx.system).state.reason is Reason.STATE_DAMAGED
        edit(active_pbx, f"UPDATE installation SET {column} = ?", stored[column])
    assert state_now(active_pbx).status is Status.GRACE
    edit(active_pbx, "UPDATE installation SET lease = CAST(? AS TEXT)", b"\xff\xfe")
    assert_only_the_key_helps(active_pbx)


def test_a_deleted_row_is_a_system_without_a_license(active_pbx: Pbx) -> None:
    edit(active_pbx, "DELETE FROM installation")
    assert state_now(active_pbx).status is Status.UNLICENSED
    active_pbx.activate()
    assert state_now(active_pbx).status is Status.ACTIVE


def test_an_emptied_row_is_a_system_without_a_license(active_pbx: Pbx) -> None:
    columns = ", ".join(f"{name} = NULL" for name in Held._fields)
    edit(active_pbx, f"UPDATE installation SET {columns}")
    assert state_now(active_pbx).status is Status.UNLICENSED
    active_pbx.activate()
    assert state_now(active_pbx).status is Status.ACTIVE


def test_a_truncated_database_fails_closed(active_pbx: Pbx) -> None:
    active_pbx.system.database.close()
    file = Path(str(active_pbx.system.database.engine.url.database))
    for part in (file, *file.parent.glob(f"{file.name}-*")):
        part.write_bytes(b"")
    assert state_now(active_pbx).status.is_locked


def test_a_new_lease_mends_edited_state_without_the_key(active_pbx: Pbx) -> None:
    edit(active_pbx, "UPDATE installation SET mark_time = mark_time - 1")
    assert state_now(active_pbx).reason is Reason.STATE_DAMAGED
    assert checks.check(active_pbx.system, TESTER).state.status is Status.ACTIVE


def test_another_device_key_gives_another_seal(tmp_path: Path) -> None:
    first = load_or_create_device_key(tmp_path)
    assert seal_key(first) == seal_key(load_or_create_device_key(tmp_path))
    (tmp_path / DEVICE_KEY_FILE).unlink()
    second = load_or_create_device_key(tmp_path)
    assert seal_key(first) != seal_key(second)
    assert len(seal_key(second)) == 32


def test_with_another_device_key_the_state_is_damaged_and_the_key_gets_it_back(
    active_pbx: Pbx,
) -> None:
    object.__setattr__(active_pbx.system, "seal_key", b"t" * 32)
    assert_only_the_key_helps(active_pbx)


# The second copy of the mark


def put_back(pbx: Pbx, copy: Path) -> None:
    """Put a database back from a copy."""
    pbx.system.database.close()
    file = Path(str(pbx.system.database.engine.url.database))
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()
    shutil.copy(copy, file)


def copied(pbx: Pbx, folder: Path) -> Path:
    """A consistent copy of the database."""
    copy = folder / "copy"
    edit(pbx, "VACUUM INTO ?", str(copy))
    return copy


def use_up_the_lease(pbx: Pbx) -> None:
    """Let 70 of the 72 hours pass while the agent writes the mark."""
    pbx.clock.go_on(LATER)
    licensing.write_mark(pbx.system)


def set_back(pbx: Pbx) -> None:
    """Switch the machine off, its clock back to the beginning, and on for three hours."""
    pbx.clock.reboot()
    pbx.system.memory.remembered = None  # no process outlives that
    pbx.clock.step(-LATER)
    pbx.clock.go_on(timedelta(hours=3))


def test_a_database_put_back_gives_no_time_back(active_pbx: Pbx, tmp_path: Path) -> None:
    licensing.write_mark(active_pbx.system)
    copy = copied(active_pbx, tmp_path)
    use_up_the_lease(active_pbx)
    put_back(active_pbx, copy)
    set_back(active_pbx)
    state = licensing.current(active_pbx.system)
    assert (state.status, state.reason) == (Status.DEACTIVATED, Reason.CLOCK_BEHIND)
    assert checks.check(active_pbx.system, TESTER).state.status is Status.ACTIVE


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:20])


def flip_a_byte(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[5] ^= 1
    file.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(Path.unlink, id="deleted"),
        pytest.param(lambda file: file.write_bytes(b""), id="emptied"),
        pytest.param(cut_off, id="cut off"),
        pytest.param(flip_a_byte, id="one bit flipped"),
        pytest.param(lambda file: file.write_bytes(b"\xff" * 3_000), id="rubbish"),
    ],
)
def test_a_damaged_second_copy_changes_nothing(
    active_pbx: Pbx, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    use_up_the_lease(active_pbx)
    damage(tmp_path / MARK_FILE)
    assert state_now(active_pbx).status is Status.ACTIVE
    set_back(active_pbx)
    assert licensing.current(active_pbx.system).status is Status.DEACTIVATED


def test_the_second_copy_is_for_its_owner_only(active_pbx: Pbx, tmp_path: Path) -> None:
    licensing.write_mark(active_pbx.system)
    assert (tmp_path / MARK_FILE).stat().st_mode & 0o777 == 0o600
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_a_second_copy_that_cannot_be_written_is_no_fault(active_pbx: Pbx, tmp_path: Path) -> None:
    (tmp_path / MARK_FILE).unlink()
    (tmp_path / MARK_FILE).mkdir()
    use_up_the_lease(active_pbx)
    assert checks.check(active_pbx.system, TESTER).state.status is Status.ACTIVE


def test_an_answer_heals_a_clock_in_both_copies(active_pbx: Pbx) -> None:
    active_pbx.clock.step(timedelta(days=30))
    licensing.write_mark(active_pbx.system)
    assert state_now(active_pbx).status is Status.DEACTIVATED
    active_pbx.clock.step(timedelta(days=-30))
    assert checks.check(active_pbx.system, TESTER).state.status is Status.ACTIVE
    active_pbx.clock.go_on(LEASE - timedelta(seconds=7))
    assert state_now(active_pbx).status is Status.ACTIVE


def test_a_mark_from_before_the_present_lease_says_nothing(active_pbx: Pbx, tmp_path: Path) -> None:
    active_pbx.clock.step(timedelta(days=30))
    licensing.write_mark(active_pbx.system)
    ahead = (tmp_path / MARK_FILE).read_bytes()
    active_pbx.clock.step(timedelta(days=-30))
    active_pbx.clock.go_on(timedelta(hours=1))
    checks.check(active_pbx.system, TESTER)
    (tmp_path / MARK_FILE).write_bytes(ahead)  # a power cut between the two writes
    assert state_now(active_pbx).status is Status.ACTIVE


def test_a_writer_in_between_is_not_overwritten(
    active_pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure noted between reading and writing the mark must not end as damage."""
    name = "ayrix_web.services.licensing.read_held"

    def read_before_a_failed_check(database: Database) -> Held | None:
        held = read_held(database)
        monkeypatch.setattr(name, read_held)
        active_pbx.server.away = FaultKind.CONNECTION
        checks.check(active_pbx.system, TESTER)
        return held

    active_pbx.clock.go_on(timedelta(minutes=1))
    monkeypatch.setattr(name, read_before_a_failed_check)
    licensing.write_mark(active_pbx.system)
    state = state_now(active_pbx)
    assert (state.status, state.reason) == (Status.GRACE, Reason.UNREACHABLE)
