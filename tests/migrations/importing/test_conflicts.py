"""Whose a name and an identity are, and what a dry run and the report say of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from broker.audit.model import audit_entries
from migrations.accounts.importing import importer
from migrations.accounts.importing.report import Code
from migrations.accounts.model import imports
from tests.migrations.importing.exported import (
    GITHUB,
    NOW,
    account,
    bare,
    codes,
    ids,
    jsonl,
    kept,
    raw_secrets,
    raw_settings,
    row,
    run,
    set_columns,
)
from tests.migrations.legacy import Bare, aspnet_v3, imported, legacy


class TestConflicts:
    def test_the_second_row_of_an_id_is_refused_whatever_the_first_one_was(self, world: Bare) -> None:
        assert codes(world, row("42"), row("42", name="other")) == {Code.REPEATED: 1}
        assert codes(world, row("43", name=""), row("43")) == {Code.NAME: 1, Code.REPEATED: 1}
        assert codes(world, row("42"), row("42", keys=1)) == {Code.REPEATED: 1}
        assert ids(world) == ["42"]
        assert account(world, "42")["keys"] == 0

    def test_a_name_is_the_first_ones_in_any_case(self, world: Bare) -> None:
        assert codes(world, row("1", name="ada"), row("2", name="ADA")) == {Code.NAME_TAKEN: 1}
        assert codes(world, row("3", name="Ada")) == {Code.NAME_TAKEN: 1}
        assert ids(world) == ["1"]

    def test_t3_an_identity_is_the_first_ones(self, world: Bare) -> None:
        first, second = row("1", identities=[GITHUB]), row("2", identities=[GITHUB])
        assert codes(world, first, second) == {Code.IDENTITY_TAKEN: 1}
        assert codes(world, row("3", identities=[{"provider": "github", "id": 583231}])) == {Code.IDENTITY_TAKEN: 1}
        assert codes(world, row("4", identities=[GITHUB, GITHUB])) == {Code.IDENTITY_TAKEN: 1}
        assert ids(world) == ["1"]
        assert [each["registry_id"] for each in kept(world)["identities"]] == ["1"]

    def test_t3_an_identity_is_the_first_ones_under_an_older_pseudonym_key_too(self, world: Bare) -> None:
        legacy(world, "1", identities=[GITHUB], now=NOW)
        raw = raw_settings(world.settings.database.url)
        secrets = raw_secrets(world.settings)
        newer = bare(
            world.database,
            raw | {"secrets": secrets | {"pseudonym": secrets["pseudonym"] | {"v2": raw["secrets"]["index"]}}},
        )
        assert codes(newer, row("2", identities=[GITHUB])) == {Code.IDENTITY_TAKEN: 1}
        assert ids(world) == ["1"]

    @pytest.mark.parametrize("size", [1, 500])
    def test_names_and_identities_are_free_once_their_account_gave_them_up(
        self, world: Bare, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        monkeypatch.setattr(importer, "BATCH", size)
        before = [row("1", name="ada", identities=[GITHUB]), row("2", name="bob")]
        after = [row("1", name="adele"), row("2", name="ADA"), row("3", name="bob", identities=[GITHUB])]
        assert codes(world, *before) == {}
        assert codes(world, *after) == {}
        assert [each["name_sealed"] for each in kept(world)["accounts"]] == ["adele", "ADA", "bob"]

    def test_several_on_one_address_are_proposed_as_shared(self, world: Bare) -> None:
        same = {"email": "ada@old.example"}
        legacy(world, "0", email="ADA@old.example", now=NOW)
        set_columns(world, "0", alias="rejected")
        summary = imported(world, [row("1", **same), row("2"), row("3", **same), row("4", email=None)], now=NOW)
        assert summary.shared == 2
        found = {each["registry_id"]: each["alias"] for each in kept(world)["accounts"]}
        assert found == {"0": "rejected", "1": "proposed", "2": None, "3": "proposed", "4": None}


class TestDryRun:
    def rows(self) -> list[dict[str, Any]]:
        """Return rows with something of everything, for a world where 1 to 3 are there."""
        return [
            row("1", name="adele", password_hash=aspnet_v3("x")),
            row("2", name="ada"),
            row("3"),
            row("4", name="ADELE"),
            row("5", identities=[GITHUB]),
            row("6", identities=[GITHUB, {"provider": "github", "id": "octocat"}]),
            row("7", identities=[{"provider": "github", "id": "octocat"}]),
            row("7"),
            row("8", name=""),
            row("9", password_hash="nonsense", email="nonsense"),
            row("10", name="user3"),
            {},
        ]

    @pytest.mark.parametrize("size", [1, 2, 500])
    def test_it_tells_what_the_import_would_and_writes_nothing(
        self, world: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        monkeypatch.setattr(importer, "BATCH", size)
        imported(world, [row("1", name="ada", identities=[GITHUB]), row("2", name="bob"), row("3")], now=NOW)
        path = jsonl(tmp_path / "rows.jsonl", self.rows())
        before = kept(world)
        dry = run(world, path, dry_run=True, report=tmp_path / "dry.jsonl")
        assert kept(world) == before
        real = run(world, path, report=tmp_path / "real.jsonl")
        assert dry == replace(real, shared=0)
        assert (tmp_path / "dry.jsonl").read_bytes() == (tmp_path / "real.jsonl").read_bytes()
        assert (real.rows, real.added, real.changed, real.unchanged, real.refused) == (12, 3, 2, 1, 6)
        with world.database.read() as connection:
            actions = connection.execute(select(audit_entries.c.action)).scalars().all()
        assert actions == ["migration.imported"] * 4

    def test_of_a_file_that_is_half_done_it_tells_all(self, world: Bare, tmp_path: Path) -> None:
        path = jsonl(tmp_path / "rows.jsonl", [row("1"), row("2")])
        run(world, path)
        with world.database.begin() as connection:
            connection.execute(update(imports).values(finished_at=None, position=1))
        assert run(world, path, dry_run=True).unchanged == 2


def test_the_report_holds_no_name_no_address_and_no_hash(world: Bare, tmp_path: Path) -> None:
    canary = {"name": "canary-name", "email": "canary-address", "password_hash": "canary-hash"}
    rows: list[dict[str, Any]] = [
        row("1", **canary),
        row("2", **canary),
        row("canary id", **canary),
        row("3", identities=[{"provider": "canary", "id": "canary"}]),
        row("4", kind="canary", packages="canary"),
    ]
    path = jsonl(tmp_path / "rows.jsonl", rows)
    path.write_text(path.read_text() + "canary\n")
    run(world, path, report=tmp_path / "report.csv")
    told = (tmp_path / "report.csv").read_text()
    assert "canary" not in told
    assert [line.split(",")[:4] for line in told.splitlines()[1:]] == [
        ["1", "1", "yes", "email_not_taken"],
        ["1", "1", "yes", "password_not_taken"],
        ["2", "2", "no", "name_taken"],
        ["3", "", "no", "registry_id_malformed"],
        ["4", "3", "yes", "identity_not_taken"],
        ["5", "4", "no", "kind_unknown"],
        ["6", "", "no", "not_a_row"],
    ]
