"""The words, and the strict reading of single claims (T2)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims.vocabulary import ACR_SUPPORTED, AMR_REGISTRY, flag, instant, text, text_list
from tests.claims.samples import NOW, json_values, thorough

SECONDS = int(NOW.timestamp())


def test_the_amr_registry_is_that_of_rfc_8176() -> None:
    assert len(AMR_REGISTRY) == 21
    assert {"mfa", "pwd", "hwk", "wia"} <= AMR_REGISTRY
    assert not {"ngcmfa", "rsa", "fed", "wiaormfa", "none", "fido"} & AMR_REGISTRY


def test_acr_values_stand_strongest_first() -> None:
    assert ACR_SUPPORTED == (
        "phrh",
        "phr",
        "https://refeds.org/profile/mfa",
        "urn:vestibule:acr:mfa-enrolled",
        "urn:vestibule:acr:exempt",
    )


@pytest.mark.parametrize("raw", ["a", "mfa", " mfa ", "x" * 1024])
def test_a_text_is_taken_exactly_as_it_stands(raw: str) -> None:
    assert text(raw) == raw


@pytest.mark.parametrize("raw", ["", "x" * 1025, None, 1, True, b"mfa", ["mfa"], {"mfa": 1}])
def test_t2_nothing_else_is_a_text(raw: object) -> None:
    assert text(raw) is None


def test_a_list_of_distinct_texts_is_taken() -> None:
    assert text_list(["pwd", "mfa"]) == ("pwd", "mfa")
    assert text_list([str(number) for number in range(64)]) is not None


@pytest.mark.parametrize(
    "raw",
    [
        *("mfa", None, 1, True, {"mfa": 1}, ("mfa",), {"mfa"}, b"mfa"),
        *([], [""], ["mfa", "mfa"], ["mfa", None], ["mfa", 1], ["mfa", True], [["mfa"]], [{}]),
        [str(number) for number in range(65)],
    ],
)
def test_t2_one_odd_item_makes_a_list_worthless(raw: object) -> None:
    assert text_list(raw) is None


@pytest.mark.parametrize("raw", [None, 0, 1, 1.0, "true", "", [], [True], {}])
def test_t2_only_json_booleans_are_flags(raw: object) -> None:
    assert flag(raw) is None
    assert flag(True) is True
    assert flag(False) is False


@pytest.mark.parametrize("raw", [1, SECONDS - 86_400, SECONDS, SECONDS + 120])
def test_an_instant_is_whole_seconds_up_to_the_clock_skew(raw: int) -> None:
    assert instant(raw, NOW) == datetime.fromtimestamp(raw, UTC)


@pytest.mark.parametrize(
    "raw",
    [
        *(0, -1, SECONDS + 121, SECONDS * 1000, 253_402_300_800, 10**30),
        *(None, True, False, float(SECONDS), str(SECONDS), [SECONDS], {}, float("nan")),
    ],
)
def test_t2_anything_else_is_no_instant(raw: object) -> None:
    assert instant(raw, NOW) is None


def test_an_instant_needs_to_know_what_now_is() -> None:
    with pytest.raises(ValueError, match="UTC"):
        instant(SECONDS, NOW.replace(tzinfo=None))


@thorough
@given(raw=json_values, now=st.sampled_from((NOW, NOW + timedelta(days=400), datetime.max.replace(tzinfo=UTC))))
def test_t2_no_parser_ever_raises(raw: object, now: datetime) -> None:
    text(raw)
    text_list(raw)
    flag(raw)
    instant(raw, now)
