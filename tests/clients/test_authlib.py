"""Authlib's Flask client, in a small registry that serves pages of its own."""

import secrets
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from claims.vocabulary import ACR_MFA
from tests.clients.browser import Browser
from tests.clients.flask_registry import Registry
from tests.clients.tls import Authority, Start, serving
from tests.world import Page


class Person(Browser):
    """A browser that has the registry at ``site`` open."""

    site: str

    def opened(self, path: str) -> Page:
        landed = self.go(self.site + path)
        assert isinstance(landed, Page)
        return landed

    def told(self, path: str, status: int = 200) -> dict[str, Any]:
        response = self.get(self.site + path)
        assert response.status_code == status, response.text
        told: dict[str, Any] = response.json()
        return told


@pytest.fixture(scope="module")
def person(start: Start, authority: Authority) -> Iterator[Person]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        site = f"https://localhost:{listener.getsockname()[1]}"
        secret = secrets.token_urlsafe(32)
        world = start(
            {
                "flask": {
                    "name": "Flask",
                    "redirect_uris": [f"{site}/callback"],
                    "secret": secret,
                    "first_party": True,
                    "grant_types": ["authorization_code", "refresh_token"],
                    "scopes": ["openid", "profile", "email", "offline_access"],
                    "post_logout_redirect_uris": [f"{site}/goodbye"],
                    "id_token_signed_response_alg": "ES256",
                }
            }
        )
        registry = Registry(issuer=world.base, client_id="flask", secret=secret, ca_file=str(authority.ca_file))
        with serving(registry.app, authority, listener):
            browser = Person(world, authority.ca_file)
            browser.site = site
            yield browser


def test_authlibs_flask_client_signs_in_renews_revokes_and_signs_out(person: Person) -> None:
    assert person.opened("/login").url == f"{person.site}/me"
    token = person.told("/me")
    assert token["userinfo"]["acr"] == ACR_MFA
    userinfo = person.told("/userinfo")
    assert userinfo["sub"] == token["userinfo"]["sub"]
    assert userinfo["email"].startswith("canary-entra-mfa@")

    person.post(f"{person.site}/expire")
    assert person.told("/userinfo") == userinfo
    renewed = person.told("/me")
    assert renewed["access_token"] != token["access_token"]
    assert renewed["refresh_token"] != token["refresh_token"]

    assert person.post(f"{person.site}/revoke").json() == {"status": 200}
    person.post(f"{person.site}/expire")
    assert person.told("/userinfo", 403) == {"error": "invalid_grant"}

    assert person.opened("/silent").url == f"{person.site}/me"
    assert person.told("/me")["userinfo"]["sub"] == userinfo["sub"]
    goodbye = person.opened("/logout")
    assert (goodbye.status, goodbye.text.strip()) == (200, '{"signed_out":true}')
    refused = person.opened("/silent")
    assert (refused.status, refused.text.strip()) == (403, '{"error":"login_required"}')
