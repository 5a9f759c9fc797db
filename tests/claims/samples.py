"""What the tests of this room share: a moment, providers with their rules, and ways to make evidence."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from claims.decision import Requirement, Verdict, decide
from claims.evidence import Authentication, Binding, Evidence, Kind, Strength
from claims.rules import ENTRA, GITHUB, MICROSOFT_ACCOUNT, Attestation, Rule, attested, generic, read

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

MSA_MFA = "urn:microsoft:policies:mfa"
MSA_DEFAULT = "urn:microsoft:policies:default"

PROVIDERS: Mapping[str, tuple[Rule, ...]] = {
    "entra": ENTRA,
    "entra_attested": (
        *ENTRA,
        *attested(
            (
                Attestation(context="c1", strength=Strength.MFA),
                Attestation(context="c2", strength=Strength.PHISHING_RESISTANT),
            )
        ),
    ),
    "microsoft_account": MICROSOFT_ACCOUNT,
    "github": GITHUB,
    "oidc": generic(
        {
            "phr": Strength.PHISHING_RESISTANT,
            "phrh": Strength.PHISHING_RESISTANT,
            "urn:example:1fa": Strength.SINGLE,
        },
        {"mfa": Strength.MFA},
    ),
}

thorough = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""The same examples in every run, nothing kept on disk, and no judging by the clock of the machine."""


def evidence(
    strength: Strength = Strength.MFA,
    binding: Binding = Binding.SESSION,
    *,
    kind: Kind = Kind.AMR,
    values: tuple[str, ...] = ("pwd", "mfa"),
    age: timedelta = timedelta(0),
    renewed: bool = False,
) -> Evidence:
    return Evidence(
        kind=kind,
        values=values,
        strength=strength,
        binding=binding,
        observed_at=NOW - age,
        source="test:claim",
        renewed=renewed,
    )


GITHUB_TRUE = evidence(binding=Binding.ACCOUNT_STATE, kind=Kind.ACCOUNT_SETTING, values=("true",))
GITHUB_FALSE = evidence(Strength.SINGLE, Binding.ACCOUNT_STATE, kind=Kind.ACCOUNT_SETTING, values=("false",))
SESSION_MFA = evidence()
SESSION_PASSWORD = evidence(Strength.SINGLE, values=("pwd",))
ATTESTED_MFA = evidence(binding=Binding.ATTESTED, kind=Kind.ACRS, values=("c1",))
RENEWED_PHR = evidence(Strength.PHISHING_RESISTANT, Binding.ATTESTED, kind=Kind.ACRS, values=("c2",), renewed=True)
ATTESTED_PHR = evidence(Strength.PHISHING_RESISTANT, Binding.ATTESTED, kind=Kind.ACRS, values=("c2",))
SESSION_PHR = evidence(Strength.PHISHING_RESISTANT, kind=Kind.ACR, values=("phr",))
SESSION_PHRH = evidence(Strength.PHISHING_RESISTANT, kind=Kind.ACR, values=("phrh",))


def authentication(*items: Evidence, auth_time: datetime | None = None) -> Authentication:
    return Authentication(evidence=items, auth_time=auth_time)


def judged(provider: str, documents: Mapping[str, object]) -> Verdict:
    """Return the verdict of the default requirement on what this provider's documents prove."""
    found = read(PROVIDERS[provider], documents, observed_at=NOW)
    return decide(Requirement(), authentication(*found), NOW)


# From two hours ahead to two days ago; whole seconds near now, so that borders are met.
near_moments = st.builds(
    lambda seconds, microseconds: NOW - timedelta(seconds=seconds, microseconds=microseconds),
    st.integers(-7200, 172_800) | st.sampled_from((-121, -120, -119, 0, 8 * 3600, 24 * 3600)),
    st.sampled_from((0, 0, 1, 999_999)),
)

evidences = st.builds(
    Evidence,
    kind=st.sampled_from(Kind),
    values=st.lists(
        st.sampled_from(("mfa", "pwd", "ngcmfa", "phr", "phrh", "true", "c1", "hwk", "none"))
        | st.text(min_size=1, max_size=5),
        min_size=1,
        max_size=4,
        unique=True,
    ).map(tuple),
    strength=st.sampled_from(Strength),
    binding=st.sampled_from(Binding),
    observed_at=near_moments,
    source=st.sampled_from(("entra:access_token.amr", "github:user.two_factor_authentication")),
    renewed=st.booleans(),
)

authentications = st.builds(
    Authentication,
    evidence=st.lists(evidences, max_size=4).map(tuple),
    auth_time=st.none() | near_moments,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=5) | st.dictionaries(st.text(max_size=10), children, max_size=5),
    max_leaves=15,
)
"""Whatever a JSON parser may return, NaN included."""
