"""Recognising without knowing: keyed hashes (HMAC-SHA-256, RFC 2104) of subjects and of email addresses."""

import hmac
import unicodedata
from collections.abc import Mapping

from broker.keys.versions import KEY_BYTES, newest_first, writing_version
from providers.provider import Subject


class Pseudonyms:
    """Turns a subject into what is kept of it. ``keys`` maps version (``v1``) to 32 bytes.

    ``writes`` as in :func:`~broker.keys.versions.writing_version`.
    """

    def __init__(self, keys: Mapping[str, bytes], writes: str | None = None) -> None:
        self._keys = newest_first(keys)
        self._writes = writing_version(keys, writes)

    def current(self, subject: Subject) -> str:
        """Return the pseudonym to write: ``v2:`` and 64 hex digits."""
        return f"{self._writes}:{_mac(self._keys[self._writes], _message(subject))}"

    def is_current(self, pseudonym: str) -> bool:
        """Return whether one of :meth:`all` is the one to write."""
        return pseudonym.startswith(f"{self._writes}:")

    def all(self, subject: Subject) -> tuple[str, ...]:
        """Return every pseudonym the subject may have been written under, the newest first."""
        message = _message(subject)
        return tuple(f"{version}:{_mac(key, message)}" for version, key in self._keys.items())


class BlindIndex:
    """Finds an encrypted email address again without reading it. ``key`` is 32 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the blind index key is {len(key)} bytes, not {KEY_BYTES}")
        self._key = key

    def of(self, email: str) -> str:
        """Return 64 hex digits, the same for every spelling of one address (case and Unicode form)."""
        # Case folding can undo normalisation (Unicode Standard 3.13, D147), so it is done on both sides.
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold())
        return _mac(self._key, folded.encode())

    def of_subject(self, subject: Subject) -> str:
        """Return 64 hex digits that stand for a subject, whose case counts (OpenID Connect Core section 2)."""
        # No email address begins like this.
        return _mac(self._key, b"\0subject" + _message(subject))


def _message(subject: Subject) -> bytes:
    return b"".join(_framed(part) for part in (subject.issuer, subject.tenant, subject.id))


def _framed(part: str) -> bytes:
    # Lengths in front, or ("a", "bc") and ("ab", "c") would be the same subject.
    encoded = part.encode()
    return len(encoded).to_bytes(4) + encoded


def _mac(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, "sha256").hex()
