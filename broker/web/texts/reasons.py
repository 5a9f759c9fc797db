"""What to say when someone signed in, and the proof does not do."""

from broker.web.texts.explanation import (
    ENTRA,
    GITHUB,
    MICROSOFT_ACCOUNT,
    OIDC,
    Explanation,
    Named,
    Text,
    explain,
)
from claims.decision import Reason, Verdict
from claims.evidence import Strength
from providers.provider import Missing

_ANOTHER = "Choose another way to sign in."

# No evidence came at all.
NOT_DISCLOSED: dict[str, Text] = {
    MICROSOFT_ACCOUNT: Text(
        title="Microsoft did not say how you signed in",
        sentence="You may well have used two-step verification. Microsoft does not always pass that on to "
        "services like this one, and without it we cannot accept the sign-in.",
        steps=(
            "If two-step verification is off, turn it on and sign in again.",
            "If it is on already, choose another way to sign in.",
        ),
        set_up=True,
    ),
    ENTRA: Text(
        title="{provider} did not say how you signed in",
        sentence="Your organisation's directory told us who you are, and nothing about a second factor.",
        steps=(
            "Set up a second factor, if you have none, and sign in again.",
            "If your organisation never asks for it, send this page to its administrators.",
        ),
        set_up=True,
    ),
    GITHUB: Text(
        title="{provider} did not show whether two-factor authentication is on",
        sentence="It tells us only with your permission to read your profile, and for some accounts not at all.",
        steps=("Try again, and allow access to your profile.",),
    ),
    OIDC: Text(
        title="{provider} did not say how you signed in",
        sentence="It told us who you are, and nothing about a second factor. Without that we cannot accept "
        "the sign-in.",
        steps=("Make sure that a second factor is set up at {provider}, and sign in again.",),
        set_up=True,
    ),
}

# No evidence came, and the provider's part of the broker knows why.
MISSING: dict[Missing, Text] = {
    Missing.SCOPE_REFUSED: Text(
        title="{provider} was not allowed to tell us",
        sentence="Whether a second factor is set up is part of your profile, and the permission to read it "
        "was not given.",
        steps=("Try again, and leave the profile permission on when {provider} asks.",),
    ),
    Missing.MANAGED_ACCOUNT: Text(
        title="This account is managed by your organisation",
        sentence="Managed accounts have no second factor of their own at {provider}: your organisation "
        "checks it in its own sign-in, which we do not see from here.",
        steps=("Sign in with your work account instead.",),
    ),
    Missing.NOT_ATTESTED: Text(
        title="Your organisation has not confirmed its access rule",
        sentence="{provider} says that one of its access rules was met. What that rule asks for has not "
        "been confirmed to us, so it proves nothing yet.",
        steps=(
            "Ask your administrators to confirm with us what the rule requires.",
            "Until then, choose another way to sign in.",
        ),
    ),
}

# Evidence came, and says that one factor was used, or that none is set up.
TOO_WEAK: dict[str, Text] = {
    MICROSOFT_ACCOUNT: Text(
        title="Two-step verification was not used",
        sentence="Microsoft says that this sign-in was made without two-step verification.",
        steps=(
            "Turn on two-step verification, under Advanced security options.",
            "Come back and sign in again.",
        ),
        set_up=True,
    ),
    ENTRA: Text(
        title="A second factor was not used",
        sentence="{provider} says that this sign-in was made without a second factor.",
        steps=(
            "Set up a second factor for your work account.",
            "Come back and sign in again.",
            "If your organisation never asks for it, send this page to its administrators.",
        ),
        set_up=True,
    ),
    GITHUB: Text(
        title="Two-factor authentication is off",
        sentence="{provider} says that two-factor authentication is not switched on for your account.",
        steps=("Turn on two-factor authentication at {provider}.", "Come back and sign in again."),
        set_up=True,
    ),
    OIDC: Text(
        title="A second factor was not used",
        sentence="{provider} says that this sign-in was made without a second factor, or does not say that "
        "one was used.",
        steps=("Set up a second factor at {provider}.", "Come back and sign in again."),
        set_up=True,
    ),
}

# A second factor was proven, and here a stronger proof is asked for.
STRONGER: Text = Text(
    title="A stronger sign-in is needed here",
    sentence="Your second factor was proven. Here the sign-in must also resist phishing, as a passkey or a "
    "security key does, and {provider} did not say that it does.",
    steps=("If you have a passkey or a security key, sign in again with it.",),
)
GITHUB_STRONGER: Text = Text(
    title="A stronger sign-in is needed here",
    sentence="{provider} says that two-factor authentication is switched on. It cannot say that a passkey "
    "or a security key was used for this sign-in, which is needed here.",
    steps=(_ANOTHER,),
)

# Everything else that can be wrong with a proof.
REASONS: dict[Reason, Text] = {
    Reason.BINDING_NOT_ACCEPTED: Text(
        title="Another kind of proof is needed here",
        sentence="{provider} gave us a proof, and it is not of a kind that is accepted for this.",
        steps=(_ANOTHER,),
    ),
    Reason.EVIDENCE_EXPIRED: Text(
        title="Your proof has aged out",
        sentence="What {provider} told us about your second factor is too old to rely on.",
        steps=("Sign in again, so that we can ask {provider} anew.",),
    ),
    Reason.AUTHENTICATION_TOO_OLD: Text(
        title="A fresh sign-in is needed here",
        sentence="You signed in at {provider} longer ago than is allowed for this.",
        steps=("Sign in again, and enter your credentials when {provider} asks.",),
    ),
    Reason.AUTH_TIME_UNKNOWN: Text(
        title="{provider} did not say when you signed in",
        sentence="Here it must be known how recent the sign-in is, and {provider} did not tell us.",
        steps=(_ANOTHER,),
    ),
    Reason.ACR_UNMET: Text(
        title="The registry asks for a certain kind of proof",
        sentence="You signed in at {provider}. The registry insists on a level of proof that this sign-in "
        "does not reach.",
        steps=("If you have a passkey or a security key, sign in again with it.",),
    ),
}

BY_KIND: dict[tuple[Reason, str], Text] = {
    (Reason.BINDING_NOT_ACCEPTED, GITHUB): Text(
        title="This needs proof from the sign-in itself",
        sentence="{provider} says that two-factor authentication is switched on for your account. That is a "
        "setting, and does not prove that it was used just now, which is needed here.",
        steps=(_ANOTHER,),
    ),
    (Reason.EVIDENCE_EXPIRED, GITHUB): Text(
        title="It is time to look again",
        sentence="It is a while since {provider} told us that two-factor authentication is switched on. The "
        "setting may have changed since.",
        steps=("Sign in again, so that we can look once more.",),
    ),
    (Reason.AUTHENTICATION_TOO_OLD, GITHUB): Text(
        title="A fresh sign-in is needed here",
        sentence="Here the sign-in must be recent, and {provider} does not tell us when you entered your credentials.",
        steps=("Sign in again.",),
    ),
    (Reason.ACR_UNMET, GITHUB): Text(
        title="The registry asks for a certain kind of proof",
        sentence="{provider} tells us only that two-factor authentication is switched on. The registry "
        "insists on proof from the sign-in itself.",
        steps=(_ANOTHER,),
    ),
}


def explain_verdict(verdict: Verdict, provider: Named, missing: Missing | None = None) -> Explanation:
    """Return what to tell the person about a verdict that is not satisfied.

    ``missing`` is what the provider's part of the broker knows about evidence that did not come. Raises
    KeyError for a satisfied verdict, which needs no explanation.
    """
    return explain(_text(verdict, provider.kind, missing), provider)


def _text(verdict: Verdict, kind: str, missing: Missing | None) -> Text:
    reason = verdict.reason
    if reason is Reason.NOT_DISCLOSED:
        known = MISSING.get(missing) if missing else None
        return known or NOT_DISCLOSED.get(kind, NOT_DISCLOSED[OIDC])
    if reason is Reason.TOO_WEAK:
        if verdict.strength >= Strength.MFA:
            return GITHUB_STRONGER if kind == GITHUB else STRONGER
        return TOO_WEAK.get(kind, TOO_WEAK[OIDC])
    return BY_KIND.get((reason, kind)) or REASONS[reason]
