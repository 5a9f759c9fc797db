"""Bringing the database to the schema of this version, and what may be done with one that is not there yet.

A new version comes to a running service host by host, so each revision leaves the database one that the version before
it can go on with: it adds, and what it takes away nothing has used for a version (expand, then contract). The number of
a revision is one more than that of the one before. Versions serve on their own revision and on its neighbours; what has
a table that is not there yet is off until it is (:func:`has`).
"""

from collections.abc import MutableMapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Pool, Table, inspect, text
from sqlalchemy.exc import DBAPIError

from broker.storage.database import Database, exclusive

if TYPE_CHECKING:
    from alembic.config import Config

CURRENT = "0005"
"""The revision that this version was written for: the newest in :mod:`migrations.schema`."""

_VERSION = text("SELECT version_num FROM alembic_version")
# What was found stays: no version takes away what another still uses.
_found: MutableMapping[Pool, set[str]] = WeakKeyDictionary()


def upgrade(database_url: str) -> None:
    """Run every revision the database lacks, all in one transaction; of several callers one does.

    Raises :class:`ValueError` for an address no database has, :class:`alembic.util.CommandError` when the
    database is of a newer version than this one.
    """
    database = Database(database_url)
    try:
        with database.begin() as connection:
            exclusive(connection, "schema")
            upgrade_to(connection, "head")
    finally:
        database.dispose()


def revision(connection: Connection) -> str | None:
    """Return the revision that the database has, or none if it has none of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(_VERSION).scalar_one_or_none()


def is_current(database: Database) -> bool:
    """Return whether the database has exactly the schema that this version was written for."""
    with database.read() as connection:
        return revision(connection) == CURRENT


def is_usable(database: Database) -> bool:
    """Return whether this version can serve on the database: on its own schema, and on the one before and after it."""
    with database.read() as connection:
        return _is_neighbour(revision(connection))


def answers(database: Database) -> bool:
    """Return, in one statement, whether the database answers and this version can serve on it. Raises nothing of it."""
    try:
        with database.read() as connection:
            return _is_neighbour(connection.execute(_VERSION).scalar_one_or_none())
    except DBAPIError:
        return False


def has(connection: Connection, table: Table) -> bool:
    """Return whether the database has a table that came with this version: asked again until it is there."""
    found = _found.setdefault(connection.engine.pool, set())
    if table.name not in found and inspect(connection).has_table(table.name):
        found.add(table.name)
    return table.name in found


def is_known(wanted: str) -> bool:
    """Return whether this version has that revision."""
    from alembic.script import ScriptDirectory

    return any(each.revision == wanted for each in ScriptDirectory.from_config(_script()).walk_revisions())


def upgrade_to(connection: Connection, wanted: str) -> None:
    """Run every revision that is lacking up to that one, ``head`` for the newest, in the caller's transaction."""
    from alembic import command

    config = _script()
    config.attributes["connection"] = connection
    command.upgrade(config, wanted)


def _is_neighbour(version: str | None) -> bool:
    return version is not None and version.isdecimal() and abs(int(version) - int(CURRENT)) <= 1


def _script() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "migrations:schema")  # a package, wherever it is installed
    config.set_main_option("path_separator", "os")
    return config
