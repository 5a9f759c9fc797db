import json
import os
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, select

from broker.audit.model import audit_entries
from broker.audit.service import DETAIL_KEYS, Audit
from broker.storage.database import Database

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


@pytest.fixture
def audit(database: Database) -> Audit:
    return Audit(database, os.urandom(32))


def test_an_entry_says_what_was_done_to_whom_by_which_way(audit: Audit, database: Database) -> None:
    with database.begin() as connection:
        audit.record(
            connection,
            action="signin.refused",
            account_id="account",
            client_id="client",
            provider_id="github",
            detail={"strength": "single", "reason": "too_weak", "count": 2},
            now=NOW,
        )
    with database.read() as connection:
        entry = connection.execute(select(audit_entries)).one()
    assert (entry.at, entry.action) == (NOW, "signin.refused")
    assert (entry.account_id, entry.client_id, entry.provider_id) == ("account", "client", "github")
    assert json.loads(entry.detail) == {"strength": "single", "reason": "too_weak", "count": 2}


def test_recording_is_one_statement(audit: Audit, database: Database) -> None:
    statements: list[str] = []
    with database.begin() as connection:
        event.listen(database.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
        audit.record(connection, action="account.created", now=NOW)
    assert len(statements) == 1


def test_an_entry_goes_back_with_what_it_tells_of(audit: Audit, database: Database) -> None:
    def fail() -> None:
        with database.begin() as connection:
            audit.record(connection, action="account.created", now=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as connection:
        assert connection.execute(select(audit_entries)).all() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("key", ["name", "email", "to", "subject", "ip", "Reason", ""])
def test_a_detail_that_is_not_on_the_list_is_refused(audit: Audit, database: Database, key: str) -> None:
    with database.begin() as connection, pytest.raises(ValueError, match="not for the audit record"):
        audit.record(connection, action="account.created", detail={key: "x", "reason": "x"}, now=NOW)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "value", ["Ada Lovelace", "ada@example.org", "ada%40example.org", "Zo\u00eb", "", "a\nb", "x" * 201]
)
def test_a_detail_that_is_not_a_code_is_refused_and_not_repeated(audit: Audit, database: Database, value: str) -> None:
    with database.begin() as connection, pytest.raises(ValueError, match="not a code") as raised:
        audit.record(connection, action="account.created", detail={"reason": value}, now=NOW)
    assert not value or value not in str(raised.value)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "value",
    [
        "not_disclosed",
        "https://refeds.org/profile/mfa",
        "urn:vestibule:acr:mfa-enrolled",
        "5f0c2d3e-0000-4000-8000-1234567890ab",
        "v12",
        "_-kid_of-base64url",
        True,
        -3,
    ],
)
def test_codes_numbers_and_flags_are_details(audit: Audit, database: Database, value: str | int | bool) -> None:
    with database.begin() as connection:
        for key in DETAIL_KEYS:
            audit.record(connection, action="policy.changed", detail={key: value}, now=NOW)
    assert audit.verify().ok


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("action", ["", "Signed in", "signin.Refused", "ada@example.org", "x" * 65])
def test_an_action_is_lower_case_words_with_dots(audit: Audit, database: Database, action: str) -> None:
    with database.begin() as connection, pytest.raises(ValueError, match="lower-case"):
        audit.record(connection, action=action, now=NOW)
