"""Personas of the generic OpenID provider."""

import hashlib
from typing import Any

from .personas import Canary, OidcPersona


def oidc_personas(canary: Canary) -> tuple[OidcPersona, ...]:
    """Return every persona of the generic OpenID provider."""
    return (*_strong(canary), *_weak(canary))


def _person(canary: Canary, id: str, label: str, description: str, expected: str, **traits: Any) -> OidcPersona:
    return OidcPersona(
        **{
            "id": id,
            "provider": "oidc",
            "label": label,
            "description": description,
            "expected": expected,
            "subject": hashlib.sha256(id.encode()).hexdigest()[:32],
            "email": canary.email(id),
            "name": canary.name(id),
            "canary": canary,
            **traits,
        }
    )


def _strong(canary: Canary) -> tuple[OidcPersona, ...]:
    return (
        _person(canary, "oidc-mfa", "Ann, MFA", "amr pwd, otp, mfa.", "Signed in with MFA.", mfa="always"),
        _person(
            canary,
            "oidc-phr",
            "Pam, passkey",
            "acr phr, amr pop, user.",
            "Signed in: phishing-resistant.",
            mfa="always",
            mfa_amr=("pop", "user"),
            mfa_acr="phr",
        ),
        _person(
            canary,
            "oidc-phrh",
            "Hal, security key",
            "acr phrh, amr hwk, user.",
            "Signed in: phishing-resistant, on hardware.",
            mfa="always",
            mfa_amr=("hwk", "user"),
            mfa_acr="phrh",
        ),
        _person(
            canary,
            "oidc-when-forced",
            "Jo, MFA when she must",
            "amr pwd, and mfa only when it is demanded.",
            "Asked a second time, then signed in with MFA.",
            mfa="forced",
        ),
        _person(
            canary,
            "oidc-stale",
            "Stu, signed in ten hours ago",
            "MFA in a session of ten hours; fresh when max_age or prompt=login wants it.",
            "Signed in with MFA; a registry that wants a fresh sign-in gets one.",
            mfa="always",
            age=36_000,
        ),
        _person(
            canary,
            "oidc-unverified-email",
            "Val, e-mail address not verified",
            "MFA; email_verified is false.",
            "Signed in with MFA; the address is offered as unverified, or not at all.",
            mfa="always",
            email_verified=False,
        ),
        _person(
            canary,
            "oidc-same-email",
            "Eva, with the e-mail address of Ada",
            "MFA, and the e-mail address of entra-mfa.",
            "Signed in with MFA, to an account of her own: never Ada's.",
            mfa="always",
            email=canary.email("entra-mfa"),
        ),
    )


def _weak(canary: Canary) -> tuple[OidcPersona, ...]:
    twice = "Asked a second time, then refused: only one factor was proven."
    return (
        _person(canary, "oidc-pwd", "Pat, password only", "amr pwd, whatever is demanded.", twice),
        _person(
            canary,
            "oidc-silent",
            "Lou, the provider says nothing",
            "Neither amr nor acr, whatever is demanded.",
            "Asked a second time, then refused: the provider did not say how she signed in.",
            amr=None,
        ),
        _person(
            canary,
            "oidc-amr-string",
            "Tim, amr of the wrong type",
            "amr is the string mfa, not a list.",
            "Asked a second time, then refused: a claim of the wrong type is no evidence.",
            amr="mfa",
        ),
        _person(
            canary,
            "oidc-no-auth-time",
            "Ari, no auth_time",
            "MFA, and never an auth_time.",
            "Refused where auth_time is required, as it is by default; otherwise signed in with MFA.",
            mfa="always",
            age=None,
        ),
        _person(
            canary,
            "oidc-declines",
            "Dee, declines",
            "Says no to the permissions.",
            "Back: she cancelled.",
            error="access_denied",
        ),
    )
