"""The public keys that clients have registered: in their metadata, or at a URL of theirs (RFC 7591 section 2)."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Protocol

import requests

from broker.oidc.jose.jwk import PublicKey, fits, read_key
from broker.oidc.jose.signed import KeysUnavailable
from broker.oidc.jose.strict_json import json_object
from broker.settings.clients import MAX_KEYS
from providers.guarded import Fetched, guarded_get

REFRESH_AFTER = timedelta(minutes=10)
UNKNOWN_KEY_AFTER = timedelta(minutes=1)
RETRY_AFTER = timedelta(seconds=30)
KEEP = timedelta(hours=24)
MAX_BYTES = 65536
MAX_SETS = 500
MAX_TRIED = 5
# A thread of ours waits for a server of theirs.
_TIMEOUT = (2.0, 3.0)
_TOTAL_SECONDS = 5.0

log = logging.getLogger(__name__)


class KeyOwner(Protocol):
    """A client, as far as its keys go (RFC 7591 names)."""

    @property
    def client_id(self) -> str: ...
    @property
    def jwks(self) -> Mapping[str, object] | None: ...
    @property
    def jwks_uri(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Published:
    keys: tuple[PublicKey, ...]
    fetched_at: datetime


@dataclass(slots=True)
class _Source:
    """What is known of one URL. ``lock`` is held to fetch; ``published`` is replaced whole, so reading takes none."""

    url: str
    lock: Lock = field(default_factory=Lock)
    published: _Published | None = None
    failed_at: datetime | None = None
    missed_at: datetime | None = None

    def keys(self, now: datetime) -> tuple[PublicKey, ...] | None:
        """Return the last good keys, or none if they are too old, or never came."""
        published = self.published
        return published.keys if published is not None and _within(published.fetched_at, now, KEEP) else None

    def find(self, kid: str | None, alg: str, now: datetime) -> tuple[PublicKey, ...]:
        return _select(self.keys(now) or (), kid, alg)

    def is_due(self, found: Sequence[PublicKey], now: datetime) -> bool:
        if _within(self.failed_at, now, RETRY_AFTER):
            return False
        published = self.published
        if published is None or not _within(published.fetched_at, now, REFRESH_AFTER):
            return True
        return not found and not _within(self.missed_at, now, UNKNOWN_KEY_AFTER)


class ClientKeys:
    """Keys by client; safe to share between threads.

    What a URL answers is kept for 10 minutes, and fetched again before that for a key that is not in it, at most
    once a minute, so that tokens with made-up ``kid`` cause no flood. While the URL is down, the last good answer
    stays in use for up to 24 hours, and it is tried every 30 seconds at most. However many ask at once, one fetches.
    """

    def __init__(
        self, insecure_allow_private: bool, ca_bundle: Path | None = None, fetch: Callable[..., Fetched] = guarded_get
    ) -> None:
        """``fetch`` is called as :func:`providers.guarded.guarded_get`, which refuses private addresses unless told."""
        self._fetch = partial(
            fetch,
            max_bytes=MAX_BYTES,
            insecure_allow_private=insecure_allow_private,
            ca_bundle=ca_bundle,
            timeout=_TIMEOUT,
            total=_TOTAL_SECONDS,
        )
        self._inline = lru_cache(maxsize=MAX_SETS)(_inline_keys)
        self._lock = Lock()
        self._sources: dict[str, _Source] = {}  # by URL, the one used last at the end

    def candidates(self, client: KeyOwner, kid: str | None, alg: str, now: datetime) -> tuple[PublicKey, ...]:
        """Return the client's keys for ``alg``: those named ``kid``, or, where it is none, the first 5 that fit.

        None at all if it has no such key. Raises :class:`KeysUnavailable` when they are at a URL that has given no
        answer for 24 hours, or never. Keys belong to a URL, not to a client: those of an earlier URL are never used.
        """
        if client.jwks is not None:
            return _select(self._inline(json.dumps(dict(client.jwks), sort_keys=True, default=str)), kid, alg)
        if client.jwks_uri is None:
            return ()
        source = self._source(client.jwks_uri)
        found = source.find(kid, alg, now)
        # Who has a key to try does not wait for another's flight.
        if source.is_due(found, now) and source.lock.acquire(blocking=not found):
            try:
                if source.is_due(source.find(kid, alg, now), now):
                    self._refresh(source, client.client_id, now)
                    if not source.find(kid, alg, now):
                        source.missed_at = now
                found = source.find(kid, alg, now)
            finally:
                source.lock.release()
        if source.keys(now) is None:
            raise KeysUnavailable(client.client_id)
        return found

    def _source(self, url: str) -> _Source:
        with self._lock:
            source = self._sources[url] = self._sources.pop(url) if url in self._sources else _Source(url)
            if len(self._sources) > MAX_SETS:
                del self._sources[next(iter(self._sources))]
            return source

    def _refresh(self, source: _Source, client_id: str, now: datetime) -> None:
        try:
            fetched = self._fetch(source.url)
            if fetched.status != 200:
                raise ValueError("not the document")
            source.published = _Published(keys=_read_keys(json_object(fetched.body)), fetched_at=now)
        except (requests.RequestException, ValueError) as error:
            source.failed_at = now
            log.warning("the keys of client %s were not fetched: %s", client_id, type(error).__name__)


def _within(moment: datetime | None, now: datetime, span: timedelta) -> bool:
    """Return whether it was less than ``span`` ago. Threads read their clocks in no order, so it may be to come."""
    return moment is not None and abs(now - moment) < span


def _select(keys: Sequence[PublicKey], kid: str | None, alg: str) -> tuple[PublicKey, ...]:
    return tuple(key for key in keys if kid in (None, key.kid) and fits(key, alg))[:MAX_TRIED]


def _inline_keys(jwks: str) -> tuple[PublicKey, ...]:
    try:
        return _read_keys(json.loads(jwks))
    except ValueError as error:
        raise KeysUnavailable("what is registered is not a JWK Set") from error


def _read_keys(document: Mapping[str, object]) -> tuple[PublicKey, ...]:
    """Return the keys of a JWK Set that are of use here; an empty set is an answer too. Raises ``ValueError``."""
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise ValueError("not a JWK Set of at most 20 keys")
    return tuple(key for key in map(_readable, listed) if key is not None)


def _readable(jwk: object) -> PublicKey | None:
    try:
        return read_key(jwk)
    except ValueError:  # RFC 7517 section 5: what a receiver cannot use, it leaves out
        return None
