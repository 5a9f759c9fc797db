"""Evidence as a value, and its way into storage and back."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims.evidence import Authentication, Evidence, Strength, dump, load
from tests.claims.samples import (
    GITHUB_TRUE,
    NOW,
    RENEWED_PHR,
    SESSION_MFA,
    authentication,
    authentications,
    evidence,
    json_values,
    thorough,
)

NAIVE = NOW.replace(tzinfo=None)
ELSEWHERE = NOW.astimezone(timezone(timedelta(hours=2)))


def test_strengths_are_ordered() -> None:
    assert Strength.NONE < Strength.SINGLE < Strength.MFA < Strength.PHISHING_RESISTANT


@pytest.mark.parametrize("strength", Strength)
def test_a_strength_is_read_back_from_its_label(strength: Strength) -> None:
    assert Strength.parse(strength.label) is strength


@pytest.mark.parametrize("label", ["", "MFA", "mfa ", "2", 2, None, True, ["mfa"], Strength.MFA])
def test_nothing_else_is_a_strength(label: object) -> None:
    with pytest.raises(ValueError, match="strength"):
        Strength.parse(label)


@pytest.mark.parametrize("moment", [NAIVE, ELSEWHERE])
def test_a_moment_that_is_not_utc_is_no_part_of_evidence(moment: datetime) -> None:
    with pytest.raises(ValueError, match="UTC"):
        Evidence(
            kind=SESSION_MFA.kind,
            values=("mfa",),
            strength=Strength.MFA,
            binding=SESSION_MFA.binding,
            observed_at=moment,
            source="test",
        )
    with pytest.raises(ValueError, match="UTC"):
        Authentication(evidence=(SESSION_MFA,), auth_time=moment)


@pytest.mark.parametrize("values", [(), ("",), ("mfa", ""), ("mfa", "mfa"), ("x" * 1025,)])
def test_evidence_without_distinct_values_does_not_exist(values: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="distinct values"):
        evidence(values=values)


@thorough
@given(original=authentications)
def test_what_is_dumped_is_loaded_the_same(original: Authentication) -> None:
    assert load(json.loads(json.dumps(dump(original)))) == original


@thorough
@given(raw=json_values)
def test_no_other_json_is_loaded(raw: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        load(raw)


def _stored() -> dict[str, Any]:
    said = authentication(SESSION_MFA, GITHUB_TRUE, RENEWED_PHR, auth_time=NOW)
    stored: dict[str, Any] = json.loads(json.dumps(dump(said)))
    return stored


@thorough
@given(data=st.data(), value=json_values)
def test_one_member_changed_is_either_refused_or_kept_as_it_is(data: st.DataObject, value: Any) -> None:
    stored = _stored()
    target = data.draw(st.sampled_from((stored, stored["evidence"], *stored["evidence"])))
    keys = list(target) if isinstance(target, dict) else list(range(len(target)))
    target[data.draw(st.sampled_from(keys))] = value
    try:
        loaded = load(stored)
    except ValueError:
        return
    assert dump(loaded) == stored


ODD_MEMBERS = [
    ("kind", "AMR"),
    ("kind", ["amr"]),
    ("values", "mfa"),
    ("values", []),
    ("values", ["mfa", "mfa"]),
    ("values", ["mfa", None]),
    ("values", {"mfa": 1}),
    ("strength", 2),
    ("strength", "MFA"),
    ("strength", None),
    ("binding", "Session"),
    ("binding", None),
    ("observed_at", None),
    ("observed_at", 1795262400),
    ("observed_at", ""),
    ("observed_at", "2026-11-21"),
    ("observed_at", "2026-11-21T12:00:00"),
    ("observed_at", "2026-11-21T12:00:00Z"),
    ("observed_at", "20261121T120000+0000"),
    ("observed_at", "2026-11-21T14:00:00+02:00"),
    ("observed_at", "2026-11-21 12:00:00+00:00"),
    ("observed_at", "0001-01-01T00:00:00+02:00"),
    ("observed_at", "2026-13-45T99:00:00+00:00"),
    ("source", ""),
    ("source", None),
    ("renewed", False),
    ("renewed", None),
    ("renewed", 1),
    ("renewed", "true"),
]


@pytest.mark.parametrize("member, value", ODD_MEMBERS)
def test_odd_stored_evidence_is_refused(member: str, value: object) -> None:
    stored = _stored()
    stored["evidence"][0][member] = value
    with pytest.raises(ValueError, match=r"."):
        load(stored)


CHANGES: list[Callable[[dict[str, Any]], object]] = [
    lambda stored: stored.pop("auth_time"),
    lambda stored: stored.pop("evidence"),
    lambda stored: stored.update(more=1),
    lambda stored: stored["evidence"][0].pop("source"),
    lambda stored: stored["evidence"][1].update(more=1),
    lambda stored: stored["evidence"].append(None),
    lambda stored: stored.update(evidence={}),
    lambda stored: stored.update(evidence=None),
    lambda stored: stored.update(auth_time="2026-11-21T12:00:00"),
    lambda stored: stored.update(auth_time=1795262400),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_missing_an_additional_or_an_odd_member_is_refused(
    change: Callable[[dict[str, Any]], object],
) -> None:
    stored = _stored()
    change(stored)
    with pytest.raises(ValueError, match=r"."):
        load(stored)


def test_a_record_of_before_renewal_was_known_is_loaded_as_not_renewed() -> None:
    stored = _stored()
    assert [item.get("renewed") for item in stored["evidence"]] == [None, None, True]
    assert [item.renewed for item in load(stored).evidence] == [False, False, True]
    del stored["evidence"][2]["renewed"]
    assert not any(item.renewed for item in load(stored).evidence)


def test_moments_are_stored_in_one_spelling() -> None:
    precise = datetime(2026, 11, 21, 12, 0, 0, 5, tzinfo=timezone(timedelta(0), "GMT"))
    stored = dump(authentication(auth_time=precise))
    assert stored == {"auth_time": "2026-11-21T12:00:00.000005+00:00", "evidence": []}
    assert load(stored).auth_time == precise.astimezone(UTC)
