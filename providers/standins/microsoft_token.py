"""Microsoft's token endpoint, and the tokens it gives (``upstreams.md``, 1.5 and 1.6)."""

import hashlib
from datetime import UTC, datetime
from secrets import token_bytes, token_urlsafe
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from . import clients
from .codes import Grant
from .directory import EVIDENCE_API, EVIDENCE_SCOPE, MSA, Registration
from .forge import Claims, forge
from .keys import b64url
from .microsoft import known, unknown_tenant, v1_issuer, v2_issuer
from .microsoft_authorize import DEFAULT, MFA, client_info, has_late_claims, wanted
from .microsoft_errors import TROUBLES, Trouble
from .personas import MicrosoftPersona, narrowed
from .world import World, disturbance

LIFETIME_SECONDS = 3900
MSA_LIFETIME_SECONDS = 86_400
ORDINARY_USER = "b79fbf4d-3ef9-4689-8143-76b194e85509"
"""What Microsoft puts into everybody's ``wids``, behind the roles."""


def token(world: World) -> Blueprint:
    """Return the token endpoint."""
    routes = Blueprint("microsoft_token", __name__)

    @routes.post("/<selector>/oauth2/v2.0/token")
    def endpoint(selector: str) -> Response | tuple[Response, int]:
        if not known(selector):
            return unknown_tenant()
        disturbed = disturbance(world, "microsoft", "token")
        if disturbed is not None:
            return disturbed
        grant = _redeem(world, selector)
        if isinstance(grant, Trouble):
            return jsonify(grant.members()), 401 if grant.error == "invalid_client" else 400
        return jsonify(_response(world, grant, datetime.now(UTC)))

    return routes


def _redeem(world: World, selector: str) -> Trouble | Grant:
    """Return the grant that the request redeems, or the first thing that is wrong with it."""
    registration = world.registration(clients.presented_id(), ("microsoft_account", "entra"))
    if registration is None:
        return TROUBLES["unknown_client"]
    wrong = _unproven(registration, f"{world.backchannel_url}/{selector}/oauth2/v2.0/token")
    if wrong is not None:
        return TROUBLES[wrong]
    if request.form.get("grant_type") != "authorization_code":
        return TROUBLES["grant_type"]
    grant = world.codes.redeem(
        request.form.get("code", ""),
        reusable=world.toggles.on("code_reusable", "microsoft"),
        unfit=lambda grant: _unfit(registration, grant, selector),
    )
    if isinstance(grant, str):
        return TROUBLES[grant]
    if grant.persona.error == "mfa_at_token" and not has_late_claims(grant.parameters):
        return TROUBLES["mfa_at_token"]
    return grant


def _unproven(registration: Registration, audience: str) -> str | None:
    assertion = request.form.get("client_assertion")
    if assertion is not None:
        return None if clients.is_assertion(registration, assertion, audience) else "wrong_assertion"
    secret = clients.presented_secret()
    if secret is None:
        return "no_credential"
    return None if clients.is_secret(registration, secret) else "wrong_secret"


def _unfit(registration: Registration, grant: Grant, selector: str) -> str | None:
    if grant.registration.client_id != registration.client_id:
        return "unknown_code"
    if grant.authority != selector:
        return "other_authority"
    if grant.redirect_uri != request.form.get("redirect_uri"):
        return "other_redirect_uri"
    if not clients.is_verifier(request.form.get("code_verifier"), grant.parameters.get("code_challenge")):
        return "verifier"
    return None


def _response(world: World, grant: Grant, now: datetime) -> dict[str, object]:
    persona = narrowed(grant.persona, MicrosoftPersona)
    scopes = request.form.get("scope", " ".join(grant.scopes)).split()
    evidence = EVIDENCE_SCOPE in scopes
    body: dict[str, object] = {
        "token_type": "Bearer",
        "scope": EVIDENCE_SCOPE if evidence else " ".join(scope for scope in scopes if scope != "offline_access"),
        "expires_in": LIFETIME_SECONDS - 301,
        "ext_expires_in": LIFETIME_SECONDS - 301,
        "access_token": _evidence_token(world, grant, persona, now) if evidence else _opaque(),
    }
    if "openid" in grant.scopes and not world.toggles.on("no_id_token", "microsoft"):
        body["id_token"] = _id_token(world, grant, persona, now)
    if "offline_access" in scopes:
        body["refresh_token"] = f"M.C5_{token_urlsafe(40)}"
    if request.form.get("client_info") == "1":
        body["client_info"] = client_info(persona)
    return body


def _opaque() -> str:
    return "EwB4" + b64url(token_bytes(120))


def _auth_time(grant: Grant, persona: MicrosoftPersona, now: int) -> int:
    """Return when the person authenticated: just now, where the request wanted it fresh."""
    max_age = grant.parameters.get("max_age")
    fresh = grant.parameters.get("prompt") == "login" or (max_age is not None and int(max_age) < persona.age)
    return now if fresh else now - persona.age


def _pairwise(*parts: str) -> str:
    return b64url(hashlib.sha256("\0".join(parts).encode()).digest())


def _id_token(world: World, grant: Grant, persona: MicrosoftPersona, moment: datetime) -> str:
    now = int(moment.timestamp())
    claims: Claims = {
        "aud": grant.registration.client_id,
        "iss": v2_issuer(world, persona.tid),
        "iat": now,
        "nbf": now,
        "exp": now + (MSA_LIFETIME_SECONDS if persona.tid == MSA else LIFETIME_SECONDS),
        "aio": b64url(token_bytes(48)),
        "rh": f"0.{b64url(token_bytes(24))}",
        "sub": _pairwise("sub", grant.registration.client_id, persona.tid, persona.subject),
        "uti": b64url(token_bytes(16)),
        "ver": "2.0",
        **_of_person(persona, grant),
        **_of_sign_in(world, grant, persona, now),
    }
    header: Claims = {"typ": "JWT", "alg": "RS256"}
    purpose = "msa" if persona.tid == MSA else "entra"
    if world.toggles.on("msa_key", "microsoft"):
        purpose = "msa"
    elif world.toggles.on("entra_key", "microsoft"):
        purpose = "entra"
    return forge(claims, header, world.keys[purpose], world.keys, on=lambda name: world.toggles.on(name, "microsoft"))


def _of_person(persona: MicrosoftPersona, grant: Grant) -> Claims:
    canary = persona.canary
    personal: Claims = {}
    if "profile" in grant.scopes:
        personal |= {
            "name": persona.name,
            "oid": persona.subject,
            "tid": persona.tid,
            "preferred_username": canary.claim("upn", persona.id) + "@tenant.example",
        }
    if "email" in grant.scopes and persona.sends_email:
        personal["email"] = persona.email
    optional: Claims = {
        "given_name": canary.claim("given-name", persona.id),
        "family_name": canary.claim("family-name", persona.id),
        "upn": canary.claim("upn", persona.id) + "@tenant.example",
        "ipaddr": canary.claim("ipaddr", persona.id),
        "login_hint": canary.claim("login-hint", persona.id),
        "sid": str(UUID(bytes=hashlib.sha256(persona.id.encode()).digest()[:16])),
    }
    if "email" in personal:
        optional["xms_edov"] = persona.owns_email_domain
    if persona.tid != MSA:
        optional["acct"] = 1 if persona.home else 0
        if grant.registration.group_membership_claims in ("DirectoryRole", "All"):
            personal["wids"] = [*persona.wids, ORDINARY_USER]
    personal |= {name: value for name, value in optional.items() if name in grant.registration.optional_claims}
    return personal


def _idp(world: World, home: str) -> str:
    return home if home == "live.com" else v1_issuer(world, home)


def _of_sign_in(world: World, grant: Grant, persona: MicrosoftPersona, now: int) -> Claims:
    claims: Claims = {}
    if "nonce" in grant.parameters:
        claims["nonce"] = grant.parameters["nonce"]
    if "auth_time" in grant.registration.optional_claims or "max_age" in grant.parameters:
        claims["auth_time"] = _auth_time(grant, persona, now)
    if persona.home is not None:
        claims["idp"] = _idp(world, persona.home)
    # Only personal accounts are known to be given an acr in version 2 (upstreams.md, 1.7, option C).
    if persona.tid == MSA and persona.sends_acr and "acr_values" in grant.parameters:
        claims["acr"] = MFA if grant.mfa else DEFAULT
    # As an optional claim it names every context the session meets, asked for or not (upstreams.md, 1.6).
    optional = "acrs" in grant.registration.optional_claims
    met = persona.acrs if optional else wanted(grant.parameters).contexts & persona.acrs
    if met:
        claims["acrs"] = sorted(met)
    return claims


def _evidence_token(world: World, grant: Grant, persona: MicrosoftPersona, moment: datetime) -> str:
    """Return the version-1 access token for the evidence API: the one that carries ``amr``."""
    if world.toggles.on("access_opaque", "microsoft"):
        return _opaque()
    now = int(moment.timestamp())
    canary = persona.canary
    amr = persona.mfa_methods if grant.mfa else persona.methods
    claims: Claims = {
        "aud": EVIDENCE_API,
        "iss": v1_issuer(world, persona.tid),
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_SECONDS,
        "acr": "1",
        **({} if amr is None else {"amr": amr}),
        "aio": b64url(token_bytes(48)),
        "appid": grant.registration.client_id,
        "appidacr": "2" if "client_assertion" in request.form else "1",
        **({} if persona.home is None else {"idp": _idp(world, persona.home)}),
        "family_name": canary.claim("family-name", persona.id),
        "given_name": canary.claim("given-name", persona.id),
        "ipaddr": canary.claim("ipaddr", persona.id),
        "name": persona.name,
        "oid": persona.subject,
        "rh": f"0.{b64url(token_bytes(24))}",
        "scp": EVIDENCE_SCOPE.rsplit("/", 1)[1],
        "sub": _pairwise("sub", EVIDENCE_API, persona.tid, persona.subject),
        "tid": persona.tid,
        "unique_name": canary.claim("upn", persona.id) + "@tenant.example",
        "upn": canary.claim("upn", persona.id) + "@tenant.example",
        "uti": b64url(token_bytes(16)),
        "ver": "1.0",
    }
    key = world.keys["entra_v1"]
    header: Claims = {"typ": "JWT", "alg": "RS256", "x5t": key.kid}
    return forge(claims, header, key, world.keys, on=lambda name: world.toggles.on(name, "microsoft"), prefix="access_")
