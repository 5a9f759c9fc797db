"""Clients of every kind, and what a registry does at the endpoints beside /authorize and /token."""

import secrets
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, cast

import requests
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from broker.oidc.clients import sha256
from broker.settings import ClientMetadata
from tests.world import TIMEOUT, Arrival, Page, Registry, Tokens, Visitor, World, arrival

KEY = ECKey.generate_key("P-256")
API = "https://api.registry.example/"
CODE_AND_REFRESH = ["authorization_code", "refresh_token"]
OFFLINE = ["openid", "profile", "email", "offline_access"]


def clients_of_every_kind(one: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return clients that differ from ``one`` each in what its name says."""

    def like_it(**changes: Any) -> dict[str, Any]:
        client = {**one, "secret": secrets.token_urlsafe(32), **changes}
        return {name: value for name, value in client.items() if value is not None}

    return {
        "offline": like_it(grant_types=CODE_AND_REFRESH, scopes=OFFLINE),
        "offline-2": like_it(grant_types=CODE_AND_REFRESH, scopes=OFFLINE),
        "public-offline": like_it(secret=None, auth_method="none", grant_types=CODE_AND_REFRESH, scopes=OFFLINE),
        "jwt": like_it(
            access_token_format="jwt", grant_types=CODE_AND_REFRESH, scopes=OFFLINE, resources=[API, f"{API}2"]
        ),
        "third-party": like_it(first_party=False, grant_types=CODE_AND_REFRESH, scopes=OFFLINE, name="Third Party"),
        "pairwise": like_it(subject_type="pairwise", grant_types=CODE_AND_REFRESH, scopes=OFFLINE),
        "pushing": like_it(require_pushed_authorization_requests=True),
        "service": like_it(
            grant_types=["client_credentials"], redirect_uris=[], scopes=["introspection"], serves=[API]
        ),
        "api": like_it(grant_types=["client_credentials"], redirect_uris=[], scopes=["introspection"], serves=[API]),
        "strict": like_it(grant_types=CODE_AND_REFRESH, scopes=OFFLINE, strength="phishing_resistant"),
        "without-pkce": like_it(insecure_pkce_optional=True),
        "no-codes": like_it(grant_types=["client_credentials"], scopes=["introspection"]),
        "signing": like_it(require_signed_request_object=True, jwks={"keys": [KEY.as_dict(private=False)]}),
        "asserting": like_it(
            secret=None,
            auth_method="private_key_jwt",
            jwks={"keys": [KEY.as_dict(private=False)]},
            id_token_claims=["email"],
        ),
    }


def basic(world: World, client_id: str) -> dict[str, str]:
    """Return the header that authenticates a client, or nothing for a public one."""
    secret = world.secrets.get(client_id)
    if secret is None:
        return {}
    return {"Authorization": "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()}


def post(
    world: World, path: str, client_id: str | None, headers: Mapping[str, str] | None = None, /, **form: Any
) -> requests.Response:
    """Send a form to an endpoint as a client."""
    if client_id is not None and client_id not in world.secrets:
        form["client_id"] = client_id
    sent = {**(basic(world, client_id) if client_id is not None else {}), **(headers or {})}
    return requests.post(f"{world.base}{path}", data=form, headers=sent, timeout=TIMEOUT)


def sign_in(
    world: World,
    client_id: str,
    *,
    visitor: Visitor | None = None,
    persona: str = "entra-mfa",
    provider: str = "entra",
    **extra: str,
) -> Tokens:
    """Sign somebody in at a client and redeem the code; all the client's scopes, if none are named."""
    visitor = visitor or world.visitor()
    registry = world.registry(client_id)
    extra = {
        "scope": " ".join(
            (world.raw["clients"].get(client_id) or world.raw["clients"]["offline"]).get("scopes", OFFLINE[:3])
        ),
        **extra,
    }
    request = registry.request(provider=provider, **extra)
    arrived = visitor.walk(visitor.authorize(request), persona)
    if isinstance(arrived, Page) and "/consent/" in arrived.url:
        arrived = consent(world, visitor, arrived)
    return registry.redeem(arrived, request)


def added(world: World, client_id: str, **changes: Any) -> None:
    """Put a client of the ``offline`` kind into the database, or change it there: where it can be switched off."""
    parts = world.parts
    described = {**world.raw["clients"]["offline"], **changes}
    metadata = ClientMetadata.model_validate({name: value for name, value in described.items() if name != "secret"})
    with parts.database.begin() as connection:
        if parts.clients.registered(connection, client_id) is None:
            secret = secrets.token_urlsafe(32)
            parts.clients.add(connection, client_id, metadata, parts.audit, world.clock(), secret=secret)
            cast(dict[str, str], world.secrets)[client_id] = secret
        else:
            kept = sha256(world.secrets[client_id])
            parts.clients.replace(connection, client_id, metadata, parts.audit, world.clock(), secret_sha256=kept)


def assertion(world: World, client_id: str = "asserting") -> dict[str, str]:
    """Return the part of a form that authenticates a client by its key."""
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": world.base, "exp": now + 60, "jti": secrets.token_hex(8)}
    return {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256"}, claims, KEY),
    }


def consent(world: World, visitor: Visitor, page: Page, answer: str = "allow") -> Page | Arrival:
    """Answer the page that asks for consent."""
    path = page.url.removeprefix(world.base)
    answered = visitor.page(visitor.post(path, {"csrf_token": page.form_token(), "answer": answer}))
    return arrival(answered.onward) if answered.onward is not None else answered


def refresh(world: World, client_id: str, token: str, **form: Any) -> requests.Response:
    """Use a refresh token."""
    return post(world, "/token", client_id, grant_type="refresh_token", refresh_token=token, **form)


def introspect(world: World, client_id: str, token: str, **form: Any) -> Mapping[str, Any]:
    """Return what introspection says of a token."""
    response = post(world, "/introspect", client_id, token=token, **form)
    assert response.status_code == 200, response.text
    document: Mapping[str, Any] = response.json()
    return document


def claims_of(world: World, registry: Registry, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the claims of a verified ID token that has no nonce."""
    keys = KeySet.import_key_set(requests.get(f"{world.base}/jwks", timeout=TIMEOUT).json())
    claims = jwt.decode(body["id_token"], keys, algorithms=["ES256"]).claims
    assert (claims["iss"], claims["aud"]) == (world.base, registry.client_id)
    return claims
