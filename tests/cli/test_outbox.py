"""outbox and accounts: what an operator sees of what waits, and has done."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from broker.events.mail import enqueue_mail
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher
from broker.settings import load
from broker.storage.database import Database
from tests.cli.conftest import Run

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


def execute(config: Path, statement: str) -> list[tuple[object, ...]]:
    database = Database(load(config, {}).database.url)
    with database.begin() as connection:
        result = connection.execute(text(statement))
        rows = [tuple(row) for row in result.all()] if result.returns_rows else []
    database.dispose()
    return rows


@pytest.fixture
def waiting(ready: Run, config: Path) -> str:
    """The id of a mail that waits behind a logout that failed."""
    settings = load(config, {})
    outbox = Outbox(FieldCipher(settings.secrets.encryption_keys()))
    database = Database(settings.database.url)
    with database.begin() as connection:
        outbox.enqueue(
            connection, "backchannel_logout", {"sid": "canary"}, now=NOW, expires_at=NOW, subject="my-registry"
        )
        connection.execute(text("UPDATE outbox SET attempts = 3, last_error = 'http_500'"))
        later = NOW + timedelta(minutes=1)
        enqueue_mail(outbox, connection, to="canary@example.org", subject="c", text="c", now=later, expires_at=later)
    database.dispose()
    return str(execute(config, "SELECT id FROM outbox WHERE kind = 'mail'")[0][0])


def test_what_waits_is_shown_without_whom_it_names(ready: Run, waiting: str) -> None:
    done = ready("outbox", "list")
    heading, logout, mail = done.output.splitlines()
    assert heading.split() == ["ID", "KIND", "FOR", "ATTEMPTS", "DUE", "EXPIRES", "LAST", "ERROR"]
    assert logout.split()[1:4] == ["backchannel_logout", "my-registry", "3"]
    assert logout.endswith("2026-11-22 08:30:00Z  2026-11-22 08:30:00Z  http_500")
    assert mail.split() == [waiting, "mail", "0", *["2026-11-22", "08:31:00Z"] * 2]
    assert "canary" not in done.output


def test_an_empty_outbox_says_so(ready: Run) -> None:
    assert ready("outbox", "list").output == "Nothing waits.\n"


def test_an_item_is_tried_again_at_once(ready: Run, config: Path, waiting: str) -> None:
    done = ready("outbox", "retry", waiting)
    assert (done.exit_code, done.output) == (0, f"{waiting} is due now.\n")
    ((due,),) = execute(config, f"SELECT due_at FROM outbox WHERE id = '{waiting}'")
    assert not str(due).startswith("2026-11-22 08:31:00")
    assert execute(config, "SELECT action FROM audit_entries") == [("outbox.retried",)]


def test_an_item_is_dropped(ready: Run, config: Path, waiting: str) -> None:
    done = ready("outbox", "drop", waiting)
    assert (done.exit_code, done.output) == (0, f"{waiting} is forgotten.\n")
    assert execute(config, "SELECT kind FROM outbox") == [("backchannel_logout",)]
    assert execute(config, "SELECT action FROM audit_entries") == [("outbox.dropped",)]


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_an_id_that_does_not_wait_is_told(ready: Run, verb: str) -> None:
    done = ready("outbox", verb, "nothing")
    assert done.exit_code == 2
    assert "vestibule outbox list" in done.output


def test_ending_an_accounts_access_is_handed_to_the_running_broker(ready: Run, config: Path) -> None:
    execute(config, "INSERT INTO accounts VALUES ('ada', 'person', 'active', '2026-11-22 08:30:00')")
    done = ready("accounts", "end-access", "ada")
    assert done.exit_code == 0
    assert "within seconds" in done.output
    assert execute(config, "SELECT kind, subject FROM outbox") == [("end_access", "ada")]
    assert execute(config, "SELECT action, account_id FROM audit_entries") == [("access.ended", "ada")]


def test_ending_the_access_of_nobody_is_refused(ready: Run, config: Path) -> None:
    done = ready("accounts", "end-access", "nobody")
    assert (done.exit_code, "no account nobody" in done.output) == (2, True)
    assert execute(config, "SELECT kind FROM outbox") == []
