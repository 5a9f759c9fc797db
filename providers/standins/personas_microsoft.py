"""Personas with Microsoft accounts, and of Entra tenants."""

from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from .directory import CONTOSO, FABRIKAM, MSA, NORTHWIND, OPERATOR
from .personas import Canary, MicrosoftPersona
from .personas_admins import admins, northwind
from .personas_troubled import troubled
from .work_account import work_account

SIGNED_IN_MFA = "Signed in: Microsoft says MFA was done in this session."
SINGLE = "Refused: only one factor was proven; the page says how to turn on a second one."
UNKNOWN = "Refused: Microsoft did not say how the user signed in."


def microsoft_personas(canary: Canary) -> tuple[MicrosoftPersona, ...]:
    """Return every Microsoft persona: personal accounts first, then those of tenants."""
    return (
        *_personal(canary),
        *_members(canary),
        *_weak_members(canary),
        *_visitors(canary),
        *troubled(canary),
        *admins(canary),
        *northwind(canary),
    )


def _personal(canary: Canary) -> tuple[MicrosoftPersona, ...]:
    def msa(id: str, label: str, description: str, expected: str, **traits: Any) -> MicrosoftPersona:
        # Personal accounts have ids of this form: three empty groups, then 16 hex digits (upstreams.md, 1.6).
        digits = uuid5(NAMESPACE_DNS, id).hex[:16]
        return MicrosoftPersona(
            **{
                "id": id,
                "provider": "microsoft_account",
                "label": label,
                "description": description,
                "expected": expected,
                "subject": f"00000000-0000-0000-{digits[:4]}-{digits[4:]}",
                "email": canary.email(id),
                "name": canary.name(id),
                "canary": canary,
                "tid": MSA,
                **traits,
            }
        )

    return (
        msa("msa-mfa", "Mia, two-step verification on", "Does MFA whenever asked.", SIGNED_IN_MFA, mfa="asked"),
        msa(
            "msa-when-forced",
            "Finn, two-step verification when he must",
            "Answers the default policy first, and MFA when nothing else is accepted.",
            "Asked a second time, then signed in with MFA.",
            mfa="forced",
        ),
        msa(
            "msa-nomfa",
            "Nora, password only",
            "Has no two-step verification: the default policy is all she ever meets.",
            "Asked a second time, then refused: turn on two-step verification.",
        ),
        msa(
            "msa-noacr",
            "Otto, Microsoft says nothing",
            "What a third party may get: no acr at all.",
            "Asked a second time, then refused: Microsoft did not say how he signed in.",
            mfa="asked",
            sends_acr=False,
        ),
        msa(
            "msa-stale",
            "Sam, signed in ten hours ago",
            "MFA in a session of ten hours; fresh when max_age or prompt=login wants it.",
            "Signed in with MFA; a registry that wants a fresh sign-in gets one.",
            mfa="asked",
            age=36_000,
        ),
        msa(
            "msa-same-email",
            "Eve, with the e-mail address of Ada",
            "A personal account with the e-mail address of entra-mfa.",
            "Signed in with MFA, to an account of her own: never Ada's.",
            mfa="asked",
            email=canary.email("entra-mfa"),
        ),
        msa(
            "msa-declines",
            "Dan, declines",
            "Says no to the permissions.",
            "Back: he cancelled.",
            error="declined",
        ),
    )


def _members(canary: Canary) -> tuple[MicrosoftPersona, ...]:
    return (
        work_account(
            canary,
            "entra-mfa",
            "Ada of Contoso, MFA",
            "amr pwd, mfa; meets the authentication context c1.",
            SIGNED_IN_MFA,
            mfa="always",
            acrs=frozenset({"c1"}),
        ),
        work_account(
            canary,
            "entra-ngcmfa",
            "Nils of Contoso, MFA while setting up a passkey",
            "amr ngcmfa, mfa's equal.",
            SIGNED_IN_MFA,
            mfa="always",
            mfa_methods=("pwd", "ngcmfa"),
        ),
        work_account(
            canary,
            "entra-phr",
            "Pia of Contoso, passkey",
            "Meets the authentication context c2, which Contoso binds to phishing-resistant methods.",
            "Signed in: phishing-resistant where Contoso's admin attested c2, otherwise MFA.",
            mfa="always",
            mfa_methods=("fido", "mfa"),
            acrs=frozenset({"c1", "c2"}),
        ),
        work_account(
            canary,
            "entra-when-forced",
            "Frida of Contoso, MFA when she must",
            "amr pwd, and mfa only when the claims request makes it essential.",
            "Asked a second time, then signed in with MFA.",
            mfa="forced",
        ),
        work_account(
            canary,
            "entra-stale",
            "Stan of Contoso, signed in ten hours ago",
            "MFA in a session of ten hours; fresh when max_age or prompt=login wants it.",
            "Signed in with MFA; a registry that wants a fresh sign-in gets one.",
            mfa="always",
            age=36_000,
        ),
        work_account(
            canary,
            "entra-noemail",
            "Noah of Contoso, no mailbox",
            "MFA, and no email claim.",
            "Signed in with MFA; the account has no e-mail address.",
            mfa="always",
            sends_email=False,
        ),
        work_account(
            canary,
            "entra-edov-false",
            "Mallory of Fabrikam, with the e-mail address of Ada",
            "Her tenant's admin gave her Ada's address; xms_edov is false (nOAuth).",
            "Signed in with MFA, to an account of her own: never Ada's.",
            mfa="always",
            tid=FABRIKAM,
            email=canary.email("entra-mfa"),
            owns_email_domain=False,
        ),
    )


def _weak_members(canary: Canary) -> tuple[MicrosoftPersona, ...]:
    twice = "Asked a second time, then refused: only one factor was proven."
    return (
        work_account(canary, "entra-pwd", "Paul of Contoso, password only", "amr pwd, whatever is demanded.", twice),
        work_account(
            canary,
            "entra-rsa-only",
            "Rita of Contoso, a key alone",
            "amr rsa: one factor.",
            twice,
            methods=("rsa",),
        ),
        work_account(
            canary,
            "entra-otp",
            "Olga of Contoso, a code alone",
            "amr otp: one factor.",
            twice,
            methods=("otp",),
        ),
        work_account(
            canary,
            "entra-fed",
            "Fred of Contoso, federated",
            "amr fed: another server signed him in, and says no more.",
            twice,
            methods=("fed",),
        ),
        work_account(
            canary,
            "entra-wiaormfa",
            "Wim of Contoso, Windows or MFA",
            "amr wiaormfa: Windows sign-in or MFA, nobody knows which.",
            twice,
            methods=("pwd", "wiaormfa"),
        ),
        work_account(
            canary,
            "entra-amr-missing",
            "Moa of Contoso, no amr",
            "The access token has no amr.",
            "Asked a second time, then refused: Microsoft did not say how she signed in.",
            methods=None,
        ),
        work_account(
            canary,
            "entra-amr-string",
            "Tess of Contoso, amr of the wrong type",
            "amr is the string mfa, not a list.",
            "Asked a second time, then refused: a claim of the wrong type is no evidence.",
            methods="mfa",
        ),
        work_account(
            canary,
            "entra-acrs-nopolicy",
            "Alan of Fabrikam, authentication context without a policy",
            "Fabrikam has no policy for c1, so everybody meets it: acrs c1, amr pwd.",
            "Asked a second time, then refused: acrs proves nothing until an admin attests it.",
            tid=FABRIKAM,
            acrs=frozenset({"c1"}),
        ),
    )


def _visitors(canary: Canary) -> tuple[MicrosoftPersona, ...]:
    return (
        work_account(
            canary,
            "entra-guest-of-R",
            "Gus of Contoso, guest at Fabrikam",
            "MFA; acct 1, idp Contoso.",
            "Signed in with MFA where Fabrikam's guests are taken; otherwise refused.",
            mfa="always",
            tid=FABRIKAM,
            home=CONTOSO,
        ),
        work_account(
            canary,
            "entra-guest-refused",
            "Greta of Northwind, guest at Contoso",
            "MFA; acct 1, idp Northwind.",
            "Refused: Contoso's guests are not taken.",
            mfa="always",
            tid=CONTOSO,
            home=NORTHWIND,
        ),
        work_account(
            canary,
            "entra-msa-guest",
            "Max, a Microsoft account as guest of the operator's tenant",
            "The way out when personal accounts get no acr: the operator's tenant demands MFA of its guests.",
            "Signed in with MFA where the operator's tenant is allowed and takes guests.",
            mfa="always",
            tid=OPERATOR,
            home="live.com",
            acrs=frozenset({"c1"}),
        ),
        work_account(
            canary,
            "entra-other-tenant",
            "Ned of Northwind, MFA",
            "MFA, and a tenant that is not on the allow-list.",
            "Refused: Northwind is not allowed.",
            mfa="always",
            tid=NORTHWIND,
        ),
    )
