"""The hook for a host's own models, in the host's own session and database."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session
from sqlalchemy.orm import sessionmaker as make_sessions

from ayrix_protocol.lease import Counted
from ayrix_web.adapters.inventory import Source, SqlInventory
from ayrix_web.domain.errors import UsedUp
from ayrix_web.rows import ReservationRow
from ayrix_web.services import quota
from ayrix_web.system import System
from tests.services.licensed_pbx import close_pbx, make_pbx

LIMIT = 3


class Base(DeclarativeBase):
    """The host's own models."""


class Team(Base):
    """What the host calls a ring group."""

    __tablename__ = "team"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Shift(Base):
    """Something of the host that no license counts."""

    __tablename__ = "shift"

    id: Mapped[int] = mapped_column(primary_key=True)


HOST = Source({Counted.RING_GROUP: "SELECT id AS number, name FROM team"})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'host.db'}")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def system(tmp_path: Path, engine: Engine) -> Iterator[System]:
    pbx = make_pbx(tmp_path, {Counted.RING_GROUP: LIMIT})
    inventory = SqlInventory(str(engine.url), HOST)
    system = replace(pbx, inventory=inventory)
    quota.guard_model(system, Team, Counted.RING_GROUP)
    yield system
    inventory.close()
    close_pbx(pbx)


def teams(engine: Engine) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Team)) or 0


def reservations(system: System) -> int:
    with system.database.read() as session:
        return session.scalar(select(func.count()).select_from(ReservationRow)) or 0


def test_creates_as_many_as_licensed_and_gives_its_reservations_back(
    system: System, engine: Engine
) -> None:
    for number in range(LIMIT):
        with Session(engine) as session, session.begin():
            session.add(Team(name=f"team {number}"))
            session.flush()
            assert reservations(system) == 1
    assert reservations(system) == 0
    assert teams(engine) == LIMIT


def test_one_more_is_refused_before_its_row_is_written(system: System, engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.add_all(Team(name=f"team {number}") for number in range(LIMIT))
    written: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: written.append(arguments[2]))
    with pytest.raises(UsedUp), Session(engine) as session, session.begin():
        session.add(Team(name="one too many"))
    assert not [sql for sql in written if sql.startswith("INSERT")]
    assert teams(engine) == LIMIT


def test_more_at_once_than_are_left_leave_nothing_behind(system: System, engine: Engine) -> None:
    with pytest.raises(UsedUp), Session(engine) as session, session.begin():
        session.add_all(Team(name=f"team {number}") for number in range(LIMIT + 1))
    assert teams(engine) == 0
    assert reservations(system) == 0


def test_a_rolled_back_insert_gives_its_reservation_back(system: System, engine: Engine) -> None:
    with Session(engine) as session:
        session.add(Team(name="sales"))
        session.flush()
        session.rollback()
        assert reservations(system) == 0


def test_a_failed_insert_gives_its_reservation_back(system: System, engine: Engine) -> None:
    for name in ("sales", "support"):
        with Session(engine) as session, session.begin():
            session.add(Team(name=name))
    with pytest.raises(IntegrityError), Session(engine) as session, session.begin():
        session.add(Team(name="sales"))
    assert reservations(system) == 0


def test_a_session_closed_without_commit_gives_its_reservation_back(
    system: System, engine: Engine
) -> None:
    with Session(engine) as session:
        session.add(Team(name="sales"))
        session.flush()
    assert reservations(system) == 0


def test_a_savepoint_keeps_the_reservation_until_the_transaction_ends(
    system: System, engine: Engine
) -> None:
    with Session(engine) as session, session.begin():
        with session.begin_nested():
            session.add(Team(name="sales"))
        assert reservations(system) == 1
    assert reservations(system) == 0


def test_a_session_that_is_used_again_is_guarded_again(system: System, engine: Engine) -> None:
    sessions = scoped_session(make_sessions(engine))
    for number in range(LIMIT):
        sessions.add(Team(name=f"team {number}"))
        sessions.commit()
        assert reservations(system) == 0
    sessions.add(Team(name="one too many"))
    with pytest.raises(UsedUp):
        sessions.commit()
    sessions.remove()
    assert teams(engine) == LIMIT


def test_a_model_guarded_twice_asks_once(system: System, engine: Engine) -> None:
    quota.guard_model(system, Team, Counted.RING_GROUP)
    with Session(engine) as session:
        session.add(Team(name="sales"))
        session.flush()
        assert reservations(system) == 1


def test_other_models_and_changes_of_existing_objects_are_free(
    system: System, engine: Engine
) -> None:
    with Session(engine) as session, session.begin():
        session.add_all(Team(name=f"team {number}") for number in range(LIMIT))
    with Session(engine) as session, session.begin():
        session.scalars(select(Team).limit(1)).one().name = "renamed"
        session.add(Shift())
    with Session(engine) as session, session.begin():
        session.delete(session.scalars(select(Team).limit(1)).one())
    with Session(engine) as session, session.begin():
        session.add(Team(name="in its place"))
    assert teams(engine) == LIMIT
