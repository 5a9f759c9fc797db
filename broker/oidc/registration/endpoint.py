"""The client registration endpoint (RFC 7591 section 3) and the client configuration endpoint (RFC 7592 section 2)."""

from broker.limits.service import Of
from broker.limits.table import Name
from broker.oidc.api.context import NO_STORE, Api, answer, oauth_error
from broker.oidc.jose.strict_json import json_object
from broker.oidc.registration.metadata import Unacceptable
from broker.oidc.strict import MAX_BODY, BadRequest
from broker.web.call import Answer, Call


def register(api: Api, call: Call) -> Answer:
    """POST /register: with an initial access token of the operator's."""
    now = api.clock()
    admitted_by = api.registration.admits(_presented(call), now)
    if admitted_by is None:
        return _refused(call)
    document, here = _document(call), api.limits.here()
    api.limits.count(Of(Name.REGISTRATION_ADDRESS, here or ""))
    try:
        return answer(api.registration.register(document, admitted_by, now), 201)
    except Unacceptable as error:
        return oauth_error(error.error, error.description)


def read_client(api: Api, call: Call, client_id: str) -> Answer:
    """GET /register/<client_id>: with the registration access token of this client, here and below."""
    token = _presented(call)
    found = api.registration.find(client_id, token)
    return _refused(call) if found is None else answer(api.registration.read(found, token))


def update_client(api: Api, call: Call, client_id: str) -> Answer:
    """PUT /register/<client_id>: all metadata anew."""
    token = _presented(call)
    found = api.registration.find(client_id, token)
    if found is None:
        return _refused(call)
    try:
        document = api.registration.update(found, token, _document(call), api.clock())
    except Unacceptable as error:
        return oauth_error(error.error, error.description)
    return _refused(call) if document is None else answer(document)


def delete_client(api: Api, call: Call, client_id: str) -> Answer:
    """DELETE /register/<client_id>: the client, and all it was granted."""
    removed = api.registration.remove(client_id, _presented(call), api.clock())
    return Answer(body=b"", status=204, headers=NO_STORE) if removed else _refused(call)


def _presented(call: Call) -> str:
    """Return the token of the header, which is the only place for it, or nothing (RFC 6750 section 2.1)."""
    if call.query:
        raise BadRequest("invalid_request", "Parameters belong into the body, not into the URL.")
    scheme, _, token = (call.authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _document(call: Call) -> dict[str, object]:
    if call.mimetype != "application/json":
        raise BadRequest("invalid_request", "The body must be application/json.")
    if (call.length or 0) > MAX_BODY or len(call.body) > MAX_BODY:
        raise BadRequest("invalid_request", "The body is too large.", 413)
    try:
        return json_object(call.body)
    except ValueError as error:
        raise BadRequest("invalid_request", "The body is not one JSON object with each member once.") from error


def _refused(call: Call) -> Answer:
    """Return one answer for every token that does not open this door: the client may not even exist."""
    document = {"error": "invalid_token", "error_description": "The token is missing, or not good for this."}
    # RFC 6750 section 3.1: no code where no token came.
    said = ', error="invalid_token"' if call.authorization is not None else ""
    return answer(document, 401, ("WWW-Authenticate", f'Bearer realm="vestibule"{said}'))
