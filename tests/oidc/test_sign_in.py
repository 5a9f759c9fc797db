"""What a registry gets: claims, userinfo, sessions reused, step-up refused or granted."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from claims.vocabulary import ACR_MFA, ACR_MFA_ENROLLED
from providers.standins import Standins
from tests.world import TIMEOUT, Arrival, Page, World, running

ESSENTIAL_MFA = json.dumps({"id_token": {"acr": {"essential": True, "value": ACR_MFA}}})


def test_an_id_token_says_what_was_proven_and_nothing_of_the_person(world: World) -> None:
    visitor = world.visitor()
    arrived = visitor.sign_in("entra-mfa", "entra")
    tokens = world.registry().redeem(arrived, visitor.last_request)
    assert tokens.header["alg"] == "ES256"
    assert tokens.claims["acr"] == ACR_MFA
    assert "mfa" in tokens.claims["amr"]
    assert isinstance(tokens.claims["auth_time"], int)
    assert set(tokens.claims) == {
        *("iss", "sub", "aud", "exp", "iat", "nonce", "sid", "acr", "amr", "auth_time"),
    }
    userinfo = world.registry().userinfo(tokens.response["access_token"])
    assert userinfo.status_code == 200
    assert userinfo.headers["Cache-Control"] == "no-store"
    assert userinfo.json()["sub"] == tokens.claims["sub"]
    assert userinfo.json()["email"].startswith("canary-entra-mfa@")
    assert tokens.response["token_type"] == "Bearer"
    assert tokens.response["scope"] == "openid profile email"


def test_userinfo_gives_only_what_the_scope_covers(world: World) -> None:
    visitor = world.visitor()
    tokens = world.registry().redeem(visitor.sign_in("2fa-true", "github", scope="openid"), visitor.last_request)
    assert set(world.registry().userinfo(tokens.response["access_token"]).json()) == {"sub"}


def test_the_claims_parameter_puts_name_and_email_where_it_asks(world: World) -> None:
    visitor = world.visitor()
    claims = json.dumps({"id_token": {"email": None}, "userinfo": {"name": {"essential": True}}})
    arrived = visitor.sign_in("2fa-true", "github", scope="openid", claims=claims)
    tokens = world.registry().redeem(arrived, visitor.last_request)
    assert "email" in tokens.claims
    assert "name" not in tokens.claims
    assert set(world.registry().userinfo(tokens.response["access_token"]).json()) == {"sub", "name"}


def test_a_live_session_answers_without_the_provider_and_with_the_same_proof(world: World) -> None:
    visitor = world.visitor()
    first = world.registry().redeem(visitor.sign_in("entra-mfa", "entra"), visitor.last_request)
    world.standins.forget_requests()
    for prompt in ("", "none"):
        request = world.registry().request(prompt=prompt)
        second = world.registry().redeem(visitor.walk(visitor.authorize(request)), request)
        for name in ("sub", "acr", "amr", "auth_time", "sid"):
            assert second.claims[name] == first.claims[name]
    assert world.standins.redirects() == 0


@pytest.mark.parametrize("prompt", ["login", "select_account"])
def test_a_prompt_asks_again_despite_a_session(world: World, prompt: str) -> None:
    visitor = world.visitor()
    first = world.registry().redeem(visitor.sign_in("entra-stale", "entra"), visitor.last_request)
    again = visitor.sign_in("entra-stale", "entra", prompt=prompt)
    second = world.registry().redeem(again, visitor.last_request)
    # The same person goes on in the session that registries know; its cookie is another.
    assert second.claims["sid"] == first.claims["sid"]
    if prompt == "login":
        assert second.claims["auth_time"] > first.claims["auth_time"]


def test_max_age_zero_asks_again_and_moves_auth_time(world: World) -> None:
    visitor = world.visitor()
    first = world.registry().redeem(visitor.sign_in("entra-stale", "entra"), visitor.last_request)
    second = world.registry().redeem(visitor.sign_in("entra-stale", "entra", max_age="0"), visitor.last_request)
    assert second.claims["auth_time"] > first.claims["auth_time"] + 3600


def test_a_session_older_than_max_age_is_not_reused(world: World) -> None:
    visitor = world.visitor()
    visitor.sign_in("entra-stale", "entra")
    request = world.registry().request(max_age="3600", prompt="none")
    back = visitor.walk(visitor.authorize(request))
    assert isinstance(back, Arrival)
    assert back.parameters["error"] == "login_required"


def test_a_provider_that_cannot_reauthenticate_is_refused_rather_than_pretended(world: World) -> None:
    page = world.visitor().sign_in("2fa-true", "github", prompt="login")
    assert isinstance(page, Page)
    assert page.meta("reason") == "auth_time_unknown"
    assert page.meta("remedy") == "use_another_provider"


def test_unmet_voluntary_acr_values_yield_what_was_achieved(world: World) -> None:
    visitor = world.visitor()
    arrived = visitor.sign_in("2fa-true", "github", acr_values=f"phr {ACR_MFA}")
    tokens = world.registry().redeem(arrived, visitor.last_request)
    assert tokens.claims["acr"] == ACR_MFA_ENROLLED
    assert "amr" not in tokens.claims
    assert "auth_time" not in tokens.claims


def test_an_essential_acr_that_is_not_achieved_refuses_and_says_so_to_the_registry(world: World) -> None:
    visitor = world.visitor()
    page = visitor.sign_in("2fa-true", "github", claims=ESSENTIAL_MFA)
    assert isinstance(page, Page)
    assert page.status == 403
    assert page.meta("reason") == "acr_unmet"
    back = visitor.walk(visitor.get(next(link for link in page.links if "/leave/" in link)))
    assert isinstance(back, Arrival)
    assert back.parameters["error"] == "unmet_authentication_requirements"


def test_an_essential_acr_is_unmet_by_a_weaker_session_under_prompt_none(world: World) -> None:
    visitor = world.visitor()
    visitor.sign_in("2fa-true", "github")
    back = visitor.walk(visitor.authorize(world.registry().request(claims=ESSENTIAL_MFA, prompt="none")))
    assert isinstance(back, Arrival)
    assert back.parameters["error"] == "unmet_authentication_requirements"


def test_the_chooser_says_early_what_a_provider_cannot_do(world: World) -> None:
    visitor = world.visitor()
    page = visitor.walk(visitor.authorize(world.registry().request(claims=ESSENTIAL_MFA)))
    assert isinstance(page, Page)
    assert not any(link.endswith("/github") for link in page.links)
    assert any(link.endswith("/entra") for link in page.links)


def test_an_id_token_hint_of_another_user_is_login_required(world: World) -> None:
    ada, bo = world.visitor(), world.visitor()
    hint = world.registry().redeem(ada.sign_in("entra-mfa", "entra"), ada.last_request).response["id_token"]
    bo.sign_in("2fa-true", "github")
    other = bo.walk(bo.authorize(world.registry().request(prompt="none", id_token_hint=hint)))
    assert isinstance(other, Arrival)
    assert other.parameters["error"] == "login_required"
    request = world.registry().request(prompt="none", id_token_hint=hint)
    same = ada.walk(ada.authorize(request))
    world.registry().redeem(same, request)
    shown = bo.sign_in("2fa-true", "github", id_token_hint=hint)
    assert isinstance(shown, Page)
    assert shown.status == 400


def test_proof_of_an_account_setting_ages_out_of_a_live_session(world: World) -> None:
    visitor = world.visitor()
    visitor.sign_in("2fa-true", "github")
    world.clock.move(timedelta(hours=8, minutes=1))
    back = visitor.walk(visitor.authorize(world.registry().request(prompt="none")))
    assert isinstance(back, Arrival)
    assert back.parameters["error"] == "login_required"


def test_claims_asked_for_by_name_stay_within_the_clients_registered_scopes(tmp_path: Path, standins: Standins) -> None:
    def narrow(raw: dict[str, Any]) -> None:
        raw["clients"]["registry"]["scopes"] = ["openid"]

    with running(tmp_path, standins=standins, change=narrow) as world:
        visitor = world.visitor()
        claims = json.dumps({"id_token": {"email": None, "name": None}, "userinfo": {"email": None, "name": None}})
        tokens = world.registry().redeem(visitor.sign_in("2fa-true", "github", claims=claims), visitor.last_request)
        assert not {"email", "name", "email_verified"} & set(tokens.claims)
        assert set(world.registry().userinfo(tokens.response["access_token"]).json()) == {"sub"}


def test_a_request_without_a_nonce_gets_a_token_without_one(world: World) -> None:
    visitor, registry = world.visitor(), world.registry()
    request = registry.request(provider="github", nonce="")
    arrived = visitor.walk(visitor.authorize(request), "2fa-true")
    assert isinstance(arrived, Arrival)
    token = registry.token_response(arrived.code, request.verifier).json()["id_token"]
    keys = KeySet.import_key_set(requests.get(f"{world.base}/jwks", timeout=TIMEOUT).json())
    assert "nonce" not in jwt.decode(token, keys, algorithms=["ES256"]).claims
