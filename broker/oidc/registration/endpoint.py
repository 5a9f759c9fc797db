"""The client registration endpoint (RFC 7591 section 3) and the client configuration endpoint (RFC 7592 section 2)."""

from flask import Response, request

from broker.oidc.api.context import NO_STORE, Api, answer, oauth_error
from broker.oidc.jose.strict_json import json_object
from broker.oidc.registration.metadata import Unacceptable
from broker.oidc.strict import MAX_BODY, BadRequest


def register(api: Api) -> Response:
    """POST /register: with an initial access token of the operator's."""
    now = api.clock()
    admitted_by = api.registration.admits(_presented(), now)
    if admitted_by is None:
        return _refused()
    try:
        return answer(api.registration.register(_document(), admitted_by, now), 201)
    except Unacceptable as error:
        return oauth_error(error.error, error.description)


def read_client(api: Api, client_id: str) -> Response:
    """GET /register/<client_id>: with the registration access token of this client, here and below."""
    token = _presented()
    found = api.registration.find(client_id, token)
    return _refused() if found is None else answer(api.registration.read(found, token))


def update_client(api: Api, client_id: str) -> Response:
    """PUT /register/<client_id>: all metadata anew."""
    token = _presented()
    found = api.registration.find(client_id, token)
    if found is None:
        return _refused()
    try:
        document = api.registration.update(found, token, _document(), api.clock())
    except Unacceptable as error:
        return oauth_error(error.error, error.description)
    return _refused() if document is None else answer(document)


def delete_client(api: Api, client_id: str) -> Response:
    """DELETE /register/<client_id>: the client, and all it was granted."""
    removed = api.registration.remove(client_id, _presented(), api.clock())
    return Response(status=204, headers=NO_STORE) if removed else _refused()


def _presented() -> str:
    """Return the token of the header, which is the only place for it, or nothing (RFC 6750 section 2.1)."""
    if request.args:
        raise BadRequest("invalid_request", "Parameters belong into the body, not into the URL.")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _document() -> dict[str, object]:
    if request.mimetype != "application/json":
        raise BadRequest("invalid_request", "The body must be application/json.")
    if (request.content_length or 0) > MAX_BODY or len(request.get_data()) > MAX_BODY:
        raise BadRequest("invalid_request", "The body is too large.", 413)
    try:
        return json_object(request.get_data())
    except ValueError as error:
        raise BadRequest("invalid_request", "The body is not one JSON object with each member once.") from error


def _refused() -> Response:
    """Return one answer for every token that does not open this door: the client may not even exist."""
    document = {"error": "invalid_token", "error_description": "The token is missing, or not good for this."}
    # RFC 6750 section 3.1: no code where no token came.
    said = ', error="invalid_token"' if "Authorization" in request.headers else ""
    return answer(document, 401, {"WWW-Authenticate": f'Bearer realm="vestibule"{said}'})
