"""Settings: every mistake at once, in the operator's words, and never a secret among them."""

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

import pytest

from broker.settings import Settings, SettingsError, load, parse_client
from claims.evidence import Binding
from providers.catalog import CONSUMERS

SECRET = secrets.token_urlsafe(32)
GITHUB = '[providers.github]\nkind = "github"\nname = "GitHub"\nclient_id = "id"\nclient_secret = "shh-shh-shh"\n'


def fresh() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def minimal(**changes: str) -> dict[str, str]:
    tables = {
        "": 'issuer = "https://login.example.org"',
        "secrets": "\n".join(f'{name} = "{fresh()}"' for name in ("index", "audit", "cookies")),
        "secrets.encryption": f'v1 = "{fresh()}"',
        "secrets.pseudonym": f'v1 = "{fresh()}"',
        "mail": 'url = "directory:mail"\nsender = "vestibule@example.org"',
    }
    return tables | {name.replace("__", "."): text for name, text in changes.items()}


def write(folder: Path, tables: Mapping[str, str], more: str = "") -> Path:
    path = folder / "vestibule.toml"
    path.write_text("\n".join(f"[{name}]\n{text}" if name else text for name, text in tables.items()) + "\n" + more)
    return path


def problems(path: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    assert len({problem.key for problem in caught.value.problems}) == len(caught.value.problems)
    assert all(problem.wrong and problem.right for problem in caught.value.problems)
    return {problem.key: f"{problem.wrong} | {problem.right}" for problem in caught.value.problems}


def client(**changes: str) -> str:
    lines = {
        "name": '"Demo"',
        "redirect_uris": '["https://registry.example.org/callback"]',
        "secret": f'"{SECRET}"',
    }
    lines = {key: value for key, value in (lines | changes).items() if value}
    return "[clients.demo]\n" + "\n".join(f"{key} = {value}" for key, value in lines.items()) + "\n"


def test_a_minimal_file_is_enough_and_everything_else_has_its_default(tmp_path: Path) -> None:
    settings = load(write(tmp_path, minimal()), {})
    assert settings.issuer == "https://login.example.org"
    assert (settings.organizations.creation, settings.organizations.self_service_mapping) == ("people", False)
    assert settings.operators.tenants == ()
    assert (settings.listen.host, settings.listen.port, settings.listen.threads) == ("127.0.0.1", 8000, 8)
    assert settings.trusted_proxies == 0
    assert settings.store.url == "memory://"
    assert settings.session.lifetime == 43_200
    assert settings.policy.strength == "mfa"
    assert settings.policy.bindings == tuple(Binding)
    assert (settings.policy.account_state_lifetime, settings.policy.evidence_lifetime) == (28_800, 86_400)
    assert (settings.tokens.access, settings.tokens.id_token, settings.tokens.code) == (600, 600, 60)
    assert settings.clients == {}
    assert settings.providers == {}
    assert settings.insecure() == ()


def test_the_settings_cannot_be_changed_once_loaded(tmp_path: Path) -> None:
    settings = load(write(tmp_path, minimal()), {})
    with pytest.raises(ValueError, match="frozen"):
        settings.listen.port = 1


def test_a_relative_path_in_the_file_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    for name in ("tls/cert.pem", "key.pem", "ca.pem"):
        (tmp_path / name).touch()
    tables = minimal(listen=f'tls_certificate = "tls/cert.pem"\ntls_key = "{tmp_path}/key.pem"')
    tables["database"] = 'url = "sqlite:///data.db"'
    settings = load(write(tmp_path, tables, GITHUB + 'ca_bundle = "ca.pem"'), {})
    assert settings.database.url == f"sqlite:///{tmp_path}/data.db"
    assert settings.mail.url == f"directory:{tmp_path}/mail"
    assert settings.listen.tls_certificate == tmp_path / "tls" / "cert.pem"
    assert settings.listen.tls_key == tmp_path / "key.pem"
    assert settings.providers["github"].ca_bundle == tmp_path / "ca.pem"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    tables = minimal(listen='tls_certificate = "tls/cert.pem"\ntls_key = "key.pem"')
    found = problems(write(tmp_path, tables, GITHUB + 'ca_bundle = "ca.pem"'))
    assert set(found) == {"listen.tls_certificate", "listen.tls_key", "providers.github.ca_bundle"}


def test_the_database_is_beside_the_file_when_nothing_is_said(tmp_path: Path) -> None:
    assert load(write(tmp_path, minimal()), {}).database.url == f"sqlite:///{tmp_path}/vestibule.db"


def test_the_environment_outranks_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, minimal(), client() + GITHUB.replace("providers.github", "providers.work-account"))
    environ = {
        "VESTIBULE__ISSUER": "http://localhost:9000",
        "VESTIBULE__LISTEN__PORT": "9000",
        "VESTIBULE__POLICY__BINDINGS": '["session"]',
        "VESTIBULE__CLIENTS__DEMO__NAME": "Renamed",
        "VESTIBULE__PROVIDERS__WORK_ACCOUNT__ENABLED": "false",
        "VESTIBULE__INSECURE_ALLOW_PRIVATE_ADDRESSES": "true",
        "VESTIBULE__DATABASE__URL": "sqlite:///here.db",
        "VESTIBULE_CONFIG": "is another thing",
        "PATH": "/bin",
    }
    settings = load(path, environ)
    assert (settings.issuer, settings.listen.port) == ("http://localhost:9000", 9000)
    assert settings.policy.bindings == (Binding.SESSION,)
    assert settings.clients["demo"].name == "Renamed"
    assert settings.providers["work-account"].enabled is False
    assert settings.insecure_allow_private_addresses is True
    assert settings.database.url == "sqlite:///here.db"


@pytest.mark.parametrize(
    "variable, value, wrong",
    [
        ("VESTIBULE__LISTEN__BORT", "1", "is not a known key"),
        ("VESTIBULE__LISTEN", "[1,", "is not JSON"),
        ("VESTIBULE__ISSUER__PORT", "1", "names no key"),
        ("VESTIBULE__ISSUER__PORT__DEEP", "1", "names no key"),
        ("VESTIBULE__LISTEN__", "1", "names no key"),
        ("VESTIBULE__", "1", "names no key"),
    ],
)
def test_a_mistake_in_the_environment_is_named(tmp_path: Path, variable: str, value: str, wrong: str) -> None:
    found = problems(write(tmp_path, minimal()), {variable: value})
    assert any(wrong in text for text in found.values()), found


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    tables = {
        "": 'issuer = "https://login.example.org/"\ntrusted_proxies = -1\ncolour = "red"',
        "listen": 'port = 70000\ntls_key = "vestibule.toml"',
        "database": 'url = "mysql://root:hunter2@db/x"',
        "store": 'url = "memcached://x"',
        "secrets": f'index = "{"A" * 43}"\naudit = "change-me"\ncookies = "{fresh()}!"',
        "secrets.encryption": "",
        "secrets.pseudonym": f'1 = "{fresh()}"',
        "session": "lifetime = 0",
        "policy": 'strength = "none"\nbindings = ["sesion"]',
        "tokens": "code = 6000",
        "mail": 'url = "smtp://u:p@mail.example.org"\nsender = "nobody"',
        "log": 'level = "loud"',
    }
    more = client(redirect_uris='["http://evil.example/cb"]', secret='"short"', providers='["gihub"]') + GITHUB.replace(
        "client_id", "cleint_id"
    )
    found = problems(write(tmp_path, tables, more))
    assert set(found) == {
        "issuer",
        "trusted_proxies",
        "colour",
        "listen.port",
        "listen.tls_key",
        "database.url",
        "store.url",
        "secrets.index",
        "secrets.audit",
        "secrets.cookies",
        "secrets.encryption",
        "secrets.pseudonym.1",
        "session.lifetime",
        "policy.strength",
        "policy.bindings.0",
        "tokens.code",
        "mail.url",
        "mail.sender",
        "log.level",
        "clients.demo.redirect_uris.0",
        "clients.demo.secret",
        "clients.demo.providers",
        "providers.github.client_id",
        "providers.github.cleint_id",
    }
    assert "placeholder" in found["secrets.index"]
    assert "vestibule init" in found["secrets.audit"]
    assert "one of github" in found["clients.demo.providers"]


def test_no_message_shows_a_secret(tmp_path: Path) -> None:
    shown = "s3cr3t-value-that-must-not-show"
    tables = minimal(
        secrets=f'index = "{shown}"\naudit = 7\ncookies = ["{shown}"]',
        database=f'url = "mysql://u:{shown}@h/d"',
    )
    tables |= {
        "store": f'url = "redis+x://:{shown}@h"',
        "mail": f'url = "smtp://u:{shown}@mail.example"\nsender = "{shown}"',
    }
    more = client(secret=f'["{shown}"]', auth_method=f'"{shown}"') + GITHUB.replace('"shh-shh-shh"', f'["{shown}"]')
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, tables, more), {})
    assert len(caught.value.problems) >= 9
    assert shown not in str(caught.value)
    assert shown not in repr(caught.value)


def test_loaded_settings_show_no_secret(tmp_path: Path) -> None:
    tables = minimal(database='url = "postgresql://u:hunter2@db/x"', store='url = "redis://:hunter2@r/0"')
    path = write(
        tmp_path,
        tables | {"mail": 'url = "smtps://u:hunter2@m"\nsender = "a@example.org"'},
        client() + GITHUB,
    )
    shown = repr(load(path, {}))
    assert not [secret for secret in ("hunter2", SECRET, "shh-shh-shh") if secret in shown]


def test_every_missing_key_is_named(tmp_path: Path) -> None:
    assert set(problems(write(tmp_path, {}))) == {"issuer", "secrets", "mail"}
    assert set(problems(write(tmp_path, {"secrets": "", "mail": ""}))) == {
        "issuer",
        *(f"secrets.{name}" for name in ("encryption", "pseudonym", "index", "audit", "cookies")),
        *("mail.url", "mail.sender"),
    }


def test_a_key_may_serve_one_purpose_only(tmp_path: Path) -> None:
    key = fresh()
    tables = minimal(secrets=f'index = "{key}"\naudit = "{key}"\ncookies = "{fresh()}"')
    tables["secrets.encryption"] = f'v1 = "{key}"\nv2 = "{key}"'
    found = problems(write(tmp_path, tables))
    assert "repeats a key" in found["secrets.encryption"]
    assert "repeats a key" in found["secrets.audit"]


def test_keys_come_decoded_and_oldest_first(tmp_path: Path) -> None:
    tables = minimal()
    tables["secrets.encryption"] = "\n".join(f'v{number} = "{fresh()}"' for number in (10, 9, 1))
    keys = load(write(tmp_path, tables), {}).secrets
    assert list(keys.encryption_keys()) == ["v1", "v9", "v10"]
    others = (*keys.pseudonym_keys().values(), keys.index_key(), keys.audit_key(), keys.cookies_key())
    assert {len(key) for key in (*keys.encryption_keys().values(), *others)} == {32}


@pytest.mark.parametrize(
    "key",
    [fresh()[:-1], "A" * 43, "/" * 43, fresh() + "=x", "ABCDEFGH" * 6, "é" * 43, ""],
    ids=["short", "all A", "all slashes", "not base64", "long and repeating", "not ASCII", "empty"],
)
def test_a_weak_or_broken_key_is_refused(tmp_path: Path, key: str) -> None:
    tables = minimal(secrets=f'index = "{key}"\naudit = "{fresh()}"\ncookies = "{fresh()}"')
    assert set(problems(write(tmp_path, tables))) == {"secrets.index"}


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.example.org",
        "https://login.example.org:8443",
        "http://localhost:8000",
        "http://127.0.0.1",
        "http://[::1]:8000",
    ],
)
def test_an_origin_is_an_issuer(tmp_path: Path, issuer: str) -> None:
    tables = minimal() | {"": f'issuer = "{issuer}"'}
    assert load(write(tmp_path, tables), {}).issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "login.example.org",
        "http://login.example.org",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "https://login.example.org/",
        "https://login.example.org/path",
        "https://login.example.org?x",
        "https://login.example.org?",
        "https://login.example.org#f",
        "https://login.example.org#",
        "https://user@login.example.org",
        "https://Login.example.org",
        "HTTPS://login.example.org",
        "http://[::1].example.org",
        "https://login.example.org:port",
        "https://[login",
        "https://logïn.example.org",
        "https:// login.example.org",
        "ftp://login.example.org",
        "https://",
        "",
    ],
)
def test_anything_but_an_origin_is_no_issuer(tmp_path: Path, issuer: str) -> None:
    tables = minimal() | {"": f'issuer = "{issuer}"'}
    assert set(problems(write(tmp_path, tables))) == {"issuer"}


@pytest.mark.parametrize(
    "uri",
    [
        "https://registry.example.org/callback",
        "https://registry.example.org/callback?tenant=1",
        "http://localhost:8001/callback",
        "http://127.0.0.1:51000/",
        "http://[::1]/cb",
    ],
)
def test_an_exact_redirect_uri_is_taken(tmp_path: Path, uri: str) -> None:
    settings = load(write(tmp_path, minimal(), client(redirect_uris=json.dumps([uri]))), {})
    assert settings.clients["demo"].redirect_uris == (uri,)


@pytest.mark.parametrize(
    "uri",
    [
        "http://registry.example.org/callback",
        "http://localhost.evil.example/callback",
        "http://localhost:80@evil.example/callback",
        "https://user:pw@registry.example.org/callback",
        "https://registry.example.org/callback#fragment",
        "https://registry.example.org/callback#",
        "https://*.example.org/callback",
        "https://registry.example.org/*",
        "https://Registry.example.org/callback",
        "https://registry.example.org./callback",
        "https://registry.example.org\\\\@evil.example/",
        "https://registry.example.org/call\\nback",
        "javascript:alert(1)",
        "com.example.app:/callback",
        "/callback",
    ],
)
def test_t6_a_redirect_uri_that_could_be_read_twice_is_refused(tmp_path: Path, uri: str) -> None:
    found = problems(write(tmp_path, minimal(), client(redirect_uris=f'["{uri}"]')))
    assert set(found) == {"clients.demo.redirect_uris.0"}


@pytest.mark.parametrize(
    "changes, key",
    [
        ({"secret": ""}, "secret"),
        ({"auth_method": '"none"'}, "secret"),
        ({"secret": '"0123456789"'}, "secret"),
        ({"secret": f'"{"ab" * 20}"'}, "secret"),
        ({"secret": f'"{"é" * 40}"'}, "secret"),
        ({"redirect_uris": "[]"}, "redirect_uris"),
        ({"scopes": '["profile"]'}, "scopes"),
        ({"id_token_signed_response_alg": '"HS256"'}, "id_token_signed_response_alg"),
        ({"id_token_claims": '["phone"]'}, "id_token_claims.0"),
        ({"bindings": "[]"}, "bindings"),
        ({"bindings": '["sesion"]'}, "bindings.0"),
        ({"strength": '"single"'}, "strength"),
        ({"max_age": "-1"}, "max_age"),
        ({"providers": "[]"}, "providers"),
        ({"providers": '"github"'}, "providers"),
        ({"name": '""'}, "name"),
        ({"enabled": '"maybe"'}, "enabled"),
    ],
)
def test_a_mistake_in_a_client_is_named(tmp_path: Path, changes: dict[str, str], key: str) -> None:
    assert set(problems(write(tmp_path, minimal(), client(**changes)))) == {f"clients.demo.{key}"}


def test_a_broken_method_does_not_make_a_missing_secret_a_mistake(tmp_path: Path) -> None:
    found = problems(write(tmp_path, minimal(), client(auth_method='"magic"', secret="")))
    assert set(found) == {"clients.demo.auth_method"}


def test_a_public_client_has_no_secret(tmp_path: Path) -> None:
    settings = load(write(tmp_path, minimal(), client(auth_method='"none"', secret="")), {})
    assert settings.clients["demo"].secret is None


def test_a_client_that_names_a_provider_there_is_none_of_is_told_so(tmp_path: Path) -> None:
    found = problems(write(tmp_path, minimal(), client(providers='["github"]')))
    assert found == {"clients.demo.providers": "names no provider: github | a provider that is configured"}


@pytest.mark.parametrize(
    "tables",
    ["clients = 1", "providers = 1", "database = 1", "session = 1", "clients = { demo = 1 }", "providers = { x = 1 }"],
)
def test_a_table_that_is_no_table_is_named(tmp_path: Path, tables: str) -> None:
    text = minimal()
    text[""] += "\n" + tables
    assert len(problems(write(tmp_path, text))) == 1


@pytest.mark.parametrize(
    "provider, wrong", [('name = "x"', "has no kind"), ('kind = "twitter"', "has an unknown kind")]
)
def test_a_provider_of_no_known_kind_is_named(tmp_path: Path, provider: str, wrong: str) -> None:
    found = problems(write(tmp_path, minimal(), f"[providers.x]\n{provider}"))
    assert wrong in found["providers.x"]


def test_a_mistake_inside_a_tenant_is_named_as_the_file_has_it(tmp_path: Path) -> None:
    tenant = "11111111-1111-4111-8111-111111111111"
    more = GITHUB.replace("github", "entra").replace("GitHub", "Work") + f"[providers.entra.tenants.{tenant}]\nnam = 1"
    found = problems(write(tmp_path, minimal(), more))
    assert f"providers.entra.tenants.{tenant}.nam" in found


def test_every_unsafe_switch_that_is_on_is_listed(tmp_path: Path) -> None:
    text = minimal()
    text[""] += "\ninsecure_allow_private_addresses = true"
    settings = load(write(tmp_path, text, GITHUB + "insecure_allow_unproven = true"), {})
    assert set(settings.insecure()) == {
        "insecure_allow_private_addresses",
        "providers.github.insecure_allow_unproven",
    }


@pytest.mark.parametrize(
    "table, url",
    [
        ("database", "sqlite:///"),
        ("database", "sqlite://"),
        ("database", "sqlite:///:memory:"),
        ("database", "postgresql://host"),
        ("database", "postgresql://host:x/db"),
        ("store", "memory://x"),
        ("mail", "directory:"),
        ("mail", "smtp://"),
        ("mail", "http://mail.example.org"),
    ],
)
def test_a_url_that_leads_nowhere_is_named(tmp_path: Path, table: str, url: str) -> None:
    sender = '\nsender = "a@example.org"' if table == "mail" else ""
    assert set(problems(write(tmp_path, minimal() | {table: f'url = "{url}"{sender}'}))) == {f"{table}.url"}


@pytest.mark.parametrize(
    "url", ["smtp://mail.example.org:25", "smtp://u:p@localhost:25", "smtps://u:p@mail.example.org"]
)
def test_mail_may_go_by_smtp(tmp_path: Path, url: str) -> None:
    tables = minimal() | {"mail": f'url = "{url}"\nsender = "a@example.org"'}
    assert load(write(tmp_path, tables), {}).mail.url == url


@pytest.mark.parametrize("url", ["memory://", "redis://:p@cache.example.org:6379/0", "rediss://cache.example.org"])
def test_the_store_may_be_this_process_or_a_redis(tmp_path: Path, url: str) -> None:
    assert load(write(tmp_path, minimal() | {"store": f'url = "{url}"'}), {}).store.url == url


def test_a_client_may_ask_for_less(tmp_path: Path) -> None:
    settings = load(write(tmp_path, minimal(), client(scopes='["openid"]')), {})
    assert settings.clients["demo"].scopes == ("openid",)


def test_the_tenants_of_operators_are_kept_as_tokens_write_them(tmp_path: Path) -> None:
    tables = minimal(operators='tenants = ["8EAEF023-2b34-4da1-9baa-8bc8c9d6a490"]')
    assert load(write(tmp_path, tables), {}).operators.tenants == ("8eaef023-2b34-4da1-9baa-8bc8c9d6a490",)


def test_no_operator_comes_by_the_tenant_that_anybody_is_in_or_by_a_domain(tmp_path: Path) -> None:
    tables = minimal(
        operators=f'tenants = ["{CONSUMERS}", "contoso.example"]', organizations='creation = "anybody"\nself = 1'
    )
    found = problems(write(tmp_path, tables))
    assert "all personal accounts" in found.pop("operators.tenants.0")
    assert "GUID" in found.pop("operators.tenants.1")
    assert '"people" or "operators"' in found.pop("organizations.creation")
    assert set(found) == {"organizations.self"}


def test_a_file_that_cannot_be_used_is_one_clear_mistake(tmp_path: Path) -> None:
    path = tmp_path / "vestibule.toml"
    assert "vestibule init" in problems(path)[str(path)]
    path.mkdir()
    assert "cannot be read" in problems(path)[str(path)]
    path.rmdir()
    path.write_bytes(b"\xff\xfe")
    assert "UTF-8" in problems(path)[str(path)]
    path.write_text("issuer = \n")
    assert "line 1" in problems(path)[str(path)]


def test_settings_can_be_put_together_without_a_file() -> None:
    keys = {name: fresh() for name in ("index", "audit", "cookies")}
    settings = Settings.model_validate(
        {
            "issuer": "http://localhost:8000",
            "secrets": keys | {"encryption": {"v1": fresh()}, "pseudonym": {"v1": fresh()}},
            "mail": {"url": "directory:/tmp/mail", "sender": "a@example.org"},
        }
    )
    assert settings.log.format == "json"


def test_a_client_can_be_described_outside_the_file(tmp_path: Path) -> None:
    settings = load(write(tmp_path, minimal(), GITHUB), {})
    described = {"name": "Demo", "redirect_uris": ["https://registry.example.org/cb"], "secret": SECRET}
    assert parse_client("demo", {**described, "providers": ["github"]}, settings).name == "Demo"
    with pytest.raises(SettingsError) as caught:
        parse_client("de mo", {**described, "redirect_uris": [], "providers": ["gihub"]}, settings)
    assert [problem.key for problem in caught.value.problems] == [
        "clients.de mo",
        "clients.de mo.redirect_uris",
        "clients.de mo.providers",
    ]
    with pytest.raises(SettingsError, match="names no provider: gihub"):
        parse_client("demo", {**described, "providers": ["gihub"]}, settings)


@pytest.mark.parametrize("kind", ["encryption", "pseudonym"])
def test_the_key_version_that_writes_must_be_there(tmp_path: Path, kind: str) -> None:
    tables = minimal()
    tables[f"secrets.{kind}"] = f'v1 = "{fresh()}"\nv2 = "{fresh()}"'
    path = write(tmp_path, tables)
    named = {f"VESTIBULE__SECRETS__{kind.upper()}_WRITES": "v1"}
    assert getattr(load(path, named).secrets, f"{kind}_writes") == "v1"
    assert getattr(load(path, {}).secrets, f"{kind}_writes") is None
    with pytest.raises(SettingsError) as error:
        load(path, {f"VESTIBULE__SECRETS__{kind.upper()}_WRITES": "v3"})
    assert f"secrets.{kind}_writes" in str(error.value)
