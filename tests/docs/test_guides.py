"""What the guides say is so: links lead somewhere, settings and commands exist, and none is left out."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel, TypeAdapter

from broker.accounts.organizations.capabilities import Role
from broker.cli import main
from broker.events.security import EventKind
from broker.limits.table import TABLE
from broker.oidc.consent.words import WORDS
from broker.oidc.events.tokens import URI
from broker.oidc.scopes import SCOPES, SERVICE_SCOPES
from broker.settings import ClientSettings, Settings
from broker.settings.limits import LimitSettings, in_text
from broker.settings.migration import StreamSettings
from claims.vocabulary import ACR_SUPPORTED
from providers.catalog import ProviderSettings, TenantSettings
from tests.docs.guide import GUIDE, GUIDES, ROOT, blocks, name, spans
from tests.oidc.conformance import names

OPERATOR = ROOT / "docs" / "operator.md"


def anchors(text: str) -> set[str]:
    """Return what the headings of a guide are linked by."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("guide", GUIDES, ids=name)
def test_every_link_leads_somewhere(guide: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", guide.read_text())
    for link in links:
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (guide.parent / path).resolve() if path else guide
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link


@pytest.mark.parametrize("guide", GUIDES, ids=name)
def test_every_client_that_is_shown_can_be_configured_so(guide: Path) -> None:
    for block in blocks(guide, "toml"):
        for client in tomllib.loads(block).get("clients", {}).values():
            ClientSettings.model_validate(client)


@pytest.mark.parametrize("guide", GUIDES, ids=name)
def test_every_provider_that_is_shown_can_be_configured_so(guide: Path) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(ProviderSettings)
    for block in blocks(guide, "toml"):
        for provider in tomllib.loads(block).get("providers", {}).values():
            if "kind" in provider:
                adapter.validate_python(provider)
            else:
                for tenant in provider["tenants"].values():
                    TenantSettings.model_validate(tenant)


@pytest.mark.parametrize("guide", GUIDES, ids=name)
def test_every_setting_that_is_shown_or_named_exists(guide: Path) -> None:
    known = set(keys(Settings))
    for block in blocks(guide, "toml"):
        for key in leaves(tomllib.loads(block)):
            assert any(f"{key}.".startswith(f"{each}.") for each in known), key
    sections = {key.partition(".")[0] for key in known if "." in key}
    for span in spans(guide):
        section, _, rest = span.partition(".")
        if section in sections and re.fullmatch(r"[a-z_]+", rest) and span not in SCOPES:
            assert span in known, span


def leaves(table: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield the dotted key of every value."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def commands(guide: Path) -> Iterator[list[str]]:
    """Yield what a reader would type after ``vestibule``."""
    for block in blocks(guide, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] in ("vestibule", ".venv/bin/vestibule"):
                yield words[1:]


@pytest.mark.parametrize("guide", GUIDES, ids=name)
def test_every_command_that_is_shown_exists_with_its_options(guide: Path) -> None:
    for words in commands(guide):
        command: click.Command = main
        rest = list(words)
        while isinstance(command, click.Group):
            known = {option for each in command.params for option in each.opts}
            if rest and rest[0] in known:
                rest = rest[1:] if rest[0] == "--version" else rest[2:]
                if not rest:
                    break
                continue
            assert rest, words
            found = command.commands.get(rest[0])
            assert found is not None, words
            command, rest = found, rest[1:]
        else:
            known = {option for each in command.params for option in each.opts}
            given = {word.partition("=")[0] for word in rest if word.startswith("--")}
            assert given <= known | {"--help"}, words


@pytest.mark.parametrize("guide", GUIDES, ids=name)
def test_every_command_that_is_named_exists(guide: Path) -> None:
    for span in spans(guide):
        words = span.split()
        if words[0] != "vestibule":
            continue
        command: click.Command = main
        for word in words[1:]:
            if not isinstance(command, click.Group) or word.startswith("-"):
                break
            found = command.commands.get(word)
            assert found is not None, span
            command = found


def keys(section: type[BaseModel], above: str = "") -> Iterator[str]:
    """Yield the dotted key of every setting."""
    for field, info in section.model_fields.items():
        kinds = get_args(info.annotation) or (info.annotation,)  # a table that may be left out is one of two
        tables = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if info.annotation in tables or (len(tables) == 1 and type(None) in kinds):
            yield from keys(tables[0], f"{above}{field}.")
        else:
            yield f"{above}{field}"


def rows(heading: str) -> set[str]:
    """Return the keys in the first column of the table that follows ``heading`` in the operator's guide."""
    table = OPERATOR.read_text().partition(heading)[2].partition("| --- |")[2].partition("\n\n")[0]
    return {key for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE) for key in re.findall(r"`([^`]+)`", row)}


def test_the_operator_is_told_every_setting_and_no_other() -> None:
    told = rows("## Settings")
    assert told == set(keys(Settings)) - {"clients", "providers", "streams"}


def test_the_operator_is_told_every_setting_of_a_client_and_no_other() -> None:
    assert rows("`[clients.ID]`, where") == set(ClientSettings.model_fields)


def test_the_operator_is_told_every_setting_of_a_stream_and_no_other() -> None:
    assert rows("`[streams.ID]`, where") == set(StreamSettings.model_fields)


def test_the_registry_is_told_every_event() -> None:
    table = GUIDE.read_text().partition("## What happens to your accounts")[2].partition("| event |")[2]
    told = re.findall(r"^\| `(urn:[^`]*)` \|", table.partition("\n\n")[0], re.MULTILINE)
    assert told == [f"{URI}{kind.value}" for kind in EventKind]


def test_the_readme_counts_the_modules_of_each_profile() -> None:
    readme = (ROOT / "README.md").read_text()
    for profile, modules in (
        ("OpenID Connect: Basic OP, Form Post OP", f"{len(names.BASIC)} each"),
        ("Config OP", len(names.CONFIG)),
        ("RP-Initiated Logout OP", len(names.RP_INITIATED_LOGOUT)),
        ("Back-Channel Logout OP", len(names.BACKCHANNEL_LOGOUT)),
        ("FAPI 2.0 Security Profile: private_key_jwt, DPoP", len(names.FAPI2)),
    ):
        assert f"| {profile} | {modules} |" in readme


def test_the_registry_is_told_every_acr_and_what_each_scope_means_to_people() -> None:
    guide = GUIDE.read_text()
    for acr in ACR_SUPPORTED:
        assert f"| `{acr}` |" in guide
    for scope, words in WORDS.items():
        assert f"| `{scope}` | {words} |" in guide


def test_the_registry_is_told_every_scope() -> None:
    table = GUIDE.read_text().partition("### Scopes")[2].partition("| --- |")[2].partition("\n\n")[0]
    told = [
        scope for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE) for scope in re.findall(r"`([^`]+)`", row)
    ]
    assert sorted(told) == sorted({*SCOPES, *SERVICE_SCOPES})


def test_the_claim_organizations_is_shown_as_it_comes() -> None:
    (shown,) = (json.loads(each) for each in blocks(GUIDE, "json") if '"organizations"' in each)
    assert set(shown) == {"organizations"}
    assert [set(each) for each in shown["organizations"]] == [{"id", "role"}, {"id", "role"}]
    assert {each["role"] for each in shown["organizations"]} == {role.value for role in Role}


def test_the_operator_is_told_every_limit_as_it_is() -> None:
    table = OPERATOR.read_text().partition("## Settings")[2]
    for each, limit in TABLE.items():
        written = in_text(getattr(LimitSettings(), each.value))
        assert f'| `limits.{each.value}` | `"{written}"` | {limit.counts}; by {" and ".join(limit.by)} |' in table
