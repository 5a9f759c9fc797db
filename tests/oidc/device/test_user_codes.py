"""User codes: safe letters, read however they are typed."""

import pytest

from broker.oidc.device.user_codes import ALPHABET, new_user_code, read_user_code, shown


def test_a_code_has_eight_letters_that_make_no_words_and_are_not_mistaken() -> None:
    codes = {new_user_code() for _ in range(200)}
    assert len(codes) == 200
    assert {len(code) for code in codes} == {8}
    assert set("".join(codes)) == set(ALPHABET)
    assert not set(ALPHABET) & set("AEIOUY01")
    assert all(read_user_code(shown(code)) == code for code in codes)


@pytest.mark.parametrize(
    "typed",
    ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "WDJB\N{EN DASH}MJHT", "w.d.j.b_m j h t", "\tWDJB--MJHT\n", "WdJb-mJhT"],
)
def test_a_code_is_read_as_people_type_it(typed: str) -> None:
    assert read_user_code(typed) == "WDJBMJHT"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "WDJB-MJH",
        "WDJB-MJHTT",
        "WDJB-MJHA",
        "WDJB-MJH7",
        "WDJB/MJHT",
        "WDJB-MJH\N{CYRILLIC CAPITAL LETTER TE}",
        "W" + " " * 60 + "DJBMJHT",
    ],
)
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert read_user_code(typed) is None


def test_a_code_is_shown_in_two_halves() -> None:
    assert shown("WDJBMJHT") == "WDJB-MJHT"
