"""What registries are still to be told, and told again, by command."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click import Command
from click.testing import CliRunner, Result
from sqlalchemy import text

from broker.commands.migrate.events import events, replay
from broker.events import streams
from broker.events.security import EventKind, SecurityEvents
from broker.settings import load
from broker.storage.database import Database
from tests.cli.conftest import Run

TODAY = datetime.now(UTC)
STREAMS = """
[streams.configured]
url = "https://registry.example.org/events"
authorization = "Bearer must-not-show"

[streams.asking]
"""


@pytest.fixture
def listening(ready: Run, config: Path) -> Path:
    """A configuration with two streams."""
    config.write_text(config.read_text() + STREAMS)
    return config


def run(command: Command, config: Path, *arguments: str) -> Result:
    done = CliRunner().invoke(command, arguments, obj=config)
    assert "must-not-show" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def happens(config: Path, *subjects: str, listeners: tuple[str, ...] = ("configured", "asking")) -> None:
    database = Database(load(config, {}).database.url)
    with database.begin() as connection:
        for subject in subjects:
            SecurityEvents(listeners).write(connection, EventKind.CLAIMED, subject, {}, TODAY)
    database.dispose()


def all_is_told(config: Path, client_id: str = "configured", *, but_one: str | None = None) -> None:
    database = Database(load(config, {}).database.url)
    with database.begin() as connection:
        while (untold := streams.take(connection, client_id, TODAY)) is not None:
            if untold.subject == but_one:
                streams.put_off(connection, client_id, untold, "http_500", TODAY, rests=False)
                break
            streams.told(connection, client_id, untold, TODAY)
    database.dispose()


def execute(config: Path, statement: str) -> list[tuple[object, ...]]:
    database = Database(load(config, {}).database.url)
    with database.begin() as connection:
        result = connection.execute(text(statement))
        rows = [tuple(row) for row in result.all()] if result.returns_rows else []
    database.dispose()
    return rows


def test_what_waits_is_counted_by_stream(listening: Path) -> None:
    happens(listening, "canary", "canary")
    happens(listening, "canary", listeners=("former",))
    all_is_told(listening, but_one="canary")
    lines = run(events, listening).output.splitlines()
    day = f"{TODAY:%Y-%m-%d %H:%M UTC}"
    assert [line.split("  ") for line in (" ".join(each.split()) for each in lines)] == [
        ["CLIENT HOW WAITING OLDEST LAST ERROR"],
        [f"asking no such client, or switched off 2 {day}"],
        [f"configured push 2 {day} http_500"],
        [f"former not configured any more 1 {day}"],
    ]
    assert "canary" not in "".join(lines)


def test_a_stream_in_which_nothing_waits_is_shown_too(listening: Path) -> None:
    config = listening.read_text().replace("[streams.asking]", "").replace("[streams.configured]", "[streams.x]")
    listening.write_text(config + "[streams.configured]\n")
    assert [line.split() for line in run(events, listening).output.splitlines()[1:]] == [
        ["configured", "poll", "0", "-"],
        ["x", "no", "such", "client,", "or", "switched", "off", "0", "-"],
    ]


def test_everything_is_told_again_to_everybody(listening: Path) -> None:
    happens(listening, "ada", "bob", "ada")
    all_is_told(listening)
    done = run(replay, listening)
    assert (done.exit_code, done.output.splitlines()) == (
        0,
        ["asking is told of 3 events once more.", "configured is told of 3 events once more."],
    )
    assert execute(listening, "SELECT count(*) FROM security_deliveries WHERE delivered_at IS NULL") == [(6,)]
    assert execute(listening, "SELECT action, client_id, detail FROM audit_entries") == [
        ("security_events.replayed", "asking", '{"count":3}'),
        ("security_events.replayed", "configured", '{"count":3}'),
    ]


def test_one_client_is_told_again_of_one_account_from_a_day_on(listening: Path) -> None:
    happens(listening, "ada", "bob")
    options = ("--client", "configured", "--account", "ada", "--since")
    told = run(replay, listening, *options, f"{TODAY:%Y-%m-%d}")
    assert told.output == "configured is told of 1 event once more.\n"
    later = run(replay, listening, *options, "2999-01-01")
    assert later.output == "configured is told of 0 events once more.\n"


def test_a_client_without_a_stream_is_told_nothing(listening: Path) -> None:
    done = run(replay, listening, "--client", "nobody")
    assert (done.exit_code, "[streams.nobody]" in done.output) == (2, True)


def test_where_nobody_is_told_the_commands_say_so(ready: Run, config: Path) -> None:
    listed, again = run(events, config), run(replay, config)
    assert (listed.exit_code, again.exit_code) == (0, 2)
    assert all("there is no [streams.CLIENT]" in done.output for done in (listed, again))
    assert execute(config, "SELECT action FROM audit_entries") == []
