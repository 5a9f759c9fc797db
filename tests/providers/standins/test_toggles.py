"""Every toggle does what its line says, and nothing stays on."""

import hmac
import time
from collections.abc import Callable
from threading import Thread
from typing import Any, get_args

import pytest
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from providers.standins import CONTOSO, EVIDENCE_API, TOGGLES, Kind, Standins
from providers.standins.browser import sign_in
from providers.standins.keys import b64url
from providers.standins.toggles import Who

from .flows import Client, unverified

MEMBER = ("entra", "entra-mfa", f"/{CONTOSO}/discovery/v2.0/keys")
PERSONAL = ("microsoft_account", "msa-mfa", "/consumers/discovery/v2.0/keys")
GENERIC = ("oidc", "oidc-mfa", "/oidc/jwks")

FORGED_SIGNATURES = [
    "alg_none",
    "hs256_public_key",
    "unknown_kid",
    "borrowed_kid",
    "bad_signature",
    "header_jwk",
    "header_jku",
    "header_x5u",
    "crit",
    "truncated_id_token",
]
FORGED_ACCESS = ["access_alg_none", "access_hs256_public_key", "access_unknown_kid", "access_bad_signature"]

DAY = 86_400

# What each toggle changes, as seen in the claims: a predicate over (claims, the truthful claims).
CHANGED: dict[str, Callable[[dict[str, Any], dict[str, Any]], bool]] = {
    "wrong_iss": lambda claims, good: claims["iss"] != good["iss"],
    "wrong_aud": lambda claims, good: claims["aud"] != good["aud"],
    "more_aud": lambda claims, good: claims["aud"][0] == good["aud"] and len(claims["aud"]) == 2,
    "no_aud": lambda claims, good: "aud" not in claims,
    "expired": lambda claims, good: claims["exp"] < time.time() - 3000,
    "no_exp": lambda claims, good: "exp" not in claims,
    "future_nbf": lambda claims, good: claims.get("nbf") == claims["iat"] + DAY,
    "future_iat": lambda claims, good: claims["iat"] >= good["iat"] + DAY,
    "future_auth_time": lambda claims, good: claims["auth_time"] == claims["iat"] + DAY,
    "text_auth_time": lambda claims, good: isinstance(claims["auth_time"], str),
    "missing_nonce": lambda claims, good: "nonce" not in claims,
    "wrong_nonce": lambda claims, good: claims["nonce"] != good["nonce"],
    "no_sub": lambda claims, good: "sub" not in claims,
}
CHANGED_MICROSOFT: dict[str, Callable[[dict[str, Any], dict[str, Any]], bool]] = {
    "iss_tid_mismatch": lambda claims, good: claims["tid"] not in claims["iss"] and claims["iss"] == good["iss"],
    "tid_not_guid": lambda claims, good: claims["tid"] == "contoso" and "/contoso/" in claims["iss"],
    "no_tid": lambda claims, good: "tid" not in claims,
    "no_oid": lambda claims, good: "oid" not in claims,
}
CHANGED_ACCESS: dict[str, Callable[[dict[str, Any], dict[str, Any]], bool]] = {
    "access_wrong_iss": lambda claims, good: claims["iss"] != good["iss"] and claims["tid"] == good["tid"],
    "access_wrong_aud": lambda claims, good: claims["aud"] != EVIDENCE_API,
    "access_wrong_appid": lambda claims, good: claims["appid"] != good["appid"],
    "access_wrong_tid": lambda claims, good: claims["tid"] != good["tid"] and claims["tid"] in claims["iss"],
    "access_wrong_oid": lambda claims, good: claims["oid"] != good["oid"],
    "access_expired": lambda claims, good: claims["exp"] < time.time() - 3000,
    "access_stale": lambda claims, good: claims["iat"] < good["iat"] - 7000 and claims["exp"] > time.time(),
    "access_v2": lambda claims, good: claims["ver"] == "2.0",
}
CHANGED_OIDC: dict[str, Callable[[dict[str, Any], dict[str, Any]], bool]] = {
    "wrong_azp": lambda claims, good: claims["azp"] != good["azp"],
    "wrong_at_hash": lambda claims, good: claims["at_hash"] == "A" * 22,
}

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

# Toggles that other tests of this file, named in the comment, cover.
ELSEWHERE = {
    *("no_kid", "msa_key", "entra_key", "no_id_token", "access_opaque"),  # tokens
    *("discovery_host", "discovery_issuer", "no_s256"),  # documents
    *("code_reusable", "duplicate_parameters", "wrong_state", "no_state"),  # responses
    *("no_response_iss", "wrong_response_iss", "userinfo_wrong_sub"),  # generic provider
    *("application_suspended", "ten_tokens_an_hour", "no_token", "no_scope", "revoke_500"),  # GitHub
    *("rate_limited", "rate_limited_secondary", "api_401"),
    *("user_id_text", "user_id_missing", "user_id_bool", "user_id_zero", "user_is_list", "user_type_missing"),
    *("emails_object", "emails_odd", "emails_500"),
}


def test_every_toggle_is_tried_here() -> None:
    failures = {
        f"{endpoint}_{how}"
        for endpoint, hows in {
            "discovery": ("500", "huge", "redirect"),
            "jwks": ("500", "slow", "huge", "redirect", "garbage"),
            "token": ("500", "slow", "huge", "redirect", "garbage"),
            "api": ("500", "slow", "huge", "redirect", "garbage"),
        }.items()
        for how in hows
    }
    tried = {*FORGED_SIGNATURES, *FORGED_ACCESS, *CHANGED, *CHANGED_MICROSOFT, *CHANGED_ACCESS, *CHANGED_OIDC}
    assert {toggle.name for toggle in TOGGLES} == tried | failures | ELSEWHERE
    assert len({toggle.name for toggle in TOGGLES}) == len(TOGGLES)
    assert all(toggle.description for toggle in TOGGLES)


def test_a_toggle_is_on_for_those_it_was_set_for_until_reset(standins: Standins) -> None:
    toggles = standins.toggles
    toggles.set("alg_none", "oidc")
    assert [toggles.on("alg_none", who) for who in get_args(Who)] == [False, False, True]
    toggles.set("alg_none")
    assert [toggles.on("alg_none", who) for who in get_args(Who)] == [True, False, True]
    toggles.clear("alg_none", "oidc")
    assert [toggles.on("alg_none", who) for who in get_args(Who)] == [True, False, False]
    toggles.reset()
    assert not any(toggles.on("alg_none", who) for who in get_args(Who))


def test_an_unknown_toggle_and_an_unknowing_provider_are_refused(standins: Standins) -> None:
    with pytest.raises(ValueError, match="no such toggle"):
        standins.toggles.set("alg_non")
    with pytest.raises(ValueError, match="does not know"):
        standins.toggles.set("alg_none", "github")


# Tokens


@pytest.mark.parametrize("flow", [MEMBER, PERSONAL, GENERIC])
@pytest.mark.parametrize("toggle", FORGED_SIGNATURES)
def test_no_forged_signature_verifies_by_the_published_keys(
    client: Client, flow: tuple[Kind, str, str], toggle: str
) -> None:
    kind, persona, jwks = flow
    client.standins.toggles.set(toggle)
    token = client.tokens(kind, persona)["id_token"]
    with pytest.raises((JoseError, ValueError)):
        client.verified(token, jwks, ["RS256"])


@pytest.mark.parametrize("toggle", FORGED_ACCESS)
def test_no_forged_evidence_access_token_verifies(client: Client, toggle: str) -> None:
    client.standins.toggles.set(toggle)
    tokens = client.tokens("entra", "entra-mfa")
    with pytest.raises((JoseError, ValueError)):
        client.verified(tokens["access_token"], "/organizations/discovery/keys")
    client.verified(tokens["id_token"], f"/{CONTOSO}/discovery/v2.0/keys")


def test_the_hs256_forgery_really_is_a_mac_by_the_public_key(client: Client) -> None:
    client.standins.toggles.set("hs256_public_key")
    token = client.tokens("oidc", "oidc-mfa")["id_token"]
    keys = KeySet.import_key_set(client.get("/oidc/jwks").json())
    public = keys.get_by_kid(unverified(token, 0)["kid"])
    assert isinstance(public, RSAKey)
    signing_input, _, signature = token.rpartition(".")
    assert b64url(hmac.digest(public.as_pem(private=False), signing_input.encode(), "sha256")) == signature


def test_a_header_can_point_to_a_foreign_key(client: Client) -> None:
    for toggle, member in (("header_jwk", "jwk"), ("header_jku", "jku"), ("header_x5u", "x5u"), ("crit", "crit")):
        client.standins.toggles.reset()
        client.standins.toggles.set(toggle)
        assert member in unverified(client.tokens("oidc", "oidc-mfa")["id_token"], 0)


def test_a_header_can_lack_its_kid(client: Client) -> None:
    client.standins.toggles.set("no_kid")
    assert "kid" not in unverified(client.tokens("oidc", "oidc-mfa")["id_token"], 0)


@pytest.mark.parametrize("flow", [MEMBER, PERSONAL, GENERIC])
@pytest.mark.parametrize("toggle", sorted(CHANGED))
def test_an_id_token_can_lie_and_still_be_signed(client: Client, flow: tuple[Kind, str, str], toggle: str) -> None:
    kind, persona, jwks = flow
    good = client.id_token(kind, persona)
    client.standins.toggles.set(toggle)
    lie = client.verified(client.tokens(kind, persona)["id_token"], jwks)
    assert CHANGED[toggle](lie, good)
    assert not CHANGED[toggle](good, good)


@pytest.mark.parametrize("toggle", sorted(CHANGED_MICROSOFT))
def test_a_microsoft_id_token_can_lie_about_the_tenant(client: Client, toggle: str) -> None:
    good = client.id_token("entra", "entra-mfa")
    client.standins.toggles.set(toggle)
    lie = client.verified(client.tokens("entra", "entra-mfa")["id_token"], f"/{CONTOSO}/discovery/v2.0/keys")
    assert CHANGED_MICROSOFT[toggle](lie, good)
    assert not CHANGED_MICROSOFT[toggle](good, good)


@pytest.mark.parametrize("toggle", sorted(CHANGED_ACCESS))
def test_an_evidence_access_token_can_lie_while_the_id_token_does_not(client: Client, toggle: str) -> None:
    good = client.access_token("entra-mfa")
    truth = client.id_token("entra", "entra-mfa")
    client.standins.toggles.set(toggle)
    tokens = client.tokens("entra", "entra-mfa")
    lie = client.verified(tokens["access_token"], "/organizations/discovery/keys")
    assert CHANGED_ACCESS[toggle](lie, good)
    assert not CHANGED_ACCESS[toggle](good, good)
    claims = unverified(tokens["id_token"])
    assert [claims[name] for name in ("iss", "aud", "tid", "oid")] == [
        truth[name] for name in ("iss", "aud", "tid", "oid")
    ]


@pytest.mark.parametrize("toggle", sorted(CHANGED_OIDC))
def test_a_generic_id_token_can_lie_about_its_party(client: Client, toggle: str) -> None:
    good = client.id_token("oidc", "oidc-mfa")
    client.standins.toggles.set(toggle)
    lie = client.verified(client.tokens("oidc", "oidc-mfa")["id_token"], "/oidc/jwks")
    assert CHANGED_OIDC[toggle](lie, good)
    assert not CHANGED_OIDC[toggle](good, good)


@pytest.mark.parametrize(
    "toggle,flow,kept",
    [("msa_key", MEMBER, "/consumers/discovery/v2.0/keys"), ("entra_key", PERSONAL, f"/{CONTOSO}/discovery/v2.0/keys")],
)
def test_one_kind_of_key_can_sign_the_others_tokens(
    client: Client, toggle: str, flow: tuple[Kind, str, str], kept: str
) -> None:
    kind, persona, jwks = flow
    client.standins.toggles.set(toggle)
    token = client.tokens(kind, persona)["id_token"]
    assert client.verified(token, kept)["iss"] == client.verified(token, "/common/discovery/v2.0/keys")["iss"]
    with pytest.raises((JoseError, ValueError)):
        client.verified(token, jwks)


@pytest.mark.parametrize("kind,persona", [("entra", "entra-mfa"), ("oidc", "oidc-mfa")])
def test_the_id_token_can_be_missing(client: Client, kind: Kind, persona: str) -> None:
    client.standins.toggles.set("no_id_token")
    tokens = client.tokens(kind, persona)
    assert "id_token" not in tokens
    assert "access_token" in tokens


def test_the_evidence_access_token_can_be_opaque(client: Client) -> None:
    client.standins.toggles.set("access_opaque")
    assert "." not in client.tokens("entra", "entra-mfa")["access_token"]


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
