"""Clients that authenticate by a JWT they sign: ``private_key_jwt``.

RFC 7523 section 3 and OpenID Connect Core section 9, as narrow as FAPI 2.0 Security Profile section 5.3.2.1 has them.
"""

import hashlib
import json
from datetime import datetime
from typing import Protocol

from broker.oidc.jose.client_keys import ClientKeys, KeyOwner
from broker.oidc.jose.jwk import algorithms_of
from broker.oidc.jose.signed import LEEWAY, InvalidJwt, check_period, peek, require, verify
from broker.storage.shortlived import ShortLived

MAX_ASSERTION = 8192  # bytes
MAX_LIFETIME = 300  # seconds
MAX_JTI = 256  # characters
_TYPES = frozenset({None, "jwt", "client-authentication+jwt"})


class AssertingClient(KeyOwner, Protocol):
    """A client, as far as its assertions go (RFC 7591 names)."""

    @property
    def auth_method(self) -> str: ...
    @property
    def token_endpoint_auth_signing_alg(self) -> str | None: ...


class InvalidAssertion(InvalidJwt):
    """An assertion that authenticates nobody. ``reason`` is for the log, and for the client's developer."""


class ClientAssertions:
    """Judges client assertions. ``issuer`` is ours, the only audience there is."""

    def __init__(self, issuer: str, keys: ClientKeys, store: ShortLived) -> None:
        self._issuer = issuer
        self._keys = keys
        self._store = store

    def verify(self, assertion: str, client: AssertingClient, now: datetime) -> None:
        """Return if the assertion authenticates the client, and use it up: of any number of its uses, one passes.

        Raises :class:`InvalidAssertion`, and :class:`~broker.storage.shortlived.StoreUnavailable`, which is no
        success either. Audience and issuer are the one string that is ours: a list, or the URL of an endpoint,
        would let another server pass the assertion on.
        """
        try:
            self._verify(assertion, client, now)
        except InvalidJwt as error:
            raise InvalidAssertion(error.reason) from error

    def _verify(self, assertion: str, client: AssertingClient, now: datetime) -> None:
        require(client.auth_method == "private_key_jwt", "method")
        _, claims = verify(
            assertion,
            keys=lambda kid, alg: self._keys.candidates(client, kid, alg, now),
            algorithms=algorithms_of(client.token_endpoint_auth_signing_alg),
            typ=_TYPES,
            max_bytes=MAX_ASSERTION,
        )
        require(claims.get("iss") == client.client_id, "issuer")
        require(claims.get("sub") == client.client_id, "subject")
        require(claims.get("aud") == self._issuer, "audience")
        left = check_period(claims, now) - now.timestamp()
        require(left <= MAX_LIFETIME + LEEWAY, "too_long")
        jti = claims.get("jti")
        require(isinstance(jti, str) and 0 < len(jti) <= MAX_JTI, "jti")
        used = hashlib.sha256(json.dumps([client.client_id, jti]).encode()).hexdigest()
        # For as long as it would pass, and by the clock of any of our servers.
        require(self._store.add(f"client_assertion:{used}", b"1", int(left) + 2 * LEEWAY), "used")


def client_id_of(assertion: str) -> str | None:
    """Return whom the assertion claims to come from, or none. Nothing is verified: it is to look the client up."""
    try:
        claims = peek(assertion, max_bytes=MAX_ASSERTION)
    except InvalidJwt:
        return None
    subject = claims.get("sub")
    return subject if isinstance(subject, str) and subject == claims.get("iss") else None
