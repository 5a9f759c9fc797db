"""The file: a line that says what it is, one with how the key is made, then chunks, each AES-256-GCM.

The key is Argon2id (RFC 9106) of the passphrase and a random salt, so it seals one file and no other. The nonce of a
chunk is its number, and whether it is the last: none can be left out, moved, repeated or added, and a file that ends
early ends without its last one (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015). The lines
before the chunks are authenticated with each of them.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import BinaryIO

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"vestibule backup 1\n"
CHUNK = 64 * 1024  # bytes of plaintext
_TAG = 16
_SALT = 16
_MAX_LINE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """What Argon2id is asked for: memory in KiB, passes over it, lanes."""

    memory_kib: int
    passes: int
    lanes: int


DERIVATION = Derivation(memory_kib=256 * 1024, passes=3, lanes=4)
# What a file may ask for: whoever wrote it must not have us take all the memory there is.
_MOST = Derivation(memory_kib=1024 * 1024, passes=16, lanes=16)


class NotABackup(Exception):
    """The file is none, was cut or changed, or the passphrase is another one. The text says which, for a person."""


class Sealing:
    """Seals what is written to it. Only after :meth:`close` is the file whole."""

    def __init__(self, file: BinaryIO, passphrase: str, derivation: Derivation) -> None:
        salt = os.urandom(_SALT)
        said = {"salt": b64encode(salt).decode(), **asdict(derivation)}
        self._head = MAGIC + json.dumps(said).encode() + b"\n"
        self._key = AESGCM(_key(passphrase, salt, derivation))
        self._file = file
        self._waiting = bytearray()
        self._number = 0
        file.write(self._head)

    def write(self, plaintext: bytes) -> None:
        """Take some more."""
        self._waiting += plaintext
        # The last chunk is not known before there is an end, so one always waits.
        while len(self._waiting) > CHUNK:
            self._seal(CHUNK, last=False)

    def close(self) -> None:
        """Write the last chunk."""
        self._seal(len(self._waiting), last=True)

    def _seal(self, size: int, *, last: bool) -> None:
        chunk = bytes(self._waiting[:size])
        del self._waiting[:size]
        self._file.write(self._key.encrypt(_nonce(self._number, last=last), chunk, self._head))
        self._number += 1


class Sealed:
    """A sealed file, to be read as often as wanted. The key is made once. Raises :class:`NotABackup`."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        file.seek(0)
        magic, line = file.readline(len(MAGIC)), file.readline(_MAX_LINE)
        if magic != MAGIC:
            raise NotABackup("This is no backup of this version of the format.")
        salt, derivation = _asked(line)
        self._head = magic + line
        self._key = AESGCM(_key(passphrase, salt, derivation))
        self._file = file

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the plaintext, without their ends, from the start. Raises :class:`NotABackup`.

        A line that was yielded is as it was written; only after the last is it known that nothing is missing.
        """
        rest = b""
        for chunk in self._chunks():
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
        if rest:
            raise NotABackup("The backup does not end as it should.")

    def _chunks(self) -> Iterator[bytes]:
        self._file.seek(len(self._head))
        number, here = 0, self._file.read(CHUNK + _TAG)
        last = False
        while not last:
            after = self._file.read(CHUNK + _TAG)
            last = not after
            try:
                yield self._key.decrypt(_nonce(number, last=last), here, self._head)
            except InvalidTag:
                raise _refused(number) from None
            number, here = number + 1, after


def _refused(number: int) -> NotABackup:
    if number == 0:
        return NotABackup("The passphrase is another one than this backup's, or its beginning was changed or cut.")
    return NotABackup(
        f"The backup was changed or cut: what comes after {number * CHUNK} bytes is not as it was written."
    )


def _asked(line: bytes) -> tuple[bytes, Derivation]:
    try:
        said = json.loads(line)
        salt = b64decode(said.pop("salt"), validate=True)
        derivation = Derivation(**said)
        numbers = asdict(derivation)
        fits = all(type(each) is int and 0 < each <= asdict(_MOST)[name] for name, each in numbers.items())
    except (ValueError, TypeError, KeyError, AttributeError):
        fits, salt, derivation = False, b"", DERIVATION
    if not fits or len(salt) != _SALT or derivation.memory_kib < 8 * derivation.lanes:
        raise NotABackup("The beginning of the backup was changed: it does not say how its key is made.")
    return salt, derivation


def _key(passphrase: str, salt: bytes, derivation: Derivation) -> bytes:
    return hash_secret_raw(
        passphrase.encode("utf-8", "surrogateescape"),
        salt,
        time_cost=derivation.passes,
        memory_cost=derivation.memory_kib,
        parallelism=derivation.lanes,
        hash_len=32,
        type=Type.ID,
    )


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
