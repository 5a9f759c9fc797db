"""Profile: what may be suggested of a person, and the tricks that are played with emails (T3)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims.profile import Profile
from tests.claims.samples import json_values, thorough


def email_of(raw: object) -> str | None:
    return Profile.read(None, raw, True).email


def name_of(raw: object) -> str | None:
    return Profile.read(raw, None, None).name


USABLE_EMAILS = [
    "ada@outlook.example",
    "Ada.Author+registry@sub.example.org",
    "o'brien@example.ie",
    "583231+octocat@users.noreply.github.com",
    "a@b",
    f"{'l' * 64}@example.org",
    f"{'l' * 64}@{'d' * 63}.{'d' * 63}.{'d' * 61}",
    "bo@xn--bcher-kva.example",
]

ODD_EMAILS = [
    *("", "@", "ada", "ada@", "@example.org", "ada.example.org"),
    # more than one @
    *("ada@evil.example@example.org", "ada@@example.org", '"ada@evil.example"@example.org'),
    # comments, quoting, display names, routes, literals
    *("ada(comment)@example.org", "ada@example.org(comment)", "ada@(comment)example.org"),
    *('"ada"@example.org', '"ada lovelace"@example.org', "ada\\@example.org", "ada@example.org\\"),
    *(
        "Ada <ada@example.org>",
        "<ada@example.org>",
        "@relay.example:ada@example.org",
        "mailto:ada@example.org",
    ),
    *("ada@[192.0.2.1]", "ada@[IPv6:2001:db8::1]", "ada@example.org,bo@example.org", "ada@example.org;"),
    # white space and control characters
    *(" ada@example.org", "ada@example.org ", "ada @example.org", "ada@ example.org", "ada\t@example.org"),
    *(
        "ada@example.org\n",
        "ada@example.org\r\nBcc: bo@example.org",
        "ada\r\n@example.org",
        "ada\x00@example.org",
    ),
    *(
        "ada@example.org\x00.evil.example",
        "ada\x7f@example.org",
        "ada\u00a0@example.org",
        "ada\u2028@example.org",
    ),
    # letters that look alike, fold alike or turn the text around
    *("аda@example.org", "ada@exаmple.org", "ada＠example.org", "ada@example。org", "ﬁona@example.org"),
    *("\u212aate@example.org", "ada@gıthub.example", "ada\u200b@example.org", "ada\u202e@example.org"),
    *("ada\u0301@example.org", "ada@bücher.example", "\ud800@example.org"),
    # dots and hyphens
    *(".ada@example.org", "ada.@example.org", "a..da@example.org", "ada@.example.org", "ada@example..org"),
    *("ada@example.org.", "ada@-example.org", "ada@example-.org", "ada@exam_ple.org"),
    # too long
    *(f"{'l' * 65}@example.org", f"ada@{'d' * 64}.org", f"{'l' * 64}@{'d' * 63}.{'d' * 63}.{'d' * 62}"),
    *(None, True, 1, b"ada@example.org", ["ada@example.org"], {"email": "ada@example.org"}),
]


@pytest.mark.parametrize("raw", USABLE_EMAILS)
def test_an_ordinary_email_is_taken_as_it_stands(raw: str) -> None:
    assert Profile.read(None, raw, True) == Profile(name=None, email=raw, email_verified=True)


@pytest.mark.parametrize("raw", ODD_EMAILS)
def test_t3_an_odd_email_is_none_and_never_verified(raw: object) -> None:
    assert Profile.read("Ada", raw, True) == Profile(name="Ada", email=None, email_verified=False)


@pytest.mark.parametrize("raw", [None, False, 1, 1.0, "true", "True", [True], {"verified": True}])
def test_t3_only_json_true_verifies_an_email(raw: object) -> None:
    assert Profile.read(None, "ada@example.org", raw).email_verified is False


@thorough
@given(raw=st.text(max_size=30) | st.from_regex(r"[a-z@.\"() \r\n<>]{0,30}") | st.emails() | json_values)
def test_t3_an_email_that_is_taken_could_stand_in_a_header(raw: object) -> None:
    email = email_of(raw)
    if email is not None:
        assert email == raw
        assert email.isascii()
        assert email.isprintable()
        assert email.count("@") == 1
        assert not set(email) & set('"(),:;<>[]\\ ')
        assert unicodedata.normalize("NFKC", email) == email


@pytest.mark.parametrize(
    "raw", ["Ada Author", "Ðorđe", "李 明", "O'Brien", "علی\u200cرضا", "👩\u200d💻", "<b>Ada</b>", "x" * 200]
)
def test_an_ordinary_name_is_taken_as_it_stands(raw: str) -> None:
    assert name_of(raw) == raw


def test_space_around_a_name_goes() -> None:
    assert name_of("  Ada Author ") == "Ada Author"


@pytest.mark.parametrize(
    "raw",
    [
        *(
            "",
            "   ",
            "\u200d \u200c",
            "x" * 201,
            "Ada\r\nSet-Cookie: a=b",
            "Ada\n",
            "Ada\x00",
            "Ada\x1b[31m",
            "Ada\x85",
        ),
        *("Ada\u202erohtuA", "Ada\u2066", "Ada\ufeff", "Ada\u2028", "Ada\u2029", "Ada\ud800", "Ada\u200b"),
        *(None, True, 7, b"Ada", ["Ada"], {"name": "Ada"}),
    ],
)
def test_an_odd_name_is_none(raw: object) -> None:
    assert name_of(raw) is None


@thorough
@given(name=json_values, email=json_values, verified=json_values)
def test_reading_a_profile_never_raises(name: object, email: object, verified: object) -> None:
    profile = Profile.read(name, email, verified)
    assert profile.email is None or profile.email == email
    assert not profile.email_verified or verified is True
