"""Encryption of single fields at rest: AES-256-GCM (NIST SP 800-38D) with versioned keys."""

import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.keys.versions import is_version, newest_first, writing_version

_NONCE_BYTES = 12
_TAG_BYTES = 16


class Undecryptable(Exception):
    """The bytes were not sealed here, not for this context, not under a key held here, or were changed."""


class FieldCipher:
    """Seals under one key version, opens under any.

    ``keys`` maps version (``v1``) to 32 bytes; :class:`ValueError` otherwise. ``writes`` as in
    :func:`~broker.keys.versions.writing_version`. A ``context`` says where the
    field lives (``people.email:<account id>``), so that a sealed value moved elsewhere does not open there.
    """

    def __init__(self, keys: Mapping[str, bytes], writes: str | None = None) -> None:
        ordered = newest_first(keys)
        self.writes = writing_version(keys, writes)
        self._ciphers = {version.encode(): AESGCM(key) for version, key in ordered.items()}

    @property
    def prefix(self) -> bytes:
        """What everything begins with that is sealed under the version that writes: its length, and its name."""
        return bytes([len(self.writes)]) + self.writes.encode()

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Return length of version, version, nonce, ciphertext and tag, in one string of bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return self.prefix + nonce + self._ciphers[self.writes.encode()].encrypt(nonce, plaintext, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return the plaintext. Raises :class:`Undecryptable`."""
        length = sealed[0] if sealed else 0
        version, rest = sealed[1 : 1 + length], sealed[1 + length :]
        cipher = self._ciphers.get(version)
        if cipher is None or len(rest) < _NONCE_BYTES + _TAG_BYTES:
            raise Undecryptable("not sealed under any key held here")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], context.encode())
        except InvalidTag:
            raise Undecryptable("changed, or sealed for another context") from None

    def open_row(self, sealed: bytes, context: str, place: str) -> bytes:
        """Return the plaintext of a row. Raises :class:`Undecryptable`, which names the ``place`` and the version."""
        try:
            return self.open(sealed, context)
        except Undecryptable as error:
            raise Undecryptable(f"{place}, sealed under {version_of(sealed) or 'no version'}: {error}") from None


def version_of(sealed: bytes) -> str | None:
    """Return the key version that a value says it was sealed under, or none when no cipher made it."""
    length = sealed[0] if sealed else 0
    version = sealed[1 : 1 + length].decode("latin-1")
    return version if len(version) == length and is_version(version) else None
