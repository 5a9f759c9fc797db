"""What to say when a sign-in came to no identity: one text per fault, or a nearer one per provider."""

from broker.web.texts.explanation import (
    ENTRA,
    GITHUB,
    MICROSOFT_ACCOUNT,
    Explanation,
    Link,
    Named,
    Text,
    explain,
)
from claims.decision import Remedy
from providers.provider import Fault

FAULTS: dict[Fault, Text] = {
    Fault.CANCELLED: Text(
        title="You stopped at {provider}",
        sentence="The sign-in was cancelled there. Nothing was shared and nothing has changed.",
        steps=("If that was not what you wanted, try again.",),
    ),
    Fault.CONSENT_REQUIRED: Text(
        title="{provider} needs your approval",
        sentence="We ask {provider} for your name, your email and whether a second factor was used. It "
        "tells us only when you agree.",
        steps=("Try again, and approve the request when {provider} shows it.",),
    ),
    Fault.ADMIN_CONSENT_REQUIRED: Text(
        title="Your organisation has to approve this first",
        sentence="{provider} lets its members sign in here only after an administrator has approved it.",
        steps=(
            "Send this page to the people who look after {provider}.",
            "Sign in again once they have approved it.",
        ),
    ),
    Fault.MFA_REQUIRED: Text(
        title="The second factor was not completed",
        sentence="{provider} asked for a second factor for this sign-in, and the check was not completed.",
        steps=(
            "Try again, and complete the check when {provider} asks for it.",
            "If you have no second factor yet, set one up first.",
        ),
        set_up=True,
    ),
    Fault.MFA_SETUP_REQUIRED: Text(
        title="Set up a second factor first",
        sentence="{provider} wants a second factor for this sign-in, and your account has none yet.",
        steps=("Set up a second factor at {provider}.", "Come back and sign in again."),
        set_up=True,
    ),
    Fault.BLOCKED_BY_POLICY: Text(
        title="Your organisation's rules stopped this sign-in",
        sentence="{provider} checked its rules about who may sign in, from where and how, and they did not "
        "allow this one. We cannot see which rule it was.",
        steps=("Send the codes below to the people who look after {provider}: with them they can find the rule.",),
    ),
    Fault.DEVICE_REQUIRED: Text(
        title="Your organisation wants a managed device",
        sentence="{provider} allows this sign-in only from a device that it manages.",
        steps=(
            "Sign in again from your work device.",
            "If you are on it already, send the codes below to the people who look after {provider}.",
        ),
    ),
    Fault.NOT_ASSIGNED: Text(
        title="Your organisation has not given you access yet",
        sentence="{provider} decides which of its members may sign in here, and you are not among them yet.",
        steps=("Ask the people who look after {provider} to assign you.",),
    ),
    Fault.WRONG_ACCOUNT: Text(
        title="That account belongs somewhere else",
        sentence="{provider} does not know the account you chose, or it is of another type.",
        steps=("Try again, and choose an account of {provider}.",),
    ),
    Fault.GUEST_REFUSED: Text(
        title="Guest accounts cannot sign in here",
        sentence="You are a guest at {provider}. What it tells us about guests was decided elsewhere, so it "
        "is not accepted here.",
        steps=("Sign in with the account of your own organisation.",),
    ),
    Fault.TENANT_NOT_ALLOWED: Text(
        title="Your organisation is not set up here yet",
        sentence="The account you chose belongs to an organisation that has not been registered with us.",
        steps=("Ask your organisation to register.", "Until then, choose another way to sign in."),
    ),
    Fault.ACCOUNT_UNUSABLE: Text(
        title="This account cannot sign in here",
        sentence="{provider} says that the account is suspended, or that it is not a person's account.",
        steps=("Check the account at {provider}.",),
    ),
    Fault.EMAIL_UNVERIFIED: Text(
        title="{provider} wants your email verified first",
        sentence="Your email address at {provider} has not been verified, and until then it does not sign you in.",
        steps=("Verify your primary email address at {provider}.", "Come back and sign in again."),
    ),
    Fault.LOGIN_REQUIRED: Text(
        title="Please sign in at {provider}",
        sentence="There is no open session at {provider} that could be used without asking you.",
        steps=("Try again, and sign in when {provider} asks.",),
    ),
    Fault.EXPIRED: Text(
        title="The sign-in took too long",
        sentence="What {provider} sent back is no longer valid. For your safety it can be used only once, "
        "and not for long.",
        steps=("Start the sign-in again.",),
    ),
    Fault.INVALID_RESPONSE: Text(
        title="The answer could not be trusted",
        sentence="What came back from {provider} did not pass our checks, so nobody was signed in.",
        steps=("Try again.", "If it happens again, send us the reference below."),
    ),
    Fault.UNAVAILABLE: Text(
        title="{provider} is having trouble",
        sentence="{provider} did not answer in time, or asked us to slow down. Your account is fine.",
        steps=("Wait a few minutes and try again.",),
    ),
    Fault.MISCONFIGURED: Text(
        title="Sign-in with {provider} is out of order",
        sentence="Something is set up wrongly between us and {provider}. It is not in your hands, and we "
        "have it in our log.",
        steps=("Choose another way to sign in.", "If there is none, send us the reference below."),
    ),
}

_MICROSOFT_CONSENT = Text(
    title="{provider} needs your approval",
    sentence="We ask Microsoft for your name, your email and whether a second factor was used, and for "
    "nothing else. It tells us only when you agree.",
    steps=("Try again, and accept the permissions when Microsoft shows them.",),
)

BY_KIND: dict[tuple[Fault, str], Text] = {
    (Fault.CONSENT_REQUIRED, ENTRA): _MICROSOFT_CONSENT,
    (Fault.CONSENT_REQUIRED, MICROSOFT_ACCOUNT): _MICROSOFT_CONSENT,
    (Fault.WRONG_ACCOUNT, ENTRA): Text(
        title="That is not a work account",
        sentence="The account you chose is a personal one, or belongs to another organisation.",
        steps=(
            "Try again, and choose your work or school account.",
            "Or choose the way to sign in that fits your personal account.",
        ),
    ),
    (Fault.WRONG_ACCOUNT, MICROSOFT_ACCOUNT): Text(
        title="That is not a personal Microsoft account",
        sentence="The account you chose belongs to an organisation, and its sign-in works differently.",
        steps=(
            "Try again, and choose your personal Microsoft account.",
            "Or choose the way to sign in for work accounts.",
        ),
    ),
    (Fault.ACCOUNT_UNUSABLE, GITHUB): Text(
        title="This account cannot sign in here",
        sentence="{provider} says that the account is suspended, or that it is an organisation's or a bot's.",
        steps=("Sign in with your own account at {provider}.",),
    ),
    (Fault.EMAIL_UNVERIFIED, GITHUB): Text(
        title="Verify your email at {provider} first",
        sentence="{provider} signs you in here only once your primary email address is verified there.",
        steps=("Verify your primary email address.", "Come back and sign in again."),
        links=(Link(label="Email settings at {provider}", url="/settings/emails"),),
    ),
}

REMEDIES: dict[Fault, Remedy] = {
    Fault.CANCELLED: Remedy.SIGN_IN_AGAIN,
    Fault.CONSENT_REQUIRED: Remedy.SIGN_IN_AGAIN,
    Fault.ADMIN_CONSENT_REQUIRED: Remedy.ASK_ADMIN,
    Fault.MFA_REQUIRED: Remedy.SIGN_IN_AGAIN,
    Fault.MFA_SETUP_REQUIRED: Remedy.TURN_ON_MFA,
    Fault.BLOCKED_BY_POLICY: Remedy.ASK_ADMIN,
    Fault.DEVICE_REQUIRED: Remedy.ASK_ADMIN,
    Fault.NOT_ASSIGNED: Remedy.ASK_ADMIN,
    Fault.WRONG_ACCOUNT: Remedy.SIGN_IN_AGAIN,
    Fault.GUEST_REFUSED: Remedy.USE_ANOTHER_PROVIDER,
    Fault.TENANT_NOT_ALLOWED: Remedy.USE_ANOTHER_PROVIDER,
    Fault.ACCOUNT_UNUSABLE: Remedy.USE_ANOTHER_PROVIDER,
    Fault.EMAIL_UNVERIFIED: Remedy.SIGN_IN_AGAIN,
    Fault.LOGIN_REQUIRED: Remedy.SIGN_IN_AGAIN,
    Fault.EXPIRED: Remedy.SIGN_IN_AGAIN,
    Fault.INVALID_RESPONSE: Remedy.SIGN_IN_AGAIN,
    Fault.UNAVAILABLE: Remedy.SIGN_IN_AGAIN,
    Fault.MISCONFIGURED: Remedy.USE_ANOTHER_PROVIDER,
}
"""What a person can do about each, as a code for programs."""


def explain_fault(fault: Fault, provider: Named) -> Explanation:
    """Return what to tell the person about ``fault`` at ``provider``."""
    return explain(BY_KIND.get((fault, provider.kind)) or FAULTS[fault], provider)
