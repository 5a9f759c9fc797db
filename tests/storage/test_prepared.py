"""Prepared statements do what SQLAlchemy's own execution does, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from broker.storage.database import Database, UtcDateTime
from broker.storage.prepared import Prepared

NOW = datetime(2026, 11, 22, 8, 30, 15, 123456, tzinfo=UTC)

things = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime),
    Column("sealed", LargeBinary),
    Column("good", Boolean),
    Column("note", String),
)
ADD = Prepared(insert(things).values({column: bindparam(column.name, required=False) for column in things.c}))
FIND = Prepared(
    select(things).where(things.c.id == bindparam("wanted", required=False), things.c.note.in_(("kept", "also kept")))
)
NOTE = Prepared(
    update(things)
    .where(things.c.id == bindparam("wanted", required=False))
    .values(note=bindparam("note", required=False))
)


@pytest.fixture
def bare(empty_database_url: str) -> Iterator[Database]:
    database = Database(empty_database_url)
    with database.begin() as connection:
        things.create(connection)
        ADD.change(
            connection, id=1, at=NOW.astimezone(timezone(timedelta(hours=-7))), sealed=b"\0x", good=True, note="kept"
        )
    yield database
    database.dispose()


def test_a_row_comes_back_as_sqlalchemy_would_have_it(bare: Database) -> None:
    with bare.read() as connection:
        row = FIND.first(connection, wanted=1)
        assert tuple(row) == tuple(connection.execute(select(things)).one())
    assert (row.at, row.at.tzinfo, row.sealed, row.good, row.note) == (NOW, UTC, b"\0x", True, "kept")


def test_no_row_is_none(bare: Database) -> None:
    with bare.read() as connection:
        assert FIND.first(connection, wanted=2) is None
        assert FIND.all(connection, wanted=2) == []


def test_a_change_says_how_many_rows_it_changed(bare: Database) -> None:
    with bare.change() as connection:
        assert NOTE.change(connection, wanted=1, note="other") == 1
        assert NOTE.change(connection, wanted=2, note="other") == 0
    with bare.read() as connection:
        assert FIND.all(connection, wanted=1) == []


def test_a_change_in_a_transaction_stands_or_falls_with_it(bare: Database) -> None:
    def fail() -> None:
        with bare.begin() as connection:
            NOTE.change(connection, wanted=1, note="other")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with bare.read() as connection:
        assert FIND.first(connection, wanted=1).note == "kept"


def test_an_error_is_sqlalchemys_and_carries_nothing_of_what_was_written(bare: Database) -> None:
    with bare.change() as connection:
        with pytest.raises(IntegrityError) as raised:
            ADD.change(connection, id=1, at=None, sealed=None, good=None, note="canary-note")
        assert "canary-note" not in str(raised.value)
        assert NOTE.change(connection, wanted=1, note="afterwards") == 1


def test_a_table_that_is_not_there_is_an_error(bare: Database) -> None:
    with bare.begin() as connection:
        things.drop(connection)
    with bare.read() as connection, pytest.raises((OperationalError, ProgrammingError)):
        FIND.first(connection, wanted=1)


@pytest.mark.parametrize("given", [{}, {"wanted": 1, "more": 1}])
def test_every_parameter_is_given_and_no_other(bare: Database, given: dict[str, int]) -> None:
    with bare.read() as connection, pytest.raises(TypeError, match="wanted"):
        FIND.all(connection, **given)


def test_whoever_listens_hears_of_every_statement(bare: Database) -> None:
    heard: list[str] = []
    event.listen(bare.engine, "before_cursor_execute", lambda *told: heard.append(f"before {told[2][:6]}"))
    event.listen(bare.engine, "after_cursor_execute", lambda *told: heard.append(f"after {told[2][:6]}"))
    with bare.read() as connection:
        FIND.first(connection, wanted=1)
    assert heard == ["before SELECT", "after SELECT"]
