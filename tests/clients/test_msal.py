"""MSAL for Python with ``oidc_authority``: what a registry on Microsoft's library would use."""

import secrets
from collections.abc import Iterator
from typing import Any

import msal
import pytest
import requests

from claims.vocabulary import ACR_MFA
from tests.clients.browser import Answer, Browser
from tests.clients.tls import Authority, Start
from tests.world import TIMEOUT, Page, World

CALLBACK = "https://registry.example/callback"


@pytest.fixture(scope="module")
def world(start: Start) -> World:
    return start(
        {
            "msal": {
                "name": "MSAL",
                "redirect_uris": [CALLBACK],
                "auth_method": "client_secret_post",
                "secret": secrets.token_urlsafe(32),
                "first_party": True,
                "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
                "scopes": ["openid", "profile", "email", "offline_access", "introspection"],
            },
            "msal-terminal": {
                "name": "MSAL on a command line",
                "auth_method": "none",
                "first_party": True,
                "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
                "scopes": ["openid", "profile", "email", "offline_access"],
            },
        }
    )


@pytest.fixture
def http(authority: Authority) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(authority.ca_file)
        yield session


@pytest.fixture
def browser(world: World, authority: Authority) -> Browser:
    return Browser(world, authority.ca_file)


def authority_of(world: World) -> str:
    """MSAL wants a path in an authority, and our issuer has none; a dot segment is one, and goes (RFC 3986 5.2.4)."""
    return f"{world.base}/."


def confidential(world: World, http: requests.Session) -> Any:
    secret = world.raw["clients"]["msal"]["secret"]
    return msal.ConfidentialClientApplication(
        "msal", client_credential=secret, oidc_authority=authority_of(world), http_client=http
    )


def test_msal_signs_in_and_refreshes_until_revoked(world: World, browser: Browser, http: requests.Session) -> None:
    app = confidential(world, http)
    flow = app.initiate_auth_code_flow(["email"], redirect_uri=CALLBACK, response_mode="form_post")
    answer = browser.go(flow["auth_uri"], until=CALLBACK)
    assert isinstance(answer, Answer)
    tokens = app.acquire_token_by_auth_code_flow(flow, answer.parameters)
    assert tokens["id_token_claims"]["acr"] == ACR_MFA

    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    userinfo = http.get(f"{world.base}/userinfo", headers=bearer, timeout=TIMEOUT)
    assert userinfo.json()["sub"] == tokens["id_token_claims"]["sub"]
    assert userinfo.json()["email"].startswith("canary-entra-mfa@")

    (account,) = app.get_accounts()
    cached = app.acquire_token_silent(["email"], account)
    assert cached["access_token"] == tokens["access_token"]
    refreshed = app.acquire_token_silent(["email"], account, force_refresh=True)
    assert refreshed["access_token"] != tokens["access_token"]
    assert refreshed["id_token_claims"]["auth_time"] == tokens["id_token_claims"]["auth_time"]

    # MSAL itself revokes nothing.
    form = {
        "client_id": "msal",
        "client_secret": world.raw["clients"]["msal"]["secret"],
        "token": refreshed["refresh_token"],
    }
    assert http.post(f"{world.base}/revoke", data=form, timeout=TIMEOUT).status_code == 200
    refused = app.acquire_token_silent_with_error(["email"], account, force_refresh=True)
    assert refused["error"] == "invalid_grant"


def test_msal_gets_tokens_for_the_registry_itself(world: World, http: requests.Session) -> None:
    tokens = confidential(world, http).acquire_token_for_client(["introspection"])
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600


def test_msal_on_a_command_line_is_let_in_by_a_browser_elsewhere(
    world: World, browser: Browser, http: requests.Session
) -> None:
    app = msal.PublicClientApplication("msal-terminal", oidc_authority=authority_of(world), http_client=http)
    flow = app.initiate_device_flow(["email"])
    form = browser.go(flow["verification_uri_complete"])
    assert isinstance(form, Page)
    question = browser.press(form)
    assert isinstance(question, Page)
    browser.press(question, ("answer", "allow"))
    tokens = app.acquire_token_by_device_flow(flow)
    assert tokens["id_token_claims"]["acr"] == ACR_MFA
