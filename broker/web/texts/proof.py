"""What a sign-in proved, in one line, and what a provider could prove, for the chooser."""

from broker.web.texts.explanation import ENTRA, GITHUB, MICROSOFT_ACCOUNT
from claims.decision import Reason, Verdict
from claims.evidence import Binding, Strength

_PROVES = {
    MICROSOFT_ACCOUNT: "Personal account with two-step verification",
    ENTRA: "Work or school account with your organisation's second factor",
    GITHUB: "Account with two-factor authentication switched on",
}
_PROVES_OTHER = "Account with a second factor"

_SETTING = "Two-factor authentication is switched on for the {provider} account; not proven for this sign-in"
# By binding, and by whether the proof resists phishing.
_PROVEN = {
    (Binding.SESSION, False): "Second factor proven for the session at {provider}",
    (Binding.SESSION, True): "Phishing-resistant sign-in proven for the session at {provider}",
    (Binding.ATTESTED, False): "This sign-in met a rule of {provider} that requires a second factor",
    (
        Binding.ATTESTED,
        True,
    ): "This sign-in met a rule of {provider} that requires a phishing-resistant sign-in",
    (Binding.ACCOUNT_STATE, False): _SETTING,
    (Binding.ACCOUNT_STATE, True): _SETTING,
}


def what_it_proves(kind: str) -> str:
    """Return the line under a provider's name in the chooser."""
    return _PROVES.get(kind, _PROVES_OTHER)


def proof_sentence(verdict: Verdict, provider_name: str) -> str:
    """Return what ``verdict`` says about the second factor, and no more than it says.

    A session-bound proof is the provider's word about its session: the factor may have been given earlier in
    it. A setting of the account proves nothing about a sign-in.
    """
    if verdict.reason is Reason.EXEMPT:
        return "No second factor proven; your organisation's exception let this sign-in pass"
    if verdict.binding is None or verdict.strength < Strength.MFA:
        return "No second factor proven"
    text = _PROVEN[verdict.binding, verdict.strength is Strength.PHISHING_RESISTANT]
    return text.replace("{provider}", provider_name)
