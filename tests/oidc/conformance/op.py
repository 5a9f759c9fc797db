"""The suite's part of a code flow: a client that sends, redeems and checks as the suite does."""

import hashlib
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
from joserfc.jwk import KeySet

from tests.oidc.conformance import checks
from tests.oidc.conformance.person import SUITE, Callback, Person
from tests.providers.loopback import Server
from tests.world import TIMEOUT, Page, World

CALLBACK = f"{SUITE}/callback"
SIGNED_OUT = f"{SUITE}/post_logout_redirect"


@dataclass(frozen=True, kw_only=True)
class Request:
    """An authorization request, with what the suite remembers of it."""

    parameters: Mapping[str, str]
    verifier: str | None = None

    @property
    def nonce(self) -> str | None:
        return self.parameters.get("nonce")

    @property
    def redirect_uri(self) -> str:
        return self.parameters["redirect_uri"]


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """What a client has after a flow. ``claims`` are the ID token's."""

    request: Request
    code: str
    response: Mapping[str, Any]
    claims: Mapping[str, Any]
    userinfo: Mapping[str, Any] = field(default_factory=dict)

    @property
    def access_token(self) -> str:
        return str(self.response["access_token"])


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The broker under test, over TLS. ``response_mode`` is sent with every request, unless it is none.

    ``listener`` hears logout tokens for client ``listening``.
    """

    world: World
    ca_file: Path
    listener: Server
    response_mode: str | None = None

    @property
    def issuer(self) -> str:
        return self.world.base

    def with_form_post(self) -> "Suite":
        return replace(self, response_mode="form_post")

    def http(self, method: str, url: str, **sent: Any) -> requests.Response:
        """Call an endpoint as a program does."""
        return requests.request(method, url, verify=str(self.ca_file), timeout=TIMEOUT, allow_redirects=False, **sent)

    def discovery(self) -> dict[str, Any]:
        response = self.http("GET", f"{self.issuer}/.well-known/openid-configuration")
        assert response.status_code == 200
        assert response.headers["Content-Type"].split(";")[0] == "application/json"
        document: dict[str, Any] = response.json()
        return document

    def keys(self) -> KeySet:
        response = self.http("GET", f"{self.issuer}/jwks")
        assert response.status_code == 200
        return checks.key_set(response.json())

    def person(self, **kind: Any) -> Person:
        return Person(self.world, self.ca_file, **kind)

    def rp(self, client_id: str = "suite", *, secret: str | None = None, method: str | None = None) -> "Rp":
        registered = self.world.raw["clients"].get(client_id, {})
        return Rp(
            suite=self,
            client_id=client_id,
            secret=secret or registered["secret"],
            method=method or registered.get("auth_method", "client_secret_basic"),
        )

    def authorize_url(self, request: Request) -> str:
        return f"{self.issuer}/authorize?{urlencode(request.parameters)}"

    def let_pass(self, seconds: float) -> None:
        """Have time pass for the broker and for its store."""
        self.world.clock.move(timedelta(seconds=seconds))


@dataclass(frozen=True, kw_only=True)
class Rp:
    """A client of the suite, with a secret."""

    suite: Suite
    client_id: str
    secret: str
    method: str

    def request(self, **changes: str | None) -> Request:
        """Return a request without PKCE; a parameter that is none is left out."""
        parameters: dict[str, str | None] = {
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": secrets.token_urlsafe(10),
            "nonce": secrets.token_urlsafe(10),
            "response_type": "code",
            "response_mode": self.suite.response_mode,
        }
        given = {name: value for name, value in {**parameters, **changes}.items() if value is not None}
        return Request(parameters=given)

    def request_with_pkce(self) -> Request:
        """Return a request with a challenge (RFC 7636)."""
        verifier = secrets.token_urlsafe(48)
        request = self.request(code_challenge=s256(verifier), code_challenge_method="S256")
        return replace(request, verifier=verifier)

    def authorize(self, person: Person, request: Request, *, post: bool = False) -> Page | Callback:
        if post:
            return person.send(f"{self.suite.issuer}/authorize", dict(request.parameters))
        return person.open(self.suite.authorize_url(request))

    def answered(self, landed: Page | Callback, request: Request) -> dict[str, str]:
        """Return what came to the redirect URI, by the response mode, with our ``state`` and the right ``iss``."""
        assert isinstance(landed, Callback), landed
        assert landed.url.split("?")[0] == request.redirect_uri.split("?")[0]
        assert landed.posted == (self.suite.response_mode == "form_post")
        parameters = landed.parameters
        assert parameters.get("state") == request.parameters.get("state")
        assert parameters["iss"] == self.suite.issuer
        return parameters

    def code(self, landed: Page | Callback, request: Request) -> str:
        parameters = self.answered(landed, request)
        assert set(parameters) - {"state"} == {"code", "iss"}, parameters
        checks.unguessable(parameters["code"])
        return parameters["code"]

    def refused(self, landed: Page | Callback, request: Request, *errors: str) -> str:
        """Return the error that came back instead of a code (RFC 6749 section 4.1.2.1)."""
        parameters = self.answered(landed, request)
        assert set(parameters) - {"state"} <= {"error", "error_description", "error_uri", "iss"}, parameters
        assert parameters["error"] in errors, parameters
        return parameters["error"]

    def token(self, **form: str) -> requests.Response:
        """Call the token endpoint, authenticated."""
        headers = {}
        if self.method == "client_secret_basic":
            headers["Authorization"] = "Basic " + b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        else:
            form |= {"client_id": self.client_id, "client_secret": self.secret}
        return self.suite.http("POST", f"{self.suite.issuer}/token", data=form, headers=headers)

    def redemption(self, code: str, request: Request) -> requests.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": request.redirect_uri}
        if request.verifier is not None:
            form["code_verifier"] = request.verifier
        return self.token(**form)

    def redeem(self, code: str, request: Request, *, algorithm: str = "RS256") -> SignedIn:
        body = checks.token_response(self.redemption(code, request))
        claims = self.claims(body, nonce=request.nonce, code=code, algorithm=algorithm)
        return SignedIn(request=request, code=code, response=body, claims=claims)

    def claims(
        self, body: Mapping[str, Any], *, nonce: str | None, code: str | None = None, algorithm: str = "RS256"
    ) -> dict[str, Any]:
        """Return the claims of an ID token that stands every check."""
        return checks.id_token(
            body["id_token"],
            self.suite.keys(),
            issuer=self.suite.issuer,
            client_id=self.client_id,
            algorithm=algorithm,
            nonce=nonce,
            now=self.suite.world.clock(),
            access_token=body["access_token"],
            code=code,
        )

    def userinfo(self, signed_in: SignedIn) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {signed_in.access_token}"}
        response = self.suite.http("GET", f"{self.suite.issuer}/userinfo", headers=headers)
        return checks.userinfo(response, signed_in.claims["sub"])

    def complete(self, person: Person, request: Request, *, post: bool = False) -> SignedIn:
        """Go through the whole flow, with every check that the suite has for each of its modules."""
        signed_in = self.redeem(self.code(self.authorize(person, request, post=post), request), request)
        return replace(signed_in, userinfo=self.userinfo(signed_in))


def s256(verifier: str) -> str:
    """RFC 7636 section 4.2."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
