"""Release: the claims of our own tokens, which never say more than the evidence that counted."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from claims.assurance import acr_of, speaks_of_session
from claims.decision import Reason, Verdict
from claims.evidence import Authentication, Binding, Kind, Strength
from claims.profile import Profile
from claims.vocabulary import ACR_EXEMPT, ACR_SUPPORTED, AMR_REGISTRY


def achieved(verdict: Verdict) -> tuple[str, ...]:
    """Return every ``acr`` that may be released, strongest first; nothing of a refusal."""
    if not verdict.satisfied:
        return ()
    if verdict.reason is Reason.EXEMPT:
        return (ACR_EXEMPT,)
    supported = {acr for evidence in verdict.evidence for acr in acr_of(evidence)}
    return tuple(acr for acr in ACR_SUPPORTED if acr in supported)


def choose_acr(verdict: Verdict, requested: Sequence[str]) -> str | None:
    """Return the first ``acr`` requested and achieved (OpenID Connect Core 5.5.1.1), else the strongest."""
    available = achieved(verdict)
    return next((acr for acr in (*requested, *available) if acr in available), None)


def session_amr(authentication: Authentication) -> tuple[str, ...]:
    """Return the RFC 8176 values of the session, in the provider's order; ``mfa`` last.

    ``mfa`` is said where MFA of the session was proven, however the provider worded it, and nowhere else.
    """
    session = [item for item in authentication.evidence if item.binding is Binding.SESSION]
    methods = [
        value
        for item in session
        if item.kind is Kind.AMR
        for value in item.values
        if value in AMR_REGISTRY and value != "mfa"
    ]
    if any(item.strength >= Strength.MFA for item in session):
        methods.append("mfa")
    return tuple(dict.fromkeys(methods))


def authentication_claims(
    verdict: Verdict, authentication: Authentication, requested_acr: Sequence[str]
) -> dict[str, object]:
    """Return ``acr``, ``amr`` and ``auth_time`` (OpenID Connect Core 2), each only where it is known.

    ``verdict`` is that of ``decide`` on this ``authentication``. Raises ``ValueError`` for a refusal, since
    no token is issued on one.
    """
    if not verdict.satisfied:
        raise ValueError("a refused sign-in has no claims")
    released: dict[str, object] = {}
    acr = choose_acr(verdict, requested_acr)
    if acr is not None:
        released["acr"] = acr
    amr = session_amr(replace(authentication, evidence=verdict.evidence))
    if amr:
        released["amr"] = list(amr)
    # The verdict's freshness is the auth_time only where the decision believed it.
    auth_time = authentication.auth_time
    if auth_time is not None and auth_time == verdict.fresh_at and speaks_of_session(authentication):
        released["auth_time"] = int(auth_time.timestamp())
    return released


def person_claims(profile: Profile, scopes: Collection[str]) -> dict[str, object]:
    """Return the claims of scopes ``profile`` and ``email`` (OpenID Connect Core 5.4); never an empty one."""
    released: dict[str, object] = {}
    if "profile" in scopes and profile.name:
        released["name"] = profile.name
    if "email" in scopes and profile.email:
        released["email"] = profile.email
        released["email_verified"] = profile.email_verified
    return released
