"""docs/migration.md: its examples are imported, and its tables are those of the code."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
import pytest
from flask import Flask

from broker.app import create_app, parts
from broker.cli import main
from broker.events.replay import KEPT
from broker.events.security import EventKind
from broker.keys import signing
from broker.settings import Settings, load
from broker.settings.limits import LimitSettings, Rate, in_text
from broker.settings.migration import MigrationSettings, StreamSettings
from broker.storage.database import Database
from migrations.accounts import periods, proofs
from migrations.accounts.campaign import templates
from migrations.accounts.campaign.phases import Phase
from migrations.accounts.campaign.templates import TemplateName
from migrations.accounts.campaign.waves import Audience
from migrations.accounts.cases import CaseKind
from migrations.accounts.effects import APPROVALS
from migrations.accounts.hashes.formats import NAMED, UnknownHash, parse
from migrations.accounts.importing.report import SENTENCES, Code
from migrations.accounts.importing.source import COLUMNS, NEEDED
from migrations.accounts.records import State
from migrations.accounts.recovery import limits
from tests import once
from tests.accounts.organizations.rooms import NOW as ROOM_NOW
from tests.docs.guide import ROOT, blocks, spans
from tests.docs.test_organisation_guides import fits, shape
from tests.migrations.importing.exported import jsonl, kept, raw_settings, row, run
from tests.migrations.legacy import Bare, campaign, imported
from tests.migrations.rooms import OldRoom
from tests.settings.test_settings import minimal, write

GUIDE = ROOT / "docs" / "migration.md"
DAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_COMMON = {"client_id": "vestibule", "client_secret": "opens nothing"}


def example(kind: str, name: str) -> str:
    """Return what stands in the guide's block of this name."""
    found = re.search(rf"<!-- {kind}: {re.escape(name)} -->\n```\w+\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found, name
    return found[1]


def table(before: str) -> list[list[str]]:
    """Return the rows of the first table behind a text, without its heading."""
    rest = GUIDE.read_text().partition(before)
    assert rest[1], before
    body = rest[2].partition("| --- |")[2].partition("\n")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in body.splitlines()]


def codes(cell: str) -> list[str]:
    """Return what is in backticks."""
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture(params=["jsonl", "csv"])
def world(request: pytest.FixtureRequest, tmp_path: Path, migrated_sqlite: Path) -> Iterator[tuple[Bare, Path]]:
    """An old world that is empty, with the providers that the examples name; and one of the example files."""
    path = tmp_path / f"accounts.{request.param}"
    path.write_text(example("example", path.name), encoding="utf-8")
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    raw = raw_settings(f"sqlite:///{tmp_path / 'vestibule.db'}")
    raw["providers"] = {
        "microsoft": {**raw["providers"]["msa"], **_COMMON},
        "entra": raw["providers"]["work"],
        "github": raw["providers"]["github"],
    }
    try:
        yield Bare(settings=Settings.model_validate(raw), database=database), path
    finally:
        database.dispose()


def test_the_examples_are_imported_whole(world: tuple[Bare, Path]) -> None:
    bare, path = world
    summary = run(bare, path)
    assert (summary.added, summary.refused, dict(summary.codes)) == (3, 0, {})
    found = {each["registry_id"]: each for each in kept(bare)["accounts"]}
    assert {name: each["hash_format"] for name, each in found.items()} == {
        "1042": "aspnet_v3",
        "1043": None,
        "1044": "bcrypt_devise",
    }
    assert {name: (each["alias"], each["downloads"]) for name, each in found.items()} == {
        "1042": (None, 2_400_000),
        "1043": (None, 0),
        "1044": ("confirmed", 81_000),
    }
    assert [each["registry_id"] for each in kept(bare)["identities"]].count("1043") == 2


def test_both_examples_say_the_same(world: tuple[Bare, Path], tmp_path: Path) -> None:
    bare, path = world
    run(bare, path)
    other = tmp_path / ("accounts.csv" if path.suffix == ".jsonl" else "accounts.jsonl")
    other.write_text(example("example", other.name), encoding="utf-8")
    assert run(bare, other).unchanged == 3


def test_every_column_is_told_in_its_order_and_which_are_needed() -> None:
    told = table("## Export")
    assert [codes(each[0])[0] for each in told] == list(COLUMNS)
    assert tuple(codes(each[0])[0] for each in told if each[1] == "yes") == NEEDED
    (identities,) = (each[2] for each in told if each[0] == "`identities`")
    assert "20 at most" in identities
    assert "at most 20" in SENTENCES[Code.IDENTITIES]


def test_every_kind_of_provider_is_told_how_its_identities_are_exported(tmp_path: Path) -> None:
    kinds = {each["kind"] for each in raw_settings(f"sqlite:///{tmp_path}/none.db")["providers"].values()}
    assert {codes(each[0])[0] for each in table("### Identities")} == kinds


def test_every_format_that_a_row_may_name_is_told_with_what_it_may_be() -> None:
    told = {codes(each[0])[0]: codes(each[1]) for each in table("### Password formats")}
    assert told == {name: sorted(formats) for name, formats in NAMED.items()}
    assert list(told) == sorted(told)


@pytest.mark.parametrize(
    "text, code",
    [
        ("plain text", "unknown"),
        ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe!", "malformed"),
        ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRG", "truncated"),
        ("$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "too_costly"),
        ("$1$CCCCCCCC$E5YPO9kmyuRGyh0XouQYb4", "unsupported"),
    ],
)
def test_every_reason_not_to_take_a_hash_is_told(text: str, code: str) -> None:
    with pytest.raises(UnknownHash) as refused:
        parse(text)
    assert refused.value.code == code
    assert code in [codes(each[0])[0] for each in table("Why a hash was not taken")]


def test_every_code_of_the_report_is_told_as_the_report_says_it() -> None:
    told = [tuple(each) for each in table("It repeats nothing personal")]
    assert told == [(f"`{code}`", "yes" if code.taken else "no", SENTENCES[code]) for code in Code]


def test_what_a_dry_run_and_a_second_run_say_is_as_told(tmp_path: Path, migrated_sqlite: Path) -> None:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    try:
        bare = Bare(
            settings=Settings.model_validate(raw_settings(f"sqlite:///{tmp_path}/vestibule.db")), database=database
        )
        path = jsonl(tmp_path / "rows.jsonl", [row("1", email="both@old.example"), row("2", email="both@old.example")])
        assert run(bare, path, dry_run=True).shared == 0
        assert run(bare, path).shared == 2
        assert run(bare, path).unchanged == 2
        changed = imported(bare, [row("1", email="own@old.example")], now=NOW)
        assert changed.changed == 1
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM legacy_accounts").scalar_one() == 2
    finally:
        database.dispose()


def test_every_period_is_as_it_is_fixed() -> None:
    def days(of: timedelta) -> str:
        return f"{of.days} days"

    assert [each[1] for each in table("no setting shortens it")] == [
        f"{proofs.LIFETIME // timedelta(hours=1)} hour",
        f"{periods.HOLD // timedelta(hours=1)} hours",
        days(periods.UNDO),
        days(periods.OBJECTION),
        days(periods.GATHERING),
        days(periods.ASKING),
        days(periods.RECOVERY),
        days(periods.EXCEPTION),
    ]
    assert f"Events are kept for {KEPT.days} days" in prose()
    assert APPROVALS == 2


def prose() -> str:
    return " ".join(GUIDE.read_text().split())


def test_limits_are_as_they_are_set() -> None:
    def said(rate: Rate) -> str:
        spans = {300: "in five minutes", 3600: "an hour", 86400: "a day"}
        return f"{rate.size} {spans[rate.seconds]}"

    settings = LimitSettings()
    address, account, person, mailbox = (
        [said(rate) for rate in each]
        for each in (
            settings.password_address,
            settings.password_account,
            settings.password_person,
            settings.password_mailbox,
        )
    )
    assert f"{' and '.join(address)} from one address; {' and '.join(account)} an account, and as many" in prose()
    assert f"for whoever signed in just now {' and '.join(person)} an account" in prose()
    assert f"for whoever proved the mailbox {mailbox[0]}, {' and '.join(mailbox[1:])}." in prose()
    links = (settings.claim_mail_account, settings.claim_mail_known, settings.claim_mail_person)
    assert [[said(rate) for rate in each] for each in links] == [["5 an hour"], ["5 an hour"], ["3 an hour"]]
    assert (limits.MOST_OPEN, limits.MOST_RIVALS) == (3, 10)
    assert [in_text(each) for each in (settings.recovery_account, settings.recovery_look)] == ["5 / day", "10 / h"]
    assert "three requests open, and make five a day." in prose()
    assert "more than ten people ask for at a time you are told of every one, and its old address of ten" in prose()


def test_every_setting_of_a_campaign_and_of_a_stream_is_told_and_no_other() -> None:
    told = [code for each in table("`[migration]`, without which") for code in codes(each[0])]
    assert told == list(MigrationSettings.model_fields)
    assert [codes(each[0])[0] for each in table("`[streams.ID]`, where")] == list(StreamSettings.model_fields)
    defaults = {codes(each[0])[0]: codes(each[1]) for each in table("`[migration]`, without which") if codes(each[1])}
    for name, (default, *_) in defaults.items():
        if default.isdigit():
            assert MigrationSettings.model_fields[name].default == int(default)


def test_names_and_addresses_go_ninety_days_after_closing_unless_it_is_said() -> None:
    settings = MigrationSettings.model_validate(campaign(DAY))
    assert settings.forgets_on == settings.closed + timedelta(days=90)


def test_the_campaign_that_is_shown_can_be_configured_so() -> None:
    (shown,) = (each for each in blocks(GUIDE, "toml") if "[migration]" in each)
    path = shown.partition("[streams")[0].partition("[migration]\n")[2]
    dates = dict(re.findall(r"^(\w+) = ([\d-]+)$", path, re.MULTILINE))
    MigrationSettings.model_validate({"registry": "My Registry", **dates})


def test_every_phase_and_every_state_is_told() -> None:
    assert [codes(each[0])[0] for each in table("## Phases")] == [each.value for each in Phase]
    assert [codes(each[0])[0] for each in table("How far it is:")] == [each.value for each in State]


def test_every_command_of_the_migration_is_shown() -> None:
    text = "\n".join(blocks(GUIDE, "sh"))
    assert isinstance(main, click.Group)
    migrate = main.commands["migrate"]
    assert isinstance(migrate, click.Group)
    for name, command in migrate.commands.items():
        names = [f"{name} {each}" for each in command.commands] if isinstance(command, click.Group) else [name]
        for each in names:
            assert f"vestibule migrate {each}" in text, each


def test_every_audience_and_every_template_is_told() -> None:
    named = set(spans(GUIDE))
    assert {each.value for each in Audience} <= named
    assert {each.value for each in TemplateName} <= named


def test_every_word_of_a_template_is_told_and_what_it_must_have() -> None:
    told = {codes(each[0])[0].strip("{}"): each[1] for each in table("Known words in braces")}
    assert tuple(told) == templates.PLACEHOLDERS
    assert {name for name, text in told.items() if "also in a subject" in text} == templates.IN_SUBJECTS
    assert {name for name, text in told.items() if "must have it" in text} == set(templates.REQUIRED)
    assert f"up to {templates.LONGEST_SUBJECT} characters, a text up to {templates.LONGEST_TEXT}" in prose()


@pytest.mark.parametrize("name", [TemplateName.ANNOUNCED, TemplateName.ALIAS])
def test_the_mails_that_are_shown_can_be_saved_as_they_are(name: TemplateName) -> None:
    subject, _, text = example("template", name.value).partition("\n\n")
    assert templates.read(name, subject, text).subject == subject


@pytest.fixture
def room(tmp_path: Path, migrated_sqlite: Path) -> Iterator[OldRoom]:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'room.db')}")
    yield OldRoom(database)
    database.dispose()


def test_every_event_is_told_with_what_comes_with_it(room: OldRoom) -> None:
    told: dict[str, set[str]] = {}
    for each in table("## Telling the registry"):
        event, *also = codes(each[0])
        told.setdefault(event, set()).update(also, codes(each[2]))
    assert list(told) == [kind.value for kind in EventKind]
    room.operator("otto")
    ada, bob = room.sign_in("ada"), room.sign_in("bob")
    for registry_id in ("1", "2", "3"):
        room.legacy(registry_id, name=f"user{registry_id}")
    claim, converted = room.claimed(ada, "1"), room.converting(ada, [ada, bob], "2")
    room.due.run(ROOM_NOW + periods.OBJECTION)
    with room.database.begin() as connection:
        room.effects.undo(connection, claim, ROOM_NOW)
        room.effects.undo(connection, room.case(converted), ROOM_NOW + periods.OBJECTION)
        room.effects.close(connection, "3", ROOM_NOW)
    seen: dict[str, set[str]] = {}
    for kind, _, data in room.events():
        seen.setdefault(kind, set()).update(data)
        assert {str(data[each]) for each in ("reason", "keys") if each in data} <= told[kind]
        assert data.get("by") in {None, *told[EventKind.CLAIMED], *told[EventKind.CONVERTED]}
    assert set(seen) == set(told)
    assert all(members <= told[kind] for kind, members in seen.items())
    assert {*(kind.value for kind in CaseKind), "campaign_closed"} <= told[EventKind.PASSWORD_CLOSED]
    assert {CaseKind.CLAIM, CaseKind.LINKED, CaseKind.RECOVERY} <= told[EventKind.CLAIMED]


def test_what_is_upheld_and_what_is_given_back_is_told(room: OldRoom) -> None:
    otto, ada = room.operator(), room.sign_in("ada")
    for registry_id in ("1", "2"):
        room.legacy(registry_id, name=f"user{registry_id}")
        case = room.claimed(ada, registry_id)
        with room.database.begin() as connection:
            undone = room.effects.undo(connection, case, ROOM_NOW)
            (room.effects.uphold if registry_id == "1" else room.effects.give_back)(connection, undone, otto)
    told = [kind for kind, subject, _ in room.events() if subject == "1"]
    assert told == ["account.claimed", "account.claim_undone", "account.claimed", "password.closed"]
    returned = [(kind, data.get("state")) for kind, subject, data in room.events() if subject == "2"]
    assert returned == [
        ("account.claimed", None),
        ("account.claim_undone", "frozen"),
        ("account.claim_undone", "returned"),
    ]
    assert "Given back: what was undone comes once more, with `state`: `returned`." in prose()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Flask]:
    """A broker with a campaign that serves nobody: it knows its addresses."""
    folder = tmp_path_factory.mktemp("addresses")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    lines = [f'{name} = "{value}"' for name, value in campaign().items() if isinstance(value, str)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "generate", once.signing_key)
        made = create_app(load(write(folder, minimal(migration="\n".join(lines))), {}))
    yield made
    parts(made).close()


def test_every_address_that_is_named_is_there(app: Flask) -> None:
    served = [shape(re.sub(r"<[^>]+>", "*", rule.rule)) for rule in app.url_map.iter_rules()]
    named = [each for each in spans(GUIDE) if re.fullmatch(r"/[a-z][\w/{}-]*", each)]
    assert named
    for each in named:
        assert any(fits(shape(each), one) for one in served), each


def test_the_guide_names_no_place_of_anybodys_machine() -> None:
    assert not re.search(r"/(?:home|tmp|root|work|Users)/", GUIDE.read_text())
