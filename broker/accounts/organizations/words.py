"""What is said to people about their memberships."""

from broker.accounts.organizations.belonging import Standing, Unmet

_WORDS = {
    Unmet.TENANT: (
        "Your organisation wants you to sign in with a work account of its own.",
        "Sign in with that work account. Your membership comes back by itself.",
    ),
    Unmet.GUEST: (
        "Your organisation does not take guests of its tenant.",
        "Sign in with an account of the organisation's own. Your membership comes back by itself.",
    ),
    Unmet.PROVIDER: (
        "Your organisation does not accept the way you signed in.",
        "Sign in in a way that it accepts; an admin can tell you which. Your membership comes back by itself.",
    ),
    Unmet.SESSION_LENGTH: (
        "Your sign-in is older than your organisation allows.",
        "Sign in again. Your membership comes back by itself.",
    ),
    Unmet.PROOF: (
        "Your organisation wants a stronger or more recent proof than your sign-in gave.",
        "Sign in again, with your strongest second factor. Your membership comes back by itself.",
    ),
    Unmet.WAY_CLOSED: (
        "The tenant or the provider that you signed in with is not accepted at the moment.",
        "Sign in another way, or ask an admin of your organisation.",
    ),
}


def suspended_because(standing: Standing) -> tuple[str, str]:
    """Return why a membership is suspended, and what its member can do."""
    return _WORDS[standing.unmet or Unmet.PROOF]
