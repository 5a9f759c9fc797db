"""A generic OpenID provider (OpenID Connect Core 1.0 and Discovery 1.0) that also sends RFC 9207's ``iss``."""

import json
import re
from collections.abc import Mapping
from typing import cast

from flask import Blueprint, Response, jsonify, request

from . import pages
from .codes import Grant
from .forge import ELSEWHERE
from .personas import OidcPersona
from .world import World, disturbance

NAME = "an OpenID provider"
ACR_SUPPORTED = ("phrh", "phr", "https://refeds.org/profile/mfa", "pwd")


def issuer(world: World) -> str:
    """Return the provider's issuer."""
    return f"{world.backchannel_url}/oidc"


def discovery(world: World) -> dict[str, object]:
    """Return the discovery document (OpenID Connect Discovery 1.0, section 3)."""
    on = world.toggles.on
    back = world.elsewhere_url if on("discovery_host", "oidc") else issuer(world)
    return {
        "issuer": f"{ELSEWHERE}/oidc" if on("discovery_issuer", "oidc") else issuer(world),
        "authorization_endpoint": f"{world.browser_url}/oidc/authorize",
        "token_endpoint": f"{back}/token",
        "userinfo_endpoint": f"{back}/userinfo",
        "jwks_uri": f"{back}/jwks",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["openid", "profile", "email"],
        "claims_supported": [
            "sub",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "acr",
            "amr",
            "name",
            "email",
        ],
        "claims_parameter_supported": True,
        "acr_values_supported": list(ACR_SUPPORTED),
        "authorization_response_iss_parameter_supported": True,
        **({} if on("no_s256", "oidc") else {"code_challenge_methods_supported": ["S256"]}),
    }


def documents(world: World) -> Blueprint:
    """Return discovery and keys."""
    routes = Blueprint("oidc_documents", __name__, url_prefix="/oidc")

    @routes.get("/.well-known/openid-configuration")
    def configuration() -> Response:
        return disturbance(world, "oidc", "discovery") or jsonify(discovery(world))

    @routes.get("/jwks")
    def jwks() -> Response:
        keys = [world.keys[purpose].public_jwk for purpose in ("oidc", "oidc_ec")]
        return disturbance(world, "oidc", "jwks") or jsonify({"keys": keys})

    return routes


def _tree(parameters: Mapping[str, str]) -> dict[str, object] | None:
    try:
        tree = json.loads(parameters.get("claims") or "{}")
    except ValueError:
        return None
    return cast(dict[str, object], tree) if isinstance(tree, dict) else None


def demanded(parameters: Mapping[str, str]) -> tuple[bool, bool]:
    """Return whether MFA was asked for, and whether it was demanded.

    ``acr_values`` and a voluntary claims request for ``acr`` or ``amr`` ask (OpenID Connect Core, 3.1.2.1
    and 5.5.1.1); an essential one demands, and so do ``acr_values`` together with ``prompt=login``.
    """
    tree = _tree(parameters) or {}
    of_id_token = tree.get("id_token")
    requests = [of_id_token.get(name) for name in ("acr", "amr")] if isinstance(of_id_token, dict) else []
    named = [wish for wish in requests if isinstance(wish, dict)]
    acr = bool(parameters.get("acr_values"))
    essential = any(wish.get("essential") is True for wish in named)
    return acr or bool(named), essential or (acr and "login" in parameters.get("prompt", "").split())


def _refusal(parameters: Mapping[str, str]) -> tuple[str, str] | None:
    checks = {
        ("unsupported_response_type", "Only code."): parameters.get("response_type") != "code",
        ("invalid_scope", "openid is missing."): "openid" not in parameters.get("scope", "").split(),
        ("invalid_request", "PKCE with S256 is required."): parameters.get("code_challenge_method") != "S256"
        or not re.fullmatch(r"[\w-]{43}", parameters.get("code_challenge", "")),
        ("invalid_request", "max_age is no whole number."): not re.fullmatch(
            r"\d{1,9}", parameters.get("max_age", "0")
        ),
        ("invalid_request", "claims is no JSON object."): _tree(parameters) is None,
        ("login_required", "Nobody is signed in."): "none" in parameters.get("prompt", "").split(),
    }
    return next((error for error, wrong in checks.items() if wrong), None)


def authorize(world: World) -> Blueprint:
    """Return the authorization endpoint."""
    routes = Blueprint("oidc_authorize", __name__, url_prefix="/oidc")

    @routes.route("/authorize", methods=["GET", "POST"])
    def endpoint() -> Response:
        parameters = request.args.to_dict()
        registration = world.registration(parameters.get("client_id"), ("oidc",))
        if registration is None or parameters.get("redirect_uri") not in registration.redirect_uris:
            return pages.message(NAME, "Sorry, something went wrong", "No such client or redirect URI.", 400)
        refusal = _refusal(parameters)
        if refusal is not None:
            return _refuse(world, parameters, *refusal)
        people = world.people(OidcPersona)
        persona = next((person for person in people if person.id == request.form.get("persona")), None)
        if persona is None:
            return pages.choose(NAME, people, parameters.get("login_hint"))
        if persona.error is not None:
            return _refuse(world, parameters, persona.error, "The user said no.")
        asked, forced = demanded(parameters)
        mfa = persona.gives_mfa(asked=asked, forced=forced)
        if mfa and asked and "mfa" not in request.form:
            return pages.second_factor(NAME, persona)
        if mfa and asked and request.form["mfa"] != "approve":
            return _refuse(world, parameters, "access_denied", "The second factor was not given.")
        grant = Grant(registration=registration, persona=persona, parameters=parameters, mfa=mfa)
        return _back(world, parameters, [("code", world.codes.issue(grant))])

    return routes


def _refuse(world: World, parameters: Mapping[str, str], error: str, description: str) -> Response:
    return _back(world, parameters, [("error", error), ("error_description", description)])


def _back(world: World, parameters: Mapping[str, str], fields: pages.Fields) -> Response:
    on = world.toggles.on
    state = [("state", parameters["state"])] if "state" in parameters else []
    iss = f"{ELSEWHERE}/oidc" if on("wrong_response_iss", "oidc") else issuer(world)
    own = [] if on("no_response_iss", "oidc") else [("iss", iss)]
    return pages.send_back(world, "oidc", parameters["redirect_uri"], [*fields, *state, *own])
