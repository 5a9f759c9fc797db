"""The decision and what is released on it, for any evidence at all, against oracles of their own."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims.assurance import assess
from claims.decision import Exemption, Purpose, Reason, Remedy, Requirement, decide
from claims.evidence import Authentication, Binding, Evidence, Strength
from claims.release import achieved, authentication_claims, choose_acr
from claims.vocabulary import (
    ACR_EXEMPT,
    ACR_MFA,
    ACR_MFA_ENROLLED,
    ACR_PHR,
    ACR_PHRH,
    ACR_SUPPORTED,
    AMR_REGISTRY,
)
from tests.claims.samples import NOW, authentications, evidences, thorough

ages = st.none() | st.integers(0, 90_000).map(lambda seconds: timedelta(seconds=seconds))

requirements = st.builds(
    Requirement,
    purpose=st.sampled_from(Purpose),
    strength=st.sampled_from((Strength.MFA, Strength.MFA, *Strength)),
    bindings=st.just(frozenset(Binding)) | st.frozensets(st.sampled_from(Binding)),
    max_age=ages,
    needs_auth_time=st.booleans(),
    acr=st.just(()) | st.lists(st.sampled_from((*ACR_SUPPORTED, "1")), max_size=2).map(tuple),
)
exemptions = st.none() | st.builds(
    Exemption,
    organization=st.just("contoso"),
    until=st.sampled_from((NOW - timedelta(hours=1), NOW, NOW + timedelta(hours=1))),
)


def supported_acr(item: Evidence) -> set[str]:
    """Say so from the table in the design, word for word."""
    near = item.binding in ("session", "attested")
    found = set()
    if near and item.strength == 3:
        found |= {ACR_PHR}
    if near and item.strength == 3 and item.kind == "acr" and "phrh" in item.values:
        found |= {ACR_PHRH}
    if near and item.strength >= 2:
        found |= {ACR_MFA}
    if not near and item.strength >= 2:
        found |= {ACR_MFA_ENROLLED}
    return found


def counts(item: Evidence, requirement: Requirement) -> bool:
    hours = 8 if item.binding == "account_state" else 24
    age = (NOW - item.observed_at).total_seconds()
    return item.binding in requirement.bindings and -120 <= age < hours * 3600


def believed_auth_time(said: Authentication) -> datetime | None:
    if all(item.binding == "account_state" for item in said.evidence):
        return None
    if said.auth_time is None or said.auth_time - NOW > timedelta(minutes=2):
        return None
    return said.auth_time


def meets(item: Evidence, requirement: Requirement, said: Authentication) -> bool:
    auth_time = believed_auth_time(said)
    since = item.observed_at if auth_time is None or item.renewed else auth_time
    return (
        counts(item, requirement)
        and item.strength >= requirement.strength
        and not (requirement.needs_auth_time and auth_time is None)
        and (requirement.max_age is None or since + requirement.max_age >= NOW)
        and (requirement.acr == () or any(acr in supported_acr(item) for acr in requirement.acr))
    )


@thorough
@given(requirement=requirements, said=authentications)
def test_a_sign_in_passes_exactly_where_one_piece_of_evidence_meets_every_demand(
    requirement: Requirement, said: Authentication
) -> None:
    verdict = decide(requirement, said, NOW)
    assert verdict.satisfied == any(meets(item, requirement, said) for item in said.evidence)
    assert (verdict.reason is Reason.SATISFIED) == verdict.satisfied == (verdict.remedy is Remedy.NONE)


@thorough
@given(requirement=requirements, said=authentications)
def test_a_verdict_is_about_evidence_that_was_given(requirement: Requirement, said: Authentication) -> None:
    verdict = decide(requirement, said, NOW)
    assert set(verdict.evidence) <= set(said.evidence)
    if verdict.satisfied:
        assert verdict.strength >= requirement.strength
        assert verdict.binding in requirement.bindings
        assert all(counts(item, requirement) for item in verdict.evidence)
        assert any(item.strength == verdict.strength for item in verdict.evidence)
        assert verdict.fresh_at in {said.auth_time, *(item.observed_at for item in verdict.evidence)}


@thorough
@given(requirement=requirements, said=authentications, exemption=exemptions)
def test_t1_an_exemption_only_ever_helps_to_sign_in_or_stay_in(
    requirement: Requirement, said: Authentication, exemption: Exemption | None
) -> None:
    without, verdict = decide(requirement, said, NOW), decide(requirement, said, NOW, exemption=exemption)
    if verdict.reason is Reason.EXEMPT:
        assert exemption is not None
        assert exemption.until > NOW
        assert requirement.purpose in ("sign_in", "session", "refresh")
        assert requirement.max_age is None
        assert requirement.acr == ()
        assert not without.satisfied
        assert achieved(verdict) == (ACR_EXEMPT,)
    else:
        assert verdict == without


@thorough
@given(requirement=requirements, said=authentications, later=st.integers(0, 200_000))
def test_t1_what_is_refused_now_is_never_accepted_later_on_the_same_evidence(
    requirement: Requirement, said: Authentication, later: int
) -> None:
    past = replace(
        said,
        evidence=tuple(item for item in said.evidence if item.observed_at <= NOW),
        auth_time=None if said.auth_time is None else min(said.auth_time, NOW),
    )
    if decide(requirement, past, NOW + timedelta(seconds=later)).satisfied:
        assert decide(requirement, past, NOW).satisfied


@thorough
@given(said=authentications)
def test_t1_all_evidence_ages_out(said: Authentication) -> None:
    assert not decide(Requirement(), said, NOW + timedelta(days=2)).satisfied


@thorough
@given(requirement=requirements, said=authentications)
def test_to_ask_for_more_never_helps(requirement: Requirement, said: Authentication) -> None:
    if decide(requirement, said, NOW).satisfied:
        return
    for more in (
        replace(requirement, strength=Strength.PHISHING_RESISTANT),
        replace(requirement, bindings=requirement.bindings - {Binding.SESSION}),
        replace(requirement, needs_auth_time=True),
        replace(requirement, max_age=timedelta(0)),
        replace(requirement, lifetimes={}),
        replace(requirement, acr=requirement.acr[:1]),
    ):
        assert not decide(more, said, NOW).satisfied


@thorough
@given(requirement=requirements, said=authentications)
def test_assurance_is_the_best_of_what_counts(requirement: Requirement, said: Authentication) -> None:
    assurance = assess(said, bindings=requirement.bindings, lifetimes=requirement.lifetimes, now=NOW)
    assert assurance.evidence == tuple(item for item in said.evidence if counts(item, requirement))
    assert assurance.strength == max((item.strength for item in assurance.evidence), default=Strength.NONE)
    assert (assurance.binding is None) == (assurance.observed_at is None) == (not assurance.evidence)


def test_assurance_needs_to_know_what_now_is() -> None:
    with pytest.raises(ValueError, match="UTC"):
        assess(
            Authentication(evidence=(), auth_time=None),
            bindings=frozenset(Binding),
            lifetimes={},
            now=NOW.replace(tzinfo=None),
        )


@thorough
@given(
    requirement=requirements,
    said=authentications,
    exemption=exemptions,
    requested=st.lists(st.sampled_from((*ACR_SUPPORTED, "1", "")), max_size=3),
)
def test_t1_a_token_never_claims_more_than_the_evidence_that_counts(
    requirement: Requirement, said: Authentication, exemption: Exemption | None, requested: list[str]
) -> None:
    verdict = decide(requirement, said, NOW, exemption=exemption)
    if not verdict.satisfied:
        assert achieved(verdict) == ()
        assert choose_acr(verdict, requested) is None
        with pytest.raises(ValueError, match="refused"):
            authentication_claims(verdict, said, requested)
        return
    claims = authentication_claims(verdict, said, requested)
    assert claims.keys() <= {"acr", "amr", "auth_time"}
    counting = [item for item in said.evidence if counts(item, requirement)]
    match claims.get("acr"):
        case None:
            assert requirement.strength < Strength.MFA
        case "urn:vestibule:acr:exempt":
            assert verdict.reason is Reason.EXEMPT
        case acr:
            assert any(acr in supported_acr(item) for item in counting)
    amr = claims.get("amr", ["at least one value, or no claim"])
    assert isinstance(amr, list)
    assert len(amr) == len(set(amr)) > 0
    if "amr" in claims:
        session = [item for item in counting if item.binding == "session"]
        sent = {value for item in session if item.kind == "amr" for value in item.values}
        assert set(amr) <= AMR_REGISTRY & (sent | {"mfa"})
        assert ("mfa" in amr) <= any(item.strength >= 2 for item in session)
    if "auth_time" in claims:
        believed = believed_auth_time(said)
        assert believed is not None
        assert claims["auth_time"] == int(believed.timestamp())


@thorough
@given(requirement=requirements, said=authentications)
def test_what_a_registry_demanded_and_got_is_in_the_token(requirement: Requirement, said: Authentication) -> None:
    verdict = decide(requirement, said, NOW)
    if not verdict.satisfied:
        return
    claims = authentication_claims(verdict, said, requirement.acr)
    if requirement.acr:
        assert claims["acr"] in requirement.acr
    if requirement.needs_auth_time:
        assert "auth_time" in claims


@thorough
@given(
    items=st.lists(evidences.map(lambda item: replace(item, binding=Binding.ACCOUNT_STATE)), max_size=3),
    seconds=st.none() | st.integers(-300, 3600),
    exemption=exemptions,
)
def test_t1_an_account_setting_is_never_issued_as_proof_of_the_session(
    items: list[Evidence], seconds: int | None, exemption: Exemption | None
) -> None:
    auth_time = None if seconds is None else NOW - timedelta(seconds=seconds)
    said = Authentication(evidence=tuple(items), auth_time=auth_time)
    verdict = decide(Requirement(), said, NOW, exemption=exemption)
    if verdict.satisfied:
        claims = authentication_claims(verdict, said, ACR_SUPPORTED)
        assert claims.keys() == {"acr"}
        assert claims["acr"] in (ACR_MFA_ENROLLED, ACR_EXEMPT)
