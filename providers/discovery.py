"""What an OpenID provider says of itself (OpenID Connect Discovery 1.0), fetched when needed and kept for an hour."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal
from urllib.parse import urlsplit

import requests

from providers.circuit import Circuit
from providers.http import is_loopback, json_of, outbound
from providers.provider import Fault, ProviderError

LIFETIME = 3600.0
"""Seconds until the document is asked for again."""
RETRY_AFTER = 300.0
"""Seconds until it is asked for again after a failure, if there is an older one to use."""

log = logging.getLogger(__name__)

AuthMethod = Literal["client_secret_basic", "client_secret_post"]
_AUTH_METHODS: tuple[AuthMethod, ...] = ("client_secret_basic", "client_secret_post")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The parts of a discovery document that a sign-in needs.

    ``sends_iss``: authorization responses carry ``iss`` (RFC 9207). ``takes_claims``: the ``claims`` parameter is
    understood.
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    auth_method: AuthMethod
    sends_iss: bool
    takes_claims: bool


class Discovery:
    """The metadata of one issuer; safe to share between threads. ``clock`` counts seconds.

    When fetching fails, the last good document stays in use. However many ask at once, one fetches, and nobody waits
    for it who can use an older one.
    """

    def __init__(
        self,
        issuer: str,
        ca_bundle: Path | None,
        *,
        circuit: Circuit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._ca_bundle = ca_bundle
        self._circuit = circuit
        self._clock = clock
        self._lock = Lock()
        self._known: Metadata | None = None
        self._good_until = 0.0
        self._flights = 0
        self._failure = ProviderError(Fault.UNAVAILABLE, "discovery")

    def metadata(self) -> Metadata:
        """Return the issuer's metadata. Raises :class:`ProviderError` when there is none, old or new."""
        flights = self._flights
        if self._known is not None and self._clock() < self._good_until:
            return self._known
        if not self._lock.acquire(blocking=self._known is None) and self._known is not None:
            return self._known
        try:
            if self._flights == flights:  # else whoever we waited for has asked
                self._refresh()
            if self._known is None:
                failure = self._failure
                raise ProviderError(failure.code, failure.detail, retry_after=failure.retry_after)
            return self._known
        finally:
            self._lock.release()

    def _refresh(self) -> None:
        try:
            self._known = read(self._fetch(), self._issuer)
            self._good_until = self._clock() + LIFETIME
        except ProviderError as error:
            log.warning("discovery failed: %s", error.detail)
            self._failure = error
            self._good_until = self._clock() + RETRY_AFTER
        finally:
            self._flights += 1

    def _fetch(self) -> object:
        # Section 4: a slash at the issuer's end is left out.
        url = f"{self._issuer.removesuffix('/')}/.well-known/openid-configuration"
        try:
            with outbound(self._ca_bundle, circuit=self._circuit) as session:
                response = session.get(url, headers={"Accept": "application/json"})
                response.raise_for_status()
        except requests.RequestException as error:
            raise ProviderError(Fault.UNAVAILABLE, f"discovery: {type(error).__name__}") from error
        return json_of(response)


def read(document: object, issuer: str) -> Metadata:
    """Return what the discovery document of ``issuer`` says.

    Raises :class:`ProviderError` when it is another issuer's (section 4.3), or does not do for us.
    """
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise ProviderError(Fault.MISCONFIGURED, "discovery: the document is of another issuer")
    challenges = document.get("code_challenge_methods_supported", ["S256"])
    if not isinstance(challenges, list) or "S256" not in challenges:
        raise ProviderError(Fault.MISCONFIGURED, "discovery: no PKCE with S256")
    return Metadata(
        authorization_endpoint=_endpoint(document, "authorization_endpoint"),
        token_endpoint=_endpoint(document, "token_endpoint"),
        jwks_uri=_endpoint(document, "jwks_uri"),
        userinfo_endpoint=_endpoint(document, "userinfo_endpoint") if "userinfo_endpoint" in document else None,
        auth_method=_auth_method(document),
        sends_iss=document.get("authorization_response_iss_parameter_supported") is True,
        takes_claims=document.get("claims_parameter_supported") is True,
    )


def _endpoint(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not _is_secure(value):
        raise ProviderError(Fault.MISCONFIGURED, f"discovery: {name} is no https URL")
    return value


def _is_secure(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if (
        not host
        or port == 0
        or "@" in parts.netloc
        or not re.fullmatch(r'[^#\s"<>\\]+', url, re.ASCII)
        or not url.isascii()
    ):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def _auth_method(document: Mapping[str, object]) -> AuthMethod:
    offered = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    for method in _AUTH_METHODS:
        if isinstance(offered, list) and method in offered:
            return method
    raise ProviderError(Fault.MISCONFIGURED, "discovery: the token endpoint takes no client secret")
