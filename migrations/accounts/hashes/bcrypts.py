"""bcrypt, as OpenBSD, Openwall's crypt_blowfish (PHP, Ruby) and pyca's bcrypt write it; Devise's and Django's use.

``2a``, ``2b`` and ``2y`` are one algorithm for every password that is UTF-8: what they mended were bytes taken for
negative numbers (kept alive as ``2x``, which is refused) and passwords of more than 255 bytes. All of them read 72
bytes at most, and end at a NUL.
"""

import hashlib
import re
from dataclasses import replace

import bcrypt

from migrations.accounts.hashes.parsed import Parameters, Parsed, require, whole

MOST_COST = 16  # 2^16 rounds: some seconds
_ENOUGH_COST = 10
_READ_BYTES = 72
_SIZE = 60
# 16 bytes are 21 digits and two bits, 23 bytes are 30 digits and four bits; the bits left over are zero.
_BCRYPT = re.compile(r"(\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu])([./A-Za-z0-9]{30}[.CGKOSWaeimquy26])")
_DJANGO = re.compile(r"bcrypt(_sha256)?\$(.*)", re.DOTALL)


def derive_bcrypt(parameters: Parameters, password: str) -> bytes:
    """Return the last 31 digits of bcrypt. Raises :class:`ValueError` for a password with a NUL."""
    return _hashed(parameters, password.encode())


def derive_devise(parameters: Parameters, password: str, pepper: bytes) -> bytes:
    """Return the same of the password with the pepper behind it (heartcombo/devise, ``Devise::Encryptor``)."""
    return _hashed(parameters, password.encode() + pepper)


def derive_sha256(parameters: Parameters, password: str) -> bytes:
    """Return the same of the password's SHA-256 in hex (Django, ``BCryptSHA256PasswordHasher``)."""
    return _hashed(parameters, hashlib.sha256(password.encode()).hexdigest().encode())


def read_bcrypt(text: str) -> Parsed:
    """Return ``$2b$cost$salt and digest``. Raises ``UnknownHash``."""
    require(len(text) >= _SIZE, "truncated")
    setting, cost, digest = whole(_BCRYPT, text).groups()
    require(4 <= int(cost) <= 31)
    require(int(cost) <= MOST_COST, "too_costly")
    return Parsed(
        format="bcrypt",
        parameters={"setting": setting},
        digest=digest.encode(),
        weak=int(cost) < _ENOUGH_COST,
    )


def read_devise(text: str) -> Parsed:
    """Return a bcrypt whose password ends in the pepper. Nothing in it says so. Raises ``UnknownHash``."""
    return replace(read_bcrypt(text), format="bcrypt_devise")


def read_django(text: str) -> Parsed:
    """Return ``bcrypt$`` or ``bcrypt_sha256$`` and a bcrypt. Raises ``UnknownHash``."""
    variant, rest = whole(_DJANGO, text).groups()
    parsed = read_bcrypt(rest)
    return replace(parsed, format="bcrypt_sha256_django") if variant else parsed


def _hashed(parameters: Parameters, secret: bytes) -> bytes:
    setting = str(parameters["setting"]).encode()
    if b"\0" in secret:
        # Behind it one implementation reads on and another stops, and "a\0a" is "a" to those that read on.
        raise ValueError("no password with a NUL has a bcrypt of its own")
    return bcrypt.hashpw(secret[:_READ_BYTES], setting)[len(setting) :]
