"""Who is calling: client authentication, the same at every endpoint (RFC 6749 section 2.3, RFC 7523 section 2.2).

A client is held to its registered method: what it presents says which method it uses, and no other is tried.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from werkzeug.datastructures import Headers

from broker.oidc.clients import Client
from broker.oidc.jose.assertions import ClientAssertions, InvalidAssertion, client_id_of

log = structlog.get_logger(__name__)

METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class ClientAuthentication:
    """Authenticates the client of a form that :func:`~broker.oidc.strict.check_form` let through.

    ``find`` returns a client whether or not a kill switch is thrown for it; ``is_off`` says that.
    """

    def __init__(
        self,
        *,
        find: Callable[[str], Client | None],
        is_off: Callable[[str], bool],
        assertions: ClientAssertions,
        clock: Callable[[], datetime],
    ) -> None:
        self._find = find
        self._is_off = is_off
        self._assertions = assertions
        self._clock = clock

    def __call__(self, form: Mapping[str, str], headers: Headers, endpoint: str) -> Client:
        """Return the client. Raises ``InvalidClientError``: which part was wrong is nobody's business."""
        client = self.prove(form, headers, endpoint)
        self.check(client)
        return client

    def check(self, client: Client) -> None:
        """Raise ``InvalidClientError`` if a kill switch is thrown for the client."""
        if self._is_off(client.client_id):
            raise _refused()

    def prove(self, form: Mapping[str, str], headers: Headers, endpoint: str) -> Client:
        """Return the client, for which :meth:`check` is still to be called: after a trip that brings the switches.

        Raises as a call does. Nothing may be answered in between, nor anything changed that a client that is off
        could miss.
        """
        method = _presented(form, headers)
        client_id, secret = form.get("client_id"), form.get("client_secret")
        if method == "client_secret_basic":
            client_id, secret = extract_basic_authorization(headers)
        elif method == "private_key_jwt":
            client_id = client_id_of(form["client_assertion"])
        client = self._find(client_id) if client_id else None
        if client is None or not client.check_endpoint_auth_method(method, endpoint):
            raise _refused()
        if form.get("client_id", client.client_id) != client.client_id:
            raise _refused()
        if method == "private_key_jwt":
            self._check_assertion(form, client)
        elif client.confidential and not client.check_client_secret(secret or ""):
            raise _refused()
        return client

    def _check_assertion(self, form: Mapping[str, str], client: Client) -> None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise _refused()
        try:
            self._assertions.verify(form["client_assertion"], client, self._clock())
        except InvalidAssertion as error:
            log.warning("client assertion refused", client=client.client_id, reason=str(error))
            raise _refused() from error


def _presented(form: Mapping[str, str], headers: Headers) -> str:
    if headers.get("Authorization"):
        return "client_secret_basic"
    if "client_assertion" in form:
        return "private_key_jwt"
    return "client_secret_post" if "client_secret" in form else "none"


def _refused() -> InvalidClientError:
    return InvalidClientError(status_code=401, description="The client could not be authenticated.")
