"""GitHub's REST API, as far as a sign-in goes (``upstreams.md``, 3.3, 3.5 and 3.6)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from secrets import token_hex

from flask import Blueprint, Response, jsonify, request

from . import clients
from .github_tokens import Token, Tokens
from .personas import GitHubPersona
from .world import World, disturbance

Members = dict[str, object]
Odd = Callable[[Members], object]
Answer = Response | tuple[Response, int]

DOCUMENTATION = "https://docs.github.com/rest"
VERSIONS = ("2022-11-28", "2026-03-10")
LIMIT = 5000
HOUR = 3600

REFUSALS = (
    ("rate_limited", "API rate limit exceeded.", 403),
    ("rate_limited_secondary", "You have exceeded a secondary rate limit.", 429),
    ("api_401", "Bad credentials", 401),
)
ODD_USERS: Mapping[str, Odd] = {
    "user_id_text": lambda user: {**user, "id": str(user["id"])},
    "user_id_missing": lambda user: {name: value for name, value in user.items() if name != "id"},
    "user_id_bool": lambda user: {**user, "id": True},
    "user_id_zero": lambda user: {**user, "id": 0},
    "user_is_list": lambda user: [user],
    "user_type_missing": lambda user: {name: value for name, value in user.items() if name != "type"},
}


def api(world: World, tokens: Tokens) -> Blueprint:
    """Return the API below ``/api/v3``, where an Enterprise Server has it."""
    routes = Blueprint("github_api", __name__, url_prefix="/api/v3")
    routes.before_request(lambda: _refusal(world))
    routes.after_request(lambda response: _labelled(world, tokens, response))

    @routes.get("/user")
    def user() -> Answer:
        token = _bearer(tokens)
        return _message("Bad credentials", 401) if token is None else jsonify(_user(world, token))

    @routes.get("/user/emails")
    def emails() -> Answer:
        token = _bearer(tokens)
        return _message("Bad credentials", 401) if token is None else _emails(world, token)

    @routes.delete("/applications/<client_id>/<any(token, grant):what>")
    def revoke(client_id: str, what: str) -> Answer:
        token = _of_application(world, tokens, client_id)
        if not isinstance(token, Token):
            return token
        (tokens.revoke if what == "token" else tokens.revoke_grant)(token)
        return Response(status=204)

    return routes


def _refusal(world: World) -> Answer | None:
    if not request.user_agent.string:
        return _message("Request forbidden by administrative rules. Please send a User-Agent.", 403)
    if request.headers.get("X-GitHub-Api-Version", VERSIONS[0]) not in VERSIONS:
        return _message("The API version is not supported.", 400)
    for name, text, status in REFUSALS:
        if world.toggles.on(name, "github"):
            return _message(text, status)
    return disturbance(world, "github", "api")


def _of_application(world: World, tokens: Tokens, client_id: str) -> Token | Answer:
    """Return the live token in the body of a request that the application itself makes."""
    if world.toggles.on("revoke_500", "github"):
        return _message("Server Error", 500)
    registration = world.registration(client_id, ("github",))
    proven = registration is not None and clients.is_secret(registration, clients.presented_secret() or "")
    if not proven or clients.presented_id() != client_id:
        return _message("Not Found", 404)
    body = request.get_json(silent=True)
    value = body.get("access_token") if isinstance(body, dict) else None
    token = tokens.find(value) if isinstance(value, str) else None
    if token is None or token.client_id != client_id:
        return _message("Validation Failed", 422)
    return token


def _message(text: str, status: int) -> tuple[Response, int]:
    return jsonify({"message": text, "documentation_url": DOCUMENTATION}), status


def _bearer(tokens: Tokens) -> Token | None:
    authorization = request.authorization
    if authorization is None or authorization.type not in ("bearer", "token") or not authorization.token:
        return None
    return tokens.find(authorization.token)


def _labelled(world: World, tokens: Tokens, response: Response) -> Response:
    limited = world.toggles.on("rate_limited", "github")
    response.headers["X-GitHub-Request-Id"] = token_hex(8).upper()
    response.headers["X-RateLimit-Limit"] = str(LIMIT)
    response.headers["X-RateLimit-Remaining"] = "0" if limited else str(LIMIT - 1)
    response.headers["X-RateLimit-Used"] = str(LIMIT) if limited else "1"
    response.headers["X-RateLimit-Reset"] = str(int(datetime.now(UTC).timestamp()) + HOUR)
    response.headers["X-RateLimit-Resource"] = "core"
    if response.status_code == 429:
        response.headers["Retry-After"] = "60"
    token = _bearer(tokens)
    if token is not None:
        response.headers["X-OAuth-Scopes"] = ", ".join(token.scopes)
        response.headers["X-Accepted-OAuth-Scopes"] = "user:email, user" if request.path.endswith("/emails") else ""
    return response


def user_json(token: Token) -> Members:
    """Return ``GET /user``: the public part, and the private one where the scopes allow it."""
    person, canary = token.persona, token.persona.canary
    user: Members = {
        "login": person.login,
        "id": int(person.subject),
        "node_id": canary.claim("node", person.id),
        "avatar_url": f"https://avatars.example/{canary.claim('avatar', person.id)}",
        "html_url": f"https://github.example/{person.login}",
        "type": person.type,
        "user_view_type": "private" if token.may("read:user") else "public",
        "site_admin": False,
        "name": person.name,
        "company": canary.claim("company", person.id),
        "blog": canary.claim("blog", person.id),
        "location": canary.claim("location", person.id),
        "email": None,
        "notification_email": person.email,
        "hireable": None,
        "bio": canary.claim("bio", person.id),
        "twitter_username": canary.claim("twitter", person.id),
        "public_repos": 2,
        "public_gists": 1,
        "followers": 20,
        "following": 0,
        "created_at": "2008-01-14T04:33:35Z",
        "updated_at": "2026-11-01T04:33:35Z",
    }
    if person.suspended:
        user["suspended_at"] = "2026-10-01T00:00:00Z"
    if token.may("read:user"):
        user |= {
            "private_gists": 81,
            "total_private_repos": 100,
            "owned_private_repos": 100,
            "disk_usage": 10000,
            "collaborators": 8,
            "plan": {"name": "free", "space": 976562499, "private_repos": 10000, "collaborators": 0},
        }
        if person.two_factor != "absent" and ("user" in token.scopes or not person.needs_user_scope):
            user["two_factor_authentication"] = person.two_factor
    return user


def _user(world: World, token: Token) -> object:
    """Return ``GET /user``, made odd by whatever toggle is on."""
    user = user_json(token)
    return next((odd(user) for name, odd in ODD_USERS.items() if world.toggles.on(name, "github")), user)


def _emails(world: World, token: Token) -> Answer:
    if world.toggles.on("emails_500", "github"):
        return _message("Server Error", 500)
    if not token.may("user:email"):
        return _message("Not Found", 404)
    return jsonify(_addresses(world, token.persona))


def _addresses(world: World, person: GitHubPersona) -> object:
    primary: Members = {
        "email": person.email,
        "primary": True,
        "verified": person.email_verified,
        "visibility": "public",
    }
    other: Members = {
        "email": f"{person.canary.claim('second-email', person.id)}@{person.canary.domain}",
        "primary": False,
        "verified": True,
        "visibility": None,
    }
    if world.toggles.on("emails_object", "github"):
        return primary
    if world.toggles.on("emails_odd", "github"):
        return [
            None,
            "text",
            7,
            {},
            {"email": 7, "primary": True, "verified": True},
            {**primary, "verified": "true"},
        ]
    return [other, primary] if person.email_verified else [{**other, "verified": False}, primary]
