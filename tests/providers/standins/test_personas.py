"""The personas: enough of them, told apart by their subject, and marked with a canary in every personal claim."""

import json
from typing import Any

import pytest

from providers.standins import Canary, Kind, demo_personas, people
from providers.standins.personas import Persona

from .flows import Client, unverified

PEOPLE = people(Canary())
SIGNING_IN = [person for person in PEOPLE if person.error is None]

# What a token or the API says that is not about a person, or is a random or pseudonymous id.
IMPERSONAL = {
    *("acct", "acr", "acrs", "aio", "amr", "appid", "appidacr", "at_hash", "aud", "auth_time", "azp", "exp", "iat"),
    *("idp", "iss", "nbf", "nonce", "oid", "rh", "scp", "sid", "sub", "tid", "uti", "ver", "wids", "xms_edov"),
    *("id", "type", "user_view_type", "site_admin", "public_repos", "public_gists", "followers", "following"),
    *("created_at", "updated_at", "private_gists", "total_private_repos", "owned_private_repos", "disk_usage"),
    *("collaborators", "plan", "two_factor_authentication", "hireable", "suspended_at", "email_verified"),
}


def documents(client: Client, person: Persona) -> list[dict[str, Any]]:
    tokens = client.tokens(person.provider, person.id)
    if person.provider == "github":
        bearer = f"Bearer {tokens['access_token']}"
        emails = client.get("/api/v3/user/emails", Authorization=bearer).json()
        return [
            client.get("/api/v3/user", Authorization=bearer).json(),
            {"addresses": [address["email"] for address in emails]},
        ]
    found = [unverified(tokens["id_token"])]
    if person.provider == "entra":
        found.append(unverified(tokens["access_token"]))
    if person.provider == "oidc":
        found.append(client.get("/oidc/userinfo", Authorization=f"Bearer {tokens['access_token']}").json())
    return found


@pytest.mark.parametrize("person", SIGNING_IN, ids=lambda person: person.id)
def test_every_claim_about_a_person_carries_a_canary(client: Client, person: Persona) -> None:
    for document in documents(client, person):
        for claim, value in document.items():
            if claim not in IMPERSONAL and value is not None:
                assert "canary" in json.dumps(value).lower(), claim


def test_ids_are_unique_and_everybody_is_described() -> None:
    assert len({person.id for person in PEOPLE}) == len(PEOPLE)
    assert all(person.label and person.description and person.expected for person in PEOPLE)


def test_the_demo_can_print_them() -> None:
    lines = demo_personas(PEOPLE)
    assert len(lines) == len(PEOPLE)
    assert ("2fa-true", "github") in {(id, kind) for id, kind, _, _ in lines}


@pytest.mark.parametrize("kind,at_least", [("microsoft_account", 7), ("entra", 35), ("github", 15), ("oidc", 12)])
def test_there_are_enough_of_each_kind(kind: Kind, at_least: int) -> None:
    assert len([person for person in PEOPLE if person.provider == kind]) >= at_least


def test_four_people_share_an_email_address_and_none_a_subject() -> None:
    sharing = [person for person in PEOPLE if person.email == "canary-entra-mfa@personas.example"]
    assert {person.provider for person in sharing} == {"microsoft_account", "entra", "github", "oidc"}
    assert len({(person.provider, person.subject) for person in sharing}) == len(sharing)


def test_only_a_renamed_user_shares_a_subject() -> None:
    subjects: dict[tuple[str, str], list[str]] = {}
    for person in PEOPLE:
        subjects.setdefault((person.provider, person.subject), []).append(person.id)
    assert [ids for ids in subjects.values() if len(ids) > 1] == [["gh-before", "gh-renamed"]]
