"""What the guides say is so: links lead somewhere, settings and commands exist, and none is left out."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from broker.cli import main
from broker.oidc.consent.words import WORDS
from broker.settings import ClientSettings, Settings
from claims.vocabulary import ACR_SUPPORTED
from tests.docs.guide import GUIDE, ROOT
from tests.oidc.conformance import names

GUIDES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
OPERATOR = ROOT / "docs" / "operator.md"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


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


def blocks(guide: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", guide.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("guide", GUIDES, ids=name)
def test_every_client_that_is_shown_can_be_configured_so(guide: Path) -> None:
    for block in blocks(guide, "toml"):
        for client in tomllib.loads(block).get("clients", {}).values():
            ClientSettings.model_validate(client)


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


def keys(section: type[BaseModel], above: str = "") -> Iterator[str]:
    """Yield the dotted key of every setting."""
    for field, info in section.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{above}{field}.")
        else:
            yield f"{above}{field}"


def rows(heading: str) -> set[str]:
    """Return the keys in the first column of the table that follows ``heading`` in the operator's guide."""
    table = OPERATOR.read_text().partition(heading)[2].partition("| --- |")[2].partition("\n\n")[0]
    return {key for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE) for key in re.findall(r"`([^`]+)`", row)}


def test_the_operator_is_told_every_setting_and_no_other() -> None:
    told = rows("## Settings")
    assert told == set(keys(Settings)) - {"clients", "providers"}


def test_the_operator_is_told_every_setting_of_a_client_and_no_other() -> None:
    assert rows("`[clients.ID]`, where") == set(ClientSettings.model_fields)


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
