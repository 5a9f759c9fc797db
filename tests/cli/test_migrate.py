"""vestibule migrate: what somebody at the shell sees of the old world, and decides; and nothing personal is shown."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from broker.settings import load
from broker.storage.database import Database
from migrations.accounts.model import legacy_accounts
from tests.cli.conftest import Run
from tests.cli.test_commands import actions, execute
from tests.migrations.legacy import Bare, campaign, legacy, package

TODAY = datetime.now(UTC).date()


@pytest.fixture
def old_world(ready: Run, config: Path) -> Iterator[Run]:
    """The command, in the second phase of a campaign with three accounts."""
    table = "".join(f"{name} = {json.dumps(value)}\n" for name, value in campaign().items())
    config.write_text(f"{config.read_text()}\n[migration]\n{table}")
    settings = load(config, {})
    database = Database(settings.database.url)
    into = Bare(settings=settings, database=database)
    legacy(into, "42", packages=[package("widget", downloads=2_000_000)], keys=1)
    legacy(into, "43", email="ada@lapsed.example")
    legacy(into, "44", email="team@old.example", kind="alias")
    yield ready
    database.dispose()


def put(config: Path, registry_id: str, **values: object) -> None:
    database = Database(load(config, {}).database.url)
    with database.begin() as connection:
        connection.execute(update(legacy_accounts).where(legacy_accounts.c.registry_id == registry_id).values(**values))
    database.dispose()


def said(run: Run, *arguments: str) -> str:
    done = run("migrate", *arguments)
    assert done.exit_code == 0, done.output
    assert "@" not in done.output
    assert "user4" not in done.output
    return " ".join(done.output.split())


def refused(run: Run, *arguments: str) -> str:
    done = run("migrate", *arguments)
    assert done.exit_code == 2, done.output
    return " ".join(done.output.split())


@pytest.mark.parametrize(
    "arguments", [["status"], ["show", "42"], ["mail", "list"], ["domains"], ["alias", "confirm", "42"]], ids=" ".join
)
def test_without_a_campaign_there_is_nothing_to_see(ready: Run, arguments: list[str]) -> None:
    assert "No campaign is configured." in refused(ready, *arguments)


def test_every_command_of_the_old_world_is_there(vestibule: Run) -> None:
    listed = vestibule("migrate", "--help").output
    for name in ("alias", "domains", "events", "except", "import", "lapsed", "mail", "replay", "show", "status"):
        assert f"\n  {name} " in listed


def test_the_status_shows_the_phase_the_counts_the_weeks_and_who_is_left(old_world: Run) -> None:
    shown = said(old_world, "status")
    for part in (
        "phase encouraged",
        "next required,",
        "cases to decide 0",
        "total 3 1",
        "pending 3 1",
        "42 2000000 no yes",
    ):
        assert part in shown
    assert "aliases_confirmed 1 0" in shown
    assert "WEEK OF CLAIMED CONVERTED PENDING" in shown


def test_the_status_is_there_for_programs_too(old_world: Run, config: Path) -> None:
    put(config, "43", state="claimed", effective_at=datetime.now(UTC))
    found = json.loads(old_world("migrate", "status", "--json").output)
    assert (found["phase"], sorted(found["dates"])) == ("encouraged", ["announced", "closed", "encouraged", "required"])
    assert (found["everyone"]["total"], found["everyone"]["claimed"], found["widely_used"]["total"]) == (3, 1, 1)
    assert found["weeks"][-1] | {"begin": ""} == {"begin": "", "claimed": 1, "converted": 0, "pending": 2}
    assert [each["registry_id"] for each in found["left"]] == ["42", "44"]


def test_after_closing_no_phase_is_to_come_and_nobody_may_be_left(old_world: Run, config: Path) -> None:
    text = config.read_text()
    for name, value in campaign().items():
        if name in ("announced", "encouraged", "required", "closed"):
            text = text.replace(f'{name} = "{value}"', f'{name} = "{TODAY - timedelta(days=1)}"')
    config.write_text(text)
    for registry_id in ("42", "43", "44"):
        put(config, registry_id, state="closed", closed_at=datetime.now(UTC))
    shown = said(old_world, "status")
    assert "phase closed next - days left 0" in shown
    assert "WHO IS LEFT" not in shown


def test_an_account_is_shown_with_what_stops_and_when(old_world: Run) -> None:
    shown = said(old_world, "show", "42")
    for part in ("state pending", "mailbox yes", "password yes", "packages 1", "keys 1", "lapsed -"):
        assert part in shown
    assert "The password opens nothing any more. Claim the account before." in shown
    assert "CASE" not in shown
    assert "shared confirmed" in said(old_world, "show", "44")
    assert "There is no account nobody in the old world." in refused(old_world, "show", "nobody")


def test_who_shares_an_account_is_decided_by_a_person(old_world: Run, config: Path) -> None:
    assert said(old_world, "alias", "confirm", "43") == "43 is shared."
    assert said(old_world, "alias", "reject", "43") == "43 is one person's."
    assert "no account" in refused(old_world, "alias", "confirm", "nobody")
    put(config, "43", state="claimed")
    assert "too late" in refused(old_world, "alias", "confirm", "43")
    assert actions(config)[-2:] == ["migration.alias_confirmed", "migration.alias_rejected"]


def test_an_exception_is_given_with_a_day_and_ended_without(old_world: Run, config: Path) -> None:
    day = TODAY + timedelta(days=150)
    assert said(old_world, "except", "42", "--until", str(day)) == f"Closing passes 42 by until {day}, 00:00 UTC."
    assert f"excepted until {day} 00:00 UTC" in said(old_world, "show", "42")
    assert said(old_world, "except", "42") == "Closing treats 42 as any other account."
    latest = TODAY + timedelta(days=210)
    for wrong in (TODAY, latest + timedelta(days=1)):
        assert f"not after {latest}" in refused(old_world, "except", "42", "--until", str(wrong))
    assert "no account" in refused(old_world, "except", "nobody")
    put(config, "42", state="claimed")
    assert "too late" in refused(old_world, "except", "42", "--until", str(day))
    assert actions(config)[-2:] == ["migration.excepted", "migration.exception_ended"]


def test_domains_that_lapsed_are_found_marked_and_given_back(old_world: Run, config: Path, tmp_path: Path) -> None:
    assert old_world("migrate", "domains").output == "       2  old.example\n       1  lapsed.example\n"
    file = tmp_path / "lapsed.txt"
    file.write_text("\nLAPSED.example.\nnobody.example\n")
    assert said(old_world, "lapsed", str(file)) == "1 address marked as lapsed."
    assert said(old_world, "lapsed", str(file)) == "0 addresses marked as lapsed."
    assert "mailbox no" in said(old_world, "show", "43")
    assert said(old_world, "lapsed", "--restore", "lapsed.example") == "1 address no longer marked as lapsed."
    assert actions(config)[-2:] == ["migration.domains_lapsed", "migration.domain_restored"]


def test_a_file_with_anything_but_domains_changes_nothing(old_world: Run, tmp_path: Path) -> None:
    file = tmp_path / "lapsed.txt"
    file.write_text("lapsed.example\nno domain\n")
    assert "no domain is no domain." in refused(old_world, "lapsed", str(file))
    assert "no domain" in refused(old_world, "lapsed", "--restore", "a b")
    assert "mailbox yes" in said(old_world, "show", "43")
    for both in ([], [str(file), "--restore", "lapsed.example"]):
        assert "Give a FILE with one domain a line, or --restore DOMAIN." in refused(old_world, "lapsed", *both)


def test_a_wave_is_counted_started_stopped_and_resumed(old_world: Run, config: Path) -> None:
    assert "There is no wave yet." in said(old_world, "mail", "list")
    assert (
        said(old_world, "mail", "start", "announced", "--dry-run") == "It would go to 2 account(s). Nothing was sent."
    )
    dry = said(old_world, "mail", "start", "alias", "--to", "aliases", "--most", "5", "--dry-run")
    assert dry == "It would go to 1 account(s). Nothing was sent."
    started = said(old_world, "mail", "start", "announced", "--most", "1", "--per-hour", "60")
    wave = started.split()[1]
    assert f"It goes to 1 account(s). Stop it: vestibule migrate mail stop {wave}" in started
    assert f"{wave} announced people running 0/1 60" in said(old_world, "mail", "list")
    assert "Another wave is running" in refused(old_world, "mail", "start", "required")
    assert "It is not stopped." in refused(old_world, "mail", "resume", wave)
    assert said(old_world, "mail", "stop", wave) == f"{wave} is stopped."
    assert "It is not running." in refused(old_world, "mail", "stop", wave)
    second = said(old_world, "mail", "start", "required").split()[1]
    assert "Another wave is running" in refused(old_world, "mail", "resume", wave)
    said(old_world, "mail", "stop", second)
    assert said(old_world, "mail", "resume", wave) == f"{wave} goes on."
    assert f"{second} required people stopped 0 1000" in said(old_world, "mail", "list")
    assert "There is no wave nobody." in refused(old_world, "mail", "stop", "nobody")
    assert execute(config, "SELECT count(*) FROM outbox") == [(0,)], "the running broker sends"


def test_a_wave_is_no_faster_than_the_settings_allow(old_world: Run) -> None:
    answer = refused(old_world, "mail", "start", "announced", "--per-hour", "1001")
    assert "At most 1000 mails go in an hour (migration.mails_per_hour)." in answer
