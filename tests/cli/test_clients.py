"""vestibule clients: every setting, and who may register from outside."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from broker.audit.service import Audit
from broker.oidc.clients import Client, Clients
from broker.oidc.registration.initial import InitialTokens
from broker.settings import ClientMetadata, ClientSettings, load
from broker.storage.database import Database
from tests.cli.conftest import Run
from tests.cli.test_commands import actions, execute

CALLBACK = "https://new.example/cb"
ADD = ["clients", "add", "new", "--name", "New", "--redirect-uri", CALLBACK]


def client(config: Path, client_id: str = "new") -> Client | None:
    settings = load(config, {})
    database = Database(settings.database.url)
    found = Clients(settings, database).get(client_id)
    database.dispose()
    return found


def shown(ready: Run, client_id: str = "new") -> dict[str, str]:
    done = ready("clients", "show", client_id)
    assert done.exit_code == 0, done.output
    cells = (line.partition("  ") for line in done.output.splitlines())
    return {name: value.strip() for name, _, value in cells}


def test_the_settings_that_matter_most_are_options(ready: Run, config: Path) -> None:
    done = ready(
        *ADD,
        *("--redirect-uri", "http://127.0.0.1:1/cb", "--auth-method", "client_secret_post", "--alg", "EdDSA"),
        *("--grant-type", "authorization_code", "--grant-type", "refresh_token", "--provider", "github"),
        *("--scope", "openid", "--scope", "offline_access", "--first-party"),
        *("--post-logout-redirect-uri", "https://new.example/", "--backchannel-logout-uri", "https://new.example/out"),
    )
    assert done.exit_code == 0, done.output
    made = client(config)
    assert made is not None
    assert made.redirect_uris == (CALLBACK, "http://127.0.0.1:1/cb")
    assert (made.auth_method, made.id_token_signed_response_alg) == ("client_secret_post", "EdDSA")
    assert made.grant_types == {"authorization_code", "refresh_token"}
    assert (made.scopes, made.providers, made.first_party) == (
        ("openid", "offline_access"),
        frozenset({"github"}),
        True,
    )
    assert made.post_logout_redirect_uris == ("https://new.example/",)
    assert made.backchannel_logout_uri == "https://new.example/out"


def test_a_client_that_signs_brings_its_keys_and_gets_no_secret(ready: Run, config: Path, tmp_path: Path) -> None:
    jwks = {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
    (tmp_path / "jwks.json").write_text(json.dumps(jwks))
    done = ready(*ADD, "--auth-method", "private_key_jwt", "--jwks", str(tmp_path / "jwks.json"))
    assert done.exit_code == 0, done.output
    assert "none: it signs" in done.output
    made = client(config)
    assert made is not None
    assert (made.jwks, made.secret_sha256) == (jwks, None)
    done = ready(
        "clients", "add", "two", *ADD[3:], "--auth-method", "private_key_jwt", "--jwks-uri", "https://n.example/"
    )
    assert done.exit_code == 0, done.output


TABLES = {
    "table.toml": """
name = "Old"
redirect_uris = ["https://old.example/"]
max_age = 60
insecure_pkce_optional = true
""",
    "table.json": json.dumps(
        {"name": "Old", "redirect_uris": ["https://old.example/"], "max_age": 60, "insecure_pkce_optional": True}
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_file_may_have_every_setting_and_options_outrank_it(
    ready: Run, config: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text(TABLES[name])
    done = ready("clients", "add", "new", "--name", "New", "--settings", str(tmp_path / name))
    assert done.exit_code == 0, done.output
    assert "insecure_pkce_optional is on" in done.output
    assert "shown this once" in done.output
    made = client(config)
    assert made is not None
    assert (made.name, made.redirect_uris) == ("New", ("https://old.example/",))
    assert made.rule.max_age == timedelta(seconds=60)


def test_a_client_moves_from_the_configuration_with_its_secret_and_its_state(
    ready: Run, config: Path, tmp_path: Path
) -> None:
    secret = "must-not-show-0123456789-abcdefghijk"
    table = {"name": "Moved", "redirect_uris": [CALLBACK], "secret": secret, "enabled": False}
    (tmp_path / "moved.json").write_text(json.dumps(table))
    done = ready("clients", "add", "new", "--settings", str(tmp_path / "moved.json"))
    assert done.exit_code == 0, done.output
    assert "as in the file" in done.output
    assert client(config) is None
    assert ready("clients", "enable", "new").exit_code == 0
    made = client(config)
    assert made is not None
    assert made.check_client_secret(secret)


@pytest.mark.parametrize(
    "name, text, told",
    [
        ("x.toml", "name = ", "cannot be read"),
        ("x.json", "{", "cannot be read"),
        ("x.json", "[]", "is not one table"),
        ("x.json", b"\xff", "cannot be read"),
        ("x.json", '{"nmae": "X"}', "clients.new.nmae is not a known key"),
        ("x.json", '{"auth_method": [], "name": "X"}', "clients.new.auth_method "),
    ],
)
def test_a_file_that_will_not_do_is_told(
    ready: Run, config: Path, tmp_path: Path, name: str, text: str | bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    done = ready(*ADD, "--settings", str(tmp_path / name))
    assert done.exit_code == 2
    assert told in done.output
    assert actions(config) == []


def test_what_does_not_go_together_is_told_in_the_words_of_the_configuration(ready: Run, config: Path) -> None:
    done = ready(*ADD, "--grant-type", "refresh_token", "--grant-type", "authorization_code")
    assert done.exit_code == 2
    assert "clients.new.scopes " in done.output
    assert "offline_access" in done.output
    assert actions(config) == []


def test_a_client_is_shown_whole_but_for_its_secret(ready: Run) -> None:
    secret = re.search(r"client_secret +(\S+)", ready(*ADD).output)
    assert secret is not None
    told = shown(ready)
    assert (told["client_id"], told["defined in"], told["state"]) == ("new", "database", "active")
    assert told["registered itself"] == "no"
    assert json.loads(told["redirect_uris"]) == [CALLBACK]
    assert set(ClientMetadata.model_fields) - set(told) == {
        *("jwks", "jwks_uri", "token_endpoint_auth_signing_alg", "sector_identifier_uri", "request_object_signing_alg"),
        *("backchannel_logout_uri", "providers", "bindings", "strength", "max_age"),
    }
    assert secret[1] not in str(told)


def test_a_configured_client_is_shown_without_its_secret(ready: Run, config: Path) -> None:
    told = shown(ready, "configured")
    assert (told["defined in"], told["name"]) == ("configuration", '"Configured"')
    assert "secret" not in told
    assert load(config, {}).clients["configured"].secret is not None


def test_a_client_is_removed_with_what_it_was_granted(ready: Run, config: Path) -> None:
    assert ready(*ADD).exit_code == 0
    at = datetime.now(UTC).isoformat()
    execute(config, f"INSERT INTO accounts VALUES ('a', 'person', 'active', '{at}')")
    columns = "id, handle_sha256, token_sha256, client_id, account_id, record_sealed, created_at, expires_at"
    for name in ("new", "configured"):
        execute(
            config,
            f"INSERT INTO consents VALUES ('a', '{name}', '[]', '{at}')",
            f"INSERT INTO refresh_families ({columns})"
            f" VALUES ('{name}', '{name}', '', '{name}', 'a', x'', '{at}', '{at}')",
        )
    assert ready("clients", "remove", "new").exit_code == 0
    assert client(config) is None
    for table in ("consents", "refresh_families"):
        assert execute(config, f"SELECT client_id FROM {table}") == [("configured",)]
    assert actions(config) == ["client.added", "client.removed"]


@pytest.mark.parametrize(
    "command, told",
    [
        (["show", "nobody"], "vestibule clients list"),
        (["remove", "nobody"], "vestibule clients list"),
        (["remove", "configured"], "Take it out there"),
        (["revoke-registration-token", "0" * 16], "vestibule clients registration-tokens"),
        (["registration-token", "--expires", "0"], "1<=x<=365"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_can(ready: Run, command: list[str], told: str) -> None:
    done = ready("clients", *command)
    assert done.exit_code == 2
    assert told in done.output


def test_a_registration_token_is_shown_once_and_kept_as_a_hash(ready: Run, config: Path) -> None:
    assert "no client can register itself" in ready("clients", "registration-tokens").output
    done = ready("clients", "registration-token", "--expires", "3")
    assert done.exit_code == 0
    token = re.search(r"^token +(\S+)$", done.output, re.MULTILINE)
    assert token is not None
    assert re.search(r"^endpoint +http\S+/register$", done.output, re.MULTILINE)
    listed = ready("clients", "registration-tokens").output
    assert token[1] not in listed
    assert token[1].encode() not in b"".join(path.read_bytes() for path in config.parent.glob("vestibule.db*"))
    token_id = admitted(config, token[1], timedelta(days=2))
    assert token_id is not None
    assert re.search(rf"^{token_id} .* active$", listed, re.MULTILINE)
    assert admitted(config, token[1], timedelta(days=4)) is None

    execute(config, f"UPDATE registration_tokens SET expires_at = '{datetime.now(UTC) - timedelta(days=1)}'")
    assert re.search(rf"^{token_id} .* expired$", ready("clients", "registration-tokens").output, re.MULTILINE)
    assert ready("clients", "revoke-registration-token", token_id).exit_code == 0
    assert execute(config, "SELECT * FROM registration_tokens") == []
    assert actions(config) == ["registration_token.added", "registration_token.removed"]


def admitted(config: Path, token: str, after: timedelta) -> str | None:
    settings = load(config, {})
    database = Database(settings.database.url)
    with database.read() as connection:
        tokens = InitialTokens(Audit(database, settings.secrets.audit_key()))
        found = tokens.find(connection, token, datetime.now(UTC) + after)
    database.dispose()
    return found


def test_every_setting_of_a_client_is_in_the_template_and_in_the_guide() -> None:
    root = Path(__file__).parents[2]
    template = (root / "broker/commands/vestibule.toml.in").read_text()
    guide = (root / "docs/operator.md").read_text().partition("`[clients.ID]`")[2].partition("`[providers.ID]`")[0]
    for name in ClientSettings.model_fields:
        assert name == "jwks" or f"\n# {name} = " in template
        assert f"`{name}`" in guide


def test_every_command_over_a_database_of_another_version_says_what_mends_it(vestibule: Run) -> None:
    commands: list[list[Any]] = [
        *(["show", "x"], ["remove", "x"], ["registration-token"], ["registration-tokens"]),
        ["revoke-registration-token", "x"],
    ]
    for command in commands:
        done = vestibule("clients", *command)
        assert (done.exit_code, "vestibule db upgrade" in done.output) == (2, True)
