"""The token endpoint: client authentication, strict forms, PKCE, one use."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import update

from broker.accounts.model import accounts, identities
from tests.world import CALLBACK, TIMEOUT, Arrival, AuthRequest, World, running

Signed = tuple[str, AuthRequest]


def signed_in(world: World, persona: str = "2fa-true", provider: str = "github") -> Signed:
    visitor = world.visitor()
    arrived = visitor.sign_in(persona, provider)
    assert isinstance(arrived, Arrival), arrived
    return arrived.code, visitor.last_request


def post_token(
    world: World, form: Mapping[str, str] | str, headers: Mapping[str, str] | None = None, query: str = ""
) -> requests.Response:
    sent = dict(headers or {})
    if isinstance(form, str):
        sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
    return requests.post(f"{world.base}/token{query}", data=form, headers=sent, timeout=TIMEOUT)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def form(code: str, request: AuthRequest, **changes: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": request.verifier,
        **changes,
    }


def other_clients(raw: dict[str, Any]) -> None:
    one = raw["clients"]["registry"]
    raw["clients"]["poster"] = {**one, "auth_method": "client_secret_post", "secret": one["secret"][::-1]}
    public = {name: value for name, value in one.items() if name != "secret"}
    raw["clients"]["public"] = {**public, "auth_method": "none"}
    raw["clients"]["rs256"] = {name: value for name, value in one.items() if name != "id_token_signed_response_alg"}
    raw["clients"]["rs256"]["id_token_claims"] = ["name", "email"]


def test_a_client_that_says_nothing_gets_rs256_and_registered_claims(tmp_path: Any, standins: Any) -> None:
    with running(tmp_path, standins=standins, change=other_clients) as world:
        registry = world.registry("rs256")
        visitor = world.visitor()
        request = registry.request(provider="github")
        tokens = registry.redeem(visitor.walk(visitor.authorize(request), "2fa-true"), request)
        assert tokens.header["alg"] == "RS256"
        assert tokens.claims["name"] == "Canary 2fa-true"
        assert tokens.claims["email"] == "canary-2fa-true@personas.example"
        assert "email_verified" not in tokens.claims


def test_each_client_is_held_to_its_registered_method(tmp_path: Any, standins: Any) -> None:
    with running(tmp_path, standins=standins, change=other_clients) as world:
        visitor = world.visitor()
        for client_id in ("registry", "poster", "public"):
            registry = world.registry(client_id)
            secret = world.secrets.get(client_id, "x" * 40)
            ways: dict[str, tuple[dict[str, str], dict[str, str]]] = {
                "registry": ({}, basic(client_id, secret)),
                "poster": ({"client_id": client_id, "client_secret": secret}, {}),
                "public": ({"client_id": client_id}, {}),
            }
            for way, (fields, headers) in ways.items():
                request = registry.request(provider="github")
                arrived = visitor.walk(visitor.authorize(request), "2fa-true")
                assert isinstance(arrived, Arrival)
                response = post_token(world, form(arrived.code, request, **fields), headers)
                assert (response.status_code == 200) is (way == client_id), (client_id, way, response.text)
                if way != client_id:
                    assert response.json()["error"] in ("invalid_client", "invalid_request")


WRONG_FORMS: dict[str, tuple[dict[str, str], str]] = {
    "another verifier": ({"code_verifier": "v" * 43}, "invalid_grant"),
    "no verifier": ({"code_verifier": ""}, "invalid_grant"),
    "a short verifier": ({"code_verifier": "v" * 42}, "invalid_request"),
    "another redirect URI": ({"redirect_uri": CALLBACK + "/"}, "invalid_grant"),
    "no redirect URI": ({"redirect_uri": ""}, "invalid_grant"),
    "no code": ({"code": ""}, "invalid_request"),
    "another code": ({"code": "x" * 43}, "invalid_grant"),
    "another grant": ({"grant_type": "password"}, "unsupported_grant_type"),
    "no grant": ({"grant_type": ""}, "unsupported_grant_type"),
    "the refresh grant": ({"grant_type": "refresh_token"}, "unauthorized_client"),
}


@pytest.mark.parametrize("changes, error", WRONG_FORMS.values(), ids=WRONG_FORMS.keys())
def test_a_redemption_that_is_not_right_in_every_part_fails(world: World, changes: dict[str, str], error: str) -> None:
    code, request = signed_in(world)
    response = world.registry().token_response(code, request.verifier, changes)
    assert response.status_code == 400
    assert response.json()["error"] == error
    assert response.headers["Cache-Control"] == "no-store"


def test_a_failed_redemption_uses_the_code_up(world: World) -> None:
    code, request = signed_in(world)
    assert world.registry().token_response(code, "v" * 43).status_code == 400
    assert world.registry().token_response(code, request.verifier).status_code == 400


def test_using_a_code_again_ends_what_the_first_use_got(world: World) -> None:
    code, request = signed_in(world)
    first = world.registry().token_response(code, request.verifier)
    token = first.json()["access_token"]
    assert world.registry().userinfo(token).status_code == 200
    second = world.registry().token_response(code, request.verifier)
    assert second.json()["error"] == "invalid_grant"
    assert world.registry().userinfo(token).status_code == 401


def test_a_code_of_another_client_is_no_code(tmp_path: Any, standins: Any) -> None:
    with running(tmp_path, standins=standins, change=other_clients) as world:
        code, request = signed_in(world)
        stolen = post_token(world, form(code, request, client_id="public"))
        assert stolen.json()["error"] == "invalid_grant"


def test_a_code_lives_a_minute(tmp_path: Any, standins: Any) -> None:
    with running(tmp_path, standins=standins, change=lambda raw: raw.update(tokens={"code": 1})) as world:
        code, request = signed_in(world)
        key = world.parts.store
        import time

        time.sleep(1.1)
        assert key is not None
        assert world.registry().token_response(code, request.verifier).json()["error"] == "invalid_grant"


STRICT: dict[str, tuple[str, dict[str, str], str, int, str]] = {
    "parameters in the URL": ("", {}, "?grant_type=authorization_code", 400, "invalid_request"),
    "a parameter twice": ("code=a&code=b&grant_type=authorization_code", {}, "", 400, "invalid_request"),
    "JSON": ("{}", {"Content-Type": "application/json"}, "", 400, "invalid_request"),
    "not UTF-8": ("code=%ff%fe&grant_type=authorization_code", {}, "", 400, "invalid_request"),
    "Basic that is not base64": ("code=a", {"Authorization": "Basic !!!"}, "", 401, "invalid_client"),
    "Basic that is not UTF-8": ("code=a", {"Authorization": "Basic //79"}, "", 401, "invalid_client"),
    "Basic without a colon": ("code=a", {"Authorization": "Basic YWJj"}, "", 401, "invalid_client"),
    "another scheme": ("code=a", {"Authorization": "Bearer x"}, "", 401, "invalid_client"),
    "two methods": ("client_secret=x", {"Authorization": "Basic YTpi"}, "", 400, "invalid_request"),
    "two clients": ("client_id=b", {"Authorization": "Basic YTpi"}, "", 400, "invalid_request"),
    "oversize": ("code=" + "a" * 20_000, {}, "", 413, "invalid_request"),
    "a secret beyond ASCII": (
        "grant_type=authorization_code&code=a&client_id=registry&client_secret=%C3%A4",
        {},
        "",
        401,
        "invalid_client",
    ),
    "an unknown client": ("grant_type=authorization_code&code=a&client_id=nobody", {}, "", 401, "invalid_client"),
}


@pytest.mark.parametrize("body, headers, query, status, error", STRICT.values(), ids=STRICT.keys())
def test_a_malformed_request_gets_a_clear_error(
    world: World, body: str, headers: dict[str, str], query: str, status: int, error: str
) -> None:
    response = post_token(world, body, headers, query)
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in response.headers) is (status == 401)


def test_a_code_is_worth_nothing_once_the_account_is_closed_or_the_identity_unlinked(world: World) -> None:
    code, request = signed_in(world)
    with world.parts.database.begin() as connection:
        connection.execute(update(accounts).values(status="disabled"))
    assert world.registry().token_response(code, request.verifier).json()["error"] == "invalid_grant"
    with world.parts.database.begin() as connection:
        connection.execute(update(accounts).values(status="active"))
    code, request = signed_in(world)
    with world.parts.database.begin() as connection:
        connection.execute(identities.delete())
    assert world.registry().token_response(code, request.verifier).json()["error"] == "invalid_grant"


def test_the_proof_is_judged_once_more_at_redemption(tmp_path: Any, standins: Any) -> None:
    with running(tmp_path, standins=standins, change=lambda raw: raw.update(policy={"evidence_lifetime": 30})) as world:
        code, request = signed_in(world, "entra-mfa", "entra")
        world.clock.move(timedelta(seconds=31))
        assert world.registry().token_response(code, request.verifier).json()["error"] == "invalid_grant"


USERINFO: dict[str, tuple[dict[str, str], str, int, str]] = {
    "no token": ({}, "", 401, "invalid_token"),
    "another scheme": ({"Authorization": "Basic YTpi"}, "", 401, "invalid_token"),
    "no value": ({"Authorization": "Bearer"}, "", 401, "invalid_token"),
    "not ours": ({"Authorization": "Bearer abc"}, "", 401, "invalid_token"),
    "ours in form only": ({"Authorization": "Bearer vat_AAAA"}, "", 401, "invalid_token"),
    "not base64": ({"Authorization": "Bearer vat_!!!"}, "", 401, "invalid_token"),
    "very long": ({"Authorization": "Bearer vat_" + "A" * 5000}, "", 401, "invalid_token"),
    "in the URL": ({}, "?access_token=vat_AAAA", 400, "invalid_request"),
}


@pytest.mark.parametrize("headers, query, status, error", USERINFO.values(), ids=USERINFO.keys())
def test_userinfo_refuses_what_is_no_live_token(
    world: World, headers: dict[str, str], query: str, status: int, error: str
) -> None:
    response = requests.get(f"{world.base}/userinfo{query}", headers=headers, timeout=TIMEOUT)
    assert (response.status_code, response.json()["error"]) == (status, error)


def test_an_access_token_expires(world: World) -> None:
    code, request = signed_in(world)
    token = world.registry().token_response(code, request.verifier).json()["access_token"]
    world.clock.move(timedelta(seconds=601))
    assert world.registry().userinfo(token).status_code == 401


def test_an_access_token_cannot_be_changed(world: World) -> None:
    code, request = signed_in(world)
    token = world.registry().token_response(code, request.verifier).json()["access_token"]
    for index in range(4, len(token), 7):
        other = "A" if token[index] != "A" else "B"
        changed = token[:index] + other + token[index + 1 :]
        assert world.registry().userinfo(changed).status_code == 401
