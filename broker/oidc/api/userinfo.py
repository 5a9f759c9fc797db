"""UserInfo (OpenID Connect Core section 5.3)."""

from broker.oidc.api.context import Api, BearerError, answer, bearer
from broker.web.call import Answer, Call


def userinfo(api: Api, call: Call) -> Answer:
    """GET and POST /userinfo: the person behind an access token that is for us."""
    client, token = bearer(api, call, f"{api.issuer}/userinfo")
    # RFC 8707: a token for another resource is that resource's alone.
    if "openid" not in token.scope or not token.account_id or token.audience:
        raise BearerError("insufficient_scope", "The access token is not for userinfo.", status=403)
    claims = api.redeemer.userinfo(client, token)
    if claims is None:
        raise BearerError("invalid_token", "The account no longer stands.")
    return answer(claims)
