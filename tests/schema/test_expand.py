"""A new version comes host by host: the one before it goes on with the new schema, and it begins with the old one."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from broker.storage import schema
from broker.storage.database import Database
from broker.switches.model import switches
from providers.standins import Standins
from tests.servers import free_port
from tests.world import Arrival, World, running

ROOT = Path(__file__).parents[2]
VERSIONS = ROOT / "migrations" / "schema" / "versions"
PREVIOUS = f"{int(schema.CURRENT) - 1:04}"
# What a revision may do while the version before it is still there. A column that is added is one it can leave out.
_ADDS = {"create_table", "create_index", "add_column", "execute"}
_SINCE = "0003"
_TAKES_AWAY = ("drop ", "alter ", "rename ", "delete ", "update ", "truncate ")

_OLD_SIGN_IN = """
import sys
from pathlib import Path
from broker.storage import schema
schema.upgrade = lambda url: None  # it is of a version that this one does not know
from tests.world import running

with running(Path(sys.argv[2]), database_url=sys.argv[1]) as world:
    visitor, registry = world.visitor(), world.registry()
    tokens = registry.redeem(visitor.sign_in("oidc-phr", "generic"), visitor.last_request)
    assert registry.userinfo(tokens.response["access_token"]).status_code == 200
    assert visitor.submit("/account/email", {"email": "ada@elsewhere.example"}).status_code == 303
    assert world.parts.worker.run_once() == []
    assert world.parts.audit.verify().ok
    print("signed in by", schema.__file__)
"""


def of_version(url: str, revision: str) -> None:
    database = Database(url)
    with database.begin() as connection:
        schema.upgrade_to(connection, revision)
    database.dispose()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'vestibule.db'}"


def test_this_version_is_written_for_the_newest_revision_and_each_is_one_more_than_the_one_before() -> None:
    script = ScriptDirectory.from_config(schema._script())
    assert script.get_heads() == [schema.CURRENT]
    revisions = sorted(each.revision for each in script.walk_revisions())
    assert revisions == [f"{number:04}" for number in range(1, len(revisions) + 1)]


@pytest.mark.parametrize(
    "revision,usable",
    [(-2, False), (-1, True), (0, True), (1, True), (2, False)],
    ids=["two before", "before", "its own", "after", "two after"],
)
def test_a_version_serves_on_the_schema_of_its_neighbours(url: str, revision: int, usable: bool) -> None:
    of_version(url, "head")
    database = Database(url)
    with database.begin() as connection:
        named = f"{int(schema.CURRENT) + revision:04}"
        connection.execute(text("UPDATE alembic_version SET version_num = :named"), {"named": named})
    assert schema.is_usable(database) is usable
    assert schema.answers(database) is usable
    database.dispose()


def test_a_database_that_is_not_there_or_has_no_schema_does_not_answer(url: str) -> None:
    for each in (url, f"postgresql://vestibule@127.0.0.1:{free_port()}/vestibule"):
        database = Database(each)
        assert not schema.answers(database)
        database.dispose()


def test_this_version_signs_people_in_on_the_previous_schema_and_has_what_is_new_once_it_is_there(
    tmp_path: Path, standins: Standins, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_version(url, PREVIOUS)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "upgrade", lambda _: None)
        with running(tmp_path, standins=standins, database_url=url) as world:
            signs_in(world)
            with world.parts.database.read() as connection:
                assert not schema.has(connection, switches)
            of_version(url, "head")
            with world.parts.database.read() as connection:
                assert schema.has(connection, switches)
            signs_in(world)


def signs_in(world: World) -> None:
    visitor, registry = world.visitor(), world.registry()
    arrived = visitor.sign_in("oidc-phr", "generic")
    assert isinstance(arrived, Arrival)
    tokens = registry.redeem(arrived, visitor.last_request)
    assert registry.userinfo(tokens.response["access_token"]).status_code == 200
    assert visitor.get("/account").status_code == 200
    assert world.parts.worker.run_once() == []


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(
            "The previous version is in the history of this repository, and that is not here: "
            "clone it whole, or run git fetch --unshallow."
        )
    return done.stdout.strip()


def previous_code(place: Path) -> str:
    """Put the code that was there before the newest revision into ``place``, and return its commit."""
    (newest,) = VERSIONS.glob(f"{schema.CURRENT}_*.py")
    added = git("log", "--format=%H", "--diff-filter=A", "-1", "--", str(newest.relative_to(ROOT)))
    commit = git("rev-parse", f"{added}^" if added else "HEAD")
    archive = place.with_suffix(".tar")
    git("archive", f"--output={archive}", commit, "broker", "claims", "migrations", "providers", "tests")
    place.mkdir()
    subprocess.run(["tar", "--extract", f"--file={archive}", f"--directory={place}"], check=True)
    return commit


def test_the_previous_version_signs_people_in_on_the_schema_of_this_one(tmp_path: Path, url: str) -> None:
    place = tmp_path / "previous"
    commit = previous_code(place)
    of_version(url, "head")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", _OLD_SIGN_IN, url, str(tmp_path)],
        cwd=place,
        env={**environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    *_, last = done.stdout.splitlines() or [""]
    assert last == f"signed in by {place / 'broker' / 'storage' / 'schema.py'}", (commit, done.stdout, done.stderr)


def test_revisions_only_add() -> None:
    looked_at = [path for path in sorted(VERSIONS.glob("[0-9]*.py")) if path.name[:4] >= _SINCE]
    assert looked_at
    for path in looked_at:
        tree = ast.parse(path.read_text())
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "op":
                assert name in _ADDS, f"{path.name}:{call.lineno} takes away what the version before may use"
            if name == "add_column":
                column = ast.unparse(call.args[1])
                assert "nullable=False" not in column or "server_default" in column, (
                    f"{path.name}:{call.lineno} adds a column that the version before does not fill"
                )
        for said in (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)):
            assert not isinstance(said, str) or not said.lower().lstrip().startswith(_TAKES_AWAY), (path.name, said)
