"""The generic OpenID provider, and Authlib's client against it."""

import json

import pytest
from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import JoseError

from providers.standins.browser import Stopped, sign_in

from .flows import CALLBACK, VERIFIER, Client, unverified

ACR_FORCED = json.dumps({"id_token": {"acr": {"essential": True, "values": ["phr"]}}})
AMR_ASKED = json.dumps({"id_token": {"amr": None, "acr": {"value": "phr"}}})


def test_authlib_signs_in_with_what_discovery_says(client: Client) -> None:
    registration = client.registration("oidc")
    document = client.get("/oidc/.well-known/openid-configuration").json()
    with OAuth2Session(
        registration.client_id,
        registration.client_secret,
        redirect_uri=CALLBACK,
        scope="openid profile email",
        code_challenge_method="S256",
    ) as session:
        session.trust_env = False
        session.verify = str(client.standins.ca_file)
        url, state = session.create_authorization_url(
            document["authorization_endpoint"], code_verifier=VERIFIER, nonce="n", acr_values="phr"
        )
        returned = sign_in(url, "oidc-phr")
        assert returned.parameters["iss"] == document["issuer"]
        token = session.fetch_token(
            document["token_endpoint"], code=returned.parameters["code"], state=state, code_verifier=VERIFIER
        )
        about = session.get(document["userinfo_endpoint"]).json()
    claims = client.verified(token["id_token"], "/oidc/jwks")
    assert (claims["iss"], claims["acr"], claims["nonce"]) == (document["issuer"], "phr", "n")
    assert about["sub"] == claims["sub"]
    assert about["email_verified"] is True


@pytest.mark.parametrize("client_id,alg", [("signs-es256", "ES256"), ("signs-ps256", "PS256")])
def test_an_application_can_have_its_id_tokens_signed_otherwise(client: Client, client_id: str, alg: str) -> None:
    token = client.tokens("oidc", "oidc-mfa", client_id=client_id)["id_token"]
    assert unverified(token, 0)["alg"] == alg
    assert client.verified(token, "/oidc/jwks", [alg])["aud"] == client_id
    with pytest.raises(JoseError):
        client.verified(token, "/oidc/jwks", ["RS256"])


@pytest.mark.parametrize(
    "persona,options,amr,acr",
    [
        ("oidc-mfa", {}, ["pwd", "otp", "mfa"], None),
        ("oidc-mfa", {"acr_values": "phr"}, ["pwd", "otp", "mfa"], None),
        ("oidc-phr", {}, ["pop", "user"], "phr"),
        ("oidc-phrh", {}, ["hwk", "user"], "phrh"),
        ("oidc-pwd", {"claims": ACR_FORCED}, ["pwd"], None),
        ("oidc-silent", {"claims": ACR_FORCED}, None, None),
        ("oidc-amr-string", {}, "mfa", None),
        ("oidc-when-forced", {}, ["pwd"], None),
        ("oidc-when-forced", {"acr_values": "phr"}, ["pwd"], None),
        ("oidc-when-forced", {"claims": AMR_ASKED}, ["pwd"], None),
        ("oidc-when-forced", {"claims": '{"id_token": null}'}, ["pwd"], None),
        ("oidc-when-forced", {"claims": ACR_FORCED}, ["pwd", "otp", "mfa"], None),
        ("oidc-when-forced", {"acr_values": "phr", "prompt": "login"}, ["pwd", "otp", "mfa"], None),
    ],
)
def test_amr_and_acr_say_what_was_done(
    client: Client, persona: str, options: dict[str, str | None], amr: object, acr: str | None
) -> None:
    claims = client.id_token("oidc", persona, **options)
    assert (claims.get("amr"), claims.get("acr")) == (amr, acr)


@pytest.mark.parametrize("options", [{"prompt": "login"}, {"max_age": "60"}])
def test_auth_time_moves_when_a_fresh_sign_in_is_asked_for(client: Client, options: dict[str, str | None]) -> None:
    stale = client.id_token("oidc", "oidc-stale")
    fresh = client.id_token("oidc", "oidc-stale", **options)
    assert stale["iat"] - stale["auth_time"] == 36_000
    assert fresh["iat"] == fresh["auth_time"]
    assert "auth_time" not in client.id_token("oidc", "oidc-no-auth-time", **options)


def test_the_second_factor_can_be_cancelled(client: Client) -> None:
    fields = sign_in(client.url("oidc", acr_values="phr"), "oidc-mfa", approve=False).parameters
    assert fields["error"] == "access_denied"
    assert "code" in sign_in(client.url("oidc", acr_values="phr"), "oidc-mfa").parameters


@pytest.mark.parametrize(
    "changes,error",
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"claims": "[]"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_a_wrong_request_goes_back_with_its_error(client: Client, changes: dict[str, str | None], error: str) -> None:
    fields = client.back("oidc", "oidc-mfa", **changes).parameters
    assert (fields["error"], fields["state"]) == (error, "the-state")
    assert fields["iss"] == f"{client.standins.backchannel_url}/oidc"


def test_declining_goes_back(client: Client) -> None:
    assert client.back("oidc", "oidc-declines", state=None).parameters["error"] == "access_denied"


@pytest.mark.parametrize("changes", [{"client_id": "someone-else"}, {"redirect_uri": "https://attacker.invalid/"}])
def test_an_unknown_client_or_redirect_uri_is_shown(client: Client, changes: dict[str, str | None]) -> None:
    with pytest.raises(Stopped) as stopped:
        sign_in(client.url("oidc", **changes), "oidc-mfa")
    assert stopped.value.status == 400


def test_the_page_offers_its_own_personas(client: Client) -> None:
    page = client.session.get(client.url("oidc", login_hint="oidc-pwd"), timeout=30).text
    assert page.index('value="oidc-pwd"') < page.index('value="oidc-mfa"')
    assert "entra-pwd" not in page


@pytest.mark.parametrize(
    "changes,status,error",
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"code": "another"}, 400, "invalid_grant"),
        ({"redirect_uri": None}, 400, "invalid_grant"),
        ({"code_verifier": None}, 400, "invalid_grant"),
        ({"code_verifier": "b" * 43}, 400, "invalid_grant"),
    ],
)
def test_a_wrong_redemption_is_refused(client: Client, changes: dict[str, str | None], status: int, error: str) -> None:
    answer = client.redeem("oidc", **{"code": client.code("oidc", "oidc-mfa"), **changes})
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_a_code_is_redeemed_once(client: Client) -> None:
    code = client.code("oidc", "oidc-mfa", nonce=None)
    assert "nonce" not in unverified(client.redeem("oidc", code).json()["id_token"])
    assert client.redeem("oidc", code).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer another"}])
def test_userinfo_wants_an_access_token(client: Client, headers: dict[str, str]) -> None:
    assert client.get("/oidc/userinfo", **headers).status_code == 401


def test_less_scope_gives_fewer_claims(client: Client) -> None:
    assert not {"name", "email", "email_verified"} & set(client.id_token("oidc", "oidc-mfa", scope="openid"))
    assert client.id_token("oidc", "oidc-unverified-email")["email_verified"] is False
