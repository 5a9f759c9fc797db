"""What a request to a token-side endpoint must look like before anything reads it (RFC 6749 sections 2.3 and 3.2)."""

import base64
import binascii
from urllib.parse import unquote

from broker.web.call import FORM, Call
from broker.web.caps import too_many
from broker.web.text import is_text

MAX_BODY = 16 * 1024


class BadRequest(Exception):
    """``error`` as RFC 6749 section 5.2 names it, with its HTTP status."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


def check_form(call: Call, *, with_token: bool = False) -> None:
    """Raise :class:`BadRequest` unless the parameters are in the form, once each, with one way to authenticate.

    ``resource`` alone may be repeated (RFC 8707 section 2). ``with_token``: the header holds an access token.
    """
    if (call.length or 0) > MAX_BODY or (call.length is None and len(call.body) > MAX_BODY):
        raise BadRequest("invalid_request", "The body is too large.", 413)
    if call.mimetype != FORM:
        raise BadRequest("invalid_request", "The body must be application/x-www-form-urlencoded.")
    if call.query:
        raise BadRequest("invalid_request", "Parameters belong into the body, not into the URL.")
    if too_many(call.body):
        raise BadRequest("invalid_request", "There are too many parameters.")
    if not is_text(call.body):
        raise BadRequest("invalid_request", "The body is not ASCII that encodes UTF-8.")
    if any(len(values) > 1 for name, values in call.lists.items() if name != "resource"):
        raise BadRequest("invalid_request", "A parameter was sent more than once.")
    authorization = None if with_token else call.authorization
    ways = (authorization, call.form.get("client_secret"), call.form.get("client_assertion"))
    if sum(way is not None for way in ways) + with_token > 1:
        raise BadRequest("invalid_request", "Two ways to authenticate at once.")
    if authorization is not None and call.form.get("client_id", "") not in ("", basic_client_id(authorization)):
        raise BadRequest("invalid_request", "Two different clients at once.")


def basic_client_id(authorization: str) -> str:
    """Return the client id of HTTP Basic credentials (RFC 6749 section 2.3.1). Raises :class:`BadRequest`."""
    scheme, _, credentials = authorization.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError("not Basic")
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
        client_id, colon, _ = decoded.partition(":")
        if not colon:
            raise ValueError("no colon")
    except (binascii.Error, ValueError) as error:
        raise BadRequest("invalid_client", "The Authorization header is malformed.", 401) from error
    return unquote(client_id)
