"""The registry's endpoints: discovery, keys, authorize, token, userinfo."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc6750 import BearerTokenValidator
from flask import Blueprint, Response, jsonify, redirect, request
from flask.typing import ResponseReturnValue

from broker.accounts.service import Accounts
from broker.audit.service import Audit
from broker.keys.signing import SigningKeys
from broker.oidc.authorize.checks import PROMPTS, SCOPES
from broker.oidc.authorize.table import Refused, validate
from broker.oidc.clients import Client, Clients
from broker.oidc.errors import RedirectError, error_redirect
from broker.oidc.goal import RegistryGoal
from broker.oidc.grants import AUTH_METHODS, TokenServer
from broker.oidc.redeem import Redeemer
from broker.oidc.request import AuthorizationRequest
from broker.oidc.strict import BadRequest, check_form
from broker.oidc.tokens import ALGORITHMS, AccessToken, AccessTokens, IdTokens
from broker.signin.browser import Browser
from broker.signin.policy import Policy
from broker.signin.sessions import Session, Sessions
from broker.signin.transactions import Goal, Transactions
from broker.storage.database import Database
from broker.storage.store import ShortLived
from broker.web.errors import API_BLUEPRINT
from claims.decision import Purpose, Reason, Verdict, decide
from claims.vocabulary import ACR_SUPPORTED

PUBLIC_FOR = "public, max-age=300"
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """What the endpoints work with."""

    issuer: str
    clients: Clients
    goal: RegistryGoal
    redeemer: Redeemer
    access_tokens: AccessTokens
    id_tokens: IdTokens
    keys: SigningKeys
    sessions: Sessions
    transactions: Transactions
    accounts: Accounts
    audit: Audit
    policy: Policy
    providers: frozenset[str]
    database: Database
    store: ShortLived
    browser: Browser
    clock: Callable[[], datetime]


def discovery_document(issuer: str) -> dict[str, object]:
    """Return the metadata of OpenID Connect Discovery 1.0 section 3: what is supported, and nothing else."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": list(ACR_SUPPORTED),
        "prompt_values_supported": sorted(PROMPTS),
        "claims_supported": [
            *("iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "acr", "amr", "sid"),
            *("name", "email", "email_verified"),
        ],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }


def browser_blueprint(endpoints: Endpoints) -> Blueprint:
    """Return the endpoint that people's browsers are sent to."""
    blueprint = Blueprint("oidc", __name__)

    @blueprint.get("/authorize")
    def authorize() -> ResponseReturnValue:
        now = endpoints.clock()
        try:
            client, asked = validate(
                dict(request.args.lists()),
                endpoints.clients,
                endpoints.providers,
                lambda hint: endpoints.id_tokens.subject_of(hint, now),
            )
        except Refused as refused:
            return redirect(error_redirect(refused.redirect_uri, refused.state, endpoints.issuer, refused.error))
        cookie = endpoints.browser.session_cookie()
        session = endpoints.sessions.find(cookie, now)
        verdict = _judge(endpoints, client, asked, session, now)
        if cookie is not None and session is not None and verdict is not None and verdict.satisfied:
            location = _reuse(endpoints, asked, cookie, session, now)
            if location is not None:
                return redirect(location)
        if "none" in asked.prompt:
            error = _silent_error(verdict)
            return redirect(error_redirect(asked.redirect_uri, asked.state, endpoints.issuer, error))
        payload = endpoints.goal.payload(client, asked)
        token = endpoints.browser.token()
        transaction = endpoints.transactions.begin(Goal.REGISTRY, payload, token, now)
        response = redirect(endpoints.browser.entrance(transaction.id, asked.provider))
        endpoints.browser.remember(response, token)
        return response

    return blueprint


def _reuse(
    endpoints: Endpoints, asked: AuthorizationRequest, cookie: str, session: Session, now: datetime
) -> str | None:
    """Return the redirect with a code for a live session, or none if it ended in this very moment."""
    answer = endpoints.goal.answer(asked, session)
    key, entry = endpoints.sessions.unchanged(cookie, session, now)
    if not endpoints.store.commit(take=[key], put=[entry, answer.entry], index=[answer.index]):
        return None
    with endpoints.database.begin() as connection:
        endpoints.audit.record(
            connection,
            action="signin.reused",
            account_id=session.account_id,
            client_id=asked.client_id,
            provider_id=session.provider_id,
            now=now,
        )
    return answer.location


def _judge(
    endpoints: Endpoints, client: Client, asked: AuthorizationRequest, session: Session | None, now: datetime
) -> Verdict | None:
    """Return what ``decide`` says of a live session for this request; none where it may not be reused at all."""
    if session is None or not {"login", "select_account", "consent"}.isdisjoint(asked.prompt):
        return None
    if session.provider_id not in endpoints.providers or not client.allows(session.provider_id):
        return None
    if asked.provider not in (None, session.provider_id) or asked.sub not in (None, session.account_id):
        return None
    with endpoints.database.read() as connection:
        if endpoints.accounts.live(connection, session.account_id, session.identity_id) is None:
            return None
    requirement = endpoints.policy.requirement(Purpose.SESSION, now, rule=client.rule, demand=asked.demand(now))
    return decide(requirement, session.authentication, now)


def _silent_error(verdict: Verdict | None) -> RedirectError:
    """Say why ``prompt=none`` cannot be met (OpenID Connect Core section 3.1.2.6)."""
    if verdict is not None and verdict.reason is Reason.ACR_UNMET:
        return RedirectError("unmet_authentication_requirements", "The session does not have the acr.")
    return RedirectError("login_required", "The user has to sign in.")


class _Bearer(BearerTokenValidator):  # type: ignore[misc]  # Authlib has no types
    """RFC 6750, on our sealed access tokens."""

    def __init__(self, endpoints: Endpoints) -> None:
        super().__init__(realm="vestibule")
        self._endpoints = endpoints

    def authenticate_token(self, token_string: str) -> AccessToken | None:
        token = self._endpoints.access_tokens.read(token_string, self._endpoints.clock())
        if token is None or token.provider_id not in self._endpoints.providers:
            return None
        client = self._endpoints.clients.get(token.client_id)
        return token if client is not None and client.allows(token.provider_id) else None


def api_blueprint(endpoints: Endpoints) -> Blueprint:
    """Return the endpoints that programs call."""
    blueprint = Blueprint(API_BLUEPRINT, __name__)
    server = TokenServer(
        redemption=endpoints.redeemer.redemption(),
        find_client=endpoints.clients.get,
        endpoint=f"{endpoints.issuer}/token",
    )
    protector = ResourceProtector()
    protector.register_token_validator(_Bearer(endpoints))
    document = discovery_document(endpoints.issuer)

    @blueprint.get("/.well-known/openid-configuration")
    def discovery() -> ResponseReturnValue:
        return _public(document)

    @blueprint.get("/jwks")
    def jwks() -> ResponseReturnValue:
        return _public(endpoints.keys.jwks(endpoints.clock()))

    @blueprint.post("/authorize")
    def authorize_by_form() -> ResponseReturnValue:
        """OpenID Connect Core 3.1.2.1 wants POST too. A form from another site brings no cookies: ask again by GET."""
        pairs = [(name, value) for name, values in request.form.lists() for value in values]
        return redirect("/authorize?" + urlencode(pairs), code=303)

    @blueprint.post("/token")
    def token() -> ResponseReturnValue:
        try:
            check_form(request)
        except BadRequest as error:
            return _oauth_error(error.error, error.description, error.status)
        response: Response = server.create_token_response(request)
        response.headers.update(NO_STORE)
        return response

    @blueprint.route("/userinfo", methods=["GET", "POST"])
    def userinfo() -> ResponseReturnValue:
        try:
            if "access_token" in request.args:
                # RFC 6750 section 2.3: a token in a URL ends up in logs.
                raise InvalidRequestError("The access token belongs into the Authorization header.")
            access_token: AccessToken = protector.acquire_token(["openid"])
        except OAuth2Error as error:
            headers = {**dict(error.get_headers()), **NO_STORE}
            return Response(jsonify(dict(error.get_body())).get_data(), error.status_code, headers)
        claims = endpoints.redeemer.userinfo(access_token)
        if claims is None:
            return _oauth_error("invalid_token", "The account no longer stands.", 401)
        response = jsonify(claims)
        response.headers.update(NO_STORE)
        return response

    return blueprint


def _public(document: object) -> Response:
    response = jsonify(document)
    response.headers["Cache-Control"] = PUBLIC_FOR
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def _oauth_error(error: str, description: str, status: int) -> Response:
    response = jsonify(error=error, error_description=description)
    response.status_code = status
    response.headers.update(NO_STORE)
    if status == 401:
        scheme = "Bearer" if error == "invalid_token" else "Basic"
        response.headers["WWW-Authenticate"] = f'{scheme} realm="vestibule", error="{error}"'
    return response
