"""docs/entra.md and docs/organisation-admin.md: addresses, manifests, tables and states are those of the code."""

import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from broker.accounts.organizations.notices import WHAT
from broker.app import create_app, parts
from broker.keys import signing
from broker.settings import load
from broker.tenants.mappings import State
from broker.web.texts import ADMINS
from providers import microsoft
from providers.catalog import EntraSettings, TenantSettings
from providers.microsoft.aadsts import FAULTS
from providers.microsoft.roles import ORDINARY_USER, SPEAKING_ROLES
from tests import once
from tests.docs.guide import ROOT, blocks, name, spans
from tests.settings.test_settings import minimal, write

ENTRA = ROOT / "docs" / "entra.md"
ADMIN = ROOT / "docs" / "organisation-admin.md"

# Microsoft's "Optional claims reference": what a token carries only if the registration asks for it.
OPTIONAL_CLAIMS = {
    *("acct", "acrs", "aud", "auth_time", "ctry", "email", "fwd", "idtyp", "login_hint", "sid", "tenant_ctry"),
    *("upn", "verified_primary_email", "verified_secondary_email", "xms_cc", "xms_edov", "xms_pdl", "xms_pl"),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Flask]:
    """A broker that serves nobody: it knows its addresses."""
    folder = tmp_path_factory.mktemp("addresses")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "generate", once.signing_key)
        made = create_app(load(write(folder, minimal()), {}))
    yield made
    parts(made).close()


@pytest.mark.parametrize("guide", [ENTRA, ADMIN], ids=name)
def test_every_address_that_is_named_exists(guide: Path, app: Flask) -> None:
    served = [shape(re.sub(r"<[^>]+>", "*", rule.rule)) for rule in app.url_map.iter_rules()]
    addresses = [
        *(span for span in spans(guide) if re.fullmatch(r"/[a-z][\w/{}-]*", span)),
        *re.findall(r"https://login\.example\.org(/callback/[a-z/-]+)", guide.read_text()),
    ]
    assert addresses
    for address in addresses:
        wanted = shape(re.sub(r"\{[^}]+\}|(?<=/)[A-Z_]+(?=/|$)", "*", address))
        assert any(fits(wanted, each) for each in served), address


def shape(path: str) -> tuple[str, ...]:
    """Return the parts of a path, in which ``*`` is anything."""
    return tuple(path.strip("/").split("/"))


def fits(wanted: tuple[str, ...], served: tuple[str, ...]) -> bool:
    return len(wanted) == len(served) and all(
        "*" in (one, other) or one == other for one, other in zip(wanted, served, strict=True)
    )


def manifests(guide: Path) -> list[dict[str, Any]]:
    """Return the pieces of manifest that a guide shows: members of one object."""
    return [json.loads(block if block.lstrip().startswith("{") else f"{{{block}}}") for block in blocks(guide, "json")]


def test_the_manifests_ask_for_the_optional_claims_that_are_read_and_no_others() -> None:
    sources = [*Path(microsoft.__path__[0]).glob("*.py"), ROOT / "claims" / "rules.py"]
    text = "".join(each.read_text() for each in sources)
    read = {claim for claim in OPTIONAL_CLAIMS if re.search(rf'(get\(|claim=)"{claim}"', text)}
    asked = [each["optionalClaims"] for each in manifests(ENTRA) if "optionalClaims" in each]
    of_id_tokens = {claim["name"] for each in asked for claim in each.get("idToken", ())}
    of_access_tokens = {claim["name"] for each in asked for claim in each.get("accessToken", ())}
    assert of_id_tokens == read - {"aud"}
    assert of_access_tokens == {"aud", "acct"}
    (groups,) = (each["groupMembershipClaims"] for each in manifests(ENTRA) if "groupMembershipClaims" in each)
    assert groups == "DirectoryRole"


def test_the_manifests_have_the_evidence_come_in_version_1_and_belong_together() -> None:
    apis = [each["api"] for each in manifests(ENTRA) if "api" in each]
    assert {api["requestedAccessTokenVersion"] for api in apis} <= {None, 1}
    (configured,) = (
        provider
        for block in blocks(ENTRA, "toml")
        for provider_id, provider in tomllib.loads(block).get("providers", {}).items()
        if provider_id == "entra" and "kind" in provider
    )
    whole = apis[-1]
    assert whole["knownClientApplications"] == [configured["client_id"]]
    assert [each["appId"] for each in whole["preAuthorizedApplications"]] == [configured["client_id"]]
    assert configured["evidence_scope"].startswith(f"api://{configured['evidence_audience']}/")


def test_the_guide_to_entra_tells_every_key_of_it_and_no_other() -> None:
    table = ENTRA.read_text().partition("## 4. ")[2].partition("| --- |")[2].partition("\n\n")[0]
    told = {key for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE) for key in re.findall(r"`([^`]+)`", row)}
    common = {"kind", "name", "enabled", "client_id", "client_secret", "ca_bundle", "insecure_allow_unproven"}
    assert {key for key in told if "." not in key} == set(EntraSettings.model_fields) - common - {"tenants"}
    assert {key for key in told if "." in key} == {
        "tenants.GUID",
        *(f"tenants.GUID.{key}" for key in TenantSettings.model_fields),
    }


def test_the_guide_to_entra_tells_every_error_code_once_and_which_have_a_page_for_admins() -> None:
    table = ENTRA.read_text().partition("## Microsoft's error codes")[2].partition("\n\n**The page")[0]
    told = [
        (int(code), outcome)
        for codes, outcome in re.findall(r"^\| ([\d, ]+) \| [^|]+ \| ([^|]+) \|", table, re.MULTILINE)
        for code in codes.split(", ")
    ]
    assert sorted(code for code, _ in told) == sorted(FAULTS)
    with_page = {code for code, outcome in told if "page for the administrator" in outcome or "the same" in outcome}
    assert {f"AADSTS{code}" for code in with_page} == set(ADMINS)


def test_the_guide_to_entra_names_the_roles_that_speak() -> None:
    guide = ENTRA.read_text()
    rows = re.findall(r"^\| [^|]+ \| `([0-9a-f-]{36})` \|", guide, re.MULTILINE)
    assert set(rows) == SPEAKING_ROLES
    assert ORDINARY_USER in guide


def test_admins_are_told_every_state_of_a_tenant_and_everything_that_waits() -> None:
    guide = ADMIN.read_text()
    states = guide.partition("## The states of a tenant")[2].partition("\n\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", states, re.MULTILINE) == [each.value for each in State]
    waits = guide.partition("## What waits a day")[2].partition("| --- |")[2].partition("\n\n")[0]
    told = [
        each.strip() for row in re.findall(r"^\| [^|`]+ \| ([^|]+) \|", waits, re.MULTILINE) for each in row.split(";")
    ]
    assert sorted(told) == sorted(WHAT.values())
