"""Metadata: OpenID Connect Discovery 1.0 and RFC 8414, the same document; and our public keys."""

import hashlib
import json
from datetime import datetime

from werkzeug.http import parse_etags, quote_etag

from broker.keys.signing import JwksDocument, SigningKeys
from broker.oidc.api.context import Api
from broker.oidc.authentication import METHODS
from broker.oidc.authorize.checks import PROMPTS, RESPONSE_MODES
from broker.oidc.jose import dpop
from broker.oidc.scopes import ORGANIZATIONS, REGISTRY_ACCOUNTS, SCOPES, SERVICE_SCOPES
from broker.settings.clients import ALGORITHMS, DEVICE_CODE
from broker.web.call import Answer, Call
from claims.vocabulary import ACR_SUPPORTED

PUBLIC_FOR = "public, max-age=300"


def discovery_document(issuer: str) -> dict[str, object]:
    """Return the metadata of Discovery section 3 and RFC 8414 section 2: what is supported, and nothing else."""
    by_us = list(ALGORITHMS)
    by_clients = list(ALGORITHMS)
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "registration_endpoint": f"{issuer}/register",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "end_session_endpoint": f"{issuer}/logout",
        "scopes_supported": [*SCOPES, *sorted(SERVICE_SCOPES)],
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", DEVICE_CODE],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": by_us,
        "introspection_signing_alg_values_supported": by_us,
        "request_object_signing_alg_values_supported": by_clients,
        "dpop_signing_alg_values_supported": sorted(dpop.ALGORITHMS),
        **{
            f"{endpoint}_endpoint_auth_{name}": value
            for endpoint in ("token", "introspection", "revocation")
            for name, value in (
                ("methods_supported", list(METHODS)),
                ("signing_alg_values_supported", by_clients),
            )
        },
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": list(ACR_SUPPORTED),
        "prompt_values_supported": sorted(PROMPTS),
        "claims_supported": [
            *("iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "acr", "amr", "sid"),
            *("name", "email", "email_verified", ORGANIZATIONS, REGISTRY_ACCOUNTS),
        ],
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }


class Document:
    """What anybody may have and keep for a while, scripts of other sites too: bytes and headers made once."""

    def __init__(self, body: bytes, etag: str) -> None:
        headers = (
            ("Content-Type", "application/json"),
            ("Cache-Control", PUBLIC_FOR),
            ("Access-Control-Allow-Origin", "*"),
            ("ETag", quote_etag(etag)),
        )
        self._etag = etag
        self._whole = Answer(body=body, headers=headers, public=True)
        self._unchanged = Answer(body=b"", status=304, headers=headers[1:], public=True)

    def answer(self, call: Call) -> Answer:
        """Return the document, or that the one the caller has is still the one (RFC 9110 section 13.1.2)."""
        known = call.environ.get("HTTP_IF_NONE_MATCH")
        if known and parse_etags(known).contains_weak(self._etag):
            return self._unchanged
        return self._whole


class Metadata(Document):
    """Both documents, which are the same."""

    def __init__(self, issuer: str) -> None:
        body = json.dumps(discovery_document(issuer), separators=(",", ":")).encode()
        super().__init__(body, hashlib.sha256(body).hexdigest())


class Jwks:
    """Our public keys, as they are now."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys
        self._made: tuple[JwksDocument, Document] | None = None

    def answer(self, call: Call, now: datetime) -> Answer:
        """Return the JWK Set (RFC 7517 section 5), as :meth:`Document.answer`."""
        current, made = self._keys.jwks_document(now), self._made
        if made is None or made[0] is not current:
            made = self._made = (current, Document(current.body, current.etag))
        return made[1].answer(call)


def metadata(api: Api, call: Call) -> Answer:
    """GET /.well-known/openid-configuration and /.well-known/oauth-authorization-server."""
    return api.metadata.answer(call)


def jwks(api: Api, call: Call) -> Answer:
    """GET /jwks."""
    return api.jwks.answer(call, api.clock())
