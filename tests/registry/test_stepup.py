"""Step-up for registries: what is asked, what is enough, and that no header breaks the reader."""

import ast
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import broker.registry
from broker.registry.stepup import ERROR, MAX_HEADER, Challenge, challenge, parse, satisfies

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
MFA = "https://refeds.org/profile/mfa"
ASKED = f'error="{ERROR}"'


def test_a_challenge_says_what_rfc_9470_has_in_its_example() -> None:
    assert challenge(("phr", "phrh"), 60) == (
        'Bearer error="insufficient_user_authentication", '
        'error_description="The user has to authenticate in a stronger way or anew.", '
        'acr_values="phr phrh", max_age="60"'
    )
    assert "max_age" not in challenge([MFA])
    assert "acr_values" not in challenge(max_age=0)


@pytest.mark.parametrize("max_age", [None, 0, 300])
@pytest.mark.parametrize("acr_values", [(), ("phr",), ("phrh", "phr", MFA)])
def test_what_one_says_the_other_reads(acr_values: tuple[str, ...], max_age: int | None) -> None:
    if acr_values or max_age is not None:
        assert parse(challenge(acr_values, max_age)) == Challenge(acr_values=acr_values, max_age=max_age)


@pytest.mark.parametrize(
    "acr_values, max_age",
    [
        ((), None),
        ("phr", None),
        (("",), None),
        (("two words",), None),
        (('quo"te',), None),
        (("back\\slash",), None),
        (("line\r\nSet-Cookie: a=b",), None),
        (("é",), None),
        ((7,), None),
        ((), -1),
        ((), True),
        ((), 10**9),
    ],
)
def test_t6_what_cannot_be_said_in_a_header_is_not_put_into_one(acr_values: Any, max_age: Any) -> None:
    with pytest.raises(ValueError, match=r"acr_values|max_age|asks for"):
        challenge(acr_values, max_age)


ENOUGH: tuple[tuple[dict[str, Any], dict[str, Any], bool], ...] = (
    ({}, {}, True),
    ({"acr_values": ["phr"]}, {"acr": "phr"}, True),
    ({"acr_values": ["phr", "phrh"]}, {"acr": "phrh"}, True),
    ({"acr_values": ["phr"]}, {"acr": "phrh"}, False),
    ({"acr_values": ["phr"]}, {"acr": "PHR"}, False),
    ({"acr_values": ["phr"]}, {"acr": "phr phrh"}, False),
    ({"acr_values": ["phr"]}, {"acr": ["phr"]}, False),
    ({"acr_values": ["phr"]}, {"acr": None}, False),
    ({"acr_values": ["phr"]}, {}, False),
    ({"acr_values": ["1"]}, {"acr": 1}, False),
    ({"max_age": 60}, {"auth_time": SECONDS}, True),
    ({"max_age": 60}, {"auth_time": SECONDS - 60}, True),
    ({"max_age": 60}, {"auth_time": SECONDS - 59.5}, True),
    ({"max_age": 60}, {"auth_time": SECONDS - 61}, False),
    ({"max_age": 60}, {"auth_time": SECONDS + 60}, True),
    ({"max_age": 60}, {"auth_time": SECONDS + 61}, False),
    ({"max_age": 60}, {}, False),
    ({"max_age": 60}, {"auth_time": None}, False),
    ({"max_age": 60}, {"auth_time": str(SECONDS)}, False),
    ({"max_age": 60}, {"auth_time": True}, False),
    ({"max_age": 10**9 - 1}, {"auth_time": True}, False),
    ({"max_age": 60}, {"auth_time": [SECONDS]}, False),
    ({"max_age": 60}, {"auth_time": float("nan")}, False),
    ({"max_age": 60}, {"auth_time": float("inf")}, False),
    ({"max_age": 60}, {"auth_time": 10**400}, False),
    ({"max_age": 60}, {"auth_time": -(10**400)}, False),
    ({"max_age": 0}, {"auth_time": SECONDS}, True),
    ({"max_age": 0}, {"auth_time": SECONDS - 1}, False),
    ({"acr_values": ["phr"], "max_age": 60}, {"acr": "phr", "auth_time": SECONDS}, True),
    ({"acr_values": ["phr"], "max_age": 60}, {"acr": "phr", "auth_time": SECONDS - 61}, False),
    ({"acr_values": ["phr"], "max_age": 60}, {"acr": MFA, "auth_time": SECONDS}, False),
)


@pytest.mark.parametrize("asked, claims, enough", ENOUGH)
def test_t2_only_what_was_proven_is_enough(asked: dict[str, Any], claims: dict[str, Any], enough: bool) -> None:
    assert satisfies(claims, **asked, now=NOW) is enough
    assert satisfies(claims, **asked, now=NOW.astimezone()) is enough


def test_t2_asking_in_the_wrong_way_is_no_yes() -> None:
    for wrong in ({"acr_values": "phr"}, {"max_age": -1}, {"now": NOW.replace(tzinfo=None)}):
        with pytest.raises(ValueError, match=r"acr_values|max_age|time zone"):
            satisfies({"acr": "phr", "auth_time": SECONDS}, **{"now": NOW, **wrong})  # type: ignore[arg-type]  # wrong


@given(st.dictionaries(st.sampled_from(["acr", "auth_time"]), st.none() | st.integers() | st.floats() | st.text()))
def test_whatever_the_claims_are_there_is_an_answer(claims: dict[str, Any]) -> None:
    if satisfies(claims, acr_values=["phr"], max_age=60, now=NOW):
        assert claims["acr"] == "phr"
        assert abs(NOW - datetime.fromtimestamp(claims["auth_time"], UTC)) <= timedelta(seconds=60)


READ: dict[str, Challenge] = {
    f"Bearer {ASKED}": Challenge(),
    f'bearer {ASKED}, acr_values="phr"': Challenge(acr_values=("phr",)),
    f'DPoP {ASKED}, MAX_AGE="5", algs="ES256 PS256"': Challenge(max_age=5),
    f'Bearer realm="a, b", error={ERROR}, max_age=5': Challenge(max_age=5),
    f'Bearer acr_values = "phr phrh" ,\t{ASKED}': Challenge(acr_values=("phr", "phrh")),
    f'Negotiate, Basic realm="x", Bearer {ASKED}, max_age="0"': Challenge(max_age=0),
    f'Bearer {ASKED}, max_age="9", Basic realm="x", charset="UTF-8"': Challenge(max_age=9),
    f"NTLM YWJj==, Bearer {ASKED}": Challenge(),
    f"Bearer {ASKED}, max_age": Challenge(),  # by the grammar another scheme
    ', ,Bearer error="insufficient\\_user_authentication",, max_age="1",': Challenge(max_age=1),
    f'Bearer realm="a \\" b, c=\\"d", {ASKED}': Challenge(),
    f'Bearer realm="", {ASKED}': Challenge(),
    f'Bearer error="invalid_token", DPoP {ASKED}': Challenge(),
}


@pytest.mark.parametrize("header", READ)
def test_a_challenge_is_found_among_others(header: str) -> None:
    assert parse(header) == READ[header]


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "Bearer",
        "Bearer ",
        "Bearer YWJj",
        'Bearer realm="x"',
        'Bearer error="invalid_token", acr_values="phr"',
        f"Basic {ASKED}",
        ASKED,
        f"Bearer, {ASKED}",
        f"Bearer YWJj=, {ASKED}",
        f"Bearer {ASKED}, {ASKED}",
        f"Bearer {ASKED}, Error=x",
        f"Bearer {ASKED}, DPoP {ASKED}",
        f'Bearer {ASKED}, max_age="5',
        f'Bearer {ASKED}, max_age="5\\"',
        f"Bearer {ASKED}, max_age=",
        f"Bearer {ASKED} max_age=5",
        f"Bearer {ASKED}; max_age=5",
        f"Bearer {ASKED}, =5",
        f'Bearer {ASKED}, "max_age"=5',
        *(f'Bearer {ASKED}, max_age="{age}"' for age in ("", "-1", "1.5", "5 ", "0x5", "٣", "1" * 10)),
        *(f'Bearer {ASKED}, acr_values="{values}"' for values in ("", " ", "a  b", " a", "é", 'a\\"b', "a\\\\b")),
        f"Bearer {ASKED}\r\n, max_age=5",
        f'Bearer realm="\x00", {ASKED}',
        f"Bearer {ASKED}, realm={'x' * MAX_HEADER}",
        'Bearer error="insufficient_user_authentication "',
        "Bearer error='insufficient_user_authentication'",
    ],
)
def test_t2_what_is_not_one_whole_challenge_is_none(header: str) -> None:
    assert parse(header) is None


PARTS = st.sampled_from(
    ['"', "\\", ",", "=", " ", "\t", "Bearer ", ASKED, "max_age", "acr_values=", "5", "a", "é", "\n"]
)


@given(st.lists(PARTS, max_size=30).map("".join) | st.text())
def test_whatever_the_header_is_there_is_an_answer(header: str) -> None:
    found = parse(header)
    if found is not None:
        assert ERROR in header.replace("\\", "")
        assert found.acr_values or found.max_age is not None or found == Challenge()


@pytest.mark.parametrize("part", ['"', 'a"', '\\"', "a=", "a =", '"\\', "a, ", "Bearer a=b,", '"a",', " "])
def test_t12_a_header_made_to_be_slow_is_read_once(part: str) -> None:
    assert parse((part * MAX_HEADER)[:MAX_HEADER]) is None


def test_the_authorization_request_asks_for_what_was_asked() -> None:
    asked = Challenge(acr_values=("phr", "phrh"), max_age=60)
    assert asked.parameters() == {"acr_values": "phr phrh", "max_age": "60"}
    demanded = asked.parameters(essential=True)
    assert json.loads(demanded.pop("claims")) == {"id_token": {"acr": {"essential": True, "values": ["phr", "phrh"]}}}
    assert demanded == asked.parameters()
    assert Challenge(max_age=0).parameters(essential=True) == {"max_age": "0"}
    assert Challenge().parameters() == {}


def test_registries_import_nothing_but_the_standard_library() -> None:
    for path in Path(str(broker.registry.__file__)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
