"""The token endpoint on Authlib: its grants and its PKCE extension, on our client authentication and our stores.

Everything untyped of Authlib that the token endpoint is made of is in this module. What differs from its recipes,
and why: a code or token is used up where it is read, in one step, so that two redemptions cannot both see it; the
request is the form alone; what a client presents says how it authenticates; a proof of a key is read before
anything is used up; the tokens are ours (``auth_time`` may be unknown, times are fixed).
"""

from collections.abc import Mapping

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import InvalidGrantError, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceCodeGrant

from broker.oidc.authentication import METHODS, ClientAuthentication
from broker.oidc.clients import Client
from broker.oidc.codes import Code
from broker.oidc.device.service import Devices
from broker.oidc.grant import Grant
from broker.oidc.jose.dpop import Proof
from broker.oidc.proofs import KeyProofs
from broker.oidc.redeem import Asked, Redeemer, check_asked
from broker.oidc.tokens.refresh import Family
from broker.storage.sealed import compact
from broker.web.call import Answer, Call
from claims.decision import Purpose


class FormRequest(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A token request: parameters from the form only (RFC 6749 section 3.2), each once, checked before."""

    _form: dict[str, str]
    resources: tuple[str, ...]
    jkt: str | None
    proof: Proof | None

    def __init__(self, uri: str) -> None:
        # Of plain http Authlib makes sure here that it may be: once, as all requests come to the same address.
        super().__init__(method="POST", uri=uri)

    def of(self, call: Call) -> "FormRequest":
        """Return what was called, at the same address."""
        made = FormRequest.__new__(FormRequest)
        made.__dict__.update(self.__dict__)
        made.method, made.headers, made._form = call.method, call.headers, call.form
        made.payload = BasicOAuth2Payload(made._form)
        made.resources = tuple(dict.fromkeys(filter(None, call.lists.get("resource", ()))))
        made.jkt = made.proof = None
        return made

    @property
    def form(self) -> dict[str, str]:
        return self._form

    @property
    def asked(self) -> Asked:
        """What is asked beside the grant."""
        scope = self._form.get("scope")
        words = tuple(dict.fromkeys(scope.split(" "))) if scope else None
        return Asked(scope=words, resources=self.resources, jkt=self.jkt)


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    """RFC 6749 section 4.1.3 and 4.1.4, the token half. The authorization half is ``oidc.authorize``."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        redeemer: Redeemer = self.server.redeemer
        authentication: ClientAuthentication = self.server.authentication
        return redeemer.take(code, client, authentication.check)

    def authenticate_user(self, authorization_code: Code) -> Code:
        return authorization_code

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Nothing is left to delete: reading the code used it up."""

    def generate_token(self, user: Code, **_: object) -> dict[str, object]:
        redeemer: Redeemer = self.server.redeemer
        return dict(redeemer.of_code(self.request.client, user, self.server.proven(self.request)))


class AlwaysS256(CodeChallenge):  # type: ignore[misc]  # Authlib has no types
    """RFC 7636, S256 only. A code with a challenge is redeemed with its verifier, one without it without one."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_verifier(self, grant: CodeGrant, result: object) -> None:
        code: Code = grant.request.authorization_code
        if code.code_challenge is not None and not grant.request.form.get("code_verifier"):
            # Section 4.6: what does not verify is invalid_grant, and nothing verifies less.
            raise InvalidGrantError("Missing 'code_verifier'")
        super().validate_code_verifier(grant, result)


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]  # Authlib has no types
    """RFC 6749 section 6, with rotation (RFC 9700 section 4.14.2)."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> Family | None:
        redeemer: Redeemer = self.server.redeemer
        return redeemer.find(refresh_token, self.request.client)

    def authenticate_user(self, refresh_token: Family) -> Family:
        return refresh_token

    def revoke_old_credential(self, refresh_token: Family) -> None:
        """Nothing is left to revoke: replacing the token did."""

    def issue_token(self, user: Family, refresh_token: Family) -> dict[str, object]:
        del refresh_token  # the same
        redeemer: Redeemer = self.server.redeemer
        text = self.request.form["refresh_token"]
        return dict(redeemer.of_family(self.request.client, user, text, self.server.proven(self.request)))


class ServiceGrant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    """RFC 6749 section 4.4: a client's own calls to us."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def generate_token(self, **_: object) -> dict[str, object]:
        redeemer: Redeemer = self.server.redeemer
        return dict(redeemer.of_client(self.request.client, self.server.proven(self.request)))


class DeviceGrant(DeviceCodeGrant):  # type: ignore[misc]  # Authlib has no types
    """RFC 8628 section 3.4 and 3.5."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def query_device_credential(self, device_code: str) -> "_Approved":
        devices: Devices = self.server.devices
        return _Approved(devices.redeem(device_code, self.request.client), self.request.client)

    def validate_device_credential(self, credential: "_Approved") -> Grant:
        return credential.grant

    def generate_token(self, user: Grant, **_: object) -> dict[str, object]:
        redeemer: Redeemer = self.server.redeemer
        asked = self.server.proven(self.request)
        return dict(redeemer.of_grant(self.request.client, user, asked, Purpose.DEVICE_APPROVAL))


class TokenServer(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """Authlib's server, reduced to the token endpoint."""

    def __init__(
        self,
        *,
        redeemer: Redeemer,
        devices: Devices,
        authentication: ClientAuthentication,
        proofs: KeyProofs,
        endpoint: str,
    ) -> None:
        super().__init__()
        self.redeemer = redeemer
        self.devices = devices
        self.authentication = authentication
        self._proofs = proofs
        self._endpoint = endpoint
        # Our own address, not what the Host header says of it: Authlib refuses plain http by it.
        self._request = FormRequest(endpoint)
        self.register_grant(CodeGrant, [AlwaysS256(required=False)])
        for grant in (RefreshGrant, ServiceGrant, DeviceGrant):
            self.register_grant(grant)

    def authenticate_client(self, request: FormRequest, methods: object, endpoint: str = "token") -> Client:
        del methods
        proof = self._proofs.examine(request.headers, method="POST", url=self._endpoint)
        by_code = request.form.get("grant_type") == CodeGrant.GRANT_TYPE and request.form.get("code")
        # Using up a code brings the kill switches along: CodeGrant looks at them then.
        authenticate = self.authentication.prove if by_code else self.authentication
        client = authenticate(request.form, request.headers, endpoint)
        request.client, request.auth_method = client, client.auth_method
        request.jkt = proof.jkt if proof is not None else None
        request.proof = proof
        # Of a client that anybody can be, a proof is remembered only once what came with it holds (``proven``).
        if client.confidential:
            self.use_proof(request)
        # Before any code is used up: what is wrong with the request alone need not cost one.
        check_asked(client, request.asked)
        return client

    def use_proof(self, request: FormRequest) -> None:
        """Use the proof of a request up, if it has one. Raises ``InvalidDpopProof`` for one that was used."""
        self._proofs.use(request.proof)
        request.proof = None

    def proven(self, request: FormRequest) -> Asked:
        """Return what is asked beside a grant that holds, once the proof of it is used up. Raises as that."""
        if request.proof is not None:
            self.use_proof(request)
        return request.asked

    def validate_requested_scope(self, scope: str | None) -> None:
        """The grants look at scopes themselves, as each means something else by them."""

    def save_token(self, token: Mapping[str, object], request: OAuth2Request) -> None:
        """Nothing is left to store: see ``oidc.tokens``."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Call) -> FormRequest:
        return self._request.of(request)

    def handle_response(self, status: int, body: object, headers: list[tuple[str, str]]) -> Answer:
        text = compact(body) if isinstance(body, dict) else str(body)
        # Authlib's own: the type, that nobody keeps it, and the challenge of RFC 6749 section 5.2.
        return Answer(body=text.encode(), status=status, headers=tuple(headers))


class _Approved:
    """A device code that was approved and has just been used up, as Authlib's grant looks at it."""

    def __init__(self, grant: Grant, client: Client) -> None:
        self.grant = grant
        self._client = client

    def get_client_id(self) -> str:
        return self._client.client_id

    def get_scope(self) -> str:
        return self.grant.get_scope()
