"""A running broker with everything around it: stand-ins of the providers, a registry, a visitor's browser.

Real HTTP on loopback throughout. The visitor sends cookies as Chromium would: none with a cross-site POST.
"""

import hashlib
import re
import secrets
import socket
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests
from flask import Flask
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.routing import Rule
from werkzeug.serving import WSGIRequestHandler, make_server

from broker.app import Parts, create_app, parts
from broker.keys import signing
from broker.settings import Settings
from broker.storage import schema
from providers.standins import (
    CONTOSO,
    EVIDENCE_API,
    EVIDENCE_SCOPE,
    FABRIKAM,
    OPERATOR,
    Canary,
    Kind,
    Standins,
    register_all,
)
from providers.standins import browser as upstream
from providers.standins.browser import Returned
from tests import once

PROVIDERS: Mapping[str, Kind] = {
    "msa": "microsoft_account",
    "entra": "entra",
    "operator": "entra",
    "github": "github",
    "generic": "oidc",
}
CALLBACK = "http://127.0.0.1:1/callback"
TIMEOUT = 20  # seconds


class Clock:
    """The broker's clock: the real one, moved by hand."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def move(self, by: timedelta) -> None:
        self.offset += by


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """An access log would repeat every code."""


@dataclass(kw_only=True)
class World:
    """``base`` is the broker's issuer."""

    base: str
    app: Flask
    parts: Parts
    standins: Standins
    clock: Clock
    raw: dict[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict)

    def visitor(self) -> "Visitor":
        return Visitor(self)

    def registry(self, client_id: str = "registry") -> "Registry":
        return Registry(self, client_id, self.secrets.get(client_id))


def key() -> str:
    """Return a fresh key as settings take it."""
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


def raw_settings(*, base: str, folder: Path, standins: Standins, database_url: str, store_url: str) -> dict[str, Any]:
    """Return settings that know every stand-in and one registry, before validation, so that a test can change them."""
    common = {"ca_bundle": str(standins.ca_file), "insecure_allow_unproven": True}
    microsoft = {"instance": standins.backchannel_url}
    entra = {
        **microsoft,
        "kind": "entra",
        "v1_issuer": f"{standins.backchannel_url}/sts",
        "evidence_scope": EVIDENCE_SCOPE,
        "evidence_audience": EVIDENCE_API,
    }
    providers: dict[str, dict[str, Any]] = {
        "msa": {"kind": "microsoft_account", "name": "Microsoft", **microsoft},
        "entra": {
            "name": "Work account",
            **entra,
            "tenants": {
                CONTOSO: {
                    "name": "Contoso",
                    "contexts": {"c2": "phishing_resistant"},
                    "contexts_attested_on": datetime.now(UTC).date().isoformat(),
                },
                FABRIKAM: {"name": "Fabrikam"},
            },
        },
        "operator": {
            "name": "Operator guests",
            **entra,
            "authority": OPERATOR,
            "tenants": {OPERATOR: {"name": "Operator", "guests": True}},
        },
        "github": {
            "kind": "github",
            "name": "GitHub",
            "authorize_url": f"{standins.browser_url}/login/oauth/authorize",
            "token_url": f"{standins.backchannel_url}/login/oauth/access_token",
            "api_url": f"{standins.backchannel_url}/api/v3",
        },
        "generic": {
            "kind": "oidc",
            "name": "Example ID",
            "issuer": f"{standins.backchannel_url}/oidc",
            "acr_values": ["phr", "mfa"],
        },
    }
    for provider_id, kind in PROVIDERS.items():
        registration = standins.registration(kind)
        providers[provider_id] |= {
            **common,
            "client_id": registration.client_id,
            "client_secret": registration.client_secret,
        }
    return {
        "issuer": base,
        "database": {"url": database_url},
        "store": {"url": store_url},
        "secrets": {
            "encryption": {"v1": key()},
            "pseudonym": {"v1": key()},
            "index": key(),
            "audit": key(),
            "cookies": key(),
        },
        "mail": {"url": f"directory:{folder / 'mail'}", "sender": "vestibule@login.example"},
        "clients": {
            "registry": {
                "name": "Example Registry",
                "redirect_uris": [CALLBACK],
                "secret": secrets.token_urlsafe(32),
                "id_token_signed_response_alg": "ES256",
                "first_party": True,
            }
        },
        "providers": providers,
        # Everybody in a test comes from one address. What they are meant for is tested where they are.
        "limits": dict.fromkeys(
            (
                *("sign_in_address", "begun_address", "client_authentication", "api_address", "api_client"),
                *("password_address", "claim_mail_address", "consent_account"),
            ),
            "1000000 / 5 min",
        ),
    }


@contextmanager
def running(
    folder: Path,
    *,
    standins: Standins | None = None,
    database_url: str | None = None,
    store_url: str = "memory://",
    canary: Canary | None = None,
    change: Any = None,
) -> Iterator[World]:
    """Yield a broker that serves on a free port. ``change`` may edit the raw settings before they are used."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        base = f"http://localhost:{listener.getsockname()[1]}"
        callbacks = [f"{base}/callback/{provider_id}{way}" for provider_id in PROVIDERS for way in ("", "/consent")]
        own = standins is None
        if standins is None:
            standins = Standins.start(registrations=register_all(callbacks), canary=canary)
        else:
            standins.admit(callbacks)
        try:
            url = database_url or f"sqlite:///{folder / 'vestibule.db'}"
            raw = raw_settings(base=base, folder=folder, standins=standins, database_url=url, store_url=store_url)
            if change is not None:
                change(raw)
            settings = Settings.model_validate(raw)
            schema.upgrade(url)
            clock = Clock()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(signing, "generate", once.signing_key)
                patch.setattr(Rule, "_compile_builder", once.compile_builder)
                app = create_app(settings, clock=clock)
            once.share_templates(app)
            port = listener.getsockname()[1]
            server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet, fd=listener.fileno())
            thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            try:
                client_secrets = {
                    name: client["secret"] for name, client in raw["clients"].items() if client.get("secret")
                }
                yield World(
                    base=base,
                    app=app,
                    parts=parts(app),
                    standins=standins,
                    clock=clock,
                    raw=raw,
                    secrets=client_secrets,
                )
            finally:
                server.shutdown()
                thread.join()
                server.server_close()
                parts(app).close()
        finally:
            if own:
                standins.stop()
            else:
                standins.toggles.reset()


@dataclass(frozen=True, kw_only=True)
class Page:
    """Where a walk ended: on one of our pages."""

    status: int
    url: str
    text: str
    headers: Mapping[str, str]

    def meta(self, name: str) -> str | None:
        """Return the content of a ``vestibule-…`` meta element."""
        found = re.search(rf'<meta name="vestibule-{name}" content="([^"]*)"', self.text)
        return unescape(found[1]) if found else None

    @property
    def onward(self) -> str | None:
        """Return where the page sends the browser by itself, if it does."""
        found = re.search(r'<meta http-equiv="refresh" content="0;url=([^"]*)"', self.text)
        return unescape(found[1]) if found else None

    @property
    def links(self) -> list[str]:
        return [unescape(each) for each in re.findall(r'<a [^>]*href="([^"]*)"', self.text)]

    def form_token(self) -> str:
        """Return the form token of the page."""
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.text)
        assert found, self.text
        return unescape(found[1])


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Where a walk ended: back at the registry, with these parameters."""

    parameters: Mapping[str, str]

    @property
    def code(self) -> str:
        return self.parameters["code"]


class Visitor:
    """One person's browser."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.http = requests.Session()
        self.http.trust_env = False

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        return self.http.get(urljoin(self.world.base, path), allow_redirects=False, timeout=TIMEOUT, **kwargs)

    def post(self, path: str, data: Mapping[str, str] | None = None, **kwargs: Any) -> requests.Response:
        return self.http.post(
            urljoin(self.world.base, path), data=data, allow_redirects=False, timeout=TIMEOUT, **kwargs
        )

    def submit(self, path: str, data: Mapping[str, str] | None = None, *, page: str = "/account") -> requests.Response:
        """Send a form as a page of ours would."""
        token = self.page(self.get(page)).form_token()
        return self.post(path, {**(data or {}), "csrf_token": token})

    def page(self, response: requests.Response) -> Page:
        return Page(status=response.status_code, url=response.url, text=response.text, headers=dict(response.headers))

    def walk(self, response: requests.Response, persona: str | None = None, *, approve: bool = True) -> Page | Arrival:
        """Follow redirects as a browser would, through the provider as ``persona``, until a page or the registry."""
        for _ in range(12):
            if not response.is_redirect:
                return self.page(response)
            location = urljoin(response.url, response.headers["Location"])
            if location.startswith(CALLBACK):
                return arrival(location)
            if location.startswith(self.world.standins.browser_url):
                assert persona is not None, f"nobody to sign in at {location}"
                response = self.come_back(upstream.sign_in(location, persona, approve=approve))
            else:
                assert location.startswith(self.world.base), location
                response = self.get(location)
        raise AssertionError("too many redirects")

    def come_back(self, returned: Returned) -> requests.Response:
        """Return from the provider: a form post comes from another site, and so without our cookies."""
        if returned.method == "GET":
            return self.get(f"{returned.url}?{urlencode(returned.fields)}")
        body = urlencode(returned.fields)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://127.0.0.1"}
        return requests.post(returned.url, data=body, headers=headers, allow_redirects=False, timeout=TIMEOUT)

    def authorize(self, request: "AuthRequest") -> requests.Response:
        return self.get("/authorize?" + urlencode(request.parameters))

    def sign_in(self, persona: str, provider: str, *, approve: bool = True, **extra: str) -> "Page | Arrival":
        """Come from the registry and sign in; return where that ended."""
        request = self.world.registry().request(provider=provider, **extra)
        self.last_request = request
        return self.walk(self.authorize(request), persona, approve=approve)

    def open_account(self, persona: str, provider: str, *, fresh: bool = False) -> Page:
        """Sign in to the account page."""
        chooser = self.walk(self.get("/signin?fresh=yes" if fresh else "/signin"))
        assert isinstance(chooser, Page)
        link = next(each for each in chooser.links if each.endswith(f"/{provider}"))
        landed = self.walk(self.get(link), persona)
        assert isinstance(landed, Page)
        return landed


def arrival(location: str) -> Arrival:
    parameters = parse_qs(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in parameters.values())
    return Arrival(parameters={name: values[0] for name, values in parameters.items()})


@dataclass(frozen=True, kw_only=True)
class AuthRequest:
    """An authorization request, with what the registry must remember of it."""

    parameters: Mapping[str, str]
    verifier: str
    nonce: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What a registry learnt of a user. ``claims`` are the verified ID token's."""

    response: Mapping[str, Any]
    claims: Mapping[str, Any]
    header: Mapping[str, Any]


class Registry:
    """A relying party that does what a careful one does."""

    def __init__(self, world: World, client_id: str, secret: str | None) -> None:
        self.world = world
        self.client_id = client_id
        self.secret = secret

    def request(self, **extra: str) -> AuthRequest:
        verifier, nonce, state = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **extra,
        }
        given = {name: value for name, value in parameters.items() if value != ""}
        return AuthRequest(parameters=given, verifier=verifier, nonce=nonce, state=state)

    def token_response(self, code: str, verifier: str, changes: Mapping[str, str] | None = None) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
            **(changes or {}),
        }
        headers = {}
        if self.secret is not None:
            headers["Authorization"] = "Basic " + b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        else:
            form["client_id"] = self.client_id
        form = {name: value for name, value in form.items() if value != ""}
        return requests.post(f"{self.world.base}/token", data=form, headers=headers, timeout=TIMEOUT)

    def redeem(self, arrived: Arrival | Page, request: AuthRequest) -> Tokens:
        """Redeem the code and verify the ID token as OpenID Connect Core 3.1.3.7 asks."""
        assert isinstance(arrived, Arrival), arrived
        assert arrived.parameters.get("state") == request.state
        assert arrived.parameters.get("iss") == self.world.base
        assert "error" not in arrived.parameters, arrived.parameters
        response = self.token_response(arrived.code, request.verifier)
        assert response.status_code == 200, response.text
        return self.verify(response.json(), request)

    def verify(self, body: Mapping[str, Any], request: AuthRequest) -> Tokens:
        keys = KeySet.import_key_set(requests.get(f"{self.world.base}/jwks", timeout=TIMEOUT).json())
        token = jwt.decode(body["id_token"], keys, algorithms=["ES256", "RS256"])
        claims = token.claims
        assert claims["iss"] == self.world.base
        assert claims["aud"] == self.client_id
        assert claims["nonce"] == request.nonce
        assert claims["exp"] > self.world.clock().timestamp()
        return Tokens(response=body, claims=claims, header=token.header)

    def userinfo(self, access_token: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {access_token}"}
        return requests.get(f"{self.world.base}/userinfo", headers=headers, timeout=TIMEOUT)
