"""Introspection and revocation: to the client that a token is of, and to nobody else (T4, T5, T7)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.oidc.kinds import API, basic, introspect, post, refresh, sign_in
from tests.world import TIMEOUT, World

SIGNED = "application/token-introspection+jwt"


def service_token(world: World, **form: Any) -> str:
    response = post(world, "/token", "service", grant_type="client_credentials", **form)
    assert response.status_code == 200, response.text
    token: str = response.json()["access_token"]
    return token


@pytest.mark.parametrize("client_id", ["offline", "jwt", "pairwise", "public-offline"])
def test_a_client_learns_what_its_own_access_token_says(busy: World, client_id: str) -> None:
    tokens = sign_in(busy, client_id)
    said = introspect(busy, client_id, tokens.response["access_token"])
    assert said == {
        "active": True,
        "iss": busy.base,
        "client_id": client_id,
        "sub": tokens.claims["sub"],
        "aud": busy.base,
        "scope": "openid profile email offline_access",
        "token_type": "Bearer",
        "jti": said["jti"],
        "iat": said["iat"],
        "exp": said["iat"] + 600,
        "acr": tokens.claims["acr"],
        "auth_time": tokens.claims["auth_time"],
    }


def test_a_client_learns_that_its_refresh_token_is_good(busy: World) -> None:
    token = sign_in(busy, "offline").response["refresh_token"]
    said = introspect(busy, "offline", token, token_type_hint="refresh_token")
    assert said["active"] is True
    assert said["exp"] - said["iat"] == busy.parts.settings.tokens.refresh
    refresh(busy, "offline", token)
    assert introspect(busy, "offline", token) == {"active": False}


def test_t4_nobody_learns_anything_of_another_clients_tokens(busy: World) -> None:
    tokens = sign_in(busy, "offline").response
    for token in (tokens["access_token"], tokens["refresh_token"]):
        for other in ("offline-2", "service", "registry"):
            assert introspect(busy, other, token) == {"active": False}
            assert post(busy, "/revoke", other, token=token).status_code == 200
        assert introspect(busy, "offline", token)["active"] is True


@pytest.mark.parametrize("token", ["x", "vat_", "vrt_" + "A" * 75, "a.b.c", "ä", "x" * 9000])
def test_what_is_no_token_is_not_active(busy: World, token: str) -> None:
    assert introspect(busy, "offline", token) == {"active": False}


def test_a_resource_learns_what_a_token_for_it_says_and_no_other(busy: World) -> None:
    tokens = sign_in(busy, "jwt", resource=API)
    said = introspect(busy, "api", tokens.response["access_token"])
    assert (said["active"], said["aud"], said["client_id"]) == (True, API, "jwt")
    other = sign_in(busy, "jwt", resource=f"{API}2").response["access_token"]
    assert introspect(busy, "api", other) == {"active": False}
    # RFC 8707: what is for another resource is not for us.
    assert busy.registry().userinfo(tokens.response["access_token"]).status_code == 403


def test_an_access_token_of_the_service_itself_opens_introspection(busy: World) -> None:
    token = sign_in(busy, "jwt", resource=API).response["access_token"]
    headers = {"Authorization": f"Bearer {service_token(busy)}"}
    response = post(busy, "/introspect", None, headers, token=token)
    assert response.json()["active"] is True


@pytest.mark.parametrize("kind", ["a person's", "for a resource", "none", "rubbish"])
def test_t1_no_other_access_token_does(busy: World, kind: str) -> None:
    makers: dict[str, Callable[[], str]] = {
        "a person's": lambda: str(sign_in(busy, "offline").response["access_token"]),
        "for a resource": lambda: str(sign_in(busy, "jwt", resource=API).response["access_token"]),
        "none": str,
        "rubbish": lambda: "x",
    }
    token = makers[kind]()
    response = post(busy, "/introspect", None, {"Authorization": f"Bearer {token}"}, token="x")
    assert response.status_code in (400, 401)
    assert "active" not in response.json()


def test_a_signed_answer_is_for_its_client_alone(busy: World) -> None:
    token = sign_in(busy, "offline").response["access_token"]
    response = post(busy, "/introspect", "offline", {"Accept": SIGNED}, token=token)
    assert response.headers["Content-Type"] == SIGNED
    keys = KeySet.import_key_set(requests.get(f"{busy.base}/jwks", timeout=TIMEOUT).json())
    signed = jwt.decode(response.text, keys, algorithms=["RS256"])
    assert signed.header["typ"] == "token-introspection+jwt"
    assert set(signed.claims) == {"iss", "aud", "iat", "token_introspection"}
    assert (signed.claims["iss"], signed.claims["aud"]) == (busy.base, "offline")
    assert signed.claims["token_introspection"] == introspect(busy, "offline", token)
    # It is no access token and no ID token, whatever it holds.
    assert busy.registry().userinfo(response.text).status_code == 401


@pytest.mark.parametrize("path", ["/introspect", "/revoke"])
def test_the_token_must_be_there_and_the_client_must_authenticate(busy: World, path: str) -> None:
    assert post(busy, path, "offline").json()["error"] == "invalid_request"
    response = requests.post(f"{busy.base}{path}", data={"token": "x", "client_id": "offline"}, timeout=TIMEOUT)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    wrong = basic(busy, "offline-2")
    response = requests.post(
        f"{busy.base}{path}", data={"token": "x", "client_id": "offline"}, headers=wrong, timeout=TIMEOUT
    )
    assert response.json()["error"] == "invalid_request"


@pytest.mark.parametrize("client_id", ["offline", "jwt"])
def test_t5_a_revoked_access_token_fails_everywhere(busy: World, client_id: str) -> None:
    tokens = sign_in(busy, client_id).response
    response = post(busy, "/revoke", client_id, token=tokens["access_token"], token_type_hint="refresh_token")
    assert (response.status_code, response.json()) == (200, {})
    assert busy.registry().userinfo(tokens["access_token"]).status_code == 401
    assert introspect(busy, client_id, tokens["access_token"]) == {"active": False}
    # Of the grant nothing else ends (RFC 7009 section 2.1).
    assert refresh(busy, client_id, tokens["refresh_token"]).status_code == 200


def test_t5_a_revoked_refresh_token_takes_the_grant_with_it(busy: World) -> None:
    tokens = sign_in(busy, "offline").response
    assert post(busy, "/revoke", "offline", token=tokens["refresh_token"]).status_code == 200
    assert refresh(busy, "offline", tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert busy.registry().userinfo(tokens["access_token"]).status_code == 401
    assert post(busy, "/revoke", "offline", token=tokens["refresh_token"]).status_code == 200


def test_t5_nothing_is_active_once_it_expired(busy: World) -> None:
    tokens = sign_in(busy, "jwt").response
    busy.clock.move(timedelta(seconds=601))
    assert introspect(busy, "jwt", tokens["access_token"]) == {"active": False}


def test_a_jwt_access_token_is_as_rfc_9068_has_it(busy: World) -> None:
    tokens = sign_in(busy, "jwt", resource=API)
    keys = KeySet.import_key_set(requests.get(f"{busy.base}/jwks", timeout=TIMEOUT).json())
    token = jwt.decode(tokens.response["access_token"], keys, algorithms=["ES256"])
    assert token.header["typ"] == "at+jwt"
    assert token.claims | {"vst": ""} == {
        "iss": busy.base,
        "sub": tokens.claims["sub"],
        "aud": API,
        "client_id": "jwt",
        "scope": "openid profile email offline_access",
        "jti": token.claims["jti"],
        "iat": token.claims["iat"],
        "exp": token.claims["iat"] + 600,
        "acr": tokens.claims["acr"],
        "auth_time": tokens.claims["auth_time"],
        "vst": "",
    }


def test_a_resource_that_was_not_registered_or_not_granted_is_refused(busy: World) -> None:
    back = busy.visitor()
    arrived = back.walk(back.authorize(busy.registry("jwt").request(resource="https://other.example/")))
    assert arrived.parameters["error"] == "invalid_target"  # type: ignore[union-attr]
    token = sign_in(busy, "jwt", resource=API).response["refresh_token"]
    assert refresh(busy, "jwt", token, resource=f"{API}2").json()["error"] == "invalid_target"
    assert refresh(busy, "jwt", token, resource=API).status_code == 200


class TestClientCredentials:
    """RFC 6749 section 4.4."""

    def test_the_token_is_the_clients_own_and_nobodys(self, busy: World) -> None:
        token = service_token(busy)
        said = introspect(busy, "service", token)
        assert (said["sub"], said["client_id"], said["scope"]) == ("service", "service", "introspection")
        assert busy.registry().userinfo(token).status_code == 403

    @pytest.mark.parametrize(
        "client_id, form, error",
        [
            ("service", {"scope": "openid"}, "invalid_scope"),
            ("service", {"resource": "https://other.example/"}, "invalid_target"),
            ("registry", {}, "unauthorized_client"),
        ],
    )
    def test_it_gets_no_more_than_it_may_have(
        self, busy: World, client_id: str, form: dict[str, str], error: str
    ) -> None:
        response = post(busy, "/token", client_id, grant_type="client_credentials", **form)
        assert (response.status_code, response.json()["error"]) == (400, error)

    def test_it_cannot_ask_for_codes(self, busy: World) -> None:
        response = busy.visitor().authorize(busy.registry("service").request())
        assert response.status_code == 400
