"""A provider is connected to once, and asked by that connection from then on."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme
from joserfc import jwt
from joserfc.jwk import ECKey

from providers.catalog import GitHubSettings, OidcSettings
from providers.github import GitHub
from providers.oidc import OpenIDProvider
from providers.provider import Ask, Identified, Provider, Return
from tests.providers.loopback import Handler, serve, trust

CALLBACK = "http://localhost:8000/callback/example"
COMMON = {"name": "Example", "client_id": "us", "client_secret": "s" * 20}


def counting(replies: Callable[[Handler], None], connections: list[object]) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        if handler.connection not in connections:
            connections.append(handler.connection)
        replies(handler)

    return answer


def signed_in(provider: Provider, code: Callable[[Mapping[str, list[str]]], str]) -> Identified:
    """Return who came, with the code that the request led to."""
    redirect = provider.begin(Ask())
    parameters = {"state": redirect.state, "code": code(parse_qs(urlsplit(redirect.url).query))}
    return provider.complete(redirect.flow, Return(method="GET", parameters=parameters), datetime.now(UTC))


def test_an_openid_provider_is_asked_by_one_connection_from_the_second_sign_in_on() -> None:
    key = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"})
    connections: list[object] = []

    def reply(handler: Handler) -> None:
        base = f"http://localhost:{handler.server.server_address[1]}"  # type: ignore[index]  # of TCP
        now = int(time.time())
        match handler.path:
            case "/.well-known/openid-configuration":
                names = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
                document: dict[str, Any] = {"issuer": base, **{name: f"{base}/{name}" for name in names}}
            case "/jwks_uri":
                document = {"keys": [key.as_dict(private=False)]}
            case "/token_endpoint":
                form = parse_qs(handler.seen[-1].body.decode())
                claims = {
                    "iss": base,
                    "aud": "us",
                    "sub": "somebody",
                    "nonce": form["code"][0],
                    "iat": now,
                    "exp": now + 60,
                    "auth_time": now,
                    "amr": ["mfa"],
                }
                token = jwt.encode({"alg": "ES256", "kid": "k1"}, claims, key, algorithms=["ES256"])
                document = {"access_token": "at", "token_type": "Bearer", "id_token": token}
            case _:
                document = {"sub": "somebody", "email": "somebody@example.com"}
        handler.reply(json.dumps(document).encode())

    with serve(counting(reply, connections)) as server:
        settings = OidcSettings.model_validate({**COMMON, "issuer": server.url, "algorithms": ["ES256"]})
        provider = OpenIDProvider("example", settings, CALLBACK)
        assert signed_in(provider, lambda query: query["nonce"][0]).profile.email == "somebody@example.com"
        met = len(connections)
        for _ in range(3):
            signed_in(provider, lambda query: query["nonce"][0])
        assert len(connections) == met
        assert [server.count(path) for path in ("/jwks_uri", "/.well-known/openid-configuration")] == [1, 1]
        assert server.count("/token_endpoint") == server.count("/userinfo_endpoint") == 4


def test_github_is_asked_by_one_connection(tmp_path: Path) -> None:
    authority = trustme.CA()
    connections: list[object] = []

    def reply(handler: Handler) -> None:
        match handler.command, handler.path.partition("?")[0]:
            case "POST", _:
                handler.reply(b'{"access_token": "at", "token_type": "bearer", "scope": "read:user"}')
            case "GET", "/user":
                user = {"id": 7, "login": "somebody", "type": "User", "two_factor_authentication": True}
                handler.reply(json.dumps(user).encode())
            case "GET", _:
                handler.reply(b"[]")
            case _:
                handler.reply(b"", status=204)

    with serve(counting(reply, connections), authority=authority) as server:
        urls = {"token_url": f"{server.url}/token", "api_url": server.url, "ca_bundle": trust(authority, tmp_path)}
        provider = GitHub("example", GitHubSettings.model_validate({**COMMON, **urls}), CALLBACK)
        for _ in range(2):
            assert signed_in(provider, lambda _: "code").subject.id == "7"
        assert server.count() == 8
    assert len(connections) == 1
