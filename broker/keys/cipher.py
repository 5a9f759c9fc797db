"""Encryption of single fields at rest: AES-256-GCM (NIST SP 800-38D) with versioned keys."""

import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.keys.versions import newest_first, writing_version

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
        self._current = writing_version(keys, writes)
        self._ciphers = {version.encode(): AESGCM(key) for version, key in ordered.items()}

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Return length of version, version, nonce, ciphertext and tag, in one string of bytes."""
        version = self._current.encode()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[version].encrypt(nonce, plaintext, context.encode())
        return bytes([len(version)]) + version + nonce + sealed

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
