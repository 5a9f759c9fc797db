"""Rules as they come from programs and from forms: all that is wrong is said, and nothing wrong is a rule."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.tenants.rule_input import MAX_AGE, SESSION_LENGTH, BadRule, parse, parse_form
from broker.tenants.rules import NOTHING_MORE, Rule, as_json
from claims.evidence import Binding, Strength
from tests.accounts.organizations.rooms import OTHER_TID, TID
from tests.claims.samples import json_values, thorough

PROVIDERS, TENANTS = ("entra", "github"), (TID,)


def seconds_within(bounds: tuple[timedelta, timedelta]) -> st.SearchStrategy[timedelta]:
    least, most = (int(each.total_seconds()) for each in bounds)
    return st.integers(least, most).map(lambda seconds: timedelta(seconds=seconds))


good_rules = st.builds(
    Rule,
    strength=st.sampled_from((None, Strength.MFA, Strength.PHISHING_RESISTANT)),
    bindings=st.none() | st.frozensets(st.sampled_from(Binding), min_size=1),
    max_age=st.none() | seconds_within(MAX_AGE),
    session_length=st.none() | seconds_within(SESSION_LENGTH),
    guests=st.booleans(),
    providers=st.none() | st.frozensets(st.sampled_from(PROVIDERS), min_size=1),
    tenants=st.none() | st.frozensets(st.sampled_from(TENANTS), min_size=1),
)


def read(values: dict[str, object]) -> Rule:
    return parse(values, known_providers=PROVIDERS, own_tenants=TENANTS)


def read_form(**fields: list[str]) -> Rule:
    return parse_form(fields, known_providers=PROVIDERS, own_tenants=TENANTS)


def fields_of(refused: pytest.ExceptionInfo[BadRule]) -> list[str]:
    return [each.field for each in refused.value.problems]


@thorough
@given(rule=good_rules)
def test_a_rule_that_was_written_is_read(rule: Rule) -> None:
    assert read(as_json(rule)) == rule


WRONG: dict[str, list[object]] = {
    "strength": ["", "none", "single", "MFA", 2, True, [], {}],
    "bindings": [[], ["sms"], ["session", "sms"], "session", [None], [["session"]], {"session": True}, True],
    "max_age": [299, 2_592_001, 0, -1, 300.0, "300", True, [], 10**30],
    "session_length": [899, 2_592_001, 0, "900", True, False],
    "guests": [None, "false", "true", 0, 1, []],
    "providers": [[], ["gitlab"], ["github", "gitlab"], "github", [1], ["GITHUB"]],
    "tenants": [[], [OTHER_TID], [TID, OTHER_TID], TID, [""]],
}


@pytest.mark.parametrize("field", WRONG)
def test_t2_a_member_that_is_odd_is_refused(field: str) -> None:
    for value in WRONG[field]:
        with pytest.raises(BadRule) as refused:
            read(as_json(NOTHING_MORE) | {field: value})
        assert fields_of(refused) == [field], value


def test_t2_a_member_that_is_left_out_is_no_looser_rule() -> None:
    with pytest.raises(BadRule) as refused:
        read({})
    assert fields_of(refused) == list(WRONG)
    with pytest.raises(BadRule) as refused:
        read(as_json(NOTHING_MORE) | {"acr": "mfa", "Strength": "mfa"})
    assert fields_of(refused) == ["Strength", "acr"]


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadRule, match=r"^strength: .+; max_age: .+; tenants: ") as refused:
        read(as_json(NOTHING_MORE) | {"strength": 1, "max_age": 1, "tenants": []})
    assert fields_of(refused) == ["strength", "max_age", "tenants"]


@settings(thorough, max_examples=40)
@given(values=st.dictionaries(st.sampled_from((*WRONG, "other")), json_values))
def test_t2_whatever_is_written_is_a_rule_or_refused(values: dict[str, object]) -> None:
    try:
        rule = read(values)
    except BadRule:
        return
    assert as_json(rule).keys() == values.keys()


def test_a_form_that_is_left_empty_asks_for_nothing_more_but_admits_no_guests() -> None:
    assert read_form() == Rule(guests=False)
    assert read_form(strength=[""], max_age=[" "], session_length=[""], guests=["on"]) == NOTHING_MORE


def test_a_form_is_read_with_times_in_minutes() -> None:
    assert read_form(
        strength=["phishing_resistant"],
        bindings=["session", "attested"],
        max_age=["5"],
        session_length=[" 43200 "],
        guests=["on"],
        providers=["github"],
        tenants=[TID],
    ) == Rule(
        strength=Strength.PHISHING_RESISTANT,
        bindings=frozenset({Binding.SESSION, Binding.ATTESTED}),
        max_age=timedelta(minutes=5),
        session_length=timedelta(days=30),
        providers=frozenset({"github"}),
        tenants=frozenset({TID}),
    )


@pytest.mark.parametrize("minutes", ["4", "43201", "-5", "5.0", "5 m", "٥٠", "1" * 5000, "0x10", "1e3"])
def test_t2_a_time_that_is_no_number_of_minutes_in_bounds_is_refused(minutes: str) -> None:
    with pytest.raises(BadRule) as refused:
        read_form(max_age=[minutes])
    assert fields_of(refused) == ["max_age"]
