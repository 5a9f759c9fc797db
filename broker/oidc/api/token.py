"""The token endpoint (RFC 6749 section 3.2)."""

from broker.oidc.api.context import Api, with_nonce
from broker.oidc.strict import check_form
from broker.web.call import Answer, Call


def token(api: Api, call: Call) -> Answer:
    """POST /token: every grant, on Authlib."""
    check_form(call)
    return with_nonce(api, call, api.server.create_token_response(call))
