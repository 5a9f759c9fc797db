"""Bringing the database to the schema of this version."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from broker.storage.database import Database, exclusive


def upgrade(database_url: str) -> None:
    """Run every revision the database lacks, all in one transaction; of several callers one does.

    Raises :class:`ValueError` for an address no database has, :class:`alembic.util.CommandError` when the
    database is of a newer version than this one.
    """
    database = Database(database_url)
    try:
        with database.begin() as connection:
            exclusive(connection, "schema")
            command.upgrade(_config(connection), "head")
    finally:
        database.dispose()


def is_current(database: Database) -> bool:
    """Return whether the database has exactly the schema that this version was written for."""
    with database.read() as connection:
        have = MigrationContext.configure(connection).get_current_heads()
        return set(have) == set(ScriptDirectory.from_config(_config(connection)).get_heads())


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "migrations:schema")  # a package, wherever it is installed
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
