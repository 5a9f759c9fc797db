import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

import broker.limits.model
import broker.metrics.model
import broker.switches.model  # noqa: F401
import migrations.accounts.model  # noqa: F401  every model, so that the metadata is whole
from broker.storage.database import Database, metadata
from broker.storage.schema import is_current, upgrade
from tests.storage.parallel import in_parallel

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Database]:
    database = Database(empty_database_url)
    yield database
    database.dispose()


def test_the_migrated_schema_is_the_one_the_code_describes(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_every_constraint_has_the_name_that_the_code_gives_it(database: Database) -> None:
    described = {
        table.name: {str(each.name) for each in table.constraints | table.indexes} for table in metadata.tables.values()
    }
    with database.read() as connection:
        inspector = inspect(connection)
        there = {
            name: {
                inspector.get_pk_constraint(name)["name"],
                *(each["name"] for each in inspector.get_foreign_keys(name)),
                *(each["name"] for each in inspector.get_unique_constraints(name)),
                *(each["name"] for each in inspector.get_indexes(name)),
            }
            for name in described
        }
    assert there == described


def test_an_empty_database_is_not_current_until_it_is_upgraded(empty: Database, empty_database_url: str) -> None:
    assert not is_current(empty)
    upgrade(empty_database_url)
    assert is_current(empty)


def test_upgrading_again_changes_nothing(database: Database, database_url: str) -> None:
    with database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO clients (client_id, name, settings, status, created_at)"
                " VALUES ('c', 'n', '{}', 'active', '2026-01-01')"
            )
        )
    upgrade(database_url)
    assert is_current(database)
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM clients")).scalar_one() == 1


def test_of_several_that_upgrade_at_once_all_succeed(empty: Database, empty_database_url: str) -> None:
    in_parallel(4, lambda: upgrade(empty_database_url))
    assert is_current(empty)


def test_an_upgrade_that_fails_leaves_nothing(empty: Database, empty_database_url: str) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE signing_keys (in_the_way INTEGER)"))  # the last one made
    with pytest.raises(DBAPIError):
        upgrade(empty_database_url)
    with empty.read() as connection:
        assert inspect(connection).get_table_names() == ["signing_keys"]
    assert not is_current(empty)


def test_a_database_of_a_newer_version_is_not_current_and_not_touched(database: Database, database_url: str) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert not is_current(database)
    with pytest.raises(CommandError):
        upgrade(database_url)


def test_the_revisions_are_found_from_anywhere(tmp_path: Path) -> None:
    code = "import sys; from broker.storage.schema import upgrade; upgrade(sys.argv[1])"
    url = f"sqlite:///{tmp_path / 'new.db'}"
    elsewhere = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-W", "error", "-c", code, url], cwd=tmp_path, env=elsewhere, check=True)
    database = Database(url)
    assert is_current(database)
    database.dispose()
