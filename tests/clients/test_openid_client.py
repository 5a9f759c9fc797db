"""openid-client from npm, which holds a provider to the letter of each specification."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey

from broker.oidc.registration.initial import InitialTokens
from claims.vocabulary import ACR_MFA
from tests.clients.browser import Answer, Browser
from tests.clients.node import converse
from tests.clients.tls import Authority, Start
from tests.world import Page, World

CALLBACK = "https://registry.example/callback"
GOODBYE = "https://registry.example/goodbye"
API = "https://registry.example/api"
SCOPE = "openid profile email offline_access"
ALLOW = ("answer", "allow")

KEY = ECKey.generate_key("P-256", {"kid": "registry", "alg": "ES256"})
KEYED = {
    "auth_method": "private_key_jwt",
    "jwks": {"keys": [KEY.as_dict(private=False)]},
    "token_endpoint_auth_signing_alg": "ES256",
}

# What each client is registered with, beside what all have.
CLIENTS: Mapping[str, Mapping[str, Any]] = {
    "basic": {"id_token_signed_response_alg": "RS256"},
    "post": {"auth_method": "client_secret_post", "id_token_signed_response_alg": "ES256"},
    "public": {"auth_method": "none", "id_token_signed_response_alg": "EdDSA", "subject_type": "pairwise"},
    "signed": {
        **KEYED,
        "id_token_signed_response_alg": "PS256",
        "require_signed_request_object": True,
        "request_object_signing_alg": "ES256",
        "access_token_format": "jwt",
    },
    "fapi": {
        **KEYED,
        "id_token_signed_response_alg": "PS256",
        "require_pushed_authorization_requests": True,
        "dpop_bound_access_tokens": True,
    },
    "careful": {"first_party": False},
    "terminal": {
        "auth_method": "none",
        "redirect_uris": [],
        "post_logout_redirect_uris": [],
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
        "resources": [API],
    },
    "machine": {
        "redirect_uris": [],
        "post_logout_redirect_uris": [],
        "grant_types": ["client_credentials"],
        "scopes": ["introspection"],
        "serves": [API],
        "introspection_signed_response_alg": "ES256",
    },
}
# What openid-client is told of each, beside what it is told of all.
TASKS: Mapping[str, Mapping[str, Any]] = {
    "basic": {},
    "post": {"response_mode": "form_post"},
    "public": {"dpop": True},
    "signed": {"request_object": True, "key": KEY.as_dict(private=True)},
    "fapi": {"pushed": True, "dpop": True, "key": KEY.as_dict(private=True)},
    "careful": {},
    "terminal": {"scenario": "device", "resource": API},
    "machine": {"scenario": "machine"},
}
# What both sides must agree on.
METADATA = ("id_token_signed_response_alg", "introspection_signed_response_alg")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The broker, with what openid-client needs to know of it."""

    world: World
    authority: Authority

    def run(self, client_id: str, browser: Browser, **more: Any) -> dict[str, Any]:
        """Return what openid-client learnt as ``client_id``, with ``browser`` in front of a person."""
        registered = self.world.raw["clients"].get(client_id, {})
        task = {
            "scenario": "code",
            "issuer": self.world.base,
            "client_id": client_id,
            "method": registered.get("auth_method", "client_secret_basic"),
            "secret": registered.get("secret"),
            "redirect_uri": CALLBACK,
            "post_logout_redirect_uri": GOODBYE,
            "scope": SCOPE,
            "metadata": {name: registered[name] for name in METADATA if name in registered},
            **TASKS.get(client_id, {}),
            **more,
        }
        return converse(task, lambda asked: _browse(browser, asked), self.authority.ca_file)

    def browser(self) -> Browser:
        return Browser(self.world, self.authority.ca_file)


@pytest.fixture(scope="module")
def bench(start: Start, authority: Authority) -> Bench:
    clients: dict[str, dict[str, Any]] = {}
    for client_id, own in CLIENTS.items():
        clients[client_id] = {
            "name": f"openid-client {client_id}",
            "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": [GOODBYE],
            "grant_types": ["authorization_code", "refresh_token"],
            "scopes": SCOPE.split(),
            "first_party": True,
            **own,
        }
        if own.get("auth_method", "client_secret_basic").startswith("client_secret"):
            clients[client_id]["secret"] = secrets.token_urlsafe(32)
    return Bench(world=start(clients), authority=authority)


def _browse(browser: Browser, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Do what only a browser can, and say where it ended."""
    if "device" in asked:
        landed = browser.go(asked["device"]["verification_uri_complete"])
        assert isinstance(landed, Page)
        question = browser.press(landed)
        assert isinstance(question, Page)
        assert asked["device"]["user_code"] in question.text
        done = browser.press(question, ALLOW)
        assert isinstance(done, Page)
        assert done.status == 200
        return {}
    landed = browser.go(asked["open"], until=asked["until"])
    if isinstance(landed, Page):
        landed = browser.press(landed, ALLOW, until=asked["until"])
    assert isinstance(landed, Answer), landed
    assert (landed.body is not None) == asked.get("by_form", False)
    return {"url": landed.url, "body": landed.body}


@pytest.mark.parametrize("client_id", ["basic", "post", "public", "signed", "fapi", "careful"])
def test_openid_client_signs_in_refreshes_revokes_and_signs_out(bench: Bench, client_id: str) -> None:
    learnt = bench.run(client_id, bench.browser())
    claims, userinfo = learnt["claims"], learnt["userinfo"]
    assert claims["acr"] == ACR_MFA
    assert userinfo["sub"] == claims["sub"]
    assert userinfo["email"].startswith("canary-entra-mfa@")
    assert learnt["again"] == userinfo

    bound = TASKS[client_id].get("dpop", False)
    assert learnt["tokens"]["token_type"].lower() == ("dpop" if bound else "bearer")
    refreshed = learnt["refreshed"]
    assert refreshed["access_token"] != learnt["tokens"]["access_token"]
    for name in ("sub", "acr", "amr", "auth_time", "sid"):
        assert refreshed["claims"][name] == claims[name]

    assert learnt["accessRevoked"] == "invalid_token"
    assert learnt["refreshRevoked"] == "invalid_grant"
    assert learnt["silent"]["auth_time"] == claims["auth_time"]
    assert learnt["landed"] == f"{GOODBYE}?state=after+logout"
    assert learnt["afterwards"] == "login_required"


def test_openid_client_on_a_command_line_gets_a_token_that_the_registry_has_introspected(bench: Bench) -> None:
    learnt = bench.run("terminal", bench.browser())
    assert learnt["claims"]["acr"] == ACR_MFA
    asked = bench.run("machine", bench.browser(), token=learnt["tokens"]["access_token"])
    assert asked["tokens"]["scope"] == "introspection"
    introspected = asked["introspected"]
    assert introspected["active"] is True
    assert introspected["aud"] == API
    for name in ("sub", "acr", "auth_time"):
        assert introspected[name] == learnt["claims"][name]


def test_openid_client_registers_itself_with_an_initial_access_token(bench: Bench) -> None:
    parts, now = bench.world.parts, bench.world.clock()
    with parts.database.begin() as connection:
        token = InitialTokens(parts.audit).create(connection, now + timedelta(hours=1), now)
    metadata = {
        "client_name": "openid-client registered",
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [GOODBYE],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": SCOPE,
        "token_endpoint_auth_method": "client_secret_post",
        "id_token_signed_response_alg": "ES256",
    }
    learnt = bench.run("registered", bench.browser(), initial_access_token=token, metadata=metadata)
    assert learnt["userinfo"]["sub"] == learnt["claims"]["sub"]
    assert learnt["afterwards"] == "login_required"
