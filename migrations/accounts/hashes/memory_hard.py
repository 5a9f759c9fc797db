"""scrypt (RFC 7914) as passlib and Django write it, and argon2 (RFC 9106) in the string of its reference code."""

import hashlib
import re
from base64 import b64decode

from argon2.low_level import Type, hash_secret_raw

from migrations.accounts.hashes.parsed import (
    NUMBER,
    Parameters,
    Parsed,
    from_bare_base64,
    from_base64,
    require,
    sized,
    to_base64,
    whole,
)

MOST_SCRYPT_MEMORY = 256 * 2**20  # bytes at a time
_MOST_SCRYPT_WORK = 2**30  # bytes, all lanes together: some seconds
_ENOUGH_SCRYPT_WORK = 2**24
MOST_ARGON2_MEMORY = 2**20  # KiB: 1 GiB at a time
_MOST_ARGON2_WORK = 2**22  # KiB, all passes together: some seconds
_ENOUGH_ARGON2_WORK = 2**15
_MOST_LANES = 64  # each is a thread

_TYPES = {"argon2i": Type.I, "argon2d": Type.D, "argon2id": Type.ID}

_PASSLIB = re.compile(rf"\$scrypt\$ln=([1-9]|[1-5][0-9]),r={NUMBER},p={NUMBER}\$([^$]*)\$([^$]+)")
_DJANGO = re.compile(rf"scrypt\${NUMBER}\$([!-#%-~]{{1,128}})\${NUMBER}\${NUMBER}\$([^$]+)")
_ARGON2 = re.compile(rf"\$(argon2(?:i|d|id))(?:\$v=(16|19))?\$m={NUMBER},t={NUMBER},p={NUMBER}\$([^$]+)\$([^$]+)")


def derive_scrypt(parameters: Parameters, password: str) -> bytes:
    """Return what scrypt makes of a password."""
    n, r, p = (int(parameters[name]) for name in ("n", "r", "p"))
    return hashlib.scrypt(
        password.encode(),
        salt=b64decode(str(parameters["salt"])),
        n=n,
        r=r,
        p=p,
        maxmem=128 * r * (n + p + 2) + 2**16,  # OpenSSL counts what is beside the large vector too
        dklen=int(parameters["length"]),
    )


def derive_argon2(name: str, parameters: Parameters, password: str) -> bytes:
    """Return what argon2 makes of a password. ``name``: argon2i, argon2d or argon2id."""
    return hash_secret_raw(
        secret=password.encode(),
        salt=b64decode(str(parameters["salt"])),
        time_cost=int(parameters["passes"]),
        memory_cost=int(parameters["memory"]),
        parallelism=int(parameters["lanes"]),
        hash_len=int(parameters["length"]),
        type=_TYPES[name],
        version=int(parameters["version"]),
    )


def read_scrypt_passlib(text: str) -> Parsed:
    """Return ``$scrypt$ln=16,r=8,p=1$salt$digest``. Raises ``UnknownHash``."""
    log_n, r, p, salt, digest = whole(_PASSLIB, text).groups()
    return _scrypt(
        "scrypt_passlib", 2 ** int(log_n), int(r), int(p), from_bare_base64(salt), sized(from_bare_base64(digest), 32)
    )


def read_scrypt_django(text: str) -> Parsed:
    """Return ``scrypt$N$salt$r$p$digest``. Raises ``UnknownHash``."""
    n, salt, r, p, digest = whole(_DJANGO, text).groups()
    return _scrypt("scrypt_django", int(n), int(r), int(p), salt.encode(), sized(from_base64(digest), 64))


def read_argon2(text: str) -> Parsed:
    """Return ``$argon2id$v=19$m=65536,t=3,p=4$salt$digest``, or one of version 16. Raises ``UnknownHash``."""
    name, version, *costs, salt, digest = whole(_ARGON2, text).groups()
    memory, passes, lanes = map(int, costs)
    require(memory >= 8 * lanes)
    require(
        memory <= MOST_ARGON2_MEMORY and memory * passes <= _MOST_ARGON2_WORK and lanes <= _MOST_LANES, "too_costly"
    )
    salt_bytes, digest_bytes = from_bare_base64(salt), from_bare_base64(digest)
    require(len(salt_bytes) >= 8)
    require(len(digest_bytes) >= 16, "truncated")
    return Parsed(
        format=name,
        parameters={
            "version": int(version or 16),  # there was none to say before 19
            "memory": memory,
            "passes": passes,
            "lanes": lanes,
            "salt": to_base64(salt_bytes),
            "length": len(digest_bytes),
        },
        digest=digest_bytes,
        weak=memory * passes < _ENOUGH_ARGON2_WORK,
    )


def read_argon2_django(text: str) -> Parsed:
    """Return ``argon2`` and a string of the reference code. Raises ``UnknownHash``."""
    return read_argon2(text.removeprefix("argon2"))


def _scrypt(format_code: str, n: int, r: int, p: int, salt: bytes, digest: bytes) -> Parsed:
    # RFC 7914, section 2: a power of two, below 2^(128 r / 8).
    require(n > 1 and n & (n - 1) == 0 and n.bit_length() <= 16 * r)
    require(128 * n * r <= MOST_SCRYPT_MEMORY and 128 * n * r * p <= _MOST_SCRYPT_WORK, "too_costly")
    return Parsed(
        format=format_code,
        parameters={"n": n, "r": r, "p": p, "salt": to_base64(salt), "length": len(digest)},
        digest=digest,
        weak=128 * n * r * p < _ENOUGH_SCRYPT_WORK,
    )
