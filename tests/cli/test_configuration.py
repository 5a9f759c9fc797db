"""init and check-config."""

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from broker.cli import main
from broker.settings import Settings, load
from broker.settings.migration import MigrationSettings, StreamSettings
from tests.cli.conftest import Run


def test_init_writes_a_configuration_that_works_and_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    done = CliRunner().invoke(main, ["init", "--dir", str(folder), "--issuer", "https://login.example.org"])
    assert done.exit_code == 0
    path = folder / "vestibule.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    settings = load(path, {})
    assert settings.issuer == "https://login.example.org"
    assert settings.mail.sender == "vestibule@login.example.org"
    assert str(path) in done.output


def test_init_makes_other_keys_each_time(tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "two"):
        CliRunner().invoke(main, ["init", "--dir", str(tmp_path / name)])
        secrets = load(tmp_path / name / "vestibule.toml", {}).secrets
        keys |= {secrets.index_key(), secrets.audit_key(), secrets.cookies_key()}
        keys |= {*secrets.encryption_keys().values(), *secrets.pseudonym_keys().values()}
    assert len(keys) == 10


def test_init_never_replaces_a_configuration(config: Path) -> None:
    before = config.read_bytes()
    done = CliRunner().invoke(main, ["init", "--dir", str(config.parent)])
    assert done.exit_code == 2
    assert "--dir" in done.output
    assert config.read_bytes() == before


@pytest.mark.parametrize("issuer", ["http://login.example.org", "https://login.example.org/", "login"])
def test_init_takes_an_issuer_only(tmp_path: Path, issuer: str) -> None:
    done = CliRunner().invoke(main, ["init", "--dir", str(tmp_path), "--issuer", issuer])
    assert done.exit_code == 2
    assert "right would be: https://login.example.org" in done.output
    assert not list(tmp_path.iterdir())


def test_what_init_shows_as_defaults_are_the_defaults(tmp_path: Path) -> None:
    CliRunner().invoke(main, ["init", "--dir", str(tmp_path)])
    path = tmp_path / "vestibule.toml"
    as_written = load(path, {})
    without_default = (
        "ca_bundle",
        "tls_",
        "encryption_writes",
        "pseudonym_writes",
        "replica_url",
        "address",
        "worker_address",
        "endpoint",
    )
    lines, shown = [], 0
    for line in path.read_text().splitlines():
        head, _, rest = line.removeprefix("# ").partition(" = ")
        is_default = (
            line.startswith("# ") and head.isidentifier() and not head.startswith(without_default) and bool(rest)
        )
        # From here on there are examples.
        if line.startswith("# A registry."):
            break
        shown += is_default
        lines.append(line.removeprefix("# ") if is_default else line)
    path.write_text("\n".join(lines))
    assert load(path, {}) == as_written
    assert shown >= 12


def test_init_shows_every_key_there_is(tmp_path: Path) -> None:
    CliRunner().invoke(main, ["init", "--dir", str(tmp_path)])
    text = (tmp_path / "vestibule.toml").read_text()
    shown = {line.removeprefix("# ").partition(" = ")[0] for line in text.splitlines() if " = " in line}
    sections = {line.strip("[]") for line in text.splitlines() if line.startswith("[")}
    expected: set[str] = set()
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if name in {"clients", "providers", "migration", "streams"}:
            continue
        if isinstance(section, type) and hasattr(section, "model_fields"):
            assert name in sections
            expected |= {key for key in section.model_fields if f"{name}.{key}" not in sections}
        else:
            expected.add(name)
    expected |= {*MigrationSettings.model_fields, *StreamSettings.model_fields}
    assert expected <= shown


def test_check_config_tells_what_is_configured(vestibule: Run, config: Path) -> None:
    text = config.read_text().replace("enabled = false", "enabled = true")
    config.write_text(text)
    done = vestibule("check-config")
    assert done.exit_code == 0
    assert "http://localhost:8000" in done.output
    assert "github, off" in done.output
    assert "configured" in done.output
    assert "providers.off.insecure_allow_unproven is on" in done.output


def test_check_config_says_when_nobody_can_sign_in(tmp_path: Path) -> None:
    CliRunner().invoke(main, ["init", "--dir", str(tmp_path)])
    done = CliRunner().invoke(main, ["--config", str(tmp_path / "vestibule.toml"), "check-config"])
    assert done.exit_code == 0
    assert "nobody can sign in yet" in done.output


def test_check_config_names_every_mistake_at_once(vestibule: Run, config: Path) -> None:
    text = config.read_text().replace("port = 8000", "port = 0").replace('kind = "github"', 'kind = "twitter"')
    config.write_text(text.replace("[mail]", "[mial]"))
    done = vestibule("check-config")
    assert done.exit_code == 2
    assert "mistakes in the configuration" in done.output
    for key in ("listen.port", "providers.github", "mail", "mial"):
        assert f"  - {key} " in done.output


def test_one_mistake_is_not_called_several(vestibule: Run, config: Path) -> None:
    config.write_text(config.read_text().replace("port = 8000", "port = 0"))
    done = vestibule("check-config")
    assert done.exit_code == 2
    assert "cannot be used" in done.output


def test_the_path_comes_from_the_environment_too(config: Path) -> None:
    done = CliRunner().invoke(main, ["check-config"], env={"VESTIBULE_CONFIG": str(config)})
    assert done.exit_code == 0


def test_without_a_configuration_the_next_step_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--config", str(tmp_path / "none.toml"), "check-config"])
    assert done.exit_code == 2
    assert "vestibule init" in done.output


ROOT = Path(__file__).parents[2]
PROVIDER_FILES = sorted((ROOT / "config" / "providers").glob("*.toml"))


def test_there_is_an_example_for_every_kind_of_provider() -> None:
    kinds = {
        provider["kind"]
        for path in PROVIDER_FILES
        for provider in tomllib.loads(path.read_text())["providers"].values()
    }
    assert kinds == {"microsoft_account", "entra", "github", "oidc"}


@pytest.mark.parametrize("path", PROVIDER_FILES, ids=lambda path: path.stem)
def test_every_example_of_a_provider_is_right(vestibule: Run, config: Path, path: Path) -> None:
    text = config.read_text()
    config.write_text(text[: text.index("[providers.github]")] + path.read_text())
    assert vestibule("check-config").exit_code == 0


def test_the_guide_that_an_example_names_is_there() -> None:
    for path in PROVIDER_FILES:
        for guide in re.findall(r"docs/\S+\.md", path.read_text()):
            assert (ROOT / guide).is_file(), path.name


def test_check_config_looks_into_the_list_of_stolen_passwords(vestibule: Run, config: Path) -> None:
    stolen = config.parent / "stolen.txt"
    dates = "announced = 2027-01-01\nencouraged = 2027-01-01\nrequired = 2027-01-01\nclosed = 2027-01-01\n"
    table = f'[migration]\nregistry = "Example"\n{dates}breached_passwords = "{stolen}"\n'
    config.write_text(f"{config.read_text()}\n{table}")
    missing = vestibule("check-config")
    stolen.write_text("no hash\n")
    wrong = vestibule("check-config")
    stolen.write_text(f"{'0' * 40}\n{'F' * 40}:2\n")
    good = vestibule("check-config")
    assert [each.exit_code for each in (missing, wrong, good)] == [2, 2, 0]
    for refused in (missing, wrong):
        assert "migration.breached_passwords is not a list that can be searched" in refused.output


@pytest.mark.parametrize("line,told", [("", True), ("trusted_proxies = 1\n", False)])
def test_check_config_says_when_limits_may_count_everybody_behind_a_proxy_as_one(
    tmp_path: Path, line: str, told: bool
) -> None:
    CliRunner().invoke(main, ["init", "--dir", str(tmp_path), "--issuer", "https://login.example.org"])
    path = tmp_path / "vestibule.toml"
    path.write_text(line + path.read_text().replace("trusted_proxies", "# trusted_proxies"))
    done = CliRunner().invoke(main, ["--config", str(path), "check-config"])
    assert done.exit_code == 0
    assert ("trusted_proxies is 0" in done.output) is told
