"""The generic OpenID provider's token endpoint and userinfo (OpenID Connect Core 1.0, sections 3.1.3 and
5.3).
"""

import hashlib
from collections import OrderedDict
from datetime import UTC, datetime
from secrets import token_urlsafe
from threading import Lock

from flask import Blueprint, Response, jsonify, request

from . import clients
from .codes import Grant
from .directory import Registration
from .forge import Claims, forge
from .keys import b64url
from .oidc import issuer
from .personas import OidcPersona, narrowed
from .world import World, disturbance

LIFETIME_SECONDS = 3600
AT_MOST = 10_000
KEYS = {"RS256": "oidc", "PS256": "oidc", "ES256": "oidc_ec"}


class Bearers:
    """The access tokens that userinfo takes, and what each was granted for."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._grants: OrderedDict[str, Grant] = OrderedDict()

    def issue(self, grant: Grant) -> str:
        """Return a new access token for ``grant``."""
        value = token_urlsafe(32)
        with self._lock:
            self._grants[value] = grant
            while len(self._grants) > AT_MOST:
                self._grants.popitem(last=False)
        return value

    def find(self, value: str | None) -> Grant | None:
        """Return what the token was granted for."""
        with self._lock:
            return self._grants.get(value or "")


def token(world: World) -> Blueprint:
    """Return the token endpoint and userinfo."""
    routes = Blueprint("oidc_token", __name__, url_prefix="/oidc")
    bearers = Bearers()

    @routes.post("/token")
    def endpoint() -> Response | tuple[Response, int]:
        disturbed = disturbance(world, "oidc", "token")
        if disturbed is not None:
            return disturbed
        grant = _redeem(world)
        if isinstance(grant, str):
            return jsonify({"error": grant}), 401 if grant == "invalid_client" else 400
        return jsonify(_response(world, grant, bearers.issue(grant), datetime.now(UTC)))

    @routes.get("/userinfo")
    def userinfo() -> Response | tuple[Response, int]:
        authorization = request.authorization
        grant = bearers.find(authorization.token if authorization is not None else None)
        if grant is None:
            return jsonify({"error": "invalid_token"}), 401
        sub = "another-subject" if world.toggles.on("userinfo_wrong_sub", "oidc") else grant.persona.subject
        return jsonify({"sub": sub, **_personal(grant)})

    return routes


def _redeem(world: World) -> Grant | str:
    """Return the grant that the request redeems, or the error."""
    registration = world.registration(clients.presented_id(), ("oidc",))
    if registration is None or not clients.is_secret(registration, clients.presented_secret() or ""):
        return "invalid_client"
    if request.form.get("grant_type") != "authorization_code":
        return "unsupported_grant_type"
    grant = world.codes.redeem(
        request.form.get("code", ""),
        reusable=world.toggles.on("code_reusable", "oidc"),
        unfit=lambda grant: None if _fits(registration, grant) else "invalid_grant",
    )
    return "invalid_grant" if isinstance(grant, str) else grant


def _fits(registration: Registration, grant: Grant) -> bool:
    return (
        grant.registration.client_id == registration.client_id
        and grant.redirect_uri == request.form.get("redirect_uri")
        and clients.is_verifier(request.form.get("code_verifier"), grant.parameters.get("code_challenge"))
    )


def _response(world: World, grant: Grant, access_token: str, now: datetime) -> dict[str, object]:
    body: dict[str, object] = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": LIFETIME_SECONDS,
        "scope": " ".join(grant.scopes),
    }
    if not world.toggles.on("no_id_token", "oidc"):
        body["id_token"] = _id_token(world, grant, access_token, int(now.timestamp()))
    return body


def _id_token(world: World, grant: Grant, access_token: str, now: int) -> str:
    persona, registration = narrowed(grant.persona, OidcPersona), grant.registration
    claims: Claims = {
        "iss": issuer(world),
        "sub": persona.subject,
        "aud": registration.client_id,
        "azp": registration.client_id,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "at_hash": b64url(hashlib.sha256(access_token.encode()).digest()[:16]),
        **_personal(grant),
        **_of_sign_in(grant, persona, now),
    }
    header: Claims = {"typ": "JWT", "alg": registration.id_token_alg}
    key = world.keys[KEYS[registration.id_token_alg]]
    return forge(claims, header, key, world.keys, on=lambda name: world.toggles.on(name, "oidc"))


def _personal(grant: Grant) -> Claims:
    persona, canary = narrowed(grant.persona, OidcPersona), grant.persona.canary
    claims: Claims = {}
    if "profile" in grant.scopes:
        claims |= {
            "name": persona.name,
            "given_name": canary.claim("given-name", persona.id),
            "family_name": canary.claim("family-name", persona.id),
            "preferred_username": canary.claim("login", persona.id),
            "picture": f"https://avatars.example/{canary.claim('avatar', persona.id)}",
        }
    if "email" in grant.scopes:
        claims |= {"email": persona.email, "email_verified": persona.email_verified}
    return claims


def _of_sign_in(grant: Grant, persona: OidcPersona, now: int) -> Claims:
    claims: Claims = {}
    if "nonce" in grant.parameters:
        claims["nonce"] = grant.parameters["nonce"]
    if persona.age is not None:
        max_age = grant.parameters.get("max_age")
        prompts = grant.parameters.get("prompt", "").split()
        fresh = "login" in prompts or (max_age is not None and int(max_age) < persona.age)
        claims["auth_time"] = now if fresh else now - persona.age
    acr, amr = (persona.mfa_acr, persona.mfa_amr) if grant.mfa else (persona.acr, persona.amr)
    if acr is not None:
        claims["acr"] = acr
    if amr is not None:
        claims["amr"] = amr
    return claims
