"""Microsoft's documents, keys, logout and admin consent (``upstreams.md``, 1.1 to 1.3, 1.9 and 1.13)."""

from flask import Blueprint, Response, jsonify, request

from . import pages
from .directory import CONSUMERS, MSA, MULTI_TENANT, TENANTS, tenant_id
from .microsoft_errors import TROUBLES
from .world import World, disturbance

NAME = "Microsoft"


def known(selector: str) -> bool:
    """Return whether a path's first segment means a tenant, or several."""
    return selector in MULTI_TENANT or tenant_id(selector) is not None


def unknown_tenant() -> tuple[Response, int]:
    """Return the answer for a tenant nobody knows."""
    return jsonify(TROUBLES["unknown_tenant"].members()), 400


def v2_issuer(world: World, tid: str) -> str:
    """Return the issuer of version-2 tokens of the tenant."""
    return f"{world.backchannel_url}/{tid}/v2.0"


def v1_issuer(world: World, tid: str) -> str:
    """Return the issuer of version-1 tokens of the tenant, the stand-in of
    ``https://sts.windows.net/{tid}/``.
    """
    return f"{world.backchannel_url}/sts/{tid}/"


def discovery(world: World, selector: str, *, v1: bool = False) -> dict[str, object]:
    """Return the discovery document of ``selector``, in Microsoft's shape of either version."""
    tid = tenant_id(selector) or "{tenantid}"
    back, front = f"{world.backchannel_url}/{selector}", f"{world.browser_url}/{selector}"
    if world.toggles.on("discovery_host", "microsoft"):
        back = f"{world.elsewhere_url}/{selector}"
    oauth2, keys = ("oauth2", "discovery/keys") if v1 else ("oauth2/v2.0", "discovery/v2.0/keys")
    issuer = v1_issuer(world, tid) if v1 else v2_issuer(world, tid)
    if world.toggles.on("discovery_issuer", "microsoft"):
        issuer = f"https://attacker.invalid/{tid}/v2.0"
    claims = [
        "sub",
        "iss",
        "cloud_instance_name",
        "cloud_instance_host_name",
        "cloud_graph_host_name",
        "msgraph_host",
    ]
    claims += [
        "aud",
        "exp",
        "iat",
        "auth_time",
        "acr",
        *(("amr",) if v1 else ()),
        "nonce",
        "preferred_username",
        "name",
    ]
    return {
        "token_endpoint": f"{back}/{oauth2}/token",
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        "jwks_uri": f"{back}/{keys}",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": False,
        "userinfo_endpoint": f"{world.backchannel_url}/graph/oidc/userinfo",
        "authorization_endpoint": f"{front}/{oauth2}/authorize",
        "device_authorization_endpoint": f"{back}/{oauth2}/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{front}/{oauth2}/logout",
        "claims_supported": [*claims, "tid", "ver", "at_hash", "c_hash", "email"],
        "kerberos_endpoint": f"{back}/kerberos",
        "tenant_region_scope": None,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }


def key_set(world: World, selector: str, *, v1: bool = False) -> dict[str, object]:
    """Return the JWKS of ``selector``. Version-2 keys say whose they are in ``issuer``, as Microsoft's do;
    keys of version 1 do not (AadIssuerValidator of Microsoft's identity model relies on both).
    """
    if v1:
        return {"keys": [world.keys["entra_v1"].microsoft_jwk]}
    tid = tenant_id(selector) or "{tenantid}"
    entra = {**world.keys["entra"].microsoft_jwk, "issuer": v2_issuer(world, tid)}
    msa = {**world.keys["msa"].microsoft_jwk, "issuer": v2_issuer(world, MSA)}
    if selector in CONSUMERS:
        return {"keys": [msa]}
    return {"keys": [entra, msa] if selector in MULTI_TENANT else [entra]}


def documents(world: World) -> Blueprint:
    """Return discovery and keys: the part of the back channel that only tells."""
    routes = Blueprint("microsoft_documents", __name__)

    @routes.get("/<selector>/v2.0/.well-known/openid-configuration", defaults={"v1": False})
    @routes.get("/<selector>/.well-known/openid-configuration", defaults={"v1": True})
    def configuration(selector: str, v1: bool) -> Response | tuple[Response, int]:
        if not known(selector):
            return unknown_tenant()
        return disturbance(world, "microsoft", "discovery") or jsonify(discovery(world, selector, v1=v1))

    @routes.get("/<selector>/discovery/v2.0/keys", defaults={"v1": False})
    @routes.get("/<selector>/discovery/keys", defaults={"v1": True})
    def keys(selector: str, v1: bool) -> Response | tuple[Response, int]:
        if not known(selector):
            return unknown_tenant()
        return disturbance(world, "microsoft", "jwks") or jsonify(key_set(world, selector, v1=v1))

    return routes


def farewells(world: World) -> Blueprint:
    """Return the browser pages besides the sign-in: logout and admin consent."""
    routes = Blueprint("microsoft_farewells", __name__)

    @routes.route("/<selector>/oauth2/v2.0/logout", methods=["GET", "POST"])
    def logout(selector: str) -> Response | tuple[Response, int]:
        if not known(selector):
            return unknown_tenant()
        target = request.values.get("post_logout_redirect_uri")
        if target and any(target in registration.redirect_uris for registration in world.registrations):
            return Response(status=302, headers={"Location": target})
        return pages.message(NAME, "You signed out", "You can close this window.", 200)

    @routes.route("/<selector>/v2.0/adminconsent", methods=["GET", "POST"])
    def admin_consent(selector: str) -> Response | tuple[Response, int]:
        if not known(selector) or selector == "common" or selector in CONSUMERS:
            return unknown_tenant()
        registration = world.registration(request.args.get("client_id"), ("entra",))
        if registration is None:
            return pages.message(NAME, "Sorry, something went wrong", "AADSTS700016: no such application.", 400)
        redirect_uri = request.args.get("redirect_uri", "")
        if redirect_uri not in registration.redirect_uris:
            return pages.message(NAME, "Sorry, something went wrong", "AADSTS50011: no such redirect URI.", 400)
        answer = request.form.get("tenant")
        tid = tenant_id(selector)
        tenants = [tenant for tenant in TENANTS.values() if tid in (None, tenant.tid)]
        if answer is None:
            choices = [(tenant.tid, f"Approve, as admin of {tenant.name}") for tenant in tenants]
            text = f"The application asks for: {request.args.get('scope', '')}"
            return pages.confirm(
                NAME,
                "Permissions for your organisation",
                text,
                "tenant",
                [*choices, ("decline", "Decline")],
                [],
            )
        fields = [("admin_consent", "True")]
        if answer in {tenant.tid for tenant in tenants}:
            fields += [("tenant", answer), ("scope", request.args.get("scope", ""))]
        else:
            fields += [("error", "consent_required"), TROUBLES["declined"].fields()[1]]
        fields += [("state", request.args["state"])] if "state" in request.args else []
        return pages.send_back(world, "microsoft", redirect_uri, fields)

    return routes
