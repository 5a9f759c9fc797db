"""Personas of Contoso whose sign-in ends in one of Microsoft's errors."""

from .personas import Canary, MicrosoftPersona
from .work_account import work_account


def troubled(canary: Canary) -> tuple[MicrosoftPersona, ...]:
    """Return who never comes back with a code, or not at once."""
    return (
        work_account(
            canary,
            "entra-declines",
            "Dora of Contoso, declines",
            "Says no to the permissions: AADSTS65004.",
            "Back: she cancelled.",
            mfa="always",
            error="declined",
        ),
        work_account(
            canary,
            "entra-mfa-demanded",
            "Ida of Contoso, MFA demanded late",
            "The token endpoint wants MFA (AADSTS50076) until its claims are asked for.",
            "Asked a second time with those claims, then signed in with MFA.",
            mfa="forced",
            error="mfa_at_token",
        ),
        work_account(
            canary,
            "entra-no-factor",
            "Zoe of Contoso, nothing set up",
            "Her tenant demands MFA and she has none: AADSTS50079.",
            "Refused: set up a second factor first.",
            error="no_factor",
        ),
        work_account(
            canary,
            "entra-blocked",
            "Bob of Contoso, blocked",
            "A Conditional Access policy says no: AADSTS53003.",
            "Refused: the organisation's policy blocked it; the code is shown.",
            mfa="always",
            error="blocked",
        ),
        work_account(
            canary,
            "entra-admin-consent",
            "Carl of Contoso, application not approved",
            "Only an admin may approve applications: AADSTS90094.",
            "Refused: an admin of his organisation must approve the application first.",
            mfa="always",
            error="admin_consent",
        ),
        work_account(
            canary,
            "entra-consent",
            "Cora of Contoso, has not approved the application",
            "Nobody asked her to approve the permissions: AADSTS65001, until the request wants her consent.",
            "Asked a second time for her consent, then signed in with MFA.",
            mfa="always",
            error="consent",
        ),
        work_account(
            canary,
            "entra-unassigned",
            "Ulf of Contoso, not assigned",
            "Contoso gives the application to some only, and he is not among them: AADSTS50105.",
            "Refused: an admin of his organisation must assign him.",
            mfa="always",
            error="unassigned",
        ),
        work_account(
            canary,
            "entra-no-application",
            "Nia of Contoso, application unknown to the tenant",
            "Contoso's directory does not have the application: AADSTS700016.",
            "Refused: an admin of her organisation must approve the application first.",
            mfa="always",
            error="no_application",
        ),
    )
