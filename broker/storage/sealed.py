"""JSON records in the short-lived store, sealed, and filed under the hash of their handle.

A handle is a bearer secret (a cookie, a code, a state). Whoever reads the store finds neither the handle nor
the record: the key is a SHA-256 of the handle, the value AES-256-GCM bound to that key.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from broker.keys.cipher import Undecryptable
from broker.storage.store import ShortLived

Entry = tuple[str, bytes, int]

compact = json.JSONEncoder(separators=(",", ":")).encode
"""Return a value as JSON without spaces. One encoder for all, as making one costs more than encoding a record."""


class Sealer(Protocol):
    """What seals: ``broker.keys.cipher.FieldCipher``."""

    def seal(self, plaintext: bytes, context: str) -> bytes: ...

    def open(self, sealed: bytes, context: str) -> bytes: ...


def digest(handle: str) -> str:
    """Return the hex SHA-256 of a handle: what may be stored, listed and logged in its place."""
    return hashlib.sha256(handle.encode()).hexdigest()


class SealedRecords:
    """One kind of record in the store. ``kind`` separates the key spaces, so that no handle serves as another."""

    def __init__(self, store: ShortLived, sealer: Sealer, kind: str) -> None:
        self._store = store
        self._sealer = sealer
        self._kind = kind

    def key(self, handle: str) -> str:
        """Return the store key of a handle."""
        return self.key_of_digest(digest(handle))

    def key_of_digest(self, handle_digest: str) -> str:
        """Return the store key of an already hashed handle."""
        return f"{self._kind}:{handle_digest}"

    def entry(self, handle: str, record: Mapping[str, object], ttl: int) -> Entry:
        """Return (key, sealed value, seconds to live), for :meth:`ShortLived.commit`."""
        key = self.key(handle)
        return key, self._sealer.seal(compact(record).encode(), key), ttl

    def put(self, handle: str, record: Mapping[str, object], ttl: int) -> None:
        """Store a record for ``ttl`` seconds. Raises ``StoreUnavailable``."""
        self._store.put(*self.entry(handle, record, ttl))

    def get(self, handle: str) -> dict[str, object] | None:
        """Return the record, or none when it is not there. Raises ``StoreUnavailable``."""
        key = self.key(handle)
        return self.open(key, self._store.get(key))

    def get_by_digests(self, handle_digests: list[str]) -> list[dict[str, object] | None]:
        """Return the records of several hashed handles in one round trip."""
        keys = [self.key_of_digest(each) for each in handle_digests]
        return [self.open(key, value) for key, value in zip(keys, self._store.get_many(keys), strict=True)]

    def take(self, handle: str) -> dict[str, object] | None:
        """Return the record and remove it, atomically: of many takers one gets it. Raises ``StoreUnavailable``."""
        return self.take_and_get(handle, ())[0]

    def take_and_get(self, handle: str, keys: Sequence[str]) -> tuple[dict[str, object] | None, Sequence[bytes | None]]:
        """Return the record as :meth:`take`, and in the same step the values of other keys of the store."""
        key = self.key(handle)
        if not keys:
            return self.open(key, self._store.take(key)), ()
        step = self._store.step(take=[key], get=keys)
        return self.open(key, step.taken[0]), step.values

    def open(self, key: str, value: bytes | None) -> dict[str, object] | None:
        """Return the record that the store had under ``key``, or none."""
        if value is None:
            return None
        try:
            record = json.loads(self._sealer.open(value, key).decode())
        except Undecryptable:
            # Sealed with a key that is no longer configured, or not by us: as good as not there.
            return None
        return record if isinstance(record, dict) else None
