"""What a registry learns of the accounts of its own that somebody carries: with the scope, and as things stand now."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
import requests

from broker.accounts import carried
from tests.oidc.kinds import claims_of, consent, refresh
from tests.organizations import SignedIn, organization, signed_in, tokens
from tests.world import TIMEOUT, Page, World


def attach(world: World, account_id: str, *registry_ids: str) -> None:
    with world.parts.database.begin() as connection:
        for each in registry_ids:
            carried.attach(connection, each, account_id, world.clock())


def detach(world: World, *registry_ids: str) -> None:
    with world.parts.database.begin() as connection:
        for each in registry_ids:
            carried.detach(connection, each)


def names(count: int) -> list[str]:
    return [f"account-{uuid4()}" for _ in range(count)]


def userinfo(world: World, access_token: str) -> Mapping[str, Any]:
    response = world.registry().userinfo(access_token)
    assert response.status_code == 200, response.text
    claims: Mapping[str, Any] = response.json()
    return claims


@pytest.fixture
def person(told: World) -> SignedIn:
    return signed_in(told, "entra-mfa", "entra")


def test_with_the_scope_the_accounts_that_somebody_carries_are_in_id_token_and_userinfo(
    told: World, person: SignedIn
) -> None:
    mine, theirs = names(2), names(1)
    attach(told, person.account_id, *mine)
    attach(told, signed_in(told, "msa-mfa", "msa").account_id, *theirs)
    given = tokens(person, "accounts-alone", scope="openid registry_accounts")
    assert sorted(given.claims["registry_accounts"]) == sorted(mine)
    assert "organizations" not in given.claims
    said = userinfo(told, given.response["access_token"])
    assert said == {"sub": given.claims["sub"], "registry_accounts": given.claims["registry_accounts"]}
    detach(told, *mine, *theirs)


def test_whoever_carries_none_has_an_empty_list(told: World, person: SignedIn) -> None:
    given = tokens(person, "accounts-alone", scope="openid registry_accounts")
    assert given.claims["registry_accounts"] == []
    assert userinfo(told, given.response["access_token"])["registry_accounts"] == []


def test_with_both_scopes_each_organisation_says_what_it_carries(told: World, person: SignedIn) -> None:
    own = organization(told, person, "An alias that was")
    bare = organization(told, person, "Never one")
    mine, alias = names(1), names(2)
    attach(told, person.account_id, *mine)
    attach(told, own.id, *alias)
    given = tokens(person, "both", scope="openid organizations registry_accounts")
    for claims in (given.claims, userinfo(told, given.response["access_token"])):
        assert claims["registry_accounts"] == mine
        by_id = {each["id"]: each for each in claims["organizations"]}
        assert sorted(by_id[own.id].pop("registry_accounts")) == sorted(alias)
        assert by_id[own.id] == {"id": own.id, "role": "admin"}
        assert by_id[bare.id] == {"id": bare.id, "role": "admin", "registry_accounts": []}
    alone = tokens(person, "organizations-alone", scope="openid organizations")
    for claims in (alone.claims, userinfo(told, alone.response["access_token"])):
        assert "registry_accounts" not in claims
        assert all(set(each) == {"id", "role"} for each in claims["organizations"])
    detach(told, *mine, *alias)


def test_it_is_read_anew_at_every_release(told: World, person: SignedIn) -> None:
    mine = names(1)
    given = tokens(person, "both", scope="openid offline_access registry_accounts")
    assert given.claims["registry_accounts"] == []
    attach(told, person.account_id, *mine)
    assert userinfo(told, given.response["access_token"])["registry_accounts"] == mine
    refreshed = refresh(told, "both", given.response["refresh_token"]).json()
    assert claims_of(told, told.registry("both"), refreshed)["registry_accounts"] == mine
    detach(told, *mine)
    assert userinfo(told, refreshed["access_token"])["registry_accounts"] == []


def test_t4_a_client_that_an_operator_did_not_give_the_scope_does_not_learn_it(told: World, person: SignedIn) -> None:
    mine = names(1)
    attach(told, person.account_id, *mine)
    given = tokens(person, "registry", scope="openid registry_accounts")
    assert "registry_accounts" not in given.claims
    assert given.response["scope"] == "openid"
    assert "registry_accounts" not in userinfo(told, given.response["access_token"])
    detach(told, *mine)


def test_people_are_asked_in_words(told: World) -> None:
    visitor = told.visitor()
    request = told.registry("third-party").request(scope="openid registry_accounts", provider="entra")
    page = visitor.walk(visitor.authorize(request), "entra-mfa")
    assert isinstance(page, Page)
    assert "Know which of the registry’s earlier accounts are yours" in page.text
    arrived = consent(told, visitor, page)
    assert told.registry("third-party").redeem(arrived, request).claims["registry_accounts"] == []


def test_discovery_says_that_there_are_such_a_scope_and_claim(told: World) -> None:
    document = requests.get(f"{told.base}/.well-known/openid-configuration", timeout=TIMEOUT).json()
    assert "registry_accounts" in document["claims_supported"]
    assert {"registry_accounts", "events"} <= set(document["scopes_supported"])


# Its owner.


def test_the_account_page_and_the_download_show_what_is_carried(told: World, person: SignedIn) -> None:
    mine = names(2)
    assert "Earlier accounts" not in person.visitor.get("/account").text
    assert person.visitor.get("/account/data.json").json()["registry_accounts"] == []
    attach(told, person.account_id, *mine)
    page = person.visitor.get("/account").text
    assert "Earlier accounts" in page
    assert all(each in page for each in mine)
    assert sorted(person.visitor.get("/account/data.json").json()["registry_accounts"]) == sorted(mine)
    detach(told, *mine)
