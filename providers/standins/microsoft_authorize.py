"""Microsoft's authorization endpoint (``upstreams.md``, 1.4)."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from flask import Blueprint, Response, request

from . import pages
from .codes import Grant
from .directory import CONSUMERS, EVIDENCE_SCOPE, MSA, MULTI_TENANT, TENANTS, Registration, tenant_id
from .microsoft import NAME, known, unknown_tenant
from .microsoft_errors import LATE_CLAIMS, TROUBLES, Trouble
from .personas import MicrosoftPersona
from .world import World

MFA = "urn:microsoft:policies:mfa"
DEFAULT = "urn:microsoft:policies:default"
ENDS_IN = frozenset({"declined", "no_factor", "blocked", "admin_consent", "unassigned", "no_application"})
"""Errors of personas with which the browser goes back at once."""
GRAPH_SCOPES = frozenset({"openid", "profile", "email", "offline_access", "User.Read"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request asks of MFA: ``asked`` softly, or ``forced``; and the authentication contexts it names."""

    asked: bool
    forced: bool
    contexts: frozenset[str]


def wanted(parameters: Mapping[str, str]) -> Wanted:
    """Return what the request asks for in ``acr_values`` and ``claims``.

    ``acr_values`` with the default policy beside MFA, and a claims request that is not essential, ask; MFA
    alone, or as an essential claim, or the claims of AADSTS50076, force.
    """
    policies = parameters.get("acr_values", "").split()
    tree = _claims(parameters) or {}
    amr, amr_essential = _claim(tree, "access_token", "amr")
    acr, _ = _claim(tree, "access_token", "acr")
    contexts, _ = _claim(tree, "id_token", "acrs")
    amr_asked = bool(amr & {"mfa", "ngcmfa"})
    late, _ = _claim(tree, "access_token", "capolids")
    forced = (MFA in policies and DEFAULT not in policies) or (amr_asked and amr_essential) or MFA in acr or bool(late)
    return Wanted(asked=forced or MFA in policies or amr_asked, forced=forced, contexts=contexts)


def _claims(parameters: Mapping[str, str]) -> dict[str, object] | None:
    try:
        tree = json.loads(parameters.get("claims") or "{}")
    except ValueError:
        return None
    return tree if isinstance(tree, dict) else None


def _claim(tree: Mapping[str, object], token: str, name: str) -> tuple[frozenset[str], bool]:
    """Return the values asked for of one claim, and whether it is essential (OpenID Connect Core, 5.5.1)."""
    claims = tree.get(token)
    request_of = claims.get(name) if isinstance(claims, dict) else None
    if not isinstance(request_of, dict):
        return frozenset(), False
    values = request_of.get("values", [request_of.get("value")])
    texts = frozenset(value for value in values if isinstance(value, str)) if isinstance(values, list) else frozenset()
    return texts, request_of.get("essential") is True


def _refusal(parameters: Mapping[str, str], registration: Registration, selector: str) -> Trouble | None:
    """Return the error that goes back to the application before anybody signs in, if any."""
    mine = "microsoft_account" if selector in CONSUMERS else "entra"
    age = parameters.get("max_age", "0")
    challenge = parameters.get("code_challenge")
    resources = set(parameters.get("scope", "").split()) - GRAPH_SCOPES
    checks = {
        "entra_only": registration.kind == "entra" and mine == "microsoft_account",
        "consumers_only": registration.kind == "microsoft_account" and mine == "entra",
        "parameter": "amr_values" in parameters,
        "response_type": parameters.get("response_type") != "code",
        "response_mode": parameters.get("response_mode", "query") not in ("query", "form_post"),
        "prompt": parameters.get("prompt", "login") not in ("login", "none", "consent", "select_account"),
        "max_age": not re.fullmatch(r"\d{1,9}", age),
        "pkce": challenge is not None
        and (parameters.get("code_challenge_method") != "S256" or not re.fullmatch(r"[\w-]{43}", challenge)),
        "claims": _claims(parameters) is None,
        "resource": bool(resources - {EVIDENCE_SCOPE}) or (bool(resources) and registration.kind != "entra"),
        "silent": parameters.get("prompt") == "none",
    }
    return next((TROUBLES[name] for name, wrong in checks.items() if wrong), None)


def _people(world: World, selector: str) -> list[MicrosoftPersona]:
    """Return who can sign in at ``selector``. Guests show at ``organizations`` too, where Microsoft would
    sign them in to their own tenant: so one authority drives every case.
    """
    tid = tenant_id(selector)
    people = world.people(MicrosoftPersona)
    if tid is not None:
        return [person for person in people if person.tid == tid]
    return [person for person in people if selector == "common" or person.tid != MSA]


def authorize(world: World) -> Blueprint:
    """Return the authorization endpoint."""
    routes = Blueprint("microsoft_authorize", __name__)

    @routes.route("/<selector>/oauth2/v2.0/authorize", methods=["GET", "POST"])
    def endpoint(selector: str) -> Response | tuple[Response, int]:
        if not known(selector):
            return unknown_tenant()
        parameters = request.args.to_dict()
        registration = world.registration(parameters.get("client_id"), ("microsoft_account", "entra"))
        if registration is None:
            return _shown(TROUBLES["unknown_client"])
        if parameters.get("redirect_uri") not in registration.redirect_uris:
            return _shown(TROUBLES["redirect_uri"])
        refusal = _refusal(parameters, registration, selector)
        if refusal is not None:
            return _back(world, parameters, refusal.fields())
        people = _people(world, selector)
        persona = next((person for person in people if person.id == request.form.get("persona")), None)
        if persona is None:
            return pages.choose(NAME, people, parameters.get("login_hint"), note=_note(selector))
        return _sign_in(world, selector, registration, persona, parameters)

    return routes


def _note(selector: str) -> str:
    if selector in CONSUMERS:
        return "Personal accounts."
    if selector in MULTI_TENANT:
        return "Work accounts of every tenant." if selector == "organizations" else "Any account."
    return f"Work accounts of {TENANTS[tenant_id(selector) or ''].name}, and its guests."


def _shown(trouble: Trouble) -> Response:
    return pages.message(NAME, "Sorry, something went wrong", f"AADSTS{trouble.number}: {trouble.text}", 400)


def _sign_in(
    world: World,
    selector: str,
    registration: Registration,
    persona: MicrosoftPersona,
    parameters: dict[str, str],
) -> Response:
    unapproved = persona.error == "consent" and parameters.get("prompt") != "consent"
    if persona.error is not None and (persona.error in ENDS_IN or unapproved):
        return _back(world, parameters, TROUBLES[persona.error].fields())
    want = wanted(parameters)
    policy = bool(want.contexts & persona.acrs & TENANTS[persona.tid].contexts) if persona.tid in TENANTS else False
    mfa = persona.gives_mfa(asked=want.asked, forced=want.forced or policy)
    if mfa and (want.asked or policy):
        answer = request.form.get("mfa")
        if answer is None:
            return pages.second_factor(NAME, persona)
        if answer != "approve":
            return _back(world, parameters, TROUBLES["factor_cancelled"].fields())
    code = world.codes.issue(
        Grant(registration=registration, persona=persona, parameters=parameters, mfa=mfa, authority=selector)
    )
    fields = [("code", code)]
    if parameters.get("client_info") == "1":
        fields.append(("client_info", client_info(persona)))
    return _back(world, parameters, fields, [("session_state", str(uuid4()))])


def client_info(persona: MicrosoftPersona) -> str:
    """Return Microsoft's base64url ``client_info`` of the person."""
    raw = json.dumps({"uid": persona.subject, "utid": persona.tid}, separators=(",", ":"))
    return urlsafe_b64encode(raw.encode()).rstrip(b"=").decode()


def _back(
    world: World, parameters: Mapping[str, str], fields: pages.Fields, after: pages.Fields | None = None
) -> Response:
    state = [("state", parameters["state"])] if "state" in parameters else []
    return pages.send_back(
        world,
        "microsoft",
        parameters["redirect_uri"],
        [*fields, *state, *(after or [])],
        form_post=parameters.get("response_mode") == "form_post",
    )


def has_late_claims(parameters: Mapping[str, str]) -> bool:
    """Return whether the request carries the claims that AADSTS50076 wanted."""
    tree = _claims(parameters) or {}
    asked, _ = _claim(tree, "access_token", "capolids")
    late, _ = _claim(json.loads(LATE_CLAIMS), "access_token", "capolids")
    return late <= asked
