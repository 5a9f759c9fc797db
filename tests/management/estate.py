"""Two organisations and everybody around them, each with a token of their own, and a program that uses them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from sqlalchemy import func, select
from urllib3 import HTTPResponse
from werkzeug.test import Client

from broker.audit.model import audit_entries
from broker.oidc.scopes import MANAGE, OPERATE, READ
from broker.tenants.rules import Rule
from tests.organizations import Organization, SignedIn, organization, signed_in, tokens
from tests.world import CALLBACK, TIMEOUT, World

PROGRAM, DPOP_PROGRAM, LESS = "program", "bound-program", "no-program"
SCOPE = f"openid {READ} {MANAGE} {OPERATE}"
RESOURCE = "https://api.registry.example/"
# Everybody, by how they sign in. The last one comes by a provider that the organisation does not accept.
PEOPLE: Mapping[str, tuple[str, str]] = {
    "admin": ("entra-mfa", "entra"),
    "stranger": ("entra-reader", "entra"),
    "member": ("entra-phr", "entra"),
    "operator": ("oidc-phr", "generic"),
    "suspended": ("2fa-true", "github"),
}


def clients() -> dict[str, dict[str, Any]]:
    """Return what the programs are registered with."""
    one = {
        "name": "A program",
        "redirect_uris": [CALLBACK],
        "id_token_signed_response_alg": "ES256",
        "first_party": True,
    }

    def client(**more: Any) -> dict[str, Any]:
        return {**one, "secret": secrets.token_urlsafe(32), **more}

    return {
        PROGRAM: client(scopes=SCOPE.split(" "), resources=[RESOURCE]),
        DPOP_PROGRAM: client(scopes=SCOPE.split(" "), dpop_bound_access_tokens=True),
        LESS: client(scopes=["openid"]),
        "machine": client(grant_types=["client_credentials"], scopes=["introspection"], redirect_uris=[]),
    }


class InProcess(HTTPAdapter):
    """Hands requests to the application by WSGI, which costs half of what a connection for each would."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._base = world.base
        self._client = Client(world.app, use_cookies=False)

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        answer = self._client.open(
            request.path_url,
            base_url=self._base,
            method=request.method,
            headers=dict(request.headers),
            data=request.body,
        )
        raw = HTTPResponse(
            body=BytesIO(answer.data), headers=dict(answer.headers), status=answer.status_code, preload_content=False
        )
        return self.build_response(request, raw)


@dataclass(kw_only=True)
class Estate:
    """``organization`` is the admin's, where the suspended one is a member too, ``other`` the stranger's."""

    world: World
    people: Mapping[str, SignedIn]
    tokens: Mapping[str, str]
    organization: Organization
    other: Organization
    http: requests.Session = field(default_factory=requests.Session, repr=False)

    def __post_init__(self) -> None:
        self.http.mount(self.world.base, InProcess(self.world))

    def call(
        self,
        who: str | None,
        method: str,
        path: str,
        json: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> requests.Response:
        """Call the API with somebody's token, or without any. A path may leave out what is the organisation's."""
        address = path if path.startswith("/") else f"/api/organizations/{self.organization.id}/{path}".rstrip("/")
        sent = {} if who is None else {"Authorization": f"Bearer {self.tokens[who]}"}
        return self.http.request(
            method,
            f"{self.world.base}{address}",
            json=json,
            headers={**sent, **(headers or {})},
            allow_redirects=False,
            timeout=TIMEOUT,
            **more,
        )

    def got(self, who: str, path: str, status: int = 200, **query: object) -> Any:
        """Return what a GET answers."""
        response = self.call(who, "GET", path, params=query)
        assert response.status_code == status, response.text
        return response.json()

    def did(self, who: str, method: str, path: str, json: object = None, status: int = 204) -> Any:
        """Return what a change answers."""
        response = self.call(who, method, path, json)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def refused(self, response: requests.Response, status: int, code: str) -> Mapping[str, Any]:
        """Return the problem, which is one and has this code."""
        problem: Mapping[str, Any] = response.json()
        assert (response.status_code, problem["code"]) == (status, code), response.text
        assert response.headers["Content-Type"] == "application/problem+json"
        assert problem["type"] == f"urn:vestibule:problem:{code}"
        assert problem["status"] == status
        assert response.headers["Cache-Control"] == "no-store"
        return problem

    def written(self) -> int:
        """Return how many entries the audit has: every change writes one."""
        with self.world.parts.database.read() as connection:
            return connection.execute(select(func.count()).select_from(audit_entries)).scalar_one()

    def works(self) -> None:
        """Let the worker do what is due."""
        assert self.world.parts.worker.run_once() == []


def estate(world: World) -> Estate:
    """Sign everybody in, and return it all."""
    people = {who: signed_in(world, *way) for who, way in PEOPLE.items()}
    given = {who: access_token(each) for who, each in people.items()}
    own = organization(world, people["admin"], "Example")
    other = organization(world, people["stranger"], "Elsewhere")
    own.set_rule(Rule(providers=frozenset({"entra"})))
    for who in ("member", "suspended"):
        own.add(people[who])
    with world.parts.database.begin() as connection:
        world.parts.people.operators.add(connection, people["operator"].account_id, world.clock())
    return Estate(world=world, people=people, tokens=given, organization=own, other=other)


def access_token(person: SignedIn, client_id: str = PROGRAM, **extra: str) -> str:
    """Return a token of somebody who is signed in."""
    response = tokens(person, client_id, **{"scope": SCOPE, **extra}).response
    return str(response["access_token"])
