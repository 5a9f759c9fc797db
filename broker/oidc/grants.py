"""The token endpoint on Authlib: its grant, its PKCE extension, its client authentication.

Everything untyped of Authlib that we subclass is in this module. What differs from its recipes, and why:
the code is used up where it is read, in one step, so that two redemptions cannot both see it; the request is
the form alone; PKCE is always checked; the ID token is ours (``auth_time`` may be unknown, times are fixed).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import InvalidGrantError, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Request, Response

from broker.oidc.clients import Client
from broker.oidc.codes import Code

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """What the grant needs of the broker.

    ``take`` uses a code up and returns it, or none; ``replayed`` is told of a code that was not there or not the
    client's; ``issue`` judges the proof once more and returns the token response, or none to refuse.
    """

    take: Callable[[str], Code | None]
    replayed: Callable[[str, Client], None]
    issue: Callable[[Client, Code], Mapping[str, object] | None]


class FormRequest(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A token request: parameters from the form only (RFC 6749 section 3.2), each once, checked before."""

    def __init__(self, request: Request, uri: str) -> None:
        super().__init__(method=request.method, uri=uri, headers=request.headers)
        self._form = request.form.to_dict()
        self.payload = BasicOAuth2Payload(self._form)

    @property
    def form(self) -> dict[str, str]:
        return self._form


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    """RFC 6749 section 4.1.3 and 4.1.4, the token half. The authorization half is ``oidc.authorize``."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        redemption: Redemption = self.server.redemption
        found = redemption.take(code)
        if found is None or found.client_id != client.client_id:
            redemption.replayed(code, client)
            return None
        return found

    def authenticate_user(self, authorization_code: Code) -> Code:
        return authorization_code

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Nothing is left to delete: reading the code used it up."""

    def generate_token(self, user: Code, **_: object) -> dict[str, object]:
        redemption: Redemption = self.server.redemption
        token = redemption.issue(self.request.client, user)
        if token is None:
            raise InvalidGrantError("The sign-in behind this code no longer holds.")
        return dict(token)


class AlwaysS256(CodeChallenge):  # type: ignore[misc]  # Authlib has no types
    """RFC 7636, S256 only. Every code has a challenge, so every redemption must have the verifier."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)


class TokenServer(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """Authlib's server, reduced to the token endpoint."""

    def __init__(self, *, redemption: Redemption, find_client: Callable[[str], Client | None], endpoint: str) -> None:
        super().__init__()
        self.redemption = redemption
        self._find_client = find_client
        self._endpoint = endpoint
        self.register_grant(CodeGrant, [AlwaysS256(required=True)])

    def query_client(self, client_id: str) -> Client | None:
        return self._find_client(client_id)

    def save_token(self, token: Mapping[str, object], request: OAuth2Request) -> None:
        """Nothing is stored of a token: see ``oidc.tokens``."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Request) -> FormRequest:
        # Our own address, not what the Host header says of it: Authlib refuses plain http by it.
        return FormRequest(request, self._endpoint)

    def handle_response(self, status: int, body: object, headers: list[tuple[str, str]]) -> Response:
        return Response(json.dumps(body) if isinstance(body, dict) else str(body), status=status, headers=headers)
