"""A whole file: what is kept of it, and what comes of it beside what is there."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from broker.audit.model import audit_entries
from broker.keys.pseudonyms import BlindIndex
from broker.storage.database import Database
from migrations.accounts.hashes.wrapped import Wrapper
from migrations.accounts.importing.importer import Importer
from migrations.accounts.importing.report import Code, NoReport
from migrations.accounts.importing.source import BadFile
from tests.migrations.importing.exported import (
    GITHUB,
    NOW,
    PERSON,
    TENANT,
    account,
    as_csv,
    bare,
    codes,
    jsonl,
    kept,
    raw_secrets,
    raw_settings,
    row,
    run,
    set_columns,
    wrapped,
)
from tests.migrations.legacy import Bare, aspnet_v3, imported, legacy

FULL = row(
    "42",
    name="Ada",
    email="Ada@old.example",
    password_hash=aspnet_v3("correct horse"),
    last_sign_in="2021-05-04T10:00:00Z",
    packages=[
        {"name": "x", "role": "owner", "downloads": 5, "repository": "https://github.com/ada/x"},
        {"name": "y", "role": "author", "downloads": 70},
    ],
    keys=3,
    identities=[GITHUB, {"provider": "work", "tenant": TENANT, "id": PERSON}],
)


def test_what_is_kept_is_sealed_with_a_date_by_which_it_goes(database: Database, tmp_path: Path) -> None:
    world = bare(database)
    summary = run(world, jsonl(tmp_path / "rows.jsonl", [FULL]))
    assert (summary.rows, summary.added, summary.refused, summary.codes) == (1, 1, 0, {})
    found = kept(world)
    index = BlindIndex(world.settings.secrets.index_key())
    (ada,) = found["accounts"]
    mac, sealed_hash = ada.pop("source_mac"), ada.pop("hash_sealed")
    assert ada == {
        "registry_id": "42",
        "kind": "person",
        "alias": None,
        "state": "pending",
        "account_id": None,
        "name_sealed": "Ada",
        "name_index": index.of("ADA"),
        "email_sealed": "Ada@old.example",
        "email_index": index.of("ada@OLD.example"),
        "email_confirmed": True,
        "hash_format": "aspnet_v3",
        "last_sign_in_at": datetime(2021, 5, 4, 10, tzinfo=UTC),
        "packages": [
            {"name": "x", "role": "owner", "downloads": 5, "repository": "https://github.com/ada/x"},
            {"name": "y", "role": "author", "downloads": 70, "repository": None},
        ],
        "downloads": 5,
        "keys": 3,
        "imported_at": NOW,
        "effective_at": None,
        "closed_at": None,
        "forget_at": datetime(2027, 6, 20, tzinfo=UTC),
        "parted_at": None,
        "lapsed_at": None,
        "unsubscribed_at": None,
        "excepted_until": None,
    }
    assert world.settings.migration is not None
    assert ada["forget_at"].date() == world.settings.migration.forgets_on
    assert len(mac) == 64
    assert sealed_hash["format"] == "aspnet_v3"
    assert len(found["identities"]) == 2
    assert all(each["pseudonym"].startswith("v1:") for each in found["identities"])
    (file,) = found["imports"]
    assert (file["position"], file["added"], file["finished_at"]) == (1, 1, NOW)


def test_the_password_is_known_again_and_its_hash_is_nowhere(world: Bare, tmp_path: Path) -> None:
    run(world, jsonl(tmp_path / "rows.jsonl", [FULL]))
    secrets, migration = world.settings.secrets, world.settings.migration
    assert migration is not None
    wrapper = Wrapper(key=secrets.lasting_key("legacy-passwords"), memory_kib=migration.rewrap_memory)
    assert wrapper.matches(wrapped(world, "42"), "correct horse")
    assert not wrapper.matches(wrapped(world, "42"), "another horse")
    world.database.dispose()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("vestibule.db*"))
    for word in (FULL["password_hash"], "Ada@old", "583231", TENANT, PERSON):
        assert word.encode() not in stored


def test_a_second_file_changes_frees_refuses_and_proposes(database: Database) -> None:
    world = bare(database)
    imported(world, [row("1", name="ada", identities=[GITHUB]), row("2"), row("3")], now=NOW)
    set_columns(world, "3", state="claimed")
    before = account(world, "3")
    second = [
        row("1", name="adele", email="user2@old.example", password_hash=aspnet_v3("x")),
        row("2"),
        row("3", keys=5),
        row("4", name="ADA", identities=[GITHUB]),
        row("5", name="user2"),
    ]
    summary = imported(world, second, now=NOW)
    assert summary.codes == {Code.NOT_PENDING: 1, Code.NAME_TAKEN: 1}
    assert (summary.added, summary.changed, summary.unchanged, summary.shared) == (1, 1, 1, 2)
    found = kept(world)
    assert [(each["name_sealed"], each["alias"]) for each in found["accounts"]] == [
        *(("adele", "proposed"), ("user2", "proposed"), ("user3", None), ("ADA", None)),
    ]
    assert account(world, "3") == before
    assert [each["registry_id"] for each in found["identities"]] == ["4"]


def test_csv_and_json_lines_say_the_same(world: Bare, tmp_path: Path) -> None:
    rows = [FULL, row("43", email_confirmed=False, kind="alias", password_hash=None), row("44", email=None)]
    run(world, jsonl(tmp_path / "rows.jsonl", rows))
    summary = run(world, as_csv(tmp_path / "rows.csv", rows))
    assert (summary.unchanged, summary.added, summary.changed, summary.codes) == (3, 0, 0, {})


class TestOnceMore:
    def test_the_same_file_changes_nothing(self, world: Bare, tmp_path: Path) -> None:
        path = jsonl(tmp_path / "rows.jsonl", [FULL, row("43")])
        run(world, path)
        before = kept(world)
        later = NOW + timedelta(days=1)
        summary = run(world, path, clock=lambda: later)
        assert (summary.unchanged, summary.added, summary.changed, summary.resumed_at) == (2, 0, 0, 0)
        after = kept(world)
        assert (after["accounts"], after["identities"]) == (before["accounts"], before["identities"])
        assert after["imports"][0]["started_at"] == later

    def test_a_changed_row_changes_an_account_that_nobody_has_come_for(self, world: Bare) -> None:
        legacy(world, "42", name="ada", identities=[GITHUB], now=NOW)
        set_columns(world, "42", lapsed_at=NOW, unsubscribed_at=NOW, excepted_until=NOW)
        later = NOW + timedelta(days=1)
        changed = row("42", name="adele", email="ada@old.example", keys=5, password_hash=aspnet_v3("new"))
        summary = imported(world, [changed], now=later)
        assert (summary.changed, summary.added) == (1, 0)
        found = kept(world)
        (ada,) = found["accounts"]
        assert (ada["name_sealed"], ada["keys"], ada["imported_at"]) == ("adele", 5, later)
        assert (ada["lapsed_at"], ada["unsubscribed_at"], ada["excepted_until"]) == (NOW, NOW, NOW)
        assert found["identities"] == []
        assert Wrapper(key=world.settings.secrets.lasting_key("legacy-passwords"), memory_kib=1024).matches(
            wrapped(world, "42"), "new"
        )

    def test_a_new_address_has_not_lapsed(self, world: Bare) -> None:
        legacy(world, "42", now=NOW)
        set_columns(world, "42", lapsed_at=NOW)
        imported(world, [row("42", email="new@other.example")], now=NOW)
        assert account(world, "42")["lapsed_at"] is None

    def test_a_password_that_is_gone_from_the_row_is_gone(self, world: Bare) -> None:
        legacy(world, "42", now=NOW)
        imported(world, [row("42")], now=NOW)
        assert (account(world, "42")["hash_sealed"], account(world, "42")["hash_format"]) == (None, None)

    @pytest.mark.parametrize("state", ["waiting", "claimed", "converted", "frozen", "closed"])
    def test_an_account_that_somebody_has_come_for_is_not_changed_by_a_file(self, world: Bare, state: str) -> None:
        legacy(world, "42", password=None, now=NOW)
        set_columns(world, "42", state=state)
        before = kept(world)["accounts"]
        same = row("42")
        assert codes(world, same) == {}
        assert codes(world, same | {"email": "thief@evil.example"}) == {Code.NOT_PENDING: 1}
        assert kept(world)["accounts"] == before

    def test_what_a_person_decided_of_an_alias_stays(self, world: Bare) -> None:
        imported(world, [row("1", email="team@x.example"), row("2", kind="alias"), row("3")], now=NOW)
        assert [each["alias"] for each in kept(world)["accounts"]] == ["proposed", "confirmed", None]
        set_columns(world, "1", alias="rejected")
        set_columns(world, "3", alias="confirmed")
        imported(world, [row("1", email="team@x.example", keys=1), row("2", keys=1), row("3", keys=1)], now=NOW)
        assert [each["alias"] for each in kept(world)["accounts"]] == ["rejected", None, "confirmed"]

    def test_an_identity_is_taken_once_its_provider_is_configured(self, world: Bare, tmp_path: Path) -> None:
        path = jsonl(tmp_path / "rows.jsonl", [row("42", identities=[GITHUB])])
        raw = raw_settings(world.settings.database.url) | {"secrets": raw_secrets(world.settings)}
        without = raw | {"providers": {name: each for name, each in raw["providers"].items() if name != "github"}}
        assert run(bare(world.database, without), path).codes == {Code.IDENTITY_LEFT: 1}
        summary = run(bare(world.database, raw), path)
        assert (summary.changed, summary.codes) == (1, {})
        assert len(kept(world)["identities"]) == 1


def test_the_record_says_when_it_began_and_what_came_of_it(world: Bare, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [row("1"), row("2"), row("2")])
    run(world, path)
    with world.database.read() as connection:
        entries = connection.execute(select(audit_entries).order_by(audit_entries.c.id)).all()
    (file,) = kept(world)["imports"]
    assert [(each.action, json.loads(each.detail)) for each in entries] == [
        ("migration.imported", {"state": "started", "count": 0, "reference": file["id"]}),
        ("migration.imported", {"state": "finished", "count": 2, "reference": file["id"]}),
    ]


def test_a_heading_that_is_none_leaves_no_trace(world: Bare, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,name\n1,ada\n")
    with pytest.raises(BadFile):
        run(world, tmp_path / "rows.csv")
    assert kept(world)["imports"] == []


def test_an_empty_file_is_done_at_once(world: Bare, tmp_path: Path) -> None:
    assert run(world, jsonl(tmp_path / "rows.jsonl", [])).rows == 0


def test_the_report_is_written_over_nothing_else(world: Bare, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [row("1")])
    (tmp_path / "link.jsonl").hardlink_to(path)
    (tmp_path / "other.csv").write_text("what,else\n")
    for mine in (path, tmp_path / "link.jsonl"):
        with pytest.raises(BadFile, match="written over"):
            run(world, path, report=mine)
    with pytest.raises(NoReport):
        run(world, path, report=tmp_path / "other.csv")
    assert kept(world)["imports"] == []


def test_without_a_campaign_there_is_no_old_world(world: Bare) -> None:
    with pytest.raises(ValueError, match="no migration"):
        Importer.build(world.settings.model_copy(update={"migration": None}), world.database)
