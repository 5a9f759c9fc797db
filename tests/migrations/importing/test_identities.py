"""From what a registry noted to the subject of a real sign-in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from broker.keys.pseudonyms import Pseudonyms
from broker.settings import Settings
from migrations.accounts.importing.identities import BadIdentity, Identities
from migrations.accounts.model import legacy_identities
from providers.catalog import CONSUMERS
from providers.provider import Ask, Return, Subject
from providers.standins import CONTOSO, MSA, OPERATOR, Standins
from providers.standins.browser import sign_in
from tests.migrations.importing.exported import PERSON, TENANT, raw_settings
from tests.migrations.legacy import Bare, legacy, with_campaign
from tests.world import World, running


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, standins: Standins) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("identities"), standins=standins, change=with_campaign) as world:
        yield world


def signed_in(world: World, provider_id: str, persona: str) -> Subject:
    """Return the subject that a real sign-in of the persona brings."""
    provider = world.parts.people.providers[provider_id]
    redirect = provider.begin(Ask())
    returned = sign_in(redirect.url, persona)
    back = Return(method=returned.method, parameters=returned.parameters)
    return provider.complete(redirect.flow, back, world.clock()).subject


# What the registry noted of the person, by what it knows of it; none stands for the persona's own id.
NOTED: list[tuple[str, str, dict[str, str], str | None]] = [
    ("msa", "msa-mfa", {"provider": "msa"}, None),
    ("msa", "msa-mfa", {"provider": "microsoft_account", "tenant": MSA.upper()}, "upper"),
    ("msa", "msa-mfa", {"provider": "msa"}, "nuget"),
    ("entra", "entra-mfa", {"provider": "entra", "tenant": CONTOSO}, None),
    ("entra", "entra-mfa", {"provider": "entra", "tenant": CONTOSO.upper()}, "upper"),
    ("operator", "entra-msa-guest", {"provider": "operator", "tenant": OPERATOR}, None),
    ("github", "gh-before", {"provider": "github"}, None),
    ("generic", "oidc-mfa", {"provider": "oidc"}, None),
    ("generic", "oidc-mfa", {"provider": "generic", "tenant": ""}, None),
]


@pytest.mark.parametrize("provider_id, persona, noted, written", NOTED)
def test_a_sign_in_brings_the_subject_that_was_imported(
    broker: World, provider_id: str, persona: str, noted: dict[str, str], written: str | None
) -> None:
    number = broker.standins.persona(persona).subject
    if written == "upper":
        number = number.upper()
    if written == "nuget":
        number = number.replace("-", "")[16:]
        assert len(number) == 16
    told = Identities(broker.parts.settings.providers).subject({**noted, "id": number})
    assert told == signed_in(broker, provider_id, persona)


def test_t3_who_took_over_a_login_is_not_who_was_imported(broker: World) -> None:
    before = broker.standins.persona("gh-before").subject
    told = Identities(broker.parts.settings.providers).subject({"provider": "github", "id": before})
    assert signed_in(broker, "github", "gh-renamed") == told
    assert signed_in(broker, "github", "gh-recycled") != told


def test_it_is_kept_as_the_pseudonym_that_a_sign_in_looks_for_and_as_nothing_else(broker: World) -> None:
    number = broker.standins.persona("gh-before").subject
    legacy(broker, "42", password=None, identities=[{"provider": "github", "id": number}])
    secrets = broker.parts.settings.secrets
    pseudonyms = Pseudonyms(secrets.pseudonym_keys(), secrets.pseudonym_writes)
    with broker.parts.database.read() as connection:
        rows = connection.execute(select(legacy_identities)).all()
    assert [tuple(each) for each in rows] == [(pseudonyms.current(signed_in(broker, "github", "gh-before")), "42")]


@pytest.fixture
def identities(world: Bare) -> Identities:
    return Identities(world.settings.providers)


def test_a_number_of_github_may_be_a_number(identities: Identities) -> None:
    expected = Subject(issuer="api.github.com", tenant="", id="583231")
    assert identities.subject({"provider": "github", "id": 583231}) == expected
    assert identities.subject({"provider": "github", "tenant": None, "id": "583231"}) == expected


@pytest.mark.parametrize(
    "noted, because",
    [
        ({"provider": "twitter", "id": "1"}, "configured"),
        ({"provider": "entra", "tenant": TENANT, "id": PERSON}, "configured"),  # there are two of them
        ({"id": "1"}, "text"),
        ({"provider": "github", "id": "1", "login": "octocat"}, "text"),
        ({"provider": "oidc", "tenant": 7, "id": "1"}, "text"),
        # T3: a login of GitHub's is given to whoever comes next
        *(
            ({"provider": "github", "id": each}, "logins")
            for each in ("octocat", "", None, "0", "-1", 0, -1, 1.0, True, "12\n", "٣", "1" * 20, ["1"])
        ),
        ({"provider": "github", "tenant": TENANT, "id": "1"}, "no tenants"),
        *(
            ({"provider": "msa", "id": each}, "16 hex digits")
            for each in ("", None, "ada@outlook.example", "0123456789abcde", "0123456789abcdeg", 1, PERSON + "0")
        ),
        ({"provider": "msa", "tenant": TENANT, "id": PERSON}, "no other tenant"),
        *(
            ({"provider": "work", "tenant": each, "id": PERSON}, "directory")
            for each in (None, "", "contoso.example", CONSUMERS, TENANT[:-1], TENANT.replace("-", ""))
        ),
        # T3: an address or a short id is nobody's key in a directory
        *(
            ({"provider": "work", "tenant": TENANT, "id": each}, "user object")
            for each in ("", None, "ada@contoso.example", "0123456789abcdef", PERSON.replace("-", ""))
        ),
        ({"provider": "ours", "tenant": PERSON, "id": PERSON}, "Nobody of that tenant"),
        *(({"provider": "example-id", "id": each}, "sub") for each in ("", None, "ä", "a" * 256, 7)),
    ],
)
def test_t3_what_could_be_somebody_elses_is_not_taken(
    identities: Identities, noted: dict[str, Any], because: str
) -> None:
    with pytest.raises(BadIdentity, match=because):
        identities.subject(noted)


def test_a_kind_stands_for_its_only_provider_and_an_id_goes_before_a_kind(tmp_path: Path) -> None:
    raw = raw_settings(f"sqlite:///{tmp_path / 'vestibule.db'}")
    other = {**raw["providers"]["example-id"], "issuer": "https://other.example"}
    raw["providers"] |= {"github": other}
    del raw["providers"]["example-id"]
    told = Identities(Settings.model_validate(raw).providers)
    assert told.subject({"provider": "github", "id": "octocat"}).issuer == "https://other.example"
    assert told.subject({"provider": "oidc", "id": "octocat"}).issuer == "https://other.example"
