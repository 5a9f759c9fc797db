"""Answers of the endpoints for programs, as Flask sends them."""

from collections.abc import Mapping

from flask import Response

from broker.oidc.api import context
from broker.oidc.api.context import Api
from broker.oidc.proofs import NONCE_HEADER
from broker.web.call import as_response, current

NO_STORE = dict(context.NO_STORE)


def answer(document: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer that nobody keeps."""
    return as_response(context.answer(document, status, *(headers or {}).items()))


def with_nonce(api: Api, response: Response) -> Response:
    """Give whoever proves a key the nonce for the next proof (RFC 9449 section 8.2)."""
    nonce = context.next_nonce(api, current(), response.headers.get("WWW-Authenticate", ""))
    if nonce is not None:
        response.headers[NONCE_HEADER] = nonce
    return response
