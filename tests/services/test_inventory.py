"""The embedded inventory, on a real SQLite file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ayrix_foundation.database import Database
from ayrix_protocol.lease import Counted
from ayrix_web import rows
from ayrix_web.adapters.inventory import SqlInventory, caller_name
from ayrix_web.domain.ports import CountedObject, InventoryUnavailable


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'ayrix.db'}")
    with database.write() as session:
        rows.Base.metadata.create_all(session.connection())
    yield database
    database.close()


@pytest.fixture
def inventory(database: Database) -> Iterator[SqlInventory]:
    inventory = SqlInventory(str(database.engine.url))
    yield inventory
    inventory.close()


def fill(database: Database) -> None:
    with database.write() as session:
        session.add_all(
            [
                rows.EndpointRow(id="1000", callerid='"Warehouse" <1000>'),
                rows.EndpointRow(id="200", callerid='"Reception" <200>'),
                rows.EndpointRow(id="201"),
                rows.VoicemailRow(mailbox="200", password="4711", fullname="Reception"),
                rows.VoicemailRow(mailbox="201", password="4711"),
                rows.QueueRow(name="Support"),
                rows.RingGroupRow(number="600", name="Sales"),
                rows.AnnouncementRow(name="Closed"),
                rows.AnnouncementRow(name="Christmas"),
            ]
        )


def test_an_empty_pbx_counts_zero_of_everything(inventory: SqlInventory) -> None:
    assert inventory.counts() == dict.fromkeys(Counted, 0)


def test_counts_every_kind_of_object(database: Database, inventory: SqlInventory) -> None:
    fill(database)
    assert inventory.counts() == {
        Counted.EXTENSION: 3,
        Counted.VOICEMAIL: 2,
        Counted.ANNOUNCEMENT: 2,
        Counted.RING_GROUP: 1,
        Counted.QUEUE: 1,
    }


@pytest.mark.parametrize("counted", Counted)
def test_lists_exactly_what_it_counts(
    database: Database, inventory: SqlInventory, counted: Counted
) -> None:
    fill(database)
    assert len(inventory.objects(counted)) == inventory.counts()[counted]


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (Counted.EXTENSION, [("200", "Reception"), ("201", ""), ("1000", "Warehouse")]),
        (Counted.VOICEMAIL, [("200", "Reception"), ("201", "")]),
        (Counted.ANNOUNCEMENT, [("", "Christmas"), ("", "Closed")]),
        (Counted.RING_GROUP, [("600", "Sales")]),
        (Counted.QUEUE, [("", "Support")]),
    ],
)
def test_objects_carry_number_and_name_and_are_sorted_by_them(
    database: Database,
    inventory: SqlInventory,
    counted: Counted,
    expected: list[tuple[str, str]],
) -> None:
    fill(database)
    assert inventory.objects(counted) == [CountedObject(*pair) for pair in expected]


@pytest.mark.parametrize(
    ("caller_id", "name"),
    [
        ('"Reception" <200>', "Reception"),
        ("Reception <200>", "Reception"),
        ('"Reception"', "Reception"),
        ("Reception", "Reception"),
        ("<200>", ""),
        ("", ""),
        ('"Front desk" 2', '"Front desk" 2'),
    ],
)
def test_the_name_of_a_caller_id_is_read(caller_id: str, name: str) -> None:
    assert caller_name(caller_id) == name


def test_counting_does_not_wait_for_a_writer(database: Database, inventory: SqlInventory) -> None:
    with database.write() as session:
        session.add(rows.QueueRow(name="Support"))
        session.flush()
        assert inventory.counts()[Counted.QUEUE] == 0
    assert inventory.counts()[Counted.QUEUE] == 1


def test_a_database_without_the_tables_is_unavailable(tmp_path: Path) -> None:
    inventory = SqlInventory(f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(InventoryUnavailable):
        inventory.counts()
    with pytest.raises(InventoryUnavailable):
        inventory.objects(Counted.EXTENSION)
    inventory.close()


def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    inventory = SqlInventory(f"sqlite:///{tmp_path}/missing/folder.db")
    with pytest.raises(InventoryUnavailable):
        inventory.counts()


def test_a_table_locked_for_good_is_unavailable_within_seconds(
    database: Database, inventory: SqlInventory
) -> None:
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA journal_mode=DELETE")
        driver.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InventoryUnavailable):
            inventory.counts()
        driver.execute("ROLLBACK")
