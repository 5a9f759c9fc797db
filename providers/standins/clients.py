"""How an application proves itself at a token endpoint (RFC 6749, section 2.3; RFC 7523, section 2.2)."""

import hashlib
import hmac
import re
from datetime import UTC, datetime

from flask import request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from .directory import Registration
from .keys import b64url

LEEWAY_SECONDS = 60
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class _Registry(JWSRegistry):
    """Takes the header that MSAL makes, which holds a whole certificate in ``x5c``."""

    max_header_length = 8192


def presented_id() -> str | None:
    """Return the ``client_id`` the request names, in Basic or in the body."""
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        return basic.username
    return request.form.get("client_id")


def presented_secret() -> str | None:
    """Return the client secret the request carries, in Basic or in the body."""
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        return basic.password
    return request.form.get("client_secret")


def is_secret(registration: Registration, secret: str) -> bool:
    """Return whether ``secret`` is the application's, compared in constant time."""
    return hmac.compare_digest(registration.client_secret.encode(), secret.encode())


def is_assertion(registration: Registration, assertion: str, audience: str) -> bool:
    """Return whether ``assertion`` is a valid client assertion of the application for ``audience``."""
    if registration.certificate is None or request.form.get("client_assertion_type") != ASSERTION_TYPE:
        return False
    try:
        key = RSAKey.import_key(registration.certificate)
        token = jwt.decode(assertion, key, registry=_Registry(algorithms=["PS256", "RS256"]))
        jwt.JWTClaimsRegistry(
            now=int(datetime.now(UTC).timestamp()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": registration.client_id},
            sub={"essential": True, "value": registration.client_id},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            jti={"essential": True},
        ).validate(token.claims)
    except (JoseError, ValueError):
        return False
    return True


def is_verifier(verifier: str | None, challenge: str | None) -> bool:
    """Return whether the PKCE verifier fits (RFC 7636, section 4.6). No challenge wants no verifier."""
    if challenge is None:
        return verifier is None
    if verifier is None or not re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier):
        return False
    return hmac.compare_digest(b64url(hashlib.sha256(verifier.encode()).digest()), challenge)
