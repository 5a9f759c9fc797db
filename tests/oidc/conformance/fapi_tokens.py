"""FAPI 2.0 Security Profile: what codes and refresh tokens are good for, and for whom."""

from tests.oidc.conformance import checks
from tests.oidc.conformance.fapi import Fapi, Proof
from tests.oidc.conformance.fapi_keys import another_key
from tests.oidc.conformance.names import Modules
from tests.oidc.conformance.op import SignedIn, Suite

module: Modules[Suite] = Modules("fapi2-security-profile-final-")


@module("ensure-authorization-code-is-bound-to-client")
def code_of_another(suite: Suite) -> None:
    client = Fapi(suite=suite)
    request = client.request()
    code = client.code_of(suite.person(), request)
    checks.oauth_error(client.second().redemption(code, request), "invalid_grant", status=400)


@module("attempt-reuse-authorization-code-after-one-second")
def code_reuse(suite: Suite) -> None:
    client = Fapi(suite=suite)
    signed_in = client.complete(suite.person(), client.request())
    suite.let_pass(1)
    checks.oauth_error(client.redemption(signed_in.code, signed_in.request), "invalid_grant", status=400)
    assert client.resource(signed_in.access_token).status_code == 401


@module("ensure-token-endpoint-fails-with-expired-auth-code")
def expired_code(suite: Suite) -> None:
    client = Fapi(suite=suite)
    request = client.request()
    code = client.code_of(suite.person(), request)
    suite.let_pass(62)
    checks.oauth_error(client.redemption(code, request), "invalid_grant", status=400)


@module("ensure-pkce-code-verifier-required")
def no_verifier(suite: Suite) -> None:
    client = Fapi(suite=suite)
    request = client.request()
    code = client.code_of(suite.person(), request)
    checks.oauth_error(client.redemption(code, request, code_verifier=...), "invalid_grant", status=400)


@module("incorrect-pkce-code-verifier-rejected")
def other_verifier(suite: Suite) -> None:
    client = Fapi(suite=suite)
    request = client.request()
    code = client.code_of(suite.person(), request)
    checks.oauth_error(client.redemption(code, request, code_verifier="v" * 43), "invalid_grant", status=400)


@module("refresh-token")
def refresh_token(suite: Suite) -> None:
    first = Fapi(suite=suite)
    kept = _refreshed(suite, first)
    # Without a proof of any key.
    response = first.token(grant_type="refresh_token", refresh_token=kept, proof=None)
    checks.oauth_error(response, "invalid_request", "invalid_grant", "invalid_client")
    second = first.second()
    stolen = _refreshed(suite, second)
    response = first.token(grant_type="refresh_token", refresh_token=stolen)
    checks.oauth_error(response, "invalid_grant", status=400)


def _refreshed(suite: Suite, client: Fapi) -> str:
    """Refresh twice, by a new key each time. Returns the refresh token, which stays the same."""
    person = suite.person()
    scope = "openid offline_access"
    signed_in = client.complete(person, client.request(scope=scope, prompt="consent"))
    assert person.consents == 1
    token = str(signed_in.response["refresh_token"])
    for _ in range(2):
        suite.let_pass(1)
        _check_refresh(client, signed_in, token, another_key())
    return token


def _check_refresh(client: Fapi, signed_in: SignedIn, token: str, proof: Proof) -> None:
    response = client.token(grant_type="refresh_token", refresh_token=token, proof=proof)
    nonce = checks.unverified(response.json()["id_token"]).get("nonce")
    assert nonce in (None, signed_in.request.nonce)
    again = client.checked(response, signed_in.request, signed_in.code, nonce=nonce)
    # FAPI 2.0 section 5.3.2.1: no rotation, but in extraordinary circumstances.
    assert again.response.get("refresh_token", token) == token
    assert again.access_token != signed_in.access_token
    for name in ("iss", "sub", "aud", "auth_time"):
        assert again.claims[name] == signed_in.claims[name]
    checks.userinfo(client.resource(again.access_token, proof), signed_in.claims["sub"])
