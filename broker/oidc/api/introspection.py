"""Token introspection (RFC 7662), plain and signed (RFC 9701)."""

from collections.abc import Mapping
from datetime import datetime

from authlib.oauth2.rfc6749 import InvalidRequestError
from werkzeug.http import parse_accept_header

from broker.oidc.api.context import NO_STORE, Api, answer, bearer, is_open, proven, stands
from broker.oidc.clients import Client
from broker.oidc.scopes import INTROSPECTION
from broker.oidc.strict import check_form
from broker.oidc.tokens.access import AccessToken, authentication_claims
from broker.oidc.tokens.refresh import State
from broker.web.call import Answer, Call

SIGNED = "application/token-introspection+jwt"


def introspect(api: Api, call: Call) -> Answer:
    """POST /introspect: what a token says, to its client and to the resources it is for; to nobody else."""
    client = _caller(api, call)
    text = call.form.get("token")
    now = api.clock()
    # The trip to the store for its marks brings the kill switches along.
    token = api.access_tokens.read(text, now) if text else None
    api.authentication.check(client)
    if not text:
        raise InvalidRequestError("The token is missing.")
    found = _of_access_token(api, client, token) if token is not None else _of_refresh_token(api, client, text, now)
    document = found or {"active": False}
    if SIGNED not in parse_accept_header(call.environ.get("HTTP_ACCEPT", "")).values():
        return answer(document)
    claims = {"aud": client.client_id, "iat": int(now.timestamp()), "token_introspection": document}
    signed = api.signer.sign(
        claims, typ="token-introspection+jwt", algorithm=client.introspection_signed_response_alg, now=now
    )
    return Answer(body=signed.encode(), headers=(("Content-Type", SIGNED), *NO_STORE))


def _caller(api: Api, call: Call) -> Client:
    """Return the client that asks: it authenticates, or has an access token of its own for this (section 2.1)."""
    scheme = (call.authorization or "").partition(" ")[0].lower()
    if scheme not in {"bearer", "dpop"}:
        return proven(api, call, "introspection")
    check_form(call, with_token=True)
    client, token = bearer(api, call, f"{api.issuer}/introspect")
    if token.account_id or INTROSPECTION not in token.scope or token.audience:
        raise InvalidRequestError("The access token is not one for introspection.")
    return client


def _of_access_token(api: Api, client: Client, token: AccessToken) -> Mapping[str, object] | None:
    if not _may_know(client, token) or not stands(api, token):
        return None
    audience = token.audience or (api.issuer,)
    return {
        "active": True,
        "iss": api.issuer,
        "client_id": token.client_id,
        "sub": token.sub,
        "aud": audience[0] if len(audience) == 1 else list(audience),
        "scope": token.get_scope(),
        "token_type": "DPoP" if token.jkt is not None else "Bearer",
        "jti": token.jti,
        "iat": token.issued_at,
        "exp": token.expires_at,
        **authentication_claims(token),
    }


def _may_know(client: Client, token: AccessToken) -> bool:
    return token.client_id == client.client_id or not client.serves.isdisjoint(token.audience)


def _of_refresh_token(api: Api, client: Client, text: str, now: datetime) -> Mapping[str, object] | None:
    with api.database.read() as connection:
        family = api.refresh_tokens.find(connection, text, now)
        if family is None or family.state is not State.CURRENT or family.grant.client_id != client.client_id:
            return None
        grant = family.grant
        if not is_open(api.standing.open_way(connection, grant, now, client=client, living=family.living)):
            return None
    return {
        "active": True,
        "iss": api.issuer,
        "client_id": client.client_id,
        "scope": family.get_scope(),
        "iat": int(family.started_at.timestamp()),
        "exp": int(family.expires_at.timestamp()),
    }
