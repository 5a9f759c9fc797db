"""Every outcome at every provider has a text that says what is missing and what to do next."""

from dataclasses import replace
from itertools import product

import pytest

from broker.web.texts import ADMINS, Explanation, explain_fault, explain_verdict, proof_sentence, what_it_proves
from claims.decision import Reason
from claims.evidence import Binding, Strength
from providers.microsoft.aadsts import FAULTS, needs_admin, refusal
from providers.provider import Fault, Missing
from tests.web.account_sample import verdict
from tests.web.samples import CONTOSO, GITHUB, GOOGLE, MICROSOFT, PROVIDERS, NamedProvider

UNSATISFIED = [reason for reason in Reason if reason not in {Reason.SATISFIED, Reason.EXEMPT}]
WORK_PAGES = ["https://mysignins.microsoft.com/security-info", "https://aka.ms/mfasetup"]
SET_UP = [
    (MICROSOFT, ["https://account.microsoft.com/security"]),
    (CONTOSO, WORK_PAGES),
    (GITHUB, ["https://github.com/settings/security"]),
    (replace(GITHUB, set_up_url=None), ["https://github.com/settings/security"]),
    (GOOGLE, ["https://myaccount.google.com/signinoptions/two-step-verification"]),
    (replace(GOOGLE, set_up_url=None), []),
    (
        replace(GITHUB, set_up_url="https://git.corp.example/settings/security"),
        ["https://git.corp.example/settings/security"],
    ),
]


def urls(explanation: Explanation) -> list[str]:
    return [link.url for link in explanation.links]


def check(explanation: Explanation) -> None:
    texts = [
        explanation.title,
        explanation.sentence,
        *explanation.steps,
        *[link.label for link in explanation.links],
    ]
    assert all(text.strip() == text != "" for text in texts)
    assert not any("{" in text or "  " in text for text in texts)
    assert all(text.endswith(".") for text in [explanation.sentence, *explanation.steps])
    assert not explanation.title.endswith(".")
    assert len(explanation.title) <= 72
    assert explanation.steps
    assert all(url.startswith("https://") for url in urls(explanation))


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.kind)
@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_a_text_at_every_provider(fault: Fault, provider: NamedProvider) -> None:
    check(explain_fault(fault, provider))


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.kind)
@pytest.mark.parametrize("missing", [None, *Missing])
@pytest.mark.parametrize("reason", UNSATISFIED)
def test_every_reason_has_a_text_at_every_provider(
    reason: Reason, missing: Missing | None, provider: NamedProvider
) -> None:
    for strength, binding in product(Strength, [None, *Binding]):
        check(explain_verdict(verdict(reason, strength=strength, binding=binding), provider, missing))


@pytest.mark.parametrize("reason", [Reason.SATISFIED, Reason.EXEMPT])
def test_a_satisfied_verdict_needs_no_explanation(reason: Reason) -> None:
    with pytest.raises(KeyError):
        explain_verdict(verdict(reason), GITHUB)


@pytest.mark.parametrize("provider, expected", SET_UP)
def test_a_weak_sign_in_links_where_the_second_factor_is_turned_on(
    provider: NamedProvider, expected: list[str]
) -> None:
    assert urls(explain_verdict(verdict(Reason.TOO_WEAK), provider)) == expected


@pytest.mark.parametrize("provider, expected", SET_UP)
def test_a_missing_second_factor_links_where_it_is_set_up(provider: NamedProvider, expected: list[str]) -> None:
    assert urls(explain_fault(Fault.MFA_SETUP_REQUIRED, provider)) == expected


def test_an_unverified_email_links_to_the_email_settings_of_that_server() -> None:
    assert urls(explain_fault(Fault.EMAIL_UNVERIFIED, GITHUB)) == ["https://github.com/settings/emails"]
    corporate = replace(GITHUB, set_up_url="https://git.corp.example/settings/security")
    assert urls(explain_fault(Fault.EMAIL_UNVERIFIED, corporate)) == ["https://git.corp.example/settings/emails"]
    assert urls(explain_fault(Fault.EMAIL_UNVERIFIED, replace(GITHUB, set_up_url=None))) == [
        "https://github.com/settings/emails"
    ]


def test_google_is_called_by_its_own_words() -> None:
    links = explain_verdict(verdict(Reason.TOO_WEAK), GOOGLE).links
    assert [link.label for link in links] == ["2-Step Verification at Google"]


def test_a_setting_is_never_called_proof_of_this_sign_in() -> None:
    explanation = explain_verdict(
        verdict(Reason.BINDING_NOT_ACCEPTED, strength=Strength.MFA, binding=Binding.ACCOUNT_STATE), GITHUB
    )
    assert "a setting" in explanation.sentence
    assert "does not prove" in explanation.sentence


def test_silence_of_microsoft_is_not_laid_at_the_persons_door() -> None:
    explanation = explain_verdict(verdict(Reason.NOT_DISCLOSED), MICROSOFT)
    assert "You may well have used two-step verification" in explanation.sentence


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.kind)
def test_a_proven_second_factor_that_is_too_weak_is_not_called_missing(provider: NamedProvider) -> None:
    explanation = explain_verdict(verdict(Reason.TOO_WEAK, strength=Strength.MFA), provider)
    assert explanation.title == "A stronger sign-in is needed here"
    assert explanation.links == ()


@pytest.mark.parametrize("missing", [Missing.SCOPE_REFUSED, Missing.MANAGED_ACCOUNT, Missing.NOT_ATTESTED])
def test_what_is_known_about_missing_evidence_is_said(missing: Missing) -> None:
    known = explain_verdict(verdict(Reason.NOT_DISCLOSED), GITHUB, missing)
    assert known != explain_verdict(verdict(Reason.NOT_DISCLOSED), GITHUB, Missing.NOT_SENT)
    assert known.title != explain_verdict(verdict(Reason.TOO_WEAK), GITHUB, missing).title


def test_a_provider_of_an_unknown_kind_is_spoken_of_as_any_openid_provider() -> None:
    other = NamedProvider(name="Other", kind="new_kind")
    check(explain_verdict(verdict(Reason.TOO_WEAK), other))
    assert what_it_proves("new_kind") == what_it_proves("oidc")


def test_braces_in_a_name_stay_braces() -> None:
    odd = NamedProvider(name="{provider} {0}", kind="oidc")
    assert explain_fault(Fault.CANCELLED, odd).title == "You stopped at {provider} {0}"


MFA, STRONG = Strength.MFA, Strength.PHISHING_RESISTANT


@pytest.mark.parametrize(
    "reason, strength, binding, sentence",
    [
        (Reason.SATISFIED, MFA, Binding.SESSION, "Second factor proven for the session at Acme"),
        (
            Reason.SATISFIED,
            STRONG,
            Binding.SESSION,
            "Phishing-resistant sign-in proven for the session at Acme",
        ),
        (
            Reason.SATISFIED,
            MFA,
            Binding.ATTESTED,
            "This sign-in met a rule of Acme that requires a second factor",
        ),
        (
            Reason.SATISFIED,
            STRONG,
            Binding.ATTESTED,
            "This sign-in met a rule of Acme that requires a phishing-resistant sign-in",
        ),
        (
            Reason.SATISFIED,
            MFA,
            Binding.ACCOUNT_STATE,
            "Two-factor authentication is switched on for the Acme account; not proven for this sign-in",
        ),
        (
            Reason.SATISFIED,
            STRONG,
            Binding.ACCOUNT_STATE,
            "Two-factor authentication is switched on for the Acme account; not proven for this sign-in",
        ),
        (
            Reason.EXEMPT,
            MFA,
            Binding.SESSION,
            "No second factor proven; your organisation's exception let this sign-in pass",
        ),
        (Reason.TOO_WEAK, Strength.SINGLE, Binding.SESSION, "No second factor proven"),
        (Reason.NOT_DISCLOSED, Strength.NONE, None, "No second factor proven"),
    ],
)
def test_a_proof_is_told_as_what_it_is(
    reason: Reason, strength: Strength, binding: Binding | None, sentence: str
) -> None:
    assert proof_sentence(verdict(reason, strength=strength, binding=binding), "Acme") == sentence


def faults_of(code: int) -> set[Fault]:
    """Return what a code may mean to us: where a tenant was named, an unknown application is not our own mistake."""
    return {refusal({"error_codes": [code]}, at_tenant=at_tenant).code for at_tenant in (False, True)}


def test_every_code_that_an_admin_must_act_on_has_a_text_for_admins_and_no_other_has() -> None:
    meant = {f"AADSTS{code}" for code in FAULTS if any(needs_admin(f"AADSTS{code}", each) for each in faults_of(code))}
    assert set(ADMINS) == meant


@pytest.mark.parametrize("code", ADMINS)
def test_what_admins_are_told_is_whole(code: str) -> None:
    text = ADMINS[code]
    assert all(each.strip() == each != "" and "  " not in each for each in (text.title, text.happened, *text.steps))
    assert all(each.endswith(".") for each in (text.happened, *text.steps))
    assert not text.title.endswith(".")
    assert len(text.title) <= 90
    assert len(text.steps) >= 2
    assert text.consent == (Fault.ADMIN_CONSENT_REQUIRED in faults_of(int(code.removeprefix("AADSTS"))))
