"""Reading raw documents, against an oracle that knows nothing of the rules' tables."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from claims.evidence import Binding, Evidence, Kind, Strength
from claims.rules import ENTRA, GITHUB, Attestation, attested, generic, one_text, read, true_or_false
from tests.claims.samples import MSA_DEFAULT, MSA_MFA, NOW, PROVIDERS, json_values, judged, thorough

WORDS = (
    *("mfa", "ngcmfa", "pwd", "rsa", "otp", "fed", "wia", "wiaormfa", "none", "MFA", "", "mfa "),
    *(MSA_MFA, MSA_DEFAULT, "1", "true", "c1", "c2", "c3", "phr", "phrh", "urn:example:1fa"),
)
CLAIMS = ("amr", "acr", "acrs", "two_factor_authentication", "AMR", "auth_time")
DOCUMENTS = ("id_token", "access_token", "user", "amr")

near_values = (
    st.sampled_from((*WORDS, True, False, None, 1, 0))
    | st.lists(st.sampled_from(WORDS), max_size=4)
    | st.lists(st.sampled_from((*WORDS, None, 1, True)), max_size=3)
    | json_values
)
near_documents = st.dictionaries(
    st.sampled_from(DOCUMENTS), st.dictionaries(st.sampled_from(CLAIMS), near_values) | json_values
)


def _is_clean_list(value: Any) -> bool:
    return (
        type(value) is list
        and len(value) <= 64
        and all(type(item) is str and 0 < len(item) <= 1024 for item in value)
        and sorted(value) == sorted(set(value))
    )


def _holds(documents: Any, document: str, claim: str, *words: str) -> bool:
    try:
        value = documents[document][claim]
    except (KeyError, TypeError, IndexError):
        return False
    return _is_clean_list(value) and any(word in value for word in words)


def _is(documents: Any, document: str, claim: str, *values: object) -> bool:
    try:
        value = documents[document][claim]
    except (KeyError, TypeError, IndexError):
        return False
    return any(type(value) is type(wanted) and value == wanted for wanted in values)


def a_listed_fact_is_present(provider: str, documents: Any) -> bool:
    """Say so from the sentences of the design, without the tables under test."""
    match provider:
        case "entra":
            return _holds(documents, "access_token", "amr", "mfa", "ngcmfa")
        case "entra_attested":
            return _holds(documents, "access_token", "amr", "mfa", "ngcmfa") or _holds(
                documents, "id_token", "acrs", "c1", "c2"
            )
        case "microsoft_account":
            return _is(documents, "id_token", "acr", "urn:microsoft:policies:mfa")
        case "github":
            return _is(documents, "user", "two_factor_authentication", True)
        case _:
            return _is(documents, "id_token", "acr", "phr", "phrh") or _holds(documents, "id_token", "amr", "mfa")


@pytest.mark.parametrize("provider", PROVIDERS)
@thorough
@given(documents=near_documents)
def test_t2_a_sign_in_is_accepted_exactly_where_a_listed_fact_is_literally_present(
    provider: str, documents: dict[str, object]
) -> None:
    assert judged(provider, documents).satisfied == a_listed_fact_is_present(provider, documents)


@pytest.mark.parametrize("provider", PROVIDERS)
@thorough
@given(documents=json_values)
def test_t2_reading_never_raises_whatever_json_the_documents_are(provider: str, documents: Any) -> None:
    assume(not a_listed_fact_is_present(provider, documents))
    assert not judged(provider, documents).satisfied


@pytest.mark.parametrize("provider", PROVIDERS)
@thorough
@given(documents=near_documents)
def test_evidence_carries_only_values_that_were_sent(provider: str, documents: dict[str, Any]) -> None:
    for item in read(PROVIDERS[provider], documents, observed_at=NOW):
        document, claim = item.source.split(":")[1].split(".")
        sent = documents[document][claim]
        if isinstance(sent, bool):
            sent = "true" if sent else "false"
        assert all(value in (sent if isinstance(sent, list) else [sent]) for value in item.values)
        assert item.observed_at == NOW


def test_a_rule_gives_one_evidence_with_all_it_says() -> None:
    assert read(ENTRA, {"access_token": {"amr": ["pwd", "tomorrow", "mfa"]}}, observed_at=NOW) == (
        Evidence(
            kind=Kind.AMR,
            values=("pwd", "mfa"),
            strength=Strength.MFA,
            binding=Binding.SESSION,
            observed_at=NOW,
            source="entra:access_token.amr",
        ),
    )


@pytest.mark.parametrize(
    "provider, documents, expected",
    [
        ("entra", {"access_token": {"amr": ["mfa"]}}, [("entra:access_token.amr", Kind.AMR)]),
        ("entra_attested", {"id_token": {"acrs": ["c1"]}}, [("entra:id_token.acrs", Kind.ACRS)]),
        ("microsoft_account", {"id_token": {"acr": MSA_MFA}}, [("microsoft_account:id_token.acr", Kind.ACR)]),
        (
            "github",
            {"user": {"two_factor_authentication": True}},
            [("github:user.two_factor_authentication", Kind.ACCOUNT_SETTING)],
        ),
        (
            "oidc",
            {"id_token": {"acr": "phr", "amr": ["mfa"]}},
            [("oidc:id_token.acr", Kind.ACR), ("oidc:id_token.amr", Kind.AMR)],
        ),
    ],
)
def test_evidence_says_what_it_is_and_which_claim_it_was_read_from(
    provider: str, documents: dict[str, object], expected: list[tuple[str, Kind]]
) -> None:
    found = read(PROVIDERS[provider], documents, observed_at=NOW)
    assert [(item.source, item.kind) for item in found] == expected


def test_a_claim_of_the_wrong_shape_has_no_value_at_all() -> None:
    assert one_text(["mfa"]) is None
    assert true_or_false("true") is None


def test_a_switched_off_second_factor_at_github_is_told_and_worth_one_factor() -> None:
    (item,) = read(GITHUB, {"user": {"two_factor_authentication": False}}, observed_at=NOW)
    assert (item.values, item.strength, item.binding) == (("false",), Strength.SINGLE, Binding.ACCOUNT_STATE)


def test_no_attestation_on_file_means_no_rule() -> None:
    assert attested(()) == ()


@pytest.mark.parametrize("order", [1, -1])
def test_a_context_attested_twice_is_worth_the_weaker(order: int) -> None:
    both = [
        Attestation(context="c1", strength=Strength.MFA),
        Attestation(context="c1", strength=Strength.PHISHING_RESISTANT),
    ]
    (item,) = read(attested(both[::order]), {"id_token": {"acrs": ["c1"]}}, observed_at=NOW)
    assert item.strength is Strength.MFA


C1 = Attestation(context="c1", strength=Strength.MFA)
C1_EVERY_TIME = Attestation(context="c1", strength=Strength.MFA, every_time=True)
C2 = Attestation(context="c2", strength=Strength.PHISHING_RESISTANT)
C2_EVERY_TIME = Attestation(context="c2", strength=Strength.PHISHING_RESISTANT, every_time=True)
C3 = Attestation(context="c3", strength=Strength.MFA)


@pytest.mark.parametrize(
    "attestations, acrs, renewed",
    [
        ([C1], ["c1"], {"c1": False}),
        ([C1_EVERY_TIME], ["c1"], {"c1": True}),
        ([C1_EVERY_TIME, C2], ["c1"], {"c1": True}),
        ([C1_EVERY_TIME, C2], ["c1", "c2"], {"c1": True, "c2": False}),
        ([C1, C2_EVERY_TIME], ["c1", "c2"], {"c1": False, "c2": True}),
        ([C1, C2_EVERY_TIME], ["c1"], {"c1": False}),
        ([C1_EVERY_TIME, C3], ["c3"], {"c3": False}),
        ([C1_EVERY_TIME, C1], ["c1"], {"c1": False}),
        ([C1, C1_EVERY_TIME], ["c1"], {"c1": False}),
    ],
)
def test_t1_each_context_is_evidence_of_its_own_and_renewed_only_if_it_is_itself(
    attestations: list[Attestation], acrs: list[str], renewed: dict[str, bool]
) -> None:
    items = read(attested(attestations), {"id_token": {"acrs": acrs}}, observed_at=NOW)
    assert {item.values: item.renewed for item in items} == {(context,): new for context, new in renewed.items()}


def test_t1_no_other_rule_calls_its_evidence_renewed() -> None:
    for rules in (value for name, value in PROVIDERS.items() if name != "entra_attested"):
        assert not any(rule.renewed for rule in rules)


def test_an_openid_provider_of_which_nothing_is_accepted_proves_no_mfa() -> None:
    rules = generic({}, {})
    (item,) = read(rules, {"id_token": {"acr": "phrh", "amr": ["pwd", "mfa"]}}, observed_at=NOW)
    assert item.strength is Strength.SINGLE


def test_the_tables_of_an_openid_provider_do_not_change_with_the_settings_they_came_from() -> None:
    accept_acr = {"phr": Strength.PHISHING_RESISTANT}
    rules = generic(accept_acr, {})
    accept_acr["0"] = Strength.MFA
    assert read(rules, {"id_token": {"acr": "0"}}, observed_at=NOW) == ()


@pytest.mark.parametrize("observed_at", [NOW.replace(tzinfo=None), NOW.astimezone(timezone(timedelta(hours=1)))])
def test_a_moment_that_is_not_utc_is_refused_even_without_evidence(observed_at: datetime) -> None:
    with pytest.raises(ValueError, match="UTC"):
        read((), {}, observed_at=observed_at)
