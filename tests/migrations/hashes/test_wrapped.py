"""What is kept of a hash: the password is known again, and a thief of the table learns nothing."""

import hmac
import json
import pickle
from base64 import b64decode, b64encode
from typing import Any

import pytest
from argon2.low_level import Type, hash_secret_raw
from hypothesis import given, settings
from hypothesis import strategies as st

from migrations.accounts.hashes import wrapped as wrapping
from migrations.accounts.hashes.formats import Parsed, derive, parse
from migrations.accounts.hashes.wrapped import Wrapper
from tests.migrations.hashes import vectors
from tests.migrations.hashes.vectors import Vector

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
WRAPPER = Wrapper(KEY, 64)

FORMATS = sorted({vector.format for vector in vectors.ALL})
each_format = pytest.mark.parametrize("vector", [vectors.of(code) for code in FORMATS], ids=FORMATS)


def of(vector: Vector) -> tuple[Wrapper, bytes]:
    wrapper = Wrapper(KEY, 64, vector.pepper)
    return wrapper, wrapper.wrap(parse(vector.text, vector.named))


@each_format
def test_a_wrapped_hash_matches_its_password_alone(vector: Vector) -> None:
    wrapper, record = of(vector)
    assert wrapper.matches(record, vector.password)
    assert not wrapper.matches(record, "z" + vector.password)
    assert not wrapper.matches(record, vector.text)


@each_format
def test_under_another_key_nothing_matches(vector: Vector) -> None:
    _, record = of(vector)
    assert not Wrapper(OTHER_KEY, 64, vector.pepper).matches(record, vector.password)


@each_format
def test_a_stolen_table_has_no_digest_to_guess_at(vector: Vector) -> None:
    _, record = of(vector)
    digest = parse(vector.text, vector.named).digest
    hashes = [digest, digest[:6], b64encode(digest), b64encode(digest)[:8], digest.hex().encode()[:12]]
    hashes += [b64encode(digest, b"./")[:8], vector.text[-16:].encode().rstrip(b"=")]
    assert not any(some in record for some in hashes)
    assert not any(some in b64decode(json.loads(record)["mac"]) for some in hashes)


@each_format
def test_a_record_is_compact_json_of_format_parameters_and_mac(vector: Vector) -> None:
    _, record = of(vector)
    parsed, value = parse(vector.text, vector.named), json.loads(record)
    assert set(value) == {"format", "parameters", "mac"} | ({"outer"} if parsed.weak else set())
    assert (value["format"], value["parameters"]) == (parsed.format, parsed.parameters)
    assert len(b64decode(value["mac"])) == 32
    assert b" " not in record
    assert len(record) < 512


def test_under_the_mac_of_a_weak_hash_lies_argon2id_with_a_salt_of_its_own() -> None:
    parsed = parse(vectors.of("nuget_sha1").text, "nuget-sha1")
    records = [json.loads(WRAPPER.wrap(parsed)) for _ in range(2)]
    assert records[0]["outer"]["salt"] != records[1]["outer"]["salt"]
    assert records[0]["mac"] != records[1]["mac"]
    assert records[0]["outer"]["memory"] == 64
    for record in records:
        mac = b64decode(record.pop("mac"))
        salt = b64decode(record["outer"]["salt"])
        assert len(salt) == 16
        slowed = hash_secret_raw(parsed.digest, salt, 1, 64, 1, 32, Type.ID)
        head = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        parts = [b"vestibule: a wrapped legacy password, version 1", head, slowed]
        framed = b"".join(len(part).to_bytes(4) + part for part in parts)
        assert mac == hmac.digest(KEY, framed, "sha256")


def test_a_strong_hash_has_its_own_cost_and_no_other() -> None:
    parsed = parse(vectors.of("argon2id").text)
    assert WRAPPER.wrap(parsed) == WRAPPER.wrap(parsed)
    assert "outer" not in json.loads(WRAPPER.wrap(parsed))


def test_the_memory_of_a_record_holds_when_the_setting_changes() -> None:
    vector = vectors.of("aspnet_v2")
    _, record = of(vector)
    assert Wrapper(KEY, 128).matches(record, vector.password)


def _changed(record: bytes, change: dict[str, Any]) -> bytes:
    value = json.loads(record)
    for path, new in change.items():
        *way, last = path.split(".")
        place = value
        for step in way:
            place = place[step]
        place[last] = new
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "pbkdf2_django"},
        {"format": "aspnet_v3"},
        {"parameters.iterations": 999},
        {"parameters.length": 31},
        {"parameters.salt": b64encode(bytes(16)).decode()},
        {"parameters.more": 1},
        {"outer": None},
        {"outer.memory": 65},
        {"outer.salt": b64encode(bytes(16)).decode()},
        {"more": 1},
        {"mac": ""},
        {"mac": b64encode(bytes(32)).decode()},
    ],
    ids=str,
)
def test_a_record_that_was_changed_matches_nothing(change: dict[str, Any]) -> None:
    vector = vectors.of("aspnet_v2")
    _, record = of(vector)
    assert not WRAPPER.matches(_changed(record, change), vector.password)


@pytest.mark.parametrize(
    "record",
    [b"", b"{", b"[]", b"null", b'"mac"', b"7", b"{}", b'{"mac":"AA=="}', b'{"mac":7}', b'{"mac":"?"}', b"\xff"],
)
def test_anything_but_a_record_is_an_error_and_no_match(record: bytes) -> None:
    with pytest.raises(ValueError, match="not a wrapped hash"):
        WRAPPER.matches(record, "password")


def test_without_its_pepper_a_devise_hash_matches_nothing() -> None:
    vector = vectors.DEVISE[1]
    wrapper, record = of(vector)
    assert wrapper.matches(record, vector.password)
    for pepper in (None, b"", b"*", b"*U*"):
        assert not Wrapper(KEY, 64, pepper).matches(record, vector.password)


@pytest.mark.parametrize("password", ["\0", "U*U\0", "\ud800", "x" * 4097])
@pytest.mark.parametrize("format_code", ["bcrypt", "aspnet_v2", "nuget_sha1"])
def test_what_nobody_can_have_typed_costs_the_same_and_is_never_it(
    password: str, format_code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The hash of nothing: what is derived in place of such a password must not let it in.
    parsed = parse(vectors.of(format_code).text, vectors.of(format_code).named)
    digest = derive(parsed.format, parsed.parameters, "")
    record = WRAPPER.wrap(Parsed(format=parsed.format, parameters=parsed.parameters, digest=digest, weak=parsed.weak))
    derived = _counting(monkeypatch)
    assert not WRAPPER.matches(record, password)
    assert derived == [format_code]
    assert WRAPPER.matches(record, "")


def _counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    derived: list[str] = []

    def counted(format_code: str, *rest: Any) -> bytes:
        derived.append(format_code)
        return derive(format_code, *rest)

    monkeypatch.setattr(wrapping, "derive", counted)
    return derived


@pytest.mark.parametrize("password", ["password", "\ud800"])
def test_a_decoy_costs_one_verification_of_what_most_had_or_of_a_record(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, record = of(vectors.of("bcrypt"))
    derived, slowed = _counting(monkeypatch), []

    def counted(**options: Any) -> bytes:
        slowed.append(options["memory_cost"])
        return hash_secret_raw(**options)

    monkeypatch.setattr(wrapping, "hash_secret_raw", counted)
    WRAPPER.decoy(password)
    assert (derived, slowed) == (["aspnet_v3"], [64])
    WRAPPER.decoy(password, record)
    assert (derived, slowed) == (["aspnet_v3", "bcrypt"], [64, 64])


def test_a_wrapper_goes_to_another_process_and_shows_no_key() -> None:
    wrapper = Wrapper(KEY, 64, b"pepper")
    assert pickle.loads(pickle.dumps(wrapper)) == wrapper  # noqa: S301 - made in the same line
    assert repr(wrapper) == "Wrapper(memory_kib=64)"


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32"):
        Wrapper(bytes(size), 64)


_PASSWORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
_SALTS = st.binary(min_size=8, max_size=24).map(lambda salt: b64encode(salt).decode())
_PARAMETERS = st.one_of(
    st.tuples(
        st.sampled_from(["aspnet_v2", "aspnet_v3", "pbkdf2_django", "pbkdf2_passlib"]),
        st.fixed_dictionaries(
            {
                "prf": st.sampled_from(["sha1", "sha256", "sha512"]),
                "iterations": st.integers(1, 50),
                "salt": _SALTS,
                "length": st.integers(16, 64),
            }
        ),
    ),
    st.tuples(st.just("nuget_sha1"), st.fixed_dictionaries({"salt": _SALTS})),
    st.tuples(
        st.sampled_from(["argon2i", "argon2d", "argon2id"]),
        st.fixed_dictionaries(
            {
                "version": st.sampled_from([16, 19]),
                "memory": st.integers(16, 32),
                "passes": st.just(1),
                "lanes": st.integers(1, 2),
                "salt": _SALTS,
                "length": st.integers(16, 64),
            }
        ),
    ),
    st.tuples(
        st.sampled_from(["scrypt_passlib", "scrypt_django"]),
        st.fixed_dictionaries(
            {"n": st.just(4), "r": st.integers(1, 2), "p": st.integers(1, 2), "salt": _SALTS, "length": st.just(32)}
        ),
    ),
)


@settings(max_examples=60)
@given(_PARAMETERS, _PASSWORDS, _PASSWORDS, st.booleans())
def test_wrapping_and_deriving_agree(
    described: tuple[str, dict[str, str | int]], password: str, guess: str, weak: bool
) -> None:
    format_code, parameters = described
    digest = derive(format_code, parameters, password)
    record = WRAPPER.wrap(Parsed(format=format_code, parameters=parameters, digest=digest, weak=weak))
    assert WRAPPER.matches(record, password)
    assert WRAPPER.matches(record, guess) is (derive(format_code, parameters, guess) == digest)
