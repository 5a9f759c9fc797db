"""Step-up: the registry asks for more, the provider is asked again, and who cannot is refused, with a way out (T1)."""

import json

import pytest

from tests.accounts.test_account_pages import link
from tests.oidc.kinds import introspect, sign_in
from tests.world import Arrival, Page, Visitor, World

PHR = json.dumps({"id_token": {"acr": {"essential": True, "values": ["phr"]}}})


def options(page: Page) -> list[tuple[str, str]]:
    """Return provider and line of each way that a page offers."""
    links = [link for link in page.links if "/signin/" in link]
    return [(link.rpartition("/")[2], "Linked" if _line(page, link) else "") for link in links]


def _line(page: Page, link: str) -> bool:
    start = page.text.index(f'href="{link}"')
    return "Linked to your account." in page.text[start : page.text.index("</a>", start)]


@pytest.fixture
def both(world: World) -> Visitor:
    """Somebody signed in with GitHub, who has linked a work account as well."""
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github", fresh=True)
    link(visitor, "entra", "entra-phr")
    return visitor


def test_a_refusal_names_the_users_other_identities_that_could_and_only_to_them(world: World, both: Visitor) -> None:
    registry = world.registry()
    request = registry.request(provider="github", claims=PHR)
    refused = both.walk(both.authorize(request), "2fa-true")
    assert isinstance(refused, Page)
    assert refused.status == 403
    found = options(refused)
    assert ("entra", "Linked") in found
    others = [each for each in found if each[0] != "github"]
    assert others[0] == ("entra", "Linked")
    assert [line for _, line in others].count("Linked") == 1
    # A stranger who signs in as the same person without a session of theirs learns nothing of it.
    stranger = world.visitor()
    told = stranger.walk(stranger.authorize(registry.request(provider="github", claims=PHR)), "2fa-true")
    assert isinstance(told, Page)
    assert "Linked" not in {line for _, line in options(told)}
    # And the way out leads there.
    arrived = both.walk(both.get(next(link for link in refused.links if link.endswith("/entra"))), "entra-phr")
    tokens = registry.redeem(arrived, request)
    assert tokens.claims["acr"] == "phr"


def test_who_goes_back_instead_tells_the_registry_what_was_unmet(world: World, both: Visitor) -> None:
    refused = both.walk(both.authorize(world.registry().request(provider="github", claims=PHR)), "2fa-true")
    assert isinstance(refused, Page)
    arrived = both.walk(both.get(next(link for link in refused.links if "/leave/" in link)))
    assert isinstance(arrived, Arrival)
    assert arrived.parameters["error"] == "unmet_authentication_requirements"


def test_a_step_up_shows_in_the_new_tokens_and_leaves_the_old_ones_as_they_were(busy: World) -> None:
    visitor = busy.visitor()
    first = sign_in(busy, "jwt", visitor=visitor, persona="entra-stale")
    second = sign_in(busy, "jwt", visitor=visitor, persona="entra-stale", max_age="0")
    assert second.claims["auth_time"] > first.claims["auth_time"]
    for tokens in (first, second):
        said = introspect(busy, "jwt", tokens.response["access_token"])
        assert said["auth_time"] == tokens.claims["auth_time"]


def test_a_client_with_a_rule_of_its_own_gets_nothing_weaker(busy: World) -> None:
    visitor = busy.visitor()
    visitor.sign_in("entra-mfa", "entra")
    request = busy.registry("strict").request(prompt="none")
    arrived = visitor.walk(visitor.authorize(request))
    assert isinstance(arrived, Arrival)
    assert arrived.parameters["error"] == "login_required"
    assert sign_in(busy, "strict", visitor=visitor, persona="entra-phr").claims["acr"] == "phr"
