"""The keys that issuers publish (RFC 7517), fetched when needed and kept for a while."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

import requests
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int

from providers.http import json_of
from providers.provider import ProviderError

LIFETIME = timedelta(hours=24)
REFETCH_AFTER = timedelta(minutes=5)
MAX_KEYS = 200
MAX_SETS = 256
_SHORTEST_MODULUS = 2048  # bits (RFC 7518, section 3.3)

log = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """The issuer's keys cannot be had: never fetched before, and not now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedKey:
    """One public key. ``raw`` is the JWK as published, with members of the issuer's own such as ``issuer``."""

    kid: str
    key: RSAKey | ECKey
    raw: Mapping[str, object]

    def fits(self, algorithm: str, key_type: str) -> bool:
        """Return whether the key is one for ``algorithm``, by its type and its own word (RFC 7517, 4.4)."""
        return self.key.key_type == key_type and self.raw.get("alg", algorithm) == algorithm


@dataclass(slots=True)
class _KeySet:
    """What is known of one URL. Everything but ``lock`` is changed only under it."""

    lock: Lock = field(default_factory=Lock)
    keys: tuple[PublishedKey, ...] = ()
    fetched_at: datetime | None = None
    tried_at: datetime | None = None
    unknown_kid_at: datetime | None = None
    flights: int = 0

    def of(self, kid: str) -> tuple[PublishedKey, ...]:
        return tuple(key for key in self.keys if key.kid == kid)


class JwksCache:
    """Key sets by URL; safe to share between threads.

    A set is kept for 24 hours. For a ``kid`` that is not in it, it is fetched again, at most once in 5 minutes, so
    that tokens with made-up ``kid`` cause no flood. When fetching fails, the last good set stays in use. However
    many ask at once, one fetches, and nobody waits for it whose key is there already. Of more than 256 URLs, the one
    unused longest is forgotten.
    """

    def __init__(self, connect: Callable[[], requests.Session]) -> None:
        """``connect`` makes the session of one fetch: hours pass until the next, and no connection waits for it."""
        self._connect = connect
        self._lock = Lock()
        self._sets: OrderedDict[str, _KeySet] = OrderedDict()

    def keys(self, url: str, kid: str, now: datetime) -> tuple[PublishedKey, ...]:
        """Return the keys published at ``url`` under ``kid``; none if there is none. Raises :class:`KeysUnavailable`.

        ``url`` must come from configuration or discovery, and never from a token.
        """
        with self._lock:
            known = self._sets.setdefault(url, _KeySet())
            self._sets.move_to_end(url)
            if len(self._sets) > MAX_SETS:
                self._sets.popitem(last=False)
        if not self._is_due(known, kid, now):
            return known.of(kid)
        flights = known.flights
        if not known.lock.acquire(blocking=not known.of(kid)):
            return known.of(kid)
        try:
            # Whoever waited for another's flight takes what it brought, be it nothing.
            if known.flights == flights and self._is_due(known, kid, now):
                self._refresh(known, url, now)
            if known.fetched_at is None:
                raise KeysUnavailable
            return known.of(kid)
        finally:
            known.lock.release()

    def _is_due(self, known: _KeySet, kid: str, now: datetime) -> bool:
        if known.fetched_at is None:
            return True
        if now - known.fetched_at >= LIFETIME:
            return known.tried_at is None or now - known.tried_at >= REFETCH_AFTER
        if known.of(kid):
            return False
        return known.unknown_kid_at is None or now - known.unknown_kid_at >= REFETCH_AFTER

    def _refresh(self, known: _KeySet, url: str, now: datetime) -> None:
        if known.fetched_at is not None and now - known.fetched_at < LIFETIME:
            known.unknown_kid_at = now
        known.tried_at = now
        try:
            known.keys = self._fetch(url)
            known.fetched_at = now
        except (requests.RequestException, ProviderError, ValueError) as error:
            log.warning("keys not fetched: %s", type(error).__name__)
        finally:
            known.flights += 1

    def _fetch(self, url: str) -> tuple[PublishedKey, ...]:
        with self._connect() as session:
            response = session.get(url, headers={"Accept": "application/json"})
        response.raise_for_status()
        document = json_of(response)
        listed = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(listed, list) or len(listed) > MAX_KEYS:
            raise ValueError("not a key set")
        keys = tuple(key for key in map(_published, listed) if key is not None)
        if not keys:
            raise ValueError("a key set without a key")
        return keys


def _published(raw: object) -> PublishedKey | None:
    """Return one key of a set, or none if it is not one that verifies signatures: others stay of use."""
    if not isinstance(raw, dict) or not isinstance(raw.get("kid"), str) or raw.get("use", "sig") != "sig":
        return None
    if "d" in raw:
        return None
    try:
        match raw.get("kty"):
            case "RSA":
                # The bits and not the characters: a short modulus may be padded.
                if base64_to_int(raw["n"]).bit_length() < _SHORTEST_MODULUS:
                    return None
                return PublishedKey(kid=raw["kid"], key=RSAKey.import_key(raw), raw=raw)
            case "EC":
                return PublishedKey(kid=raw["kid"], key=ECKey.import_key(raw), raw=raw)
    except (JoseError, ValueError, TypeError, KeyError):
        log.warning("a published key cannot be read")
    return None
