"""Every toggle does what its line says, and nothing stays on."""

import hmac
import time
from collections.abc import Callable
from typing import Any, get_args

import pytest
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from providers.standins import CONTOSO, EVIDENCE_API, TOGGLES, Kind, Standins
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
    "swapped_tid": lambda claims, good: claims["tid"] != good["tid"] and claims["tid"] in claims["iss"],
    "no_acct": lambda claims, good: "acct" not in claims,
    "no_wids": lambda claims, good: "wids" not in claims,
    "wids_text": lambda claims, good: claims["wids"] == " ".join(good["wids"]),
    "wids_null": lambda claims, good: claims["wids"] is None,
    "wids_nested": lambda claims, good: claims["wids"] == [good["wids"]],
    "wids_doubled": lambda claims, good: claims["wids"] == [*good["wids"], *good["wids"]],
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

# Toggles that a test with a name of its own tries, here or in test_toggles_endpoints.
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
