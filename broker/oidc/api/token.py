"""The token endpoint (RFC 6749 section 3.2)."""

from flask import Response, request

from broker.oidc.api.context import NO_STORE, Api, with_nonce
from broker.oidc.strict import check_form


def token(api: Api) -> Response:
    """POST /token: every grant, on Authlib."""
    check_form(request)
    response: Response = api.server.create_token_response(request)
    response.headers.update(NO_STORE)
    return with_nonce(api, response)
