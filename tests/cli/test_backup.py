"""vestibule backup and restore: one sealed file, looked at before it is believed, and everything in it or nothing."""

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.backup.sealed import Derivation
from broker.backup.taking import as_configured
from broker.cli import main
from broker.settings import load
from broker.settings.fresh import fresh_keys
from tests.cli.conftest import Run
from tests.cli.test_commands import actions, execute
from tests.reliability.served import ROOT, command, environ

PASSPHRASE = "correct horse battery staple"
CLIENT = ["clients", "add", "new", "--name", "New", "--redirect-uri", "https://new.example/cb"]


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id takes a second and 256 MB by itself, each time."""
    monkeypatch.setattr("broker.commands.backup.DERIVATION", Derivation(memory_kib=64, passes=1, lanes=1))
    monkeypatch.setenv("BACKUP_PASSPHRASE", PASSPHRASE)


@pytest.fixture
def filled(ready: Run) -> Run:
    assert ready(*CLIENT).exit_code == 0
    assert ready("keys", "rotate").exit_code == 0
    return ready


@pytest.fixture
def taken(filled: Run, tmp_path: Path) -> Path:
    """A backup of a database with a client, a key and an audit record."""
    file = tmp_path / "all.backup"
    done = filled("backup", str(file), "--passphrase-variable", "BACKUP_PASSPHRASE")
    assert done.exit_code == 0, done.output
    return file


def restored(run: Run, file: Path, *options: str) -> Result:
    return run("restore", str(file), "--passphrase-variable", "BACKUP_PASSPHRASE", *options)


def move_away(config: Path) -> None:
    for name in ("vestibule.db", "vestibule.db-wal", "vestibule.db-shm"):
        if (config.parent / name).exists():
            shutil.move(config.parent / name, config.parent / f"old-{name}")


def rows(config: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(config.parent / "vestibule.db") as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def test_what_was_taken_is_what_comes_back(taken: Path, filled: Run, config: Path) -> None:
    before = rows(config)
    move_away(config)
    done = restored(filled, taken)
    assert done.exit_code == 0, done.output
    assert "The audit record verifies" in done.output
    after = rows(config)
    assert {name: each for name, each in after.items() if name != "audit_entries"} == {
        name: each for name, each in before.items() if name != "audit_entries"
    }
    (outcome,) = set(before["audit_entries"]) - set(after["audit_entries"])
    assert "backup.taken" in outcome, "how it ended is known only once the file is in place"
    assert actions(config)[-2:] == ["backup.taken", "backup.restored"]
    assert filled("audit", "verify").exit_code == 0
    assert filled(*CLIENT).exit_code == 2, "the client is there"


def test_a_backup_is_for_its_owner_and_shows_nothing(taken: Path, config: Path) -> None:
    assert taken.stat().st_mode & 0o777 == 0o600
    content = taken.read_bytes()
    settings = load(config, {})
    for secret in (settings.secrets.audit, settings.secrets.index, settings.secrets.encryption["v1"]):
        assert secret.get_secret_value().encode() not in content
    assert b"accounts" not in content
    assert b"https://new.example" not in content
    assert not list(taken.parent.glob("*.part"))


def test_a_backup_takes_no_other_files_place(taken: Path, filled: Run) -> None:
    content = taken.read_bytes()
    done = filled("backup", str(taken), "--passphrase-variable", "BACKUP_PASSPHRASE")
    assert done.exit_code == 2
    assert "is there already" in done.output
    assert taken.read_bytes() == content


def test_a_backup_is_checked_without_a_configuration(taken: Path, config: Path) -> None:
    config.unlink()
    arguments = ["--config", str(config), "backup", "--check", str(taken), "--passphrase-variable", "BACKUP_PASSPHRASE"]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "is whole" in done.output
    taken.write_bytes(taken.read_bytes()[:-1])
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 2
    assert "Nothing was written" in done.output


@pytest.mark.parametrize("how", ["shorter", "changed", "another passphrase"])
def test_what_is_not_whole_is_refused_before_anything_is_written(
    taken: Path, filled: Run, config: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_away(config)
    content = bytearray(taken.read_bytes())
    if how == "shorter":
        del content[-100:]
    elif how == "changed":
        content[len(content) // 2] ^= 1
    else:
        monkeypatch.setenv("BACKUP_PASSPHRASE", "another passphrase")
    taken.write_bytes(content)
    done = restored(filled, taken)
    assert done.exit_code == 2
    assert "Nothing was written" in done.output
    assert not (config.parent / "vestibule.db").exists()


def test_a_database_that_is_not_empty_is_left_as_it_is(taken: Path, filled: Run, config: Path) -> None:
    before = rows(config)
    done = restored(filled, taken)
    assert done.exit_code == 2
    assert "not empty" in done.output
    assert rows(config) == before


def test_other_secrets_are_refused_and_those_of_the_backup_can_be_had(
    taken: Path, filled: Run, config: Path, tmp_path: Path
) -> None:
    move_away(config)
    own = config.read_text()
    secrets_before, fresh = load(config, {}).secrets, fresh_keys()
    index, version = secrets_before.index.get_secret_value(), secrets_before.encryption["v1"].get_secret_value()
    config.write_text(own.replace(index, fresh["index"]).replace(version, fresh["encryption"]))
    done = restored(filled, taken)
    assert done.exit_code == 2
    assert "encryption.v1" in done.output
    assert "index" in done.output
    assert not (config.parent / "vestibule.db").exists()
    secrets = tmp_path / "secrets.toml"
    done = restored(filled, taken, "--secrets-to", str(secrets))
    assert done.exit_code == 0, done.output
    assert secrets.stat().st_mode & 0o777 == 0o600
    head, _, rest = own.partition("[secrets]")
    tail = rest[rest.index("\n[") :] if "\n[" in rest else ""
    while tail.startswith(("\n[secrets.",)):
        tail = tail[tail.index("\n[", 1) :] if "\n[" in tail[1:] else ""
    config.write_text(f"{head}{secrets.read_text()}{tail}")
    assert as_configured(load(config, {}).secrets) == as_configured(secrets_before)
    assert restored(filled, taken).exit_code == 0
    done = restored(filled, taken, "--secrets-to", str(secrets))
    assert (done.exit_code, "is there already" in done.output) == (2, True)


def test_the_configuration_comes_along_where_it_is_wanted(
    taken: Path, filled: Run, config: Path, tmp_path: Path
) -> None:
    done = restored(filled, taken, "--configuration-to", str(tmp_path / "c.toml"))
    assert (done.exit_code, "without its configuration" in done.output) == (2, True)
    file = tmp_path / "more.backup"
    taking = ("backup", str(file), "--with-configuration", "--passphrase-variable", "BACKUP_PASSPHRASE")
    assert filled(*taking).exit_code == 0
    assert restored(filled, file, "--configuration-to", str(tmp_path / "c.toml")).exit_code == 0
    assert (tmp_path / "c.toml").read_text() == config.read_text()
    both = ("--secrets-to", str(tmp_path / "s.toml"), "--configuration-to")
    done = restored(filled, file, *both, str(tmp_path / "c.toml"))
    assert (done.exit_code, "is there already" in done.output) == (2, True)
    done = restored(filled, file, *both, str(tmp_path / "s.toml"))
    assert (done.exit_code, "Name two files" in done.output) == (2, True)
    assert not (tmp_path / "s.toml").exists(), "none is written where one cannot be"


def test_a_backup_that_did_not_come_to_an_end_is_recorded_as_such(
    filled: Run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(table: str, rows: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("broker.commands.backup.tell", interrupted)
    filled("backup", str(tmp_path / "x"), "--passphrase-variable", "BACKUP_PASSPHRASE")
    assert not list(tmp_path.glob("x*"))
    with sqlite3.connect(config.parent / "vestibule.db") as connection:
        said = [
            json.loads(each)
            for (each,) in connection.execute(
                "SELECT detail FROM audit_entries WHERE action = 'backup.taken' ORDER BY id"
            )
        ]
    assert [each["state"] for each in said] == ["begun", "failed"]


def test_a_passphrase_comes_from_a_file_of_its_owner_or_the_environment(filled: Run, tmp_path: Path) -> None:
    file, kept = tmp_path / "all.backup", tmp_path / "passphrase"
    kept.write_text(f"{PASSPHRASE}\n")
    kept.chmod(0o644)
    taking = ("backup", str(file), "--passphrase-file", str(kept))
    assert "chmod 600" in filled(*taking).output
    kept.chmod(0o600)
    assert filled(*taking, "--passphrase-variable", "BACKUP_PASSPHRASE").exit_code == 2
    assert filled(*taking).exit_code == 0
    assert filled("backup", "--check", str(file), "--passphrase-variable", "BACKUP_PASSPHRASE").exit_code == 0
    for unset in (("--passphrase-variable", "NOT_SET_ANYWHERE"), ()):
        done = filled("backup", str(tmp_path / "two"), *unset)
        assert done.exit_code == 2
        assert not (tmp_path / "two").exists()
    kept.write_text("too short\n")
    assert "fewer than 12" in filled("backup", str(tmp_path / "two"), "--passphrase-file", str(kept)).output


def typed(config: Path, file: Path, *answers: str) -> tuple[int, str]:
    """Take a backup at a terminal of its own, and return how it ended and what the terminal shows."""
    ours, theirs = os.openpty()
    # The passphrase is asked for at the terminal, whatever the standard input is.
    at_terminal = ("setsid", "--ctty", "--wait", *command(config, "backup", str(file)))
    process = subprocess.Popen(at_terminal, cwd=ROOT, env=environ(), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with os.fdopen(ours, "r+b", buffering=0) as terminal:
        for answer in answers:
            # A terminal that echoes no more is asking; what is typed before would be thrown away.
            while not shown.endswith(b": "):
                shown += terminal.read(1024)
            terminal.write(f"{answer}\n".encode())
            shown += b"\n"
        # A terminal of which nobody has the other end any more is an error to read.
        with suppress(OSError):
            while more := terminal.read(1024):
                shown += more
    return process.wait(timeout=60), shown.decode()


def test_a_passphrase_is_typed_twice_and_never_shown(filled: Run, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "typed.backup"
    code, shown = typed(config, file, PASSPHRASE, "another one", PASSPHRASE, PASSPHRASE)
    assert code == 0, shown
    assert "do not match" in shown
    assert PASSPHRASE not in shown
    done = filled("backup", "--check", str(file), "--passphrase-variable", "BACKUP_PASSPHRASE")
    assert done.exit_code == 0


def test_where_the_store_is_away_nothing_is_restored(taken: Path, filled: Run, config: Path) -> None:
    move_away(config)
    config.write_text(config.read_text().replace('# url = "memory://"', 'url = "redis://127.0.0.1:1/0"'))
    done = restored(filled, taken)
    assert done.exit_code == 2
    assert "does not answer" in done.output
    with sqlite3.connect(config.parent / "vestibule.db") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    assert restored(filled, taken, "--keep-grants").exit_code == 0, "what goes on need not end"


def test_a_database_without_tables_has_nothing_to_take(vestibule: Run, tmp_path: Path) -> None:
    done = vestibule("backup", str(tmp_path / "x"), "--passphrase-variable", "BACKUP_PASSPHRASE")
    assert done.exit_code == 2
    assert "nothing to take" in done.output
    assert not list(tmp_path.glob("x*"))


def test_a_backup_of_a_newer_version_is_refused(filled: Run, config: Path, tmp_path: Path) -> None:
    execute(config, "UPDATE alembic_version SET version_num = '9999'")
    file = tmp_path / "newer.backup"
    assert filled("backup", str(file), "--passphrase-variable", "BACKUP_PASSPHRASE").exit_code == 0
    move_away(config)
    done = restored(filled, file)
    assert done.exit_code == 2
    assert "newer version" in done.output


def test_a_record_that_was_changed_before_the_backup_is_not_restored(filled: Run, config: Path, tmp_path: Path) -> None:
    execute(config, "DROP TRIGGER audit_entries_no_update")
    execute(config, "UPDATE audit_entries SET action = 'nothing.happened' WHERE id = 1")
    file = tmp_path / "forged.backup"
    assert filled("backup", str(file), "--passphrase-variable", "BACKUP_PASSPHRASE").exit_code == 0
    move_away(config)
    done = restored(filled, file)
    assert done.exit_code == 2
    assert "entry 1" in done.output
    with sqlite3.connect(config.parent / "vestibule.db") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
