"""GitHub's OAuth web flow (``upstreams.md``, 3.2 and 3.5)."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, jsonify, request

from . import clients, pages
from .codes import Grant
from .directory import Registration
from .github_tokens import Tokens, granted
from .personas import GitHubPersona, narrowed
from .world import World, disturbance

NAME = "GitHub"
HELP = "/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/#"

DENIED = "The user has denied your application access."
SENTENCES: Mapping[str, str] = {
    "bad_verification_code": "The code passed is incorrect or expired.",
    "incorrect_client_credentials": "The client_id and/or client_secret passed are incorrect.",
    "redirect_uri_mismatch": "The redirect_uri MUST match the registered callback URL for this application.",
    "unverified_user_email": "The user must have a verified primary email.",
    "application_suspended": "Your application has been suspended. Contact support@github.com.",
    "access_denied": DENIED,
    "invalid_request": "The code_challenge_method must be S256.",
}


def below(registered: str, asked: str) -> bool:
    """Return whether ``asked`` is the registered callback or a sub-directory of it: same scheme, host and
    port.
    """
    a, b = urlsplit(registered), urlsplit(asked)
    if (a.scheme, a.netloc) != (b.scheme, b.netloc) or ".." in b.path.split("/"):
        return False
    return b.path == a.path or b.path.startswith(a.path.rstrip("/") + "/")


def authorize(world: World, tokens: Tokens) -> Blueprint:
    """Return GitHub's authorization endpoint."""
    routes = Blueprint("github_authorize", __name__)

    @routes.route("/login/oauth/authorize", methods=["GET", "POST"])
    def endpoint() -> Response:
        parameters = request.args.to_dict()
        registration = world.registration(parameters.get("client_id"), ("github",))
        if registration is None:
            return pages.message(NAME, "404", "This is not the application you are looking for.", 404)
        callback = parameters.setdefault("redirect_uri", registration.redirect_uris[0])
        if not any(below(registered, callback) for registered in registration.redirect_uris):
            parameters["redirect_uri"] = registration.redirect_uris[0]
            return _refuse(world, parameters, "redirect_uri_mismatch")
        if world.toggles.on("application_suspended", "github"):
            return _refuse(world, parameters, "application_suspended")
        if "code_challenge" in parameters and parameters.get("code_challenge_method") != "S256":
            return _refuse(world, parameters, "invalid_request")
        people = world.people(GitHubPersona)
        persona = next((person for person in people if person.id == request.form.get("persona")), None)
        if persona is None:
            hint = next((person.id for person in people if person.login == parameters.get("login")), None)
            return pages.choose(NAME, people, hint, note=_note(parameters))
        return _sign_in(world, tokens, registration, persona, parameters)

    return routes


def _note(parameters: Mapping[str, str]) -> str:
    sign_up = "" if parameters.get("allow_signup") == "false" else " A real GitHub would offer to create an account."
    return f"The application asks for: {parameters.get('scope') or 'public data'}.{sign_up}"


def _refuse(world: World, parameters: Mapping[str, str], error: str) -> Response:
    fields = [("error", error), ("error_description", SENTENCES[error]), ("error_uri", f"{HELP}{error}")]
    return _back(world, parameters, fields)


def _back(world: World, parameters: Mapping[str, str], fields: pages.Fields) -> Response:
    state = [("state", parameters["state"])] if "state" in parameters else []
    return pages.send_back(world, "github", parameters["redirect_uri"], [*fields, *state])


def _sign_in(
    world: World,
    tokens: Tokens,
    registration: Registration,
    persona: GitHubPersona,
    parameters: dict[str, str],
) -> Response:
    if persona.error == "access_denied":
        return _refuse(world, parameters, "access_denied")
    scopes = granted(persona, parameters.get("scope", ""))
    often = world.toggles.on("ten_tokens_an_hour", "github") and tokens.many(registration.client_id, persona, scopes)
    if often and request.form.get("reauthorize") != "yes":
        text = "This application has made an unusually high number of requests to access your account."
        return pages.confirm(
            NAME,
            "Reauthorization required",
            text,
            "reauthorize",
            [("yes", "Authorize the application again")],
            [("persona", persona.id)],
        )
    code = world.codes.issue(Grant(registration=registration, persona=persona, parameters=parameters, mfa=False))
    return _back(world, parameters, [("code", code)])


def token(world: World, tokens: Tokens) -> Blueprint:
    """Return GitHub's token endpoint. Its errors come with status 200."""
    routes = Blueprint("github_token", __name__)

    @routes.post("/login/oauth/access_token")
    def endpoint() -> Response:
        disturbed = disturbance(world, "github", "token")
        return disturbed or _formatted(_redeem(world, tokens))

    return routes


def _formatted(members: Mapping[str, str]) -> Response:
    if request.accept_mimetypes.best == "application/json":
        return jsonify(dict(members))
    return Response(urlencode(members), mimetype="application/x-www-form-urlencoded")


def _error(error: str) -> Mapping[str, str]:
    return {
        "error": error,
        "error_description": SENTENCES[error],
        "error_uri": f"{HELP}{error.replace('_', '-')}",
    }


def _redeem(world: World, tokens: Tokens) -> Mapping[str, str]:
    registration = world.registration(clients.presented_id(), ("github",))
    if registration is None or not clients.is_secret(registration, clients.presented_secret() or ""):
        return _error("incorrect_client_credentials")
    grant = world.codes.redeem(
        request.form.get("code", ""),
        reusable=world.toggles.on("code_reusable", "github"),
        unfit=lambda grant: _unfit(registration, grant),
    )
    if isinstance(grant, str):
        return _error(grant if grant in SENTENCES else "bad_verification_code")
    persona = narrowed(grant.persona, GitHubPersona)
    if persona.error is not None:
        return _error(persona.error)
    scopes = granted(persona, grant.parameters.get("scope", ""))
    members = {
        "access_token": tokens.issue(registration.client_id, persona, scopes),
        "scope": ",".join(scopes),
        "token_type": "bearer",
    }
    left_out = {
        name
        for name, toggle in (("access_token", "no_token"), ("scope", "no_scope"))
        if world.toggles.on(toggle, "github")
    }
    return {name: value for name, value in members.items() if name not in left_out}


def _unfit(registration: Registration, grant: Grant) -> str | None:
    if grant.registration.client_id != registration.client_id:
        return "bad_verification_code"
    if request.form.get("redirect_uri", grant.redirect_uri) != grant.redirect_uri:
        return "redirect_uri_mismatch"
    fits = clients.is_verifier(request.form.get("code_verifier"), grant.parameters.get("code_challenge"))
    return None if fits else "bad_verification_code"
