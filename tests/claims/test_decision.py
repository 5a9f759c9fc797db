"""The decision: every reason, every remedy, every border (T1)."""

from datetime import datetime, timedelta, timezone

import pytest

from claims.decision import (
    DEFAULT_LIFETIMES,
    RENEWED_WITHIN,
    Exemption,
    Purpose,
    Reason,
    Remedy,
    Requirement,
    Verdict,
    decide,
)
from claims.evidence import Authentication, Binding, Evidence, Kind, Strength
from claims.vocabulary import ACR_EXEMPT, ACR_MFA, ACR_MFA_ENROLLED, ACR_PHR, ACR_PHRH
from tests.claims.samples import (
    ATTESTED_MFA,
    ATTESTED_PHR,
    GITHUB_FALSE,
    GITHUB_TRUE,
    NOW,
    RENEWED_PHR,
    SESSION_MFA,
    SESSION_PASSWORD,
    SESSION_PHR,
    SESSION_PHRH,
    authentication,
    evidence,
)

HOUR, MINUTE, SECOND, TICK = (
    timedelta(hours=1),
    timedelta(minutes=1),
    timedelta(seconds=1),
    timedelta(microseconds=1),
)
SESSION_ONLY = frozenset({Binding.SESSION})
NOTHING = authentication()
AMR_NONE = evidence(Strength.NONE, values=("none",))


def aged(item: Evidence, age: timedelta) -> Evidence:
    return evidence(item.strength, item.binding, kind=item.kind, values=item.values, age=age)


TABLE = [
    # requirement, authentication, reason, remedy
    (Requirement(), authentication(SESSION_MFA), Reason.SATISFIED, Remedy.NONE),
    (Requirement(), authentication(ATTESTED_MFA), Reason.SATISFIED, Remedy.NONE),
    (Requirement(), authentication(GITHUB_TRUE), Reason.SATISFIED, Remedy.NONE),
    (Requirement(), authentication(SESSION_PASSWORD, GITHUB_TRUE), Reason.SATISFIED, Remedy.NONE),
    (Requirement(), NOTHING, Reason.NOT_DISCLOSED, Remedy.USE_ANOTHER_PROVIDER),
    (Requirement(), authentication(auth_time=NOW), Reason.NOT_DISCLOSED, Remedy.USE_ANOTHER_PROVIDER),
    (Requirement(strength=Strength.NONE), NOTHING, Reason.NOT_DISCLOSED, Remedy.USE_ANOTHER_PROVIDER),
    (Requirement(), authentication(SESSION_PASSWORD), Reason.TOO_WEAK, Remedy.TURN_ON_MFA),
    (Requirement(), authentication(GITHUB_FALSE), Reason.TOO_WEAK, Remedy.TURN_ON_MFA),
    (Requirement(), authentication(AMR_NONE), Reason.TOO_WEAK, Remedy.TURN_ON_MFA),
    (Requirement(strength=Strength.SINGLE), authentication(AMR_NONE), Reason.TOO_WEAK, Remedy.TURN_ON_MFA),
    (Requirement(strength=Strength.SINGLE), authentication(SESSION_PASSWORD), Reason.SATISFIED, Remedy.NONE),
    # more than MFA is wanted: to turn MFA on is no way out
    (
        Requirement(strength=Strength.PHISHING_RESISTANT),
        authentication(SESSION_MFA, ATTESTED_MFA),
        Reason.TOO_WEAK,
        Remedy.USE_ANOTHER_PROVIDER,
    ),
    (
        Requirement(strength=Strength.PHISHING_RESISTANT),
        authentication(ATTESTED_PHR),
        Reason.SATISFIED,
        Remedy.NONE,
    ),
    # the account's setting does not do: neither is to switch it on
    (
        Requirement(bindings=SESSION_ONLY),
        authentication(GITHUB_FALSE),
        Reason.TOO_WEAK,
        Remedy.USE_ANOTHER_PROVIDER,
    ),
    (
        Requirement(bindings=SESSION_ONLY),
        authentication(GITHUB_TRUE),
        Reason.BINDING_NOT_ACCEPTED,
        Remedy.USE_ANOTHER_PROVIDER,
    ),
    (
        Requirement(bindings=SESSION_ONLY),
        authentication(SESSION_PASSWORD, GITHUB_TRUE, ATTESTED_PHR),
        Reason.BINDING_NOT_ACCEPTED,
        Remedy.USE_ANOTHER_PROVIDER,
    ),
    (
        Requirement(bindings=frozenset()),
        authentication(SESSION_PHRH),
        Reason.BINDING_NOT_ACCEPTED,
        Remedy.USE_ANOTHER_PROVIDER,
    ),
    # the binding is what counts, whatever the kind says
    (
        Requirement(bindings=SESSION_ONLY),
        authentication(evidence(binding=Binding.ACCOUNT_STATE, kind=Kind.AMR)),
        Reason.BINDING_NOT_ACCEPTED,
        Remedy.USE_ANOTHER_PROVIDER,
    ),
    (
        Requirement(),
        authentication(aged(GITHUB_TRUE, 8 * HOUR)),
        Reason.EVIDENCE_EXPIRED,
        Remedy.SIGN_IN_AGAIN,
    ),
    (
        Requirement(),
        authentication(SESSION_PASSWORD, aged(GITHUB_TRUE, 8 * HOUR)),
        Reason.EVIDENCE_EXPIRED,
        Remedy.SIGN_IN_AGAIN,
    ),
    (
        Requirement(needs_auth_time=True),
        authentication(SESSION_MFA),
        Reason.AUTH_TIME_UNKNOWN,
        Remedy.USE_ANOTHER_PROVIDER,
    ),
    (
        Requirement(needs_auth_time=True, max_age=HOUR),
        authentication(SESSION_MFA),
        Reason.AUTH_TIME_UNKNOWN,
        Remedy.USE_ANOTHER_PROVIDER,
    ),
    # a time that comes with nothing but an account's setting is not the time of this sign-in
    (
        Requirement(needs_auth_time=True),
        authentication(GITHUB_TRUE, auth_time=NOW),
        Reason.AUTH_TIME_UNKNOWN,
        Remedy.USE_ANOTHER_PROVIDER,
    ),
    (
        Requirement(needs_auth_time=True),
        authentication(GITHUB_TRUE, SESSION_PASSWORD, auth_time=NOW),
        Reason.SATISFIED,
        Remedy.NONE,
    ),
    (
        Requirement(max_age=HOUR),
        authentication(SESSION_MFA, auth_time=NOW - 2 * HOUR),
        Reason.AUTHENTICATION_TOO_OLD,
        Remedy.SIGN_IN_AGAIN,
    ),
    (
        Requirement(max_age=HOUR),
        authentication(aged(GITHUB_TRUE, 2 * HOUR)),
        Reason.AUTHENTICATION_TOO_OLD,
        Remedy.SIGN_IN_AGAIN,
    ),
    # it does not help that the evidence was seen just now
    (
        Requirement(max_age=HOUR),
        authentication(SESSION_MFA, ATTESTED_MFA, auth_time=NOW - 2 * HOUR),
        Reason.AUTHENTICATION_TOO_OLD,
        Remedy.SIGN_IN_AGAIN,
    ),
    (Requirement(acr=(ACR_MFA,)), authentication(SESSION_MFA), Reason.SATISFIED, Remedy.NONE),
    (Requirement(acr=(ACR_PHR, ACR_MFA)), authentication(SESSION_MFA), Reason.SATISFIED, Remedy.NONE),
    (Requirement(acr=(ACR_MFA,)), authentication(ATTESTED_PHR), Reason.SATISFIED, Remedy.NONE),
    (Requirement(acr=(ACR_PHRH,)), authentication(SESSION_PHRH), Reason.SATISFIED, Remedy.NONE),
    (Requirement(acr=(ACR_MFA_ENROLLED,)), authentication(GITHUB_TRUE), Reason.SATISFIED, Remedy.NONE),
    *(
        (Requirement(acr=(acr,)), authentication(item), Reason.ACR_UNMET, Remedy.USE_ANOTHER_PROVIDER)
        for acr, item in (
            (ACR_MFA, GITHUB_TRUE),
            (ACR_MFA_ENROLLED, SESSION_MFA),
            (ACR_PHR, SESSION_MFA),
            (ACR_PHRH, SESSION_PHR),
            (ACR_PHRH, ATTESTED_PHR),
            (ACR_EXEMPT, SESSION_PHRH),
            ("1", SESSION_PHRH),
            ("", SESSION_PHRH),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("requirement, said, reason, remedy", TABLE)
def test_a_verdict_has_its_reason_and_its_remedy(
    requirement: Requirement, said: Authentication, reason: Reason, remedy: Remedy
) -> None:
    verdict = decide(requirement, said, NOW)
    assert (verdict.reason, verdict.remedy) == (reason, remedy)
    assert verdict.satisfied == (reason is Reason.SATISFIED)


def test_the_table_has_every_reason_but_the_exemption_and_every_remedy_a_verdict_can_have() -> None:
    assert {row[2] for row in TABLE} == set(Reason) - {Reason.EXEMPT}
    assert {row[3] for row in TABLE} == set(Remedy) - {Remedy.ASK_ADMIN}


def test_codes_are_stable() -> None:
    assert [*Reason] == [
        "satisfied",
        "exempt",
        "not_disclosed",
        "too_weak",
        "binding_not_accepted",
        "evidence_expired",
        "auth_time_unknown",
        "authentication_too_old",
        "acr_unmet",
    ]
    assert [*Remedy] == ["none", "turn_on_mfa", "sign_in_again", "use_another_provider", "ask_admin"]


def test_by_default_mfa_of_any_binding_is_asked_for_and_ages_as_the_issue_says() -> None:
    default = Requirement()
    assert (default.strength, default.bindings) == (Strength.MFA, frozenset(Binding))
    assert (default.max_age, default.needs_auth_time, default.acr) == (None, False, ())
    assert default.lifetimes == DEFAULT_LIFETIMES
    assert {binding: lifetime // HOUR for binding, lifetime in DEFAULT_LIFETIMES.items()} == {
        Binding.SESSION: 24,
        Binding.ATTESTED: 24,
        Binding.ACCOUNT_STATE: 8,
    }


def test_a_refusal_without_evidence_says_nothing_of_strength_or_time() -> None:
    assert decide(Requirement(), NOTHING, NOW) == Verdict(
        satisfied=False,
        strength=Strength.NONE,
        binding=None,
        fresh_at=None,
        reason=Reason.NOT_DISCLOSED,
        remedy=Remedy.USE_ANOTHER_PROVIDER,
        evidence=(),
    )


def test_a_refusal_tells_what_its_reason_speaks_of() -> None:
    verdict = decide(Requirement(bindings=SESSION_ONLY), authentication(SESSION_PASSWORD, GITHUB_TRUE), NOW)
    assert (verdict.strength, verdict.binding) == (Strength.MFA, Binding.ACCOUNT_STATE)
    assert verdict.evidence == (GITHUB_TRUE,)


def test_of_several_the_strongest_decides_then_the_nearest_then_the_newest() -> None:
    verdict = decide(Requirement(), authentication(GITHUB_TRUE, SESSION_MFA, ATTESTED_PHR), NOW)
    assert (verdict.strength, verdict.binding) == (Strength.PHISHING_RESISTANT, Binding.ATTESTED)
    for order in ((GITHUB_TRUE, ATTESTED_MFA, SESSION_MFA), (SESSION_MFA, ATTESTED_MFA, GITHUB_TRUE)):
        assert decide(Requirement(), authentication(*order), NOW).binding is Binding.SESSION
    older, newer = aged(SESSION_MFA, HOUR), aged(SESSION_MFA, MINUTE)
    for order in ((older, newer, older), (newer, older, older)):
        assert decide(Requirement(), authentication(*order), NOW).fresh_at == newer.observed_at


def test_of_several_the_best_that_satisfies_everything_decides() -> None:
    stronger_but_older = aged(ATTESTED_PHR, 2 * HOUR)
    verdict = decide(Requirement(max_age=HOUR), authentication(stronger_but_older, SESSION_MFA), NOW)
    assert (verdict.satisfied, verdict.strength, verdict.binding) == (True, Strength.MFA, Binding.SESSION)
    assert verdict.evidence == (SESSION_MFA,)

    enrolled = Requirement(acr=(ACR_MFA_ENROLLED,))
    verdict = decide(enrolled, authentication(ATTESTED_PHR, GITHUB_TRUE), NOW)
    assert (verdict.satisfied, verdict.binding) == (True, Binding.ACCOUNT_STATE)


def test_only_what_counts_here_and_now_is_in_the_verdict() -> None:
    said = authentication(SESSION_PASSWORD, aged(SESSION_MFA, 25 * HOUR), GITHUB_TRUE)
    assert decide(Requirement(), said, NOW).evidence == (SESSION_PASSWORD, GITHUB_TRUE)


@pytest.mark.parametrize("item", [SESSION_MFA, ATTESTED_MFA, GITHUB_TRUE])
def test_t1_evidence_counts_until_just_before_its_lifetime_is_over(item: Evidence) -> None:
    lifetime = DEFAULT_LIFETIMES[item.binding]
    assert decide(Requirement(), authentication(aged(item, lifetime - TICK)), NOW).satisfied
    for age in (lifetime, lifetime + TICK, 365 * 24 * HOUR):
        verdict = decide(Requirement(), authentication(aged(item, age)), NOW)
        assert verdict.reason is Reason.EVIDENCE_EXPIRED


@pytest.mark.parametrize("purpose", [Purpose.SESSION, Purpose.REFRESH])
def test_t1_a_live_session_or_a_refresh_no_longer_passes_on_aged_evidence(purpose: Purpose) -> None:
    said = authentication(GITHUB_TRUE)
    assert decide(Requirement(purpose=purpose), said, NOW + 7 * HOUR).satisfied
    assert not decide(Requirement(purpose=purpose), said, NOW + 9 * HOUR).satisfied


def test_a_binding_without_a_lifetime_or_with_none_left_never_counts() -> None:
    for lifetimes in ({}, {Binding.SESSION: timedelta(0)}):
        verdict = decide(Requirement(lifetimes=lifetimes), authentication(SESSION_MFA), NOW)
        assert verdict.reason is Reason.EVIDENCE_EXPIRED


def test_evidence_from_the_future_counts_only_within_the_clock_skew() -> None:
    assert decide(Requirement(), authentication(aged(SESSION_MFA, -120 * SECOND)), NOW).satisfied
    verdict = decide(Requirement(), authentication(aged(SESSION_MFA, -120 * SECOND - TICK)), NOW)
    assert verdict.reason is Reason.EVIDENCE_EXPIRED


@pytest.mark.parametrize("max_age", [timedelta(0), SECOND, HOUR, 30 * 24 * HOUR])
def test_max_age_is_met_to_the_tick_and_has_no_leeway(max_age: timedelta) -> None:
    def reason(age: timedelta) -> Reason:
        said = authentication(SESSION_MFA, auth_time=NOW - age)
        return decide(Requirement(max_age=max_age), said, NOW).reason

    assert reason(max_age) is Reason.SATISFIED
    assert reason(max_age + TICK) is Reason.AUTHENTICATION_TOO_OLD
    assert reason(timedelta(0)) is Reason.SATISFIED


@pytest.mark.parametrize("max_age", [timedelta(0), SECOND, HOUR])
def test_max_age_falls_back_on_when_the_evidence_was_observed(max_age: timedelta) -> None:
    def reason(age: timedelta) -> Reason:
        return decide(Requirement(max_age=max_age), authentication(aged(GITHUB_TRUE, age)), NOW).reason

    assert reason(max_age) is Reason.SATISFIED
    assert reason(max_age + TICK) is Reason.AUTHENTICATION_TOO_OLD


def test_max_age_of_zero_is_not_the_same_as_none() -> None:
    said = authentication(SESSION_MFA, auth_time=NOW - MINUTE)
    assert decide(Requirement(max_age=None), said, NOW).satisfied
    assert not decide(Requirement(max_age=timedelta(0)), said, NOW).satisfied


def test_an_auth_time_from_the_future_is_unknown() -> None:
    required = Requirement(needs_auth_time=True, max_age=HOUR)
    soon = decide(required, authentication(SESSION_MFA, auth_time=NOW + 120 * SECOND), NOW)
    assert (soon.satisfied, soon.fresh_at) == (True, NOW + 120 * SECOND)
    later = authentication(SESSION_MFA, auth_time=NOW + 121 * SECOND)
    assert decide(required, later, NOW).reason is Reason.AUTH_TIME_UNKNOWN
    assert decide(Requirement(max_age=HOUR), later, NOW).fresh_at == SESSION_MFA.observed_at


def test_an_account_setting_is_as_fresh_as_it_was_seen_whatever_time_came_with_it() -> None:
    seen = aged(GITHUB_TRUE, 2 * HOUR)
    verdict = decide(Requirement(max_age=HOUR), authentication(seen, auth_time=NOW), NOW)
    assert (verdict.reason, verdict.fresh_at) == (Reason.AUTHENTICATION_TOO_OLD, seen.observed_at)


def test_auth_time_is_the_freshness_where_it_is_known() -> None:
    said = authentication(aged(SESSION_MFA, MINUTE), auth_time=NOW - HOUR)
    assert decide(Requirement(), said, NOW).fresh_at == NOW - HOUR


def test_a_factor_given_for_this_sign_in_is_about_as_old_as_it_and_not_as_the_session() -> None:
    old = NOW - 10 * HOUR
    assert decide(Requirement(max_age=HOUR), authentication(RENEWED_PHR, auth_time=old), NOW).satisfied
    verdict = decide(Requirement(max_age=HOUR), authentication(ATTESTED_PHR, auth_time=old), NOW)
    assert verdict.reason is Reason.AUTHENTICATION_TOO_OLD


def test_t1_a_renewed_factor_grows_old_and_makes_nothing_beside_it_young() -> None:
    renewed = evidence(RENEWED_PHR.strength, RENEWED_PHR.binding, age=HOUR, renewed=True)
    # Where the session is older, nobody knows within five minutes when the factor was given.
    for auth_time, age in ((None, HOUR), (NOW - 10 * HOUR, HOUR + RENEWED_WITHIN), (NOW, HOUR)):
        said = authentication(renewed, auth_time=auth_time)
        assert decide(Requirement(max_age=age), said, NOW).satisfied
        assert decide(Requirement(max_age=age - TICK), said, NOW).reason is Reason.AUTHENTICATION_TOO_OLD
    both = authentication(SESSION_MFA, RENEWED_PHR, auth_time=NOW - 10 * HOUR)
    assert decide(Requirement(max_age=HOUR), both, NOW).evidence == (RENEWED_PHR,)


def test_a_renewed_factor_is_no_auth_time() -> None:
    verdict = decide(Requirement(needs_auth_time=True), authentication(RENEWED_PHR), NOW)
    assert verdict.reason is Reason.AUTH_TIME_UNKNOWN


EXEMPTION = Exemption(organization="contoso", until=NOW + HOUR)
WEAK = (NOTHING, authentication(SESSION_PASSWORD, auth_time=NOW), authentication(aged(GITHUB_TRUE, 9 * HOUR)))


@pytest.mark.parametrize("purpose", [Purpose.SIGN_IN, Purpose.SESSION, Purpose.REFRESH])
@pytest.mark.parametrize("said", WEAK)
def test_an_exemption_waives_mfa_for_signing_in_and_staying_in(purpose: Purpose, said: Authentication) -> None:
    verdict = decide(Requirement(purpose=purpose), said, NOW, exemption=EXEMPTION)
    assert (verdict.satisfied, verdict.reason, verdict.remedy) == (True, Reason.EXEMPT, Remedy.NONE)
    assert verdict.strength < Strength.MFA


@pytest.mark.parametrize("purpose", [Purpose.LINK, Purpose.CLAIM, Purpose.ADMINISTRATION, Purpose.DEVICE_APPROVAL])
@pytest.mark.parametrize("said", WEAK)
def test_t1_an_exemption_never_satisfies_what_hands_over_power(purpose: Purpose, said: Authentication) -> None:
    requirement = Requirement(purpose=purpose)
    verdict = decide(requirement, said, NOW, exemption=EXEMPTION)
    assert not verdict.satisfied
    assert verdict == decide(requirement, said, NOW)


def test_every_purpose_is_named_in_one_of_the_two_tests_above() -> None:
    assert len(Purpose) == 7


@pytest.mark.parametrize(
    "demand",
    [
        Requirement(max_age=HOUR),
        Requirement(max_age=timedelta(0)),
        Requirement(acr=(ACR_MFA,)),
        Requirement(acr=(ACR_EXEMPT,)),
    ],
)
@pytest.mark.parametrize("said", WEAK)
def test_t1_an_exemption_never_satisfies_max_age_or_acr(demand: Requirement, said: Authentication) -> None:
    assert decide(demand, said, NOW, exemption=EXEMPTION) == decide(demand, said, NOW)
    assert not decide(demand, said, NOW).satisfied


@pytest.mark.parametrize("said", WEAK)
def test_t1_an_exemption_is_nothing_where_the_registry_asks_for_more_than_everybody(said: Authentication) -> None:
    required = Requirement(exemptible=False)
    assert decide(required, said, NOW, exemption=EXEMPTION) == decide(required, said, NOW)


def test_an_exemption_does_not_stand_in_for_an_auth_time() -> None:
    required = Requirement(needs_auth_time=True)
    known = authentication(SESSION_PASSWORD, auth_time=NOW)
    assert decide(required, known, NOW, exemption=EXEMPTION).reason is Reason.EXEMPT
    for unknown in (authentication(SESSION_PASSWORD), authentication(GITHUB_FALSE, auth_time=NOW)):
        assert not decide(required, unknown, NOW, exemption=EXEMPTION).satisfied


def test_an_exemption_ends_at_its_end() -> None:
    for until, satisfied in ((NOW + TICK, True), (NOW, False), (NOW - TICK, False)):
        exemption = Exemption(organization="contoso", until=until)
        assert decide(Requirement(), NOTHING, NOW, exemption=exemption).satisfied == satisfied


def test_proof_that_suffices_is_not_called_an_exemption() -> None:
    verdict = decide(Requirement(), authentication(SESSION_MFA), NOW, exemption=EXEMPTION)
    assert verdict.reason is Reason.SATISFIED


@pytest.mark.parametrize("moment", [NOW.replace(tzinfo=None), NOW.astimezone(timezone(timedelta(hours=1)))])
def test_a_moment_that_is_not_utc_is_refused_before_anything_is_judged(moment: datetime) -> None:
    with pytest.raises(ValueError, match="UTC"):
        decide(Requirement(), NOTHING, moment)
    with pytest.raises(ValueError, match="UTC"):
        decide(Requirement(), authentication(SESSION_MFA, auth_time=NOW), moment)
    with pytest.raises(ValueError, match="UTC"):
        Exemption(organization="contoso", until=moment)
