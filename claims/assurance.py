"""Assurance: what the evidence of a sign-in is worth at one moment."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from claims.clock import in_future, require_utc
from claims.evidence import Authentication, Binding, Evidence, Kind, Strength
from claims.vocabulary import ACR_MFA, ACR_MFA_ENROLLED, ACR_PHR, ACR_PHRH

# Of two equally strong, the one that says more of this sign-in.
_NEARNESS = (Binding.ACCOUNT_STATE, Binding.ATTESTED, Binding.SESSION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assurance:
    """The best evidence's strength, binding and moment (none without any), and all that counted."""

    strength: Strength
    binding: Binding | None
    observed_at: datetime | None
    evidence: tuple[Evidence, ...]


def assess(
    authentication: Authentication,
    *,
    bindings: Collection[Binding],
    lifetimes: Mapping[Binding, timedelta],
    now: datetime,
) -> Assurance:
    """Return what the evidence of these bindings that has not aged out is worth at ``now``.

    Raises ``ValueError`` if ``now`` is not aware UTC.
    """
    require_utc(now)
    return weigh(
        tuple(
            evidence
            for evidence in authentication.evidence
            if evidence.binding in bindings and is_alive(evidence, lifetimes, now)
        )
    )


def weigh(evidence: tuple[Evidence, ...]) -> Assurance:
    """Return what this evidence is worth, all of it counted; the best is the strongest, nearest, newest."""
    best = max(evidence, key=_rank, default=None)
    return Assurance(
        strength=Strength.NONE if best is None else best.strength,
        binding=None if best is None else best.binding,
        observed_at=None if best is None else best.observed_at,
        evidence=evidence,
    )


def _rank(evidence: Evidence) -> tuple[Strength, int, datetime]:
    return evidence.strength, _NEARNESS.index(evidence.binding), evidence.observed_at


def is_alive(evidence: Evidence, lifetimes: Mapping[Binding, timedelta], now: datetime) -> bool:
    """Return whether evidence has not aged out at ``now``, which it has once its lifetime is over.

    Evidence from the future, or of a binding that has no lifetime, counts as aged out.
    """
    lifetime = lifetimes.get(evidence.binding)
    if lifetime is None or in_future(evidence.observed_at, now):
        return False
    return now - evidence.observed_at < lifetime


def speaks_of_session(authentication: Authentication) -> bool:
    """Return whether anything was said of the sign-in itself, and not only of a setting of the account."""
    return any(evidence.binding is not Binding.ACCOUNT_STATE for evidence in authentication.evidence)


def acr_of(evidence: Evidence) -> tuple[str, ...]:
    """Return the ``acr`` values that this evidence supports, strongest first.

    Hardware protection is never deduced: only a provider whose accepted ``acr`` says ``phrh`` has proven it.
    """
    if evidence.strength < Strength.MFA:
        return ()
    if evidence.binding is Binding.ACCOUNT_STATE:
        return (ACR_MFA_ENROLLED,)
    if evidence.strength < Strength.PHISHING_RESISTANT:
        return (ACR_MFA,)
    if evidence.kind is Kind.ACR and ACR_PHRH in evidence.values:
        return (ACR_PHRH, ACR_PHR, ACR_MFA)
    return (ACR_PHR, ACR_MFA)
