"""The tables as a database has them: of this version, or of the one before."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, inspect, select

from broker.storage.database import Database

_OF_ALEMBIC = "alembic_version"


def tables_of(connection: Connection) -> list[Table]:
    """Return them, those that others refer to first, with their columns and no more."""
    inspector, here = inspect(connection), MetaData()
    return [
        Table(name, here, *(Column(each["name"], each["type"]) for each in inspector.get_columns(name)))
        for name, _ in inspector.get_sorted_table_and_fkc_names()
        if name is not None and name != _OF_ALEMBIC
    ]


def is_empty(connection: Connection) -> bool:
    """Return whether the database has no table at all."""
    return not inspect(connection).get_table_names()


def count(connection: Connection, table: Table) -> int:
    """Return how many rows a table has."""
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def catch_up(connection: Connection, table: Table) -> None:
    """Let a column that counts up by itself go on after the highest number there. SQLite does so anyway."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.columns:
        if not isinstance(column.type, Integer):
            continue
        sequence = connection.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar_one()
        if sequence is not None:
            highest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
            connection.execute(select(func.setval(sequence, highest, False)))


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """Yield a connection that sees one moment of the database for as long as it is open, and keeps nobody from writing.

    Rows come a few at a time, however many there are.
    """
    if database.engine.dialect.name == "postgresql":
        engine = database.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    else:
        engine = database.engine.execution_options(vestibule_read=True)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        yield connection
