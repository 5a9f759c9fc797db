"""Every format of password hash that a registry may bring, read exactly and without guessing."""

from collections.abc import Callable

from migrations.accounts.hashes import bcrypts, memory_hard, pbkdf2
from migrations.accounts.hashes.parsed import Parameters, Parsed, UnknownHash, require

__all__ = ["NAMED", "Parameters", "Parsed", "UnknownHash", "derive", "parse", "usable"]

_MOST_CHARACTERS = 2048
_MOST_PASSWORD_BYTES = 4096

Reader = Callable[[str], Parsed]

_READERS: tuple[tuple[str, Reader], ...] = (
    ("pbkdf2_sha1$", pbkdf2.read_django),
    ("pbkdf2_sha256$", pbkdf2.read_django),
    ("$pbkdf2$", pbkdf2.read_passlib),
    ("$pbkdf2-sha256$", pbkdf2.read_passlib),
    ("$pbkdf2-sha512$", pbkdf2.read_passlib),
    ("$2a$", bcrypts.read_bcrypt),
    ("$2b$", bcrypts.read_bcrypt),
    ("$2y$", bcrypts.read_bcrypt),
    ("bcrypt$", bcrypts.read_django),
    ("bcrypt_sha256$", bcrypts.read_django),
    ("$scrypt$", memory_hard.read_scrypt_passlib),
    ("scrypt$", memory_hard.read_scrypt_django),
    ("$argon2i$", memory_hard.read_argon2),
    ("$argon2d$", memory_hard.read_argon2),
    ("$argon2id$", memory_hard.read_argon2),
    ("argon2$argon2", memory_hard.read_argon2_django),
)

# Known, and not verified: crypt(3)'s others, LDAP's, Django's older ones and its mark for "no password", and the
# bcrypt that counts bytes as negative numbers.
_UNSUPPORTED = (
    *("$1$", "$2$", "$2x$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$apr1$", "$md5", "$sha1$", "$bcrypt-sha256$"),
    *("$pbkdf2-", "$p5k2$", "$scram$", "$P$", "$H$", "{", "md5$", "sha1$", "crypt$", "unsalted_", "!"),
)

NAMED: dict[str, frozenset[str]] = {
    "argon2": frozenset({"argon2i", "argon2d", "argon2id"}),
    "aspnet-identity": frozenset({"aspnet_v2", "aspnet_v3"}),
    "bcrypt": frozenset({"bcrypt"}),
    "devise-bcrypt": frozenset({"bcrypt_devise"}),
    "django": frozenset(
        {"pbkdf2_django", "bcrypt", "bcrypt_sha256_django", "scrypt_django", "argon2i", "argon2d", "argon2id"}
    ),
    "nuget-pbkdf2": frozenset({"aspnet_v2"}),
    "nuget-sha1": frozenset({"nuget_sha1"}),
    "nuget-v3": frozenset({"aspnet_v3"}),
    "passlib": frozenset({"pbkdf2_passlib", "scrypt_passlib", "bcrypt", "argon2i", "argon2d", "argon2id"}),
    "scrypt": frozenset({"scrypt_passlib", "scrypt_django"}),
}
"""What a row may say of its hash -> the formats that it may then be."""


def parse(text: str, named: str | None = None) -> Parsed:
    """Return what a hash says. Raises :class:`UnknownHash`.

    ``named``: what its row says that it is, a key of :data:`NAMED`. NuGet's SHA-1 and Devise's bcrypt are only read
    when they are named, because nothing in them tells them from others.
    """
    require(len(text) <= _MOST_CHARACTERS)
    require(named is None or named in NAMED, "unknown")
    parsed = _reader(text, named)(text)
    require(named is None or parsed.format in NAMED[named])
    return parsed


def derive(format_code: str, parameters: Parameters, password: str, pepper: bytes | None = None) -> bytes:
    """Return the digest that a password has under a format and parameters of :class:`Parsed`.

    ``pepper`` is Devise's, and counts there alone. Raises :class:`ValueError` for a password that the format cannot
    have; of those that are :func:`usable` there are none.
    """
    match format_code:
        case "nuget_sha1":
            return pbkdf2.derive_nuget_sha1(parameters, password)
        case "bcrypt":
            return bcrypts.derive_bcrypt(parameters, password)
        case "bcrypt_devise":
            return bcrypts.derive_devise(parameters, password, pepper or b"")
        case "bcrypt_sha256_django":
            return bcrypts.derive_sha256(parameters, password)
        case "scrypt_passlib" | "scrypt_django":
            return memory_hard.derive_scrypt(parameters, password)
        case "argon2i" | "argon2d" | "argon2id":
            return memory_hard.derive_argon2(format_code, parameters, password)
        case "aspnet_v2" | "aspnet_v3" | "pbkdf2_django" | "pbkdf2_passlib":
            return pbkdf2.derive_pbkdf2(parameters, password)
    raise ValueError("no such format")


def usable(password: str) -> bool:
    """Return whether a person can have had this password: text without NUL, of 4096 bytes of UTF-8 at most."""
    try:
        return "\0" not in password and len(password.encode()) <= _MOST_PASSWORD_BYTES
    except UnicodeEncodeError:
        return False


def _reader(text: str, named: str | None) -> Reader:
    if named == "nuget-sha1":
        return pbkdf2.read_nuget_sha1
    if named == "devise-bcrypt" and text.startswith("$2") and not text.startswith(_UNSUPPORTED):
        return bcrypts.read_devise
    for prefix, reader in _READERS:
        if text.startswith(prefix):
            return reader
    require(not text.startswith(_UNSUPPORTED), "unsupported")
    require(named in {"aspnet-identity", "nuget-pbkdf2", "nuget-v3"} or pbkdf2.looks_like_aspnet(text), "unknown")
    return pbkdf2.read_aspnet
