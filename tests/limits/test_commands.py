"""``vestibule limits``: what may be tried how often, and for whom more often."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from broker.audit.model import audit_entries
from broker.cli import main
from broker.commands.context import utc_now
from broker.composition.foundation import lay
from broker.limits.service import Of
from broker.limits.table import Name
from broker.settings import load
from broker.storage.database import Database

Run = Callable[..., Result]


@pytest.fixture
def config(tmp_path: Path, migrated_sqlite: Path) -> Path:
    run = ["init", "--dir", str(tmp_path), "--issuer", "http://localhost:8000"]
    assert CliRunner().invoke(main, run, catch_exceptions=False).exit_code == 0
    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")
    return tmp_path / "vestibule.toml"


@pytest.fixture
def run(config: Path) -> Run:
    def invoke(*words: str) -> Result:
        return CliRunner().invoke(main, ["--config", str(config), "limits", *words], catch_exceptions=False)

    return invoke


def test_every_limit_is_listed_with_what_it_holds(run: Run) -> None:
    shown = run("list").output
    assert "RAISED" not in shown
    for name in Name:
        assert f"\n{name.value} " in shown
    assert "5 / 5 min, 20 / h, 50 / day" in shown


def test_t12_an_address_is_raised_by_its_keyed_hash_alone_and_holds_in_a_running_broker(
    run: Run, config: Path, tmp_path: Path
) -> None:
    told = run("raise", "sign_in_address", "192.0.2.7", "500", "--for", "2")
    assert told.exit_code == 0
    assert "on every host within 5 s" in told.output
    base = lay(load(config), utc_now)
    try:
        of = base.limits.of_address("::ffff:192.0.2.7")
        assert [each.size for each in base.limits.windows(Of(Name.SIGN_IN_ADDRESS, of))] == [500]
    finally:
        base.store.close()
        base.database.dispose()
    assert of in run("list").output
    assert "192.0.2.7" not in told.output + run("list").output
    assert b"192.0.2.7" not in b"".join(each.read_bytes() for each in tmp_path.glob("vestibule.db*"))


def test_a_raise_is_dropped_by_what_was_given_or_by_what_is_shown(run: Run, config: Path) -> None:
    for _ in range(2):
        run("raise", "mail_address", "Ada@Example.org", "20")
        (shown,) = [
            line for line in run("list").output.splitlines() if line.startswith("mail_address  ") and " 20 " in line
        ]
        subject = shown.split()[1]
        assert run("drop", "mail_address", subject).exit_code == 0
        run("raise", "mail_address", "ada@example.org", "20")
        assert run("drop", "mail_address", "ada@example.org").exit_code == 0
    refused = run("drop", "mail_address", "ada@example.org")
    assert (refused.exit_code, "is not raised for" in refused.output) == (2, True)
    database = Database(load(config).database.url)
    with database.read() as connection:
        actions = list(connection.execute(select(audit_entries.c.action)).scalars())
        details = [json.loads(each) for each in connection.execute(select(audit_entries.c.detail)).scalars()]
    database.dispose()
    assert actions == ["limit.raised", "limit.dropped"] * 4
    assert {each["kind"] for each in details} == {"mail_address"}


@pytest.mark.parametrize(
    "words",
    [
        ("sign_in_address", "nowhere", "10"),
        ("device_code_all", "everybody", "10"),
        ("mail_account", "ada@example.org", "10"),
    ],
)
def test_a_limit_is_raised_for_what_it_counts_by(run: Run, words: tuple[str, ...]) -> None:
    refused = run("raise", *words)
    assert (refused.exit_code, "counts by" in refused.output) == (2, True)


@pytest.mark.parametrize(
    "words", [("nothing", "x", "10"), ("mail_account", "x", "0"), ("mail_account", "x", "1", "--for", "745")]
)
def test_what_cannot_be_raised_is_refused(run: Run, words: tuple[str, ...]) -> None:
    assert run("raise", *words).exit_code == 2
