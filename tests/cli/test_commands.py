"""db, clients, providers, audit: over a real database."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from broker.audit.service import Audit
from broker.cli import main
from broker.settings import load
from broker.storage.database import Database
from tests.cli.conftest import Run


def record(config: Path, count: int) -> None:
    settings = load(config, {})
    database = Database(settings.database.url)
    audit = Audit(database, settings.secrets.audit_key())
    with database.begin() as connection:
        for _ in range(count):
            audit.record(connection, action="test.happened", now=datetime.now(UTC))
    database.dispose()


def execute(config: Path, *statements: str) -> list[tuple[object, ...]]:
    database = Database(load(config, {}).database.url)
    with database.begin() as connection:
        results = [connection.execute(text(statement)) for statement in statements]
        rows = [tuple(row) for row in results[-1].all()] if results[-1].returns_rows else []
    database.dispose()
    return rows


def actions(config: Path) -> list[object]:
    return [row[0] for row in execute(config, "SELECT action FROM audit_entries ORDER BY id")]


def test_the_version_is_told() -> None:
    done = CliRunner().invoke(main, ["--version"])
    assert done.exit_code == 0
    assert re.fullmatch(
        r"vestibule \d+\.\d+\.\d+ \(commit ([0-9a-f]{40}(, with changes after it)?|unknown)\)\n", done.output
    )


@pytest.mark.parametrize(
    "command",
    [
        ["keys", "list"],
        ["keys", "rotate"],
        ["keys", "reseal"],
        ["clients", "list"],
        ["clients", "add", "x", "--name", "X", "--redirect-uri", "https://x.example/cb"],
        ["clients", "disable", "x"],
        ["clients", "enable", "x"],
        ["providers"],
        ["probe", "github"],
        ["audit", "verify"],
        ["operators", "add", "x"],
        ["orgs", "create", "X", "--admin", "x"],
        ["tenants", "suspend", "x"],
        ["exceptions", "end", "x"],
        ["serve"],
    ],
    ids=" ".join,
)
def test_a_database_of_another_version_is_refused_with_the_line_that_mends_it(
    vestibule: Run, command: list[str]
) -> None:
    done = vestibule(*command)
    assert done.exit_code == 2
    assert "vestibule db upgrade" in done.output


def test_upgrading_makes_the_database_and_may_be_repeated(vestibule: Run, config: Path) -> None:
    for _ in range(2):
        assert vestibule("db", "upgrade").exit_code == 0
    assert (config.parent / "vestibule.db").stat().st_mode & 0o777 == 0o600


def test_a_database_of_a_newer_version_is_left_alone(ready: Run, config: Path) -> None:
    execute(config, "UPDATE alembic_version SET version_num = 'from-the-future'")
    done = ready("db", "upgrade")
    assert done.exit_code == 2
    assert "newer" in done.output


def test_a_database_that_does_not_answer_is_told_without_its_password(vestibule: Run, config: Path) -> None:
    config.write_text(
        config.read_text().replace("sqlite:///vestibule.db", "postgresql://u:must-not-show@127.0.0.1:1/none")
    )
    for command in (["db", "upgrade"], ["clients", "list"]):
        done = vestibule(*command)
        assert done.exit_code == 2
        assert "database.url" in done.output


def test_a_folder_that_is_not_there_is_told(vestibule: Run, config: Path) -> None:
    config.write_text(config.read_text().replace("sqlite:///vestibule.db", "sqlite:///nowhere/vestibule.db"))
    done = vestibule("db", "upgrade")
    assert done.exit_code == 2
    assert "nowhere" in done.output


# Clients

ADD = ["clients", "add", "new", "--name", "New", "--redirect-uri", "https://new.example/cb"]


def test_a_client_is_added_and_its_secret_shown_once(ready: Run, config: Path) -> None:
    done = ready(*ADD, "--alg", "ES256", "--provider", "github")
    assert done.exit_code == 0
    secret = re.search(r"client_secret +(\S+)", done.output)
    assert secret is not None
    assert len(secret[1]) >= 43
    listed = ready("clients", "list").output
    assert re.search(r"new +New +client_secret_basic +ES256 +active +database", listed)
    assert re.search(r"configured +Configured .* active +configuration", listed)
    stored = b"".join(path.read_bytes() for path in config.parent.glob("vestibule.db*"))
    assert secret[1] not in listed
    assert secret[1].encode() not in stored
    assert actions(config) == ["client.added"]


def test_a_public_client_gets_no_secret(ready: Run) -> None:
    done = ready(*ADD, "--auth-method", "none")
    assert done.exit_code == 0
    assert "a public client" in done.output


@pytest.mark.parametrize("client_id", ["new", "configured"])
def test_a_client_id_is_given_once(ready: Run, client_id: str) -> None:
    assert ready(*ADD).exit_code == 0
    done = ready("clients", "add", client_id, "--name", "N", "--redirect-uri", "https://n.example/cb")
    assert done.exit_code == 2
    assert "already" in done.output


def test_every_mistake_in_a_new_client_is_named_at_once(ready: Run, config: Path) -> None:
    uris = ["--redirect-uri", "http://new.example/cb", "--redirect-uri", "https://new.example/#"]
    done = ready("clients", "add", "new", "--name", "", *uris, "--alg", "none", "--provider", "gihub")
    assert done.exit_code == 2
    for key in ("name", "redirect_uris.0", "redirect_uris.1", "id_token_signed_response_alg", "providers"):
        assert f"clients.new.{key} " in done.output
    assert actions(config) == []


def test_a_client_is_disabled_and_enabled(ready: Run, config: Path) -> None:
    assert ready(*ADD).exit_code == 0
    assert ready("clients", "disable", "new").exit_code == 0
    assert re.search(r"new .* disabled +database", ready("clients", "list").output)
    assert ready("clients", "enable", "new").exit_code == 0
    assert re.search(r"new .* active +database", ready("clients", "list").output)
    assert actions(config) == ["client.added", "client.changed", "client.changed"]


def test_a_configured_client_is_changed_where_it_is_configured(ready: Run) -> None:
    done = ready("clients", "disable", "configured")
    assert done.exit_code == 2
    assert "clients.configured.enabled" in done.output


def test_a_client_nobody_knows_cannot_be_disabled(ready: Run) -> None:
    done = ready("clients", "disable", "nobody")
    assert done.exit_code == 2
    assert "vestibule clients list" in done.output


def test_without_clients_and_providers_the_next_step_is_told(ready: Run, config: Path) -> None:
    text = config.read_text()
    config.write_text(text[: text.index("[providers.github]")])
    assert "vestibule clients add" in ready("clients", "list").output
    assert "config/providers/" in ready("providers").output


# Providers


def test_the_state_of_every_provider_is_shown(ready: Run, config: Path) -> None:
    output = ready("providers").output
    assert re.search(r"github +github +GitHub +unproven", output)
    assert re.search(r"off +oidc +Example ID +disabled", output)
    config.write_text(config.read_text().replace("enabled = false", "enabled = true"))
    assert re.search(r"off +oidc +Example ID +insecure_allow_unproven", ready("providers").output)


# Audit


def test_a_whole_record_is_sealed_and_verified(ready: Run, config: Path) -> None:
    record(config, 3)
    done = ready("audit", "verify")
    assert done.exit_code == 0
    assert "3 entries" in done.output
    head = done.output.split()[-1]
    record(config, 1)
    assert ready("audit", "verify", "--head", head).exit_code == 0


def test_a_changed_entry_is_named(ready: Run, config: Path) -> None:
    record(config, 3)
    assert ready("audit", "verify").exit_code == 0
    triggers = execute(config, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
    assert triggers
    execute(
        config,
        *[f"DROP TRIGGER {name}" for (name,) in triggers],
        "UPDATE audit_entries SET action = 'test.forged' WHERE id = 2",
    )
    done = ready("audit", "verify")
    assert done.exit_code == 1
    assert "entry 2 is not as it was written" in done.output


def test_a_cut_record_is_told_by_the_head_that_was_kept(ready: Run, config: Path) -> None:
    record(config, 3)
    head = ready("audit", "verify").output.split()[-1]
    triggers = execute(config, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
    execute(
        config,
        *[f"DROP TRIGGER {name}" for (name,) in triggers],
        "DELETE FROM audit_seals WHERE seq = 3",
        "DELETE FROM audit_entries WHERE id = 3",
    )
    assert ready("audit", "verify").exit_code == 0
    done = ready("audit", "verify", "--head", head)
    assert done.exit_code == 1
    assert "was cut" in done.output


def test_what_is_no_head_is_refused(ready: Run) -> None:
    done = ready("audit", "verify", "--head", "yesterday")
    assert done.exit_code == 2
