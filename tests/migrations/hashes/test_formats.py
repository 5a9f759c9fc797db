"""Every format of password hash: published vectors, and everything that is not quite one."""

import pickle
from base64 import b64encode

import bcrypt
import pytest

from migrations.accounts.hashes.formats import NAMED, Parsed, UnknownHash, derive, parse, usable
from tests.migrations.hashes import vectors
from tests.migrations.hashes.vectors import ALL, Vector

each_vector = pytest.mark.parametrize("vector", ALL, ids=str)


def matches(vector: Vector, password: str) -> bool:
    parsed = parse(vector.text, vector.named)
    return derive(parsed.format, parsed.parameters, password, vector.pepper) == parsed.digest


def cheap(parsed: Parsed) -> bool:
    """Return whether deriving takes a few milliseconds."""
    p = parsed.parameters
    if "setting" in p:
        return str(p["setting"])[4:6] <= "06"
    work = int(p.get("iterations", 0)), int(p.get("n", 0)) * int(p.get("r", 0)) * int(p.get("p", 0)), p.get("memory", 0)
    return work[0] <= 5000 and work[1] <= 20_000 and int(work[2]) * int(p.get("passes", 0)) <= 4096


@each_vector
def test_a_published_hash_is_of_its_format_and_of_its_password(vector: Vector) -> None:
    assert parse(vector.text, vector.named).format == vector.format
    assert matches(vector, vector.password)


@each_vector
def test_a_wrong_password_is_not_the_one_of_a_published_hash(vector: Vector) -> None:
    # In front, because bcrypt reads 72 bytes only.
    assert not matches(vector, "z" + vector.password)


@pytest.mark.parametrize("vector", [v for v in ALL if cheap(parse(v.text, v.named))], ids=str)
def test_other_wrong_passwords_are_not_the_one_either(vector: Vector) -> None:
    guesses = {"", " ", "password", "password ", "Password", "my password\n", vector.text} - {vector.password}
    assert not any(matches(vector, guess) for guess in guesses)


# PBKDF2 of fewer bytes is the beginning of PBKDF2 of more: a hash of ASP.NET's that was cut to 128 bits, to the byte,
# is one of 128 bits. It still takes the right password. Identity's own parameters are told apart by their size.
_CUT_TO_128_BITS = {
    "AQAAAAIAACcQAAAAEAABAgMEBQYHCAkKCwwNDg9B0Oxwty+PGIDSp95gcCfzeDvA4sGapUIUov8usXfD6A==": 60,
}


@each_vector
def test_a_truncated_hash_is_refused_or_does_not_match(vector: Vector) -> None:
    original = parse(vector.text, vector.named)
    for length in range(len(vector.text)):
        try:
            parsed = parse(vector.text[:length], vector.named)
        except UnknownHash:
            continue
        # Only an argon2 says nothing of its size, and its size is hashed too.
        assert original.format.startswith("argon2") or length == _CUT_TO_128_BITS.get(vector.text)
        assert len(parsed.digest) < len(original.digest)
        if cheap(parsed):
            assert derive(parsed.format, parsed.parameters, vector.password, vector.pepper) != parsed.digest


@pytest.mark.parametrize("vector", [v for v in ALL if cheap(parse(v.text, v.named))], ids=str)
def test_no_hash_with_one_character_changed_matches(vector: Vector) -> None:
    original = parse(vector.text, vector.named)
    for position, character in enumerate(vector.text):
        # Its neighbour in base64 differs in the last bit, its other case in several.
        for other in {chr(ord(character) ^ 1), character.swapcase(), "9", "\n"} - {character}:
            text = vector.text[:position] + other + vector.text[position + 1 :]
            if vector.text.startswith("$2") and position == 2 and other in "aby":
                assert parse(text, vector.named).digest == original.digest  # one algorithm under three names
                continue
            try:
                parsed = parse(text, vector.named)
            except UnknownHash:
                continue
            assert parsed != original
            if parsed.parameters == original.parameters and parsed.format == original.format:
                assert parsed.digest != original.digest
            elif cheap(parsed):
                assert derive(parsed.format, parsed.parameters, vector.password, vector.pepper) != parsed.digest


@each_vector
def test_nothing_may_stand_around_a_hash(vector: Vector) -> None:
    for before, after in [(" ", ""), ("\n", ""), ("\ufeff", ""), ('"', '"'), *(("", end) for end in " \n\0=$A")]:
        try:
            parsed = parse(before + vector.text + after, vector.named)
        except UnknownHash:
            continue
        # One more digit of base64 is more of an argon2's digest, which is then another one.
        assert parsed.format.startswith("argon2")
        assert len(parsed.digest) > len(parse(vector.text).digest)


_V2 = vectors.of("aspnet_v2").text
_BCRYPT = vectors.of("bcrypt").text


@pytest.mark.parametrize(
    "named, vector",
    [
        ("aspnet-identity", vectors.of("aspnet_v2")),
        ("aspnet-identity", vectors.of("aspnet_v3")),
        ("nuget-pbkdf2", vectors.of("aspnet_v2")),
        ("nuget-v3", vectors.of("aspnet_v3")),
        ("django", vectors.of("pbkdf2_django")),
        ("django", vectors.of("bcrypt_sha256_django")),
        ("passlib", vectors.of("pbkdf2_passlib")),
        ("bcrypt", vectors.of("bcrypt")),
        ("scrypt", vectors.of("scrypt_passlib")),
        ("scrypt", vectors.of("scrypt_django")),
        ("argon2", vectors.of("argon2d")),
    ],
    ids=str,
)
def test_a_row_may_say_what_its_hash_is(named: str, vector: Vector) -> None:
    assert parse(vector.text, named) == parse(vector.text)


def test_every_format_can_be_named_and_has_a_vector() -> None:
    assert set().union(*NAMED.values()) == {vector.format for vector in ALL}


@pytest.mark.parametrize(
    "iterations, password, salt, expected",
    [
        # RFC 6070, the last two, whose sizes no registry's format has
        (
            4096,
            "passwordPASSWORDpassword",
            b"saltSALTsaltSALTsaltSALTsaltSALTsalt",
            "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038",
        ),
        (4096, "pass\0word", b"sa\0lt", "56fa6aa75548099dcc37d7f03425e0c3"),
    ],
)
def test_pbkdf2_of_other_sizes_is_rfc_6070s(iterations: int, password: str, salt: bytes, expected: str) -> None:
    parameters: dict[str, str | int] = {
        "prf": "sha1",
        "iterations": iterations,
        "salt": b64encode(salt).decode(),
        "length": len(expected) // 2,
    }
    assert derive("aspnet_v3", parameters, password).hex() == expected


def test_scrypt_of_nothing_is_rfc_7914s() -> None:
    parameters: dict[str, str | int] = {"n": 16, "r": 1, "p": 1, "salt": "", "length": 64}
    assert derive("scrypt_django", parameters, "").hex() == (
        "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
        "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"
    )


def test_nuget_hashes_utf_16() -> None:
    salt = bytes(range(1, 17))
    parameters = {"salt": b64encode(salt).decode()}
    # printf '\001...\020p\0a\0s\0s\0' | sha1sum
    assert derive("nuget_sha1", parameters, "pass").hex() == "40e90c1f12f3766e5f1870fdb83c66d72c83b432"


def test_bcrypt_reads_72_bytes_and_may_end_within_a_letter() -> None:
    long = "ж" * 36  # 72 bytes
    parameters = {"setting": "$2b$04$CCCCCCCCCCCCCCCCCCCCC."}
    expected = bcrypt.hashpw(long.encode(), b"$2b$04$CCCCCCCCCCCCCCCCCCCCC.")[29:]
    assert derive("bcrypt", parameters, long) == derive("bcrypt", parameters, long + "tail") == expected
    assert derive("bcrypt", parameters, "a" + long) == derive("bcrypt", parameters, "a" + long[:-1] + "\u0400")
    assert derive("bcrypt", parameters, long[:-1]) != expected
    # Behind 72 bytes the pepper counts for nothing, as with Devise.
    assert derive("bcrypt_devise", parameters, long, b"pepper") == expected
    assert derive("bcrypt_devise", parameters, long[:-1], b"pepper") != derive("bcrypt_devise", parameters, long[:-1])


def test_bcrypt_of_a_password_with_a_nul_is_refused() -> None:
    parameters = parse(_BCRYPT).parameters
    for password in ("\0", "U*U\0", "U*U\0U*U"):
        with pytest.raises(ValueError, match="NUL"):
            derive("bcrypt", parameters, password)


def test_passwords_are_not_normalised() -> None:
    vector = vectors.PBKDF2[5]
    parsed = parse(vector.text)
    composed, decomposed = "l\u00e8tmein", "le\u0300tmein"
    assert derive(parsed.format, parsed.parameters, composed) != derive(parsed.format, parsed.parameters, decomposed)


def test_a_pepper_counts_for_devise_alone() -> None:
    for vector in (vectors.of(code) for code in ("bcrypt", "pbkdf2_passlib", "nuget_sha1", "argon2i")):
        parsed = parse(vector.text, vector.named)
        assert derive(parsed.format, parsed.parameters, vector.password, b"pepper") == parsed.digest


@pytest.mark.parametrize("password", ["a\0", "\ud800", "é" * 2049])
def test_nobody_typed_such_a_password(password: str) -> None:
    assert not usable(password)


@pytest.mark.parametrize("password", ["", " ", "é" * 2048, "\U0001f511", "\n"])
def test_somebody_may_have_typed_such_a_password(password: str) -> None:
    assert usable(password)


def test_an_unknown_format_derives_nothing() -> None:
    with pytest.raises(ValueError, match="no such format"):
        derive("rot13", {}, "password")


@pytest.mark.parametrize(
    "text, weak",
    [
        (_V2, True),
        (vectors.aspnet_v3(1, 99_999, 16, 32), True),
        (vectors.aspnet_v3(1, 100_000, 16, 32), False),
        (_BCRYPT.replace("$05$", "$09$"), True),
        (_BCRYPT.replace("$05$", "$10$"), False),
        (vectors.SCRYPT[1].text, False),
        (vectors.SCRYPT[5].text, True),
        (vectors.of("argon2id").text, False),
        (vectors.of("argon2i").text, True),
    ],
)
def test_a_hash_is_weak_when_it_is_guessed_quickly(text: str, weak: bool) -> None:
    assert parse(text).weak is weak


@each_vector
def test_what_was_read_goes_to_another_process_and_shows_nothing(vector: Vector) -> None:
    parsed = parse(vector.text, vector.named)
    assert pickle.loads(pickle.dumps(parsed)) == parsed  # noqa: S301 - made in the same line
    assert repr(parsed) == f"Parsed(format={vector.format!r}, weak={parsed.weak})"
    assert pickle.loads(pickle.dumps(UnknownHash("malformed"))).code == "malformed"  # noqa: S301
