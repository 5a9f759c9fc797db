"""Token revocation (RFC 7009)."""

from authlib.oauth2.rfc6749 import InvalidRequestError

from broker.oidc.api.context import Api, answer, authenticated
from broker.web.call import Answer, Call


def revoke(api: Api, call: Call) -> Answer:
    """POST /revoke: end a token of the client's own. A token that is not there is as ended as one can be."""
    client = authenticated(api, call, "revocation")
    text = call.form.get("token")
    if not text:
        raise InvalidRequestError("The token is missing.")
    now = api.clock()
    with api.database.read() as connection:
        family = api.refresh_tokens.find(connection, text, now)
    if family is not None and family.grant.client_id == client.client_id:
        # RFC 7009 section 2.1: the access tokens of the grant end with it.
        api.marks.end_grant(family.grant.id)
        with api.database.begin() as connection:
            api.refresh_tokens.end(connection, family.grant.id)
            api.audit.record(
                connection,
                action="grant.ended",
                account_id=family.grant.account_id,
                client_id=client.client_id,
                detail={"reason": "revoked"},
                now=now,
            )
    token = api.access_tokens.read(text, now)
    if token is not None and token.client_id == client.client_id:
        api.marks.end_token(token.jti)
    return answer({})
