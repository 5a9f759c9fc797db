"""What the endpoints work with, and the answers they give."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from authlib.oauth2 import OAuth2Error

from broker.audit.service import Audit
from broker.limits.service import Limits, Of
from broker.limits.table import Name
from broker.oidc.authentication import ClientAuthentication
from broker.oidc.authorize.table import Validator
from broker.oidc.clients import Client, Clients
from broker.oidc.device.service import Devices
from broker.oidc.events.tokens import SecurityEventTokens
from broker.oidc.grants import TokenServer
from broker.oidc.proofs import NONCE_HEADER, KeyProofs
from broker.oidc.pushed import PushedRequests
from broker.oidc.redeem import Redeemer
from broker.oidc.registration.service import Registration
from broker.oidc.strict import BadRequest, check_form
from broker.oidc.tokens.access import AccessToken, AccessTokens
from broker.oidc.tokens.marks import Marks
from broker.oidc.tokens.refresh import RefreshTokens
from broker.oidc.tokens.signed import Signer
from broker.signin.standing import Standing
from broker.storage.database import Database
from broker.storage.sealed import compact
from broker.tenants.admission import Admission
from broker.web import navigation
from broker.web.call import FORM, Answer, Call
from claims.profile import Profile

if TYPE_CHECKING:
    from broker.oidc.api.metadata import Jwks, Metadata

JSON = "application/json"
NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))

_SCHEMES = {"bearer": "Bearer", "dpop": "DPoP"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What the endpoints work with. ``polled`` are the clients that ask for their events."""

    issuer: str
    clients: Clients
    authentication: ClientAuthentication
    proofs: KeyProofs
    server: TokenServer
    validator: Validator
    pushed: PushedRequests
    redeemer: Redeemer
    devices: Devices
    registration: Registration
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    marks: Marks
    signer: Signer
    events: SecurityEventTokens
    polled: Collection[str]
    metadata: "Metadata"
    jwks: "Jwks"
    audit: Audit
    standing: Standing
    limits: Limits
    database: Database
    clock: Callable[[], datetime]


def authenticated(api: Api, call: Call, endpoint: str) -> Client:
    """Return the client that calls, once its form is as it must be. Raises ``BadRequest`` or an ``OAuth2Error``."""
    check_form(call)
    return api.authentication(call.form, call.headers, endpoint)


def proven(api: Api, call: Call, endpoint: str) -> Client:
    """Return the client as :func:`authenticated`, for which the kill switch is still to be looked at."""
    check_form(call)
    return api.authentication.prove(call.form, call.headers, endpoint)


def bearer(api: Api, call: Call, url: str) -> tuple[Client, AccessToken]:
    """Return the client and the access token of a call, with its key proven if it is bound to one.

    Whether the sign-in behind it still stands is for the caller to look at.

    Raises :class:`BearerError` (RFC 6750 section 3, RFC 9449 section 7).
    """
    text, scheme = _presented(call)
    now = api.clock()
    token = api.access_tokens.read(text, now)
    client = api.clients.get(token.client_id) if token is not None else None
    if token is None or client is None:
        raise BearerError("invalid_token", "The access token is not valid, or not valid any more.", scheme=scheme)
    if (token.jkt is not None) != (scheme == "DPoP"):
        raise BearerError("invalid_token", "The access token does not go with this scheme.", scheme="DPoP")
    if token.jkt is not None:
        try:
            jkt = api.proofs.of(call.headers, method=call.method, url=url, access_token=text)
        except OAuth2Error as error:
            raise BearerError(str(error.error), str(error.description), scheme="DPoP") from error
        if jkt != token.jkt:
            raise BearerError("invalid_dpop_proof", "The proof is missing, or is of another key.", scheme="DPoP")
    return client, token


def begun(api: Api, client: Client) -> None:
    """Count something that is kept for a client that anybody can be. Raises ``TooMany``, and ``StoreUnavailable``.

    One that authenticated is the operator's, and may do for many people at once what it is there for.
    """
    here = None if client.confidential else api.limits.here()
    if here is not None:
        navigation.check()
        api.limits.count(Of(Name.BEGUN_ADDRESS, here))


class BearerError(Exception):
    """What is wrong with a presented access token. No ``error`` where none was presented."""

    def __init__(self, error: str | None, description: str = "", *, scheme: str = "Bearer", status: int = 401) -> None:
        super().__init__(error or "no token")
        self.error = error
        self.description = description
        self.scheme = scheme
        self.status = status


def answer(document: Mapping[str, object], status: int = 200, *headers: tuple[str, str]) -> Answer:
    """Return a JSON answer that nobody keeps."""
    body = compact(document).encode()
    return Answer(body=body, status=status, headers=(("Content-Type", JSON), *NO_STORE, *headers))


def oauth_error(error: str, description: str, status: int = 400) -> Answer:
    """Return an error of RFC 6749 section 5.2."""
    headers = (("WWW-Authenticate", f'Basic realm="vestibule", error="{error}"'),) if status == 401 else ()
    return answer({"error": error, "error_description": description}, status, *headers)


def answer_bad_request(error: BadRequest) -> Answer:
    """Return the answer to a request that is not as it must be."""
    return oauth_error(error.error, error.description, error.status)


def answer_oauth_error(error: OAuth2Error) -> Answer:
    """Return the answer to what an Authlib class refused."""
    status = 401 if error.error == "invalid_client" else int(error.status_code)
    return oauth_error(str(error.error), str(error.description), status)


def answer_bearer_error(error: BearerError) -> Answer:
    """Return the answer of RFC 6750 section 3.1: a challenge, and no error code where no token came."""
    document = {"error": error.error or "invalid_token"}
    if error.error is not None:
        document["error_description"] = error.description
    return answer(document, error.status, ("WWW-Authenticate", challenge_of(error)))


def challenge_of(error: BearerError) -> str:
    """Return the challenge of RFC 6750 section 3, or RFC 9449 section 7.1."""
    if error.error is None:
        return 'Bearer realm="vestibule", DPoP algs="ES256 PS256 EdDSA"'
    return f'{error.scheme} realm="vestibule", error="{error.error}", error_description="{error.description}"'


def with_nonce(api: Api, call: Call, answered: Answer) -> Answer:
    """Return the answer with the nonce for the next proof, if one is due."""
    nonce = next_nonce(api, call, answered.header("WWW-Authenticate"))
    return answered if nonce is None else replace(answered, headers=(*answered.headers, (NONCE_HEADER, nonce)))


def next_nonce(api: Api, call: Call, challenge: str) -> str | None:
    """Return the nonce for the next proof of whoever proves a key, or is to prove one (RFC 9449 section 8.2)."""
    return api.proofs.nonce() if "HTTP_DPOP" in call.environ or challenge.startswith("DPoP") else None


def _presented(call: Call) -> tuple[str, str]:
    """Return the token and its scheme: from the header, or from the form (RFC 6750 sections 2.1 and 2.2)."""
    if "access_token" in parse_qs(call.query, keep_blank_values=True):
        # RFC 6750 section 2.3: a token in a URL ends up in logs.
        raise BearerError("invalid_request", "The access token belongs into the Authorization header.", status=400)
    header = call.authorization
    # RFC 6750 section 2.2: in a form, which a GET has not.
    a_form = call.method == "POST" and call.mimetype == FORM
    in_form = call.lists.get("access_token", []) if a_form else []
    if (header is not None and in_form) or len(in_form) > 1:
        raise BearerError("invalid_request", "More than one access token was sent.", status=400)
    if in_form:
        return in_form[0], "Bearer"
    scheme, _, text = (header or "").partition(" ")
    name = _SCHEMES.get(scheme.lower())
    if name is None or not text.strip():
        raise BearerError(None)
    return text.strip(), name


def stands(api: Api, token: AccessToken) -> bool:
    """Return whether client, provider, tenant and account of a token are still what they were."""
    client = api.clients.get(token.client_id)
    if client is None:
        return False
    if not token.account_id:
        return True
    with api.database.read() as connection:
        return is_open(api.standing.open_way(connection, token, api.clock(), client=client))


def is_open(way: tuple[Admission | None, Profile | None]) -> bool:
    """Return whether a way is open, and somebody is at the end of it."""
    return None not in way
