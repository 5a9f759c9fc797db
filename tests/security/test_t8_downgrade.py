"""T8: downgrade. PKCE cannot be left out, weakened or stripped; nothing is fetched by reference."""

import pytest

from providers.standins import browser as upstream
from tests.security.test_t1_side_paths import upstream_url
from tests.world import Arrival, World, arrival


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": "", "code_challenge_method": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": ""},
        {"code_challenge_method": "s256"},
        {"code_challenge": ""},
    ],
)
def test_t8_pkce_is_s256_or_nothing_begins(world: World, changes: dict[str, str]) -> None:
    back = arrival(world.visitor().authorize(world.registry().request(**changes)).headers["Location"])
    assert back.parameters["error"] == "invalid_request"


def test_t8_a_code_is_not_redeemed_without_its_verifier(world: World) -> None:
    visitor = world.visitor()
    arrived = visitor.sign_in("2fa-true", "github")
    assert isinstance(arrived, Arrival)
    assert world.registry().token_response(arrived.code, "").json()["error"] == "invalid_grant"


def test_t8_a_challenge_given_as_verifier_is_refused(world: World) -> None:
    visitor = world.visitor()
    arrived = visitor.sign_in("2fa-true", "github")
    assert isinstance(arrived, Arrival)
    challenge = visitor.last_request.parameters["code_challenge"]
    assert world.registry().token_response(arrived.code, challenge).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "name, error", [("request", "invalid_request_object"), ("request_uri", "request_uri_not_supported")]
)
def test_t8_an_address_in_place_of_a_request_is_refused_and_nothing_is_fetched(
    world: World, name: str, error: str
) -> None:
    world.standins.forget_requests()
    target = f"{world.standins.backchannel_url}/request.jwt"
    back = arrival(world.visitor().authorize(world.registry().request(**{name: target})).headers["Location"])
    assert back.parameters["error"] == error
    assert world.standins.requests == ()


@pytest.mark.parametrize("provider, persona", [("entra", "entra-mfa"), ("github", "2fa-true"), ("generic", "oidc-mfa")])
def test_t8_towards_providers_pkce_is_s256_and_the_form_is_posted(world: World, provider: str, persona: str) -> None:
    url = upstream_url(world.visitor(), provider=provider)
    assert "code_challenge_method=S256" in url
    assert "code_challenge=" in url
    returned = upstream.sign_in(url, persona)
    assert returned.method == ("POST" if provider == "entra" else "GET")


def test_t8_a_provider_that_answers_by_the_wrong_method_is_refused(world: World) -> None:
    visitor = world.visitor()
    returned = upstream.sign_in(upstream_url(visitor, provider="entra"), "entra-mfa")
    ended = visitor.walk(visitor.come_back(upstream.Returned(method="GET", url=returned.url, fields=returned.fields)))
    assert not isinstance(ended, Arrival)
    assert ended.status == 403
    assert ended.meta("reason") == "invalid_response"
