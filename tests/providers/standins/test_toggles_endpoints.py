"""Endpoints, responses and the GitHub API fail and lie as their toggles say."""

import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from providers.standins import TOGGLES, Kind
from providers.standins.browser import sign_in
from providers.standins.toggles import Who

from .flows import Client

DOCUMENTS = {
    "microsoft": {
        "discovery": "/organizations/v2.0/.well-known/openid-configuration",
        "jwks": "/organizations/discovery/v2.0/keys",
    },
    "oidc": {"discovery": "/oidc/.well-known/openid-configuration", "jwks": "/oidc/jwks"},
    "github": {"api": "/api/v3/user"},
}
TOKEN_KIND: dict[str, tuple[Kind, str]] = {
    "microsoft": ("entra", "entra-mfa"),
    "oidc": ("oidc", "oidc-mfa"),
    "github": ("github", "2fa-true"),
}

# Documents and endpoints that fail


def failing(client: Client, who: str, endpoint: str) -> Any:
    if endpoint == "token":
        kind, persona = TOKEN_KIND[who]
        return client.redeem(kind, client.code(kind, persona))
    return client.get(DOCUMENTS[who][endpoint])


@pytest.mark.parametrize(
    "who,endpoint",
    [
        ("microsoft", "discovery"),
        ("microsoft", "jwks"),
        ("microsoft", "token"),
        ("oidc", "discovery"),
        ("oidc", "jwks"),
        ("oidc", "token"),
        ("github", "token"),
        ("github", "api"),
    ],
)
def test_an_endpoint_can_fail_in_each_of_its_ways(client: Client, who: Who, endpoint: str) -> None:
    toggles, known = client.standins.toggles, {toggle.name for toggle in TOGGLES if who in toggle.providers}
    toggles.set(f"{endpoint}_500", who)
    assert failing(client, who, endpoint).status_code == 500
    toggles.reset()
    toggles.set(f"{endpoint}_huge", who)
    assert len(failing(client, who, endpoint).content) > 8 * 1024 * 1024
    toggles.reset()
    toggles.set(f"{endpoint}_redirect", who)
    answer = failing(client, who, endpoint)
    assert (answer.status_code, answer.headers["Location"].split("/")[2].split(":")[0]) == (307, "127.0.0.1")
    toggles.reset()
    if f"{endpoint}_garbage" in known:
        toggles.set(f"{endpoint}_garbage", who)
        answer = failing(client, who, endpoint)
        assert (answer.status_code, answer.text[:15]) == (200, "<!doctype html>")
    toggles.reset()
    assert f"{endpoint}_slow" in known or endpoint == "discovery"


@pytest.mark.parametrize("who,endpoint", [("microsoft", "jwks"), ("oidc", "token"), ("github", "api")])
def test_a_slow_endpoint_answers_in_the_end(client: Client, who: Who, endpoint: str) -> None:
    toggles = client.standins.toggles
    seconds = toggles.slow_seconds
    toggles.slow_seconds = 0.01
    toggles.set(f"{endpoint}_slow", who)
    assert failing(client, who, endpoint).status_code in (200, 401)
    toggles.slow_seconds = seconds


def test_resetting_lets_a_slow_answer_go(client: Client) -> None:
    toggles = client.standins.toggles
    seconds, toggles.slow_seconds = toggles.slow_seconds, 600.0
    toggles.set("jwks_slow", "oidc")
    answers: list[int] = []
    thread = Thread(target=lambda: answers.append(client.get("/oidc/jwks").status_code))
    thread.start()
    while not any(seen.path == "/oidc/jwks" for seen in client.standins.requests):
        time.sleep(0.01)
    while thread.is_alive():
        toggles.reset()
        thread.join(0.05)
    toggles.slow_seconds = seconds
    assert answers == [200]


@pytest.mark.parametrize(
    "who,members", [("microsoft", ["token_endpoint", "jwks_uri"]), ("oidc", ["token_endpoint", "jwks_uri"])]
)
def test_discovery_can_send_requests_elsewhere(client: Client, who: Who, members: list[str]) -> None:
    client.standins.toggles.set("discovery_host", who)
    document = failing(client, who, "discovery").json()
    assert all(document[member].startswith("https://127.0.0.1:") for member in members)
    client.session.get(document["jwks_uri"], timeout=30)
    assert client.standins.requests[-1].host.startswith("127.0.0.1:")


@pytest.mark.parametrize("who", ["microsoft", "oidc"])
def test_discovery_can_name_another_issuer(client: Client, who: Who) -> None:
    client.standins.toggles.set("discovery_issuer", who)
    assert failing(client, who, "discovery").json()["issuer"].startswith("https://attacker.invalid/")


def test_discovery_can_offer_no_pkce(client: Client) -> None:
    assert "code_challenge_methods_supported" in failing(client, "oidc", "discovery").json()
    client.standins.toggles.set("no_s256")
    assert "code_challenge_methods_supported" not in failing(client, "oidc", "discovery").json()


# Authorization responses


@pytest.mark.parametrize("kind,persona", [("entra", "entra-mfa"), ("github", "2fa-true"), ("oidc", "oidc-mfa")])
def test_an_authorization_response_can_be_spoiled(client: Client, kind: Kind, persona: str) -> None:
    toggles = client.standins.toggles
    toggles.set("duplicate_parameters")
    names = [name for name, _ in client.back(kind, persona).fields]
    assert (names.count("code"), names.count("state")) == (2, 2)
    with pytest.raises(ValueError, match="twice"):
        _ = client.back(kind, persona).parameters
    toggles.reset()
    toggles.set("wrong_state")
    assert client.back(kind, persona).parameters["state"] != "the-state"
    toggles.reset()
    toggles.set("no_state")
    assert "state" not in client.back(kind, persona).parameters


@pytest.mark.parametrize("kind,persona", [("entra", "entra-mfa"), ("github", "2fa-true"), ("oidc", "oidc-mfa")])
def test_a_code_can_be_made_reusable(client: Client, kind: Kind, persona: str) -> None:
    client.standins.toggles.set("code_reusable")
    code = client.code(kind, persona)
    assert ["access_token" in client.redeem(kind, code).json() for _ in range(2)] == [True, True]


def test_the_responses_iss_can_be_wrong_or_missing(client: Client) -> None:
    client.standins.toggles.set("wrong_response_iss")
    assert client.back("oidc", "oidc-mfa").parameters["iss"] == "https://attacker.invalid/oidc"
    client.standins.toggles.set("no_response_iss")
    assert "iss" not in client.back("oidc", "oidc-mfa").parameters


def test_userinfo_can_be_of_another_subject(client: Client) -> None:
    token = client.tokens("oidc", "oidc-mfa")["access_token"]
    client.standins.toggles.set("userinfo_wrong_sub")
    sub = client.get("/oidc/userinfo", Authorization=f"Bearer {token}").json()["sub"]
    assert sub != client.standins.persona("oidc-mfa").subject


# GitHub


def test_the_application_can_be_suspended(client: Client) -> None:
    client.standins.toggles.set("application_suspended")
    assert sign_in(client.url("github"), "2fa-true").parameters["error"] == "application_suspended"


@pytest.mark.parametrize("toggle,missing", [("no_token", "access_token"), ("no_scope", "scope")])
def test_the_token_response_can_lack_a_member(client: Client, toggle: str, missing: str) -> None:
    client.standins.toggles.set(toggle)
    assert missing not in client.tokens("github", "2fa-true")


@pytest.mark.parametrize(
    "toggle,status,header,value",
    [
        ("rate_limited", 403, "X-RateLimit-Remaining", "0"),
        ("rate_limited_secondary", 429, "Retry-After", "60"),
        ("api_401", 401, "X-RateLimit-Remaining", "4999"),
    ],
)
def test_the_api_can_refuse(client: Client, toggle: str, status: int, header: str, value: str) -> None:
    token = client.tokens("github", "2fa-true")["access_token"]
    client.standins.toggles.set(toggle)
    answer = client.get("/api/v3/user", Authorization=f"Bearer {token}")
    assert (answer.status_code, answer.headers[header]) == (status, value)


@pytest.mark.parametrize(
    "toggle,odd",
    [
        ("user_id_text", lambda user: user["id"] == "583231001"),
        ("user_id_missing", lambda user: "id" not in user),
        ("user_id_bool", lambda user: user["id"] is True),
        ("user_id_zero", lambda user: user["id"] == 0 and user["id"] is not False),
        ("user_is_list", lambda user: isinstance(user, list)),
        ("user_type_missing", lambda user: "type" not in user),
    ],
)
def test_the_user_can_have_an_odd_shape(client: Client, toggle: str, odd: Callable[[Any], bool]) -> None:
    token = client.tokens("github", "2fa-true")["access_token"]
    client.standins.toggles.set(toggle)
    assert odd(client.get("/api/v3/user", Authorization=f"Bearer {token}").json())


@pytest.mark.parametrize(
    "toggle,status,odd",
    [
        ("emails_object", 200, lambda body: isinstance(body, dict) and "email" in body),
        ("emails_odd", 200, lambda body: None in body and {} in body),
        ("emails_500", 500, lambda body: body["message"] == "Server Error"),
    ],
)
def test_the_addresses_can_have_an_odd_shape(
    client: Client, toggle: str, status: int, odd: Callable[[Any], bool]
) -> None:
    token = client.tokens("github", "2fa-true")["access_token"]
    client.standins.toggles.set(toggle)
    answer = client.get("/api/v3/user/emails", Authorization=f"Bearer {token}")
    assert answer.status_code == status
    assert odd(answer.json())


def test_deleting_a_token_can_fail(client: Client) -> None:
    registration = client.registration("github")
    client.standins.toggles.set("revoke_500")
    answer = client.session.delete(
        f"{client.standins.backchannel_url}/api/v3/applications/{registration.client_id}/token",
        json={"access_token": "any"},
        auth=(registration.client_id, registration.client_secret),
        timeout=30,
    )
    assert answer.status_code == 500
