"""PBKDF2 (RFC 8018) as ASP.NET Identity, Django and passlib write it, and the salted SHA-1 that NuGet had before.

ASP.NET Identity: ``PasswordHasher`` of dotnet/aspnetcore, whose version 2 is also ``Crypto.HashPassword``, and whose
version 3 is NuGet's ``V3Hasher``. NuGet's SHA-1: ``LegacyHasher`` of NuGet/NuGetGallery. Passwords are UTF-8 and not
normalised in all of them, but for NuGet's SHA-1, where they are UTF-16 (little-endian, without a mark).
"""

import hashlib
import re
from base64 import b64decode

from migrations.accounts.hashes.parsed import (
    NUMBER,
    Parameters,
    Parsed,
    UnknownHash,
    from_bare_base64,
    from_base64,
    require,
    sized,
    to_base64,
    whole,
)

MOST_ITERATIONS = 10_000_000  # some seconds
_ENOUGH_ITERATIONS = 100_000  # below, a digest alone is guessed quickly

_DIGEST_SIZES = {"sha1": 20, "sha256": 32, "sha512": 64}  # bytes
_PRFS = ("sha1", "sha256", "sha512")  # KeyDerivationPrf
_SALT_BYTES = 16
# 128, 160, 256 and 512 bits. What else there may be cannot be told from a hash that was cut short: the beginning of
# what PBKDF2 returns is what it returns when asked for less.
_SUBKEY_SIZES = (16, 20, 32, 64)
# What Identity writes unless told otherwise, before and since .NET 7, always with 16 bytes of salt and 32 of subkey.
_IDENTITYS_OWN = {("sha256", 10_000), ("sha512", 100_000)}

_DJANGO = re.compile(rf"pbkdf2_(sha1|sha256)\${NUMBER}\$([!-#%-~]{{1,128}})\$([^$]+)")
_PASSLIB = re.compile(rf"\$pbkdf2(-sha256|-sha512)?\${NUMBER}\$([^$]*)\$([^$]+)")


def derive_pbkdf2(parameters: Parameters, password: str) -> bytes:
    """Return what PBKDF2 makes of a password."""
    salt = b64decode(str(parameters["salt"]))
    length = int(parameters["length"])
    return hashlib.pbkdf2_hmac(
        str(parameters["prf"]), password.encode(), salt, int(parameters["iterations"]), dklen=length
    )


def derive_nuget_sha1(parameters: Parameters, password: str) -> bytes:
    """Return the SHA-1 of salt and password, as NuGet has it."""
    message = b64decode(str(parameters["salt"])) + password.encode("utf-16-le")
    return hashlib.sha1(message, usedforsecurity=False).digest()


def read_aspnet(text: str) -> Parsed:
    """Return a hash of ASP.NET Identity, of either version. Raises :class:`UnknownHash`."""
    payload = from_base64(text)
    require(payload[:1] in {b"\0", b"\1"}, "unknown")
    return _version_2(payload) if payload[0] == 0 else _version_3(payload)


def looks_like_aspnet(text: str) -> bool:
    """Return whether it is base64, and begins as a hash of ASP.NET Identity does."""
    try:
        return from_base64(text)[:1] in {b"\0", b"\1"}
    except UnknownHash:
        return False


def read_nuget_sha1(text: str) -> Parsed:
    """Return NuGet's salted SHA-1. Nothing in it says what it is. Raises :class:`UnknownHash`."""
    payload = sized(from_base64(text), _SALT_BYTES + _DIGEST_SIZES["sha1"])
    return Parsed(
        format="nuget_sha1",
        parameters={"salt": to_base64(payload[:_SALT_BYTES])},
        digest=payload[_SALT_BYTES:],
        weak=True,
    )


def read_django(text: str) -> Parsed:
    """Return ``pbkdf2_sha256$iterations$salt$digest``, or ``pbkdf2_sha1``. Raises :class:`UnknownHash`."""
    prf, iterations, salt, digest = whole(_DJANGO, text).groups()
    return _pbkdf2("pbkdf2_django", prf, int(iterations), salt.encode(), sized(from_base64(digest), _DIGEST_SIZES[prf]))


def read_passlib(text: str) -> Parsed:
    """Return ``$pbkdf2-sha256$iterations$salt$digest`` or its kin. Raises :class:`UnknownHash`."""
    variant, iterations, salt, digest = whole(_PASSLIB, text).groups()
    prf = (variant or "-sha1")[1:]
    return _pbkdf2(
        "pbkdf2_passlib",
        prf,
        int(iterations),
        from_bare_base64(salt, plus="."),
        sized(from_bare_base64(digest, plus="."), _DIGEST_SIZES[prf]),
    )


def _version_2(payload: bytes) -> Parsed:
    # Format marker, salt, subkey.
    body = sized(payload, 1 + _SALT_BYTES + 32)[1:]
    return _pbkdf2("aspnet_v2", "sha1", 1000, body[:_SALT_BYTES], body[_SALT_BYTES:])


def _version_3(payload: bytes) -> Parsed:
    # Format marker, then pseudo-random function, iterations and size of the salt, each four bytes in network order.
    require(len(payload) >= 13, "truncated")
    prf_number, iterations, salt_size = (int.from_bytes(payload[start : start + 4]) for start in (1, 5, 9))
    require(prf_number < len(_PRFS) and iterations > 0 and salt_size >= _SALT_BYTES)
    prf, salt, subkey = _PRFS[prf_number], payload[13 : 13 + salt_size], payload[13 + salt_size :]
    expected = (32,) if (prf, iterations) in _IDENTITYS_OWN and salt_size == _SALT_BYTES else _SUBKEY_SIZES
    require(len(subkey) <= expected[-1])
    require(len(subkey) in expected, "truncated")
    return _pbkdf2("aspnet_v3", prf, iterations, salt, subkey)


def _pbkdf2(format_code: str, prf: str, iterations: int, salt: bytes, digest: bytes) -> Parsed:
    blocks = -(-len(digest) // _DIGEST_SIZES[prf])
    require(iterations * blocks <= MOST_ITERATIONS, "too_costly")
    return Parsed(
        format=format_code,
        parameters={"prf": prf, "iterations": iterations, "salt": to_base64(salt), "length": len(digest)},
        digest=digest,
        weak=iterations < _ENOUGH_ITERATIONS,
    )
