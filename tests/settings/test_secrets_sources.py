"""Secrets that are kept elsewhere: taken in at load, every mistake at once, and nothing of them shown."""

import base64
import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from broker.settings import Settings, SettingsError, load, parse_client, secret_sources
from broker.settings.secret_sources import MAX_BYTES, PLACES

CANARY = "canary-that-must-not-show"
GITHUB = '[providers.github]\nkind = "github"\nname = "GitHub"\nclient_id = "id"\n'
CLIENT_SECRET = secrets.token_urlsafe(32)


def fresh() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def kept(path: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file as its owner would keep a secret."""
    path.write_text(text)
    path.chmod(mode)
    return path


def prints(text: str) -> str:
    """Return a source, as TOML: a command that prints ``text``."""
    return run(f"print({text!r})")


def run(program: str) -> str:
    return f"{{ command = ['{sys.executable}', '-c', {toml(program)}] }}"


def toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def write(folder: Path, more: str = "", **sources: str) -> Path:
    """Write settings whose secrets are given as TOML values, or fresh strings."""
    given = {
        name: sources.get(name, f'"{fresh()}"') for name in ("index", "audit", "cookies", "encryption", "pseudonym")
    }
    path = folder / "vestibule.toml"
    path.write_text(
        'issuer = "https://login.example.org"\n'
        '[mail]\nurl = "directory:mail"\nsender = "vestibule@example.org"\n'
        f"[secrets]\nindex = {given['index']}\naudit = {given['audit']}\ncookies = {given['cookies']}\n"
        f"[secrets.encryption]\nv1 = {given['encryption']}\n[secrets.pseudonym]\nv1 = {given['pseudonym']}\n" + more
    )
    return path


def problems(path: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    assert len({problem.key for problem in caught.value.problems}) == len(caught.value.problems)
    for shown in (str(caught.value), repr(caught.value.problems)):
        assert CANARY not in shown
    return {problem.key: f"{problem.wrong} | {problem.right}" for problem in caught.value.problems}


def others(path: Path, environ: Mapping[str, str] | None = None) -> str:
    """Return what is said of ``secrets.index``, the only mistake there is."""
    found = problems(path, environ)
    assert set(found) == {"secrets.index"}
    return found["secrets.index"]


def test_every_secret_may_be_kept_in_a_file_or_behind_a_command(tmp_path: Path) -> None:
    keys = {name: fresh() for name in ("index", "audit", "cookies", "encryption", "pseudonym")}
    (tmp_path / "keys").mkdir()
    kept(tmp_path / "keys" / "index", keys["index"] + "\n")
    kept(tmp_path / "keys" / "encryption", f"  {keys['encryption']}\r\n")
    kept(tmp_path / "provider", CANARY)
    more = (
        '[clients.demo]\nname = "Demo"\nredirect_uris = ["https://registry.example.org/cb"]\n'
        f"secret = {prints(CLIENT_SECRET)}\n" + GITHUB + 'client_secret = { file = "provider" }\n'
    )
    path = write(
        tmp_path,
        more,
        index='{ file = "keys/index" }',
        audit=prints(keys["audit"]),
        cookies=f'"{keys["cookies"]}"',
        encryption=f'{{ file = "{tmp_path}/keys/encryption" }}',
        pseudonym=prints(keys["pseudonym"] + "\n\n"),
    )
    settings = load(path, {})
    shown = settings.secrets
    taken = {
        **{name: getattr(shown, name).get_secret_value() for name in ("index", "audit", "cookies")},
        "encryption": shown.encryption["v1"].get_secret_value(),
        "pseudonym": shown.pseudonym["v1"].get_secret_value(),
    }
    assert taken == keys
    client_secret = settings.clients["demo"].secret
    assert client_secret is not None
    assert client_secret.get_secret_value() == CLIENT_SECRET
    assert settings.providers["github"].client_secret.get_secret_value() == CANARY
    assert not [secret for secret in (*keys.values(), CLIENT_SECRET, CANARY) if secret in repr(settings)]


def test_a_source_may_stand_in_the_environment(tmp_path: Path) -> None:
    index, audit = fresh(), fresh()
    kept(tmp_path / "index", index)
    kept(tmp_path / "audit", audit)
    path = write(tmp_path, audit='{ file = "nowhere" }')
    environ = {
        "VESTIBULE__SECRETS__INDEX": f'{{"file": "{tmp_path}/index"}}',
        "VESTIBULE__SECRETS__AUDIT__FILE": str(tmp_path / "audit"),
    }
    settings = load(path, environ)
    assert settings.secrets.index.get_secret_value() == index
    assert settings.secrets.audit.get_secret_value() == audit


def test_every_source_that_yields_nothing_is_named_at_once_beside_the_other_mistakes(tmp_path: Path) -> None:
    more = (
        "[listen]\nport = 0\n"
        '[clients.demo]\nname = "Demo"\nredirect_uris = ["https://registry.example.org/cb"]\nsecret = {}\n'
        + GITHUB
        + 'client_secret = { file = "nowhere" }\n'
    )
    path = write(
        tmp_path,
        more,
        index='{ file = "nowhere" }',
        audit=run("raise SystemExit(3)"),
        cookies=prints("too short"),
        encryption='{ fiel = "x" }',
        pseudonym='{ command = ["/nowhere/prog"] }',
    )
    assert set(problems(path)) == {
        *("secrets.index", "secrets.audit", "secrets.cookies", "secrets.encryption.v1", "secrets.pseudonym.v1"),
        *("listen.port", "clients.demo.secret", "providers.github.client_secret"),
    }


def test_what_a_source_yields_is_held_to_the_same_rules(tmp_path: Path) -> None:
    same = fresh()
    kept(tmp_path / "key", same)
    assert "placeholder" in others(write(tmp_path, index=prints("A" * 43)))
    found = problems(write(tmp_path, index='{ file = "key" }', audit=f'"{same}"'))
    assert "repeats a key" in found["secrets.audit"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
def test_t11_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    kept(tmp_path / "key", CANARY, mode)
    told = others(write(tmp_path, index='{ file = "key" }'))
    assert "others than its owner" in told
    assert "chmod 600" in told


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_its_owners_alone_is_read(tmp_path: Path, mode: int) -> None:
    index = fresh()
    kept(tmp_path / "key", index, mode)
    assert load(write(tmp_path, index='{ file = "key" }'), {}).secrets.index.get_secret_value() == index


def test_t11_the_file_a_link_leads_to_is_the_one_that_counts(tmp_path: Path) -> None:
    kept(tmp_path / "open", CANARY, 0o644)
    (tmp_path / "key").symlink_to(tmp_path / "open")
    assert "others than its owner" in others(write(tmp_path, index='{ file = "key" }'))


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder", "nowhere", "nul\\u0000"):
        assert "names no file" in others(write(tmp_path, index=f'{{ file = "{name}" }}'))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    # Our own memory: a file of ours alone, and nothing is mapped at its beginning. Permissions would not stop root.
    assert "cannot be read" in others(write(tmp_path, index='{ file = "/proc/self/mem" }'))


@pytest.mark.parametrize(
    "content, wrong",
    [
        (b"", "leads to nothing"),
        (b" \n\n", "leads to nothing"),
        (b"\xff\xfe", "not UTF-8"),
        (CANARY.encode() * MAX_BYTES, "more than"),
    ],
)
def test_a_file_that_holds_no_secret_is_told(tmp_path: Path, content: bytes, wrong: str) -> None:
    kept(tmp_path / "key", "").write_bytes(content)
    assert wrong in others(write(tmp_path, index='{ file = "key" }'))


@pytest.mark.parametrize(
    "program, wrong",
    [
        (f"import sys; print('{CANARY}'); sys.stderr.write('{CANARY}'); sys.exit(4)", "ended with 4"),
        (f"import os; print('{CANARY}', flush=True); os.abort()", "ended with -6"),
        ("pass", "leads to nothing"),
        (f"import sys; sys.stdout.buffer.write(b'{CANARY}' + bytes([255]))", "not UTF-8"),
        (f"print('{CANARY}' * {MAX_BYTES})", "more than"),
    ],
    ids=["status", "signal", "silent", "not text", "endless"],
)
def test_t11_a_command_that_fails_is_told_and_its_output_is_not(
    tmp_path: Path, program: str, wrong: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert wrong in others(write(tmp_path, index=run(program)))
    assert CANARY not in "".join(capfd.readouterr())


def test_a_command_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_sources, "COMMAND_SECONDS", 1)
    program = f"import time; print('{CANARY}', flush=True); time.sleep(600)"
    assert "did not end within 1 seconds" in others(write(tmp_path, index=run(program)))


@pytest.mark.parametrize("command", ['"/nowhere/prog"', '"nul\\u0000"', '""'])
def test_a_command_that_cannot_be_run_is_told(tmp_path: Path, command: str) -> None:
    assert "cannot be run" in others(write(tmp_path, index=f"{{ command = [{command}] }}"))


def test_t11_a_command_gets_no_shell_and_none_of_our_own_variables(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert "cannot be run" in others(write(tmp_path, index=f"{{ command = ['true; touch {shlex.quote(str(mark))}'] }}"))
    assert not mark.exists()
    shows = "import os; print(os.environ['VAULT_TOKEN'] if not any('VESTIBULE__' in n for n in os.environ) else '')"
    index = fresh()
    path = write(tmp_path, index=run(shows))
    environ = {"VAULT_TOKEN": index, "VESTIBULE__SECRETS__AUDIT": fresh()}
    assert load(path, environ).secrets.index.get_secret_value() == index


@pytest.mark.parametrize(
    "source",
    [
        "{}",
        '{ file = "" }',
        "{ file = 7 }",
        '{ file = ["key"] }',
        '{ file = "key", command = ["true"] }',
        '{ file = "key", mode = 7 }',
        "{ command = [] }",
        '{ command = "true" }',
        '{ command = ["true", 7] }',
        '{ command = ["true"], shell = true }',
        '{ env = "KEY" }',
    ],
)
def test_a_table_that_is_no_source_is_told_what_one_is(tmp_path: Path, source: str) -> None:
    kept(tmp_path / "key", fresh())
    told = others(write(tmp_path, index=source))
    assert "neither a file nor a command" in told
    assert 'file = "path"' in told


@pytest.mark.parametrize(
    "broken", ["secrets = 1", "secrets = { encryption = 1 }", "clients = { demo = 1 }", "providers = 1"]
)
def test_a_table_that_is_no_table_is_left_to_the_settings(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "vestibule.toml"
    path.write_text(f"{broken}\n")
    assert broken.split(maxsplit=1)[0] in {key.split(".")[0] for key in problems(path)}


def test_t11_only_the_operators_file_names_files_and_commands(tmp_path: Path) -> None:
    settings = load(write(tmp_path), {})
    mark = tmp_path / "mark"
    described = {
        "name": "Demo",
        "redirect_uris": ["https://registry.example.org/cb"],
        "secret": {"command": ["touch", str(mark)]},
    }
    with pytest.raises(SettingsError) as caught:
        parse_client("demo", described, settings)
    assert [problem.key for problem in caught.value.problems] == ["clients.demo.secret"]
    assert not mark.exists()


def test_every_secret_of_the_settings_has_its_place() -> None:
    named = set(Settings.model_fields["secrets"].annotation.model_fields)  # type: ignore[union-attr]  # it is a model
    keys = {name for name in named if not name.endswith("_writes")}
    assert {place.split(".")[1] for place in PLACES if place.startswith("secrets.")} == keys
