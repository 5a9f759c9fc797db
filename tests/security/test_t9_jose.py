"""T9: JOSE. A forged token from a provider signs nobody in, and a forged token of ours opens nothing."""

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from providers.standins import TOGGLES
from tests.world import Page, World, arrival

# Every way a stand-in can lie in or about its ID token. What is not listed here is a failure to answer.
LIES = {
    "alg_none", "hs256_public_key", "unknown_kid", "borrowed_kid", "no_kid", "bad_signature", "header_jwk",
    "header_jku", "header_x5u", "crit", "wrong_iss", "wrong_aud", "more_aud", "no_aud", "expired", "no_exp",
    "future_nbf", "future_iat", "missing_nonce", "wrong_nonce", "no_sub", "no_id_token", "truncated_id_token",
    "jwks_500", "jwks_huge", "jwks_redirect", "jwks_garbage", "discovery_redirect", "discovery_host",
    "discovery_issuer",
}  # fmt: skip
# Microsoft's subject is tid and oid, its discovery is cached, and its sub is of no use to us.
NOT_FOR_MICROSOFT = {"no_sub", "discovery_redirect", "discovery_host", "discovery_issuer"}
CASES = [
    (toggle.name, who)
    for toggle in TOGGLES
    if toggle.name in LIES
    for who in sorted(toggle.providers)
    if not (who == "microsoft" and toggle.name in NOT_FOR_MICROSOFT)
]
PERSONA = {"microsoft": ("entra-mfa", "entra"), "oidc": ("oidc-mfa", "generic")}


@pytest.mark.parametrize("toggle, who", CASES)
def test_t9_a_provider_that_lies_signs_nobody_in(world: World, toggle: str, who: str) -> None:
    world.standins.toggles.set(toggle)
    ended = world.visitor().sign_in(*PERSONA[who])
    assert isinstance(ended, Page)
    assert ended.status == 403
    assert ended.meta("reason") in ("invalid_response", "unavailable", "misconfigured")


def test_t9_an_odd_auth_time_is_no_auth_time(world: World) -> None:
    for toggle in ("future_auth_time", "text_auth_time"):
        world.standins.toggles.reset()
        world.standins.toggles.set(toggle)
        ended = world.visitor().sign_in("entra-mfa", "entra", max_age="600")
        assert isinstance(ended, Page)
        assert ended.meta("reason") in ("auth_time_unknown", "invalid_response")


def test_t9_unknown_kids_do_not_make_us_flood_the_provider(world: World) -> None:
    world.visitor().sign_in("oidc-mfa", "generic")
    world.standins.toggles.set("unknown_kid")
    world.standins.forget_requests()
    for _ in range(6):
        world.visitor().sign_in("oidc-mfa", "generic")
    fetches = [seen for seen in world.standins.requests if "jwks" in seen.path or "keys" in seen.path]
    assert len(fetches) <= 1


@pytest.fixture
def hint(world: World) -> tuple[World, str]:
    visitor = world.visitor()
    tokens = world.registry().redeem(visitor.sign_in("2fa-true", "github"), visitor.last_request)
    return world, tokens.response["id_token"]


def error_of(world: World, hint: str) -> str:
    visitor = world.visitor()
    request = world.registry().request(id_token_hint=hint, prompt="none")
    return arrival(visitor.authorize(request).headers["Location"]).parameters["error"]


def test_t9_a_hint_of_ours_is_understood_and_a_forged_one_is_refused(hint: tuple[World, str]) -> None:
    world, good = hint
    assert error_of(world, good) == "login_required"
    header, payload, signature = good.split(".")
    kid = jwt.decode(good, _ours(world), algorithms=["ES256"]).header["kid"]
    claims = {"iss": world.base, "sub": "x", "aud": "registry", "sid": "s"}
    forged = [
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"eyJhbGciOiJub25lIn0.{payload}.",
        jwt.encode({"alg": "ES256", "kid": kid}, claims, ECKey.generate_key("P-256")),
        jwt.encode({"alg": "HS256", "kid": kid}, claims, OctKey.import_key(b"k" * 32)),
        jwt.encode({"alg": "ES256"}, claims, ECKey.generate_key("P-256")),
        "..",
        good + "." + good,
        "\N{SNOWMAN}",
    ]
    for token in forged:
        assert error_of(world, token) == "invalid_request", token


def _ours(world: World) -> ECKey:
    key = world.parts.keys.active("ES256", world.clock()).key
    assert isinstance(key, ECKey)
    return key


def test_t9_a_token_of_ours_for_another_issuer_or_of_another_type_is_no_hint(world: World) -> None:
    key = world.parts.keys.active("ES256", world.clock())
    header = {"alg": "ES256", "kid": key.kid}
    for claims in (
        {"iss": "https://elsewhere.example", "sub": "x", "sid": "s"},
        {"iss": world.base, "sub": "x"},
        {"iss": world.base, "sub": 1, "sid": "s"},
    ):
        assert error_of(world, jwt.encode(header, claims, key.key)) == "invalid_request"
