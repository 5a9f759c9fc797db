"""What our own tokens say (T1), by hand-picked cases."""

from datetime import timedelta

import pytest

from claims.decision import Exemption, Requirement, decide
from claims.evidence import Authentication, Evidence, Kind, Strength
from claims.profile import Profile
from claims.release import achieved, authentication_claims, choose_acr, person_claims, session_amr
from claims.vocabulary import ACR_EXEMPT, ACR_MFA, ACR_MFA_ENROLLED, ACR_PHR, ACR_PHRH
from tests.claims.samples import (
    ATTESTED_MFA,
    ATTESTED_PHR,
    GITHUB_TRUE,
    NOW,
    SESSION_MFA,
    SESSION_PASSWORD,
    SESSION_PHR,
    SESSION_PHRH,
    authentication,
    evidence,
)

HOUR = timedelta(hours=1)
EXEMPTION = Exemption(organization="contoso", until=NOW + HOUR)
MSA_ACR = evidence(kind=Kind.ACR, values=("urn:microsoft:policies:mfa",))


def released(
    *items: Evidence, requested: tuple[str, ...] = (), exempt: bool = False, age: timedelta | None = None
) -> dict[str, object]:
    said = authentication(*items, auth_time=None if age is None else NOW - age)
    verdict = decide(Requirement(), said, NOW, exemption=EXEMPTION if exempt else None)
    return authentication_claims(verdict, said, requested)


@pytest.mark.parametrize(
    "items, acr",
    [
        ((SESSION_MFA,), (ACR_MFA,)),
        ((MSA_ACR,), (ACR_MFA,)),
        ((ATTESTED_MFA,), (ACR_MFA,)),
        ((GITHUB_TRUE,), (ACR_MFA_ENROLLED,)),
        ((SESSION_PHR,), (ACR_PHR, ACR_MFA)),
        ((ATTESTED_PHR,), (ACR_PHR, ACR_MFA)),
        ((SESSION_PHRH,), (ACR_PHRH, ACR_PHR, ACR_MFA)),
        ((GITHUB_TRUE, SESSION_MFA), (ACR_MFA, ACR_MFA_ENROLLED)),
        ((SESSION_MFA, ATTESTED_PHR), (ACR_PHR, ACR_MFA)),
        # phrh is the provider's own word in acr, graded as what it is: nothing else will do
        ((evidence(Strength.MFA, kind=Kind.ACR, values=("phrh",)),), (ACR_MFA,)),
        ((evidence(Strength.PHISHING_RESISTANT, kind=Kind.AMR, values=("phrh",)),), (ACR_PHR, ACR_MFA)),
        ((evidence(Strength.PHISHING_RESISTANT, kind=Kind.ACRS, values=("phrh",)),), (ACR_PHR, ACR_MFA)),
        ((evidence(Strength.PHISHING_RESISTANT, kind=Kind.ACR, values=("PHRH",)),), (ACR_PHR, ACR_MFA)),
    ],
)
def test_acr_follows_the_table_of_the_design(items: tuple[Evidence, ...], acr: tuple[str, ...]) -> None:
    assert achieved(decide(Requirement(), authentication(*items), NOW)) == acr


def test_a_sign_in_that_needed_no_mfa_has_no_acr() -> None:
    said = authentication(SESSION_PASSWORD)
    verdict = decide(Requirement(strength=Strength.SINGLE), said, NOW)
    assert authentication_claims(verdict, said, (ACR_MFA,)) == {"amr": ["pwd"]}


@pytest.mark.parametrize(
    "requested, acr",
    [
        ((), ACR_PHR),
        ((ACR_MFA, ACR_PHR), ACR_MFA),
        ((ACR_PHRH, ACR_MFA), ACR_MFA),
        ((ACR_PHRH,), ACR_PHR),
        (("1", "", ACR_EXEMPT, ACR_MFA_ENROLLED), ACR_PHR),
    ],
)
def test_the_first_acr_requested_and_achieved_is_issued_else_the_strongest(
    requested: tuple[str, ...], acr: str
) -> None:
    verdict = decide(Requirement(), authentication(SESSION_PHR), NOW)
    assert choose_acr(verdict, requested) == acr


@pytest.mark.parametrize(
    "items, amr",
    [
        ((), ()),
        ((SESSION_MFA,), ("pwd", "mfa")),
        ((evidence(values=("mfa", "rsa", "pwd")),), ("pwd", "mfa")),
        ((evidence(values=("ngcmfa",)),), ("mfa",)),
        ((evidence(values=("mfa", "ngcmfa")),), ("mfa",)),
        ((MSA_ACR,), ("mfa",)),
        ((MSA_ACR, SESSION_PASSWORD), ("pwd", "mfa")),
        ((SESSION_PASSWORD,), ("pwd",)),
        ((evidence(Strength.SINGLE, values=("wiaormfa", "rsa", "fed", "fido")),), ()),
        ((evidence(Strength.SINGLE, values=("otp", "mfa")),), ("otp",)),
        ((evidence(Strength.SINGLE, kind=Kind.ACR, values=("pwd",)),), ()),
        ((GITHUB_TRUE,), ()),
        ((ATTESTED_PHR,), ()),
        ((ATTESTED_PHR, SESSION_PASSWORD), ("pwd",)),
    ],
)
def test_amr_is_of_the_session_and_of_the_registry_only(items: tuple[Evidence, ...], amr: tuple[str, ...]) -> None:
    assert session_amr(authentication(*items)) == amr


def test_a_whole_entra_sign_in() -> None:
    assert released(SESSION_MFA, ATTESTED_PHR, requested=(ACR_MFA,), age=HOUR) == {
        "acr": ACR_MFA,
        "amr": ["pwd", "mfa"],
        "auth_time": int(NOW.timestamp()) - 3600,
    }


def test_t1_a_github_sign_in_is_mfa_enrolled_and_nothing_else() -> None:
    assert released(GITHUB_TRUE) == {"acr": ACR_MFA_ENROLLED}
    assert released(GITHUB_TRUE, requested=(ACR_PHRH, ACR_MFA)) == {"acr": ACR_MFA_ENROLLED}
    assert released(GITHUB_TRUE, age=HOUR) == {"acr": ACR_MFA_ENROLLED}
    assert released(GITHUB_TRUE, age=timedelta(0)) == {"acr": ACR_MFA_ENROLLED}


def test_an_auth_time_from_the_future_is_not_issued() -> None:
    assert "auth_time" not in released(SESSION_MFA, age=-HOUR)


def test_an_exempt_sign_in_says_so_and_keeps_what_is_known_of_the_session() -> None:
    claims = released(SESSION_PASSWORD, requested=(ACR_MFA,), exempt=True, age=HOUR)
    assert claims == {"acr": ACR_EXEMPT, "amr": ["pwd"], "auth_time": int(NOW.timestamp()) - 3600}
    assert released(exempt=True, age=HOUR) == {"acr": ACR_EXEMPT}


def test_t1_mfa_that_has_aged_out_is_not_claimed_under_an_exemption() -> None:
    assert released(evidence(age=25 * HOUR), exempt=True) == {"acr": ACR_EXEMPT}


def test_t1_a_refused_sign_in_has_no_claims() -> None:
    for refused in (authentication(), authentication(SESSION_PASSWORD)):
        verdict = decide(Requirement(), refused, NOW)
        assert achieved(verdict) == ()
        with pytest.raises(ValueError, match="refused"):
            authentication_claims(verdict, refused, ())


def test_t1_the_time_of_another_sign_in_is_not_issued() -> None:
    verdict = decide(Requirement(), authentication(SESSION_MFA, auth_time=NOW - HOUR), NOW)
    other = Authentication(evidence=(SESSION_MFA,), auth_time=NOW)
    assert "auth_time" not in authentication_claims(verdict, other, ())


ADA = Profile(name="Ada Author", email="ada@example.org", email_verified=True)


@pytest.mark.parametrize(
    "profile, scopes, claims",
    [
        (ADA, {"openid"}, {}),
        (ADA, {"openid", "profile"}, {"name": "Ada Author"}),
        (ADA, {"openid", "email"}, {"email": "ada@example.org", "email_verified": True}),
        (ADA, (), {}),
        (
            Profile(name="Ada", email="ada@example.org", email_verified=False),
            {"profile", "email"},
            {"name": "Ada", "email": "ada@example.org", "email_verified": False},
        ),
        (Profile(name=None, email=None, email_verified=False), {"profile", "email"}, {}),
        (Profile(name="", email="", email_verified=True), {"profile", "email"}, {}),
    ],
)
def test_a_person_is_told_as_scopes_ask_and_never_by_an_empty_claim(
    profile: Profile, scopes: set[str], claims: dict[str, object]
) -> None:
    assert person_claims(profile, scopes) == claims
