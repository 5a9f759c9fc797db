"""The decision: whether a sign-in meets what policy asks for, here and now. One pure function.

Everything that must be met is one sieve, in a fixed order. Evidence goes through them all; the first sieve
through which none passes gives the reason. So the reason is always that of the evidence that came furthest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from claims.assurance import acr_of, assess, is_alive, speaks_of_session, weigh
from claims.clock import in_future, require_utc
from claims.evidence import Authentication, Binding, Evidence, Strength

DEFAULT_LIFETIMES: Mapping[Binding, timedelta] = MappingProxyType(
    {
        Binding.SESSION: timedelta(hours=24),
        Binding.ATTESTED: timedelta(hours=24),
        Binding.ACCOUNT_STATE: timedelta(hours=8),
    }
)


class Purpose(StrEnum):
    """What the proof is wanted for."""

    SIGN_IN = "sign_in"
    SESSION = "session"
    REFRESH = "refresh"
    LINK = "link"
    CLAIM = "claim"
    ADMINISTRATION = "administration"
    DEVICE_APPROVAL = "device_approval"


RENEWED_WITHIN = timedelta(minutes=5)
"""How much older than the evidence a renewed factor may be: Entra's "every time" asks once in five minutes at most."""

EXEMPTIBLE = frozenset({Purpose.SIGN_IN, Purpose.SESSION, Purpose.REFRESH})
"""What an organisation's exemption can waive MFA for. Everything else can hand power to somebody for good."""


class Reason(StrEnum):
    """Why a verdict is as it is."""

    SATISFIED = "satisfied"
    EXEMPT = "exempt"
    NOT_DISCLOSED = "not_disclosed"  # no evidence at all
    TOO_WEAK = "too_weak"
    BINDING_NOT_ACCEPTED = "binding_not_accepted"
    EVIDENCE_EXPIRED = "evidence_expired"
    AUTH_TIME_UNKNOWN = "auth_time_unknown"
    AUTHENTICATION_TOO_OLD = "authentication_too_old"
    ACR_UNMET = "acr_unmet"


class Remedy(StrEnum):
    """What the user can do about it."""

    NONE = "none"
    TURN_ON_MFA = "turn_on_mfa"
    SIGN_IN_AGAIN = "sign_in_again"
    USE_ANOTHER_PROVIDER = "use_another_provider"
    ASK_ADMIN = "ask_admin"  # only somebody at the user's organisation can; no verdict says so, a provider's fault may


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What policy asks for. The default: MFA, of any binding.

    ``max_age`` is the greatest age of the authentication (OpenID Connect Core 3.1.2.1), without leeway: of
    ``auth_time`` where it is known, otherwise of the evidence, unless ``needs_auth_time``; of renewed evidence at
    most :data:`RENEWED_WITHIN` more than that of the evidence. If ``acr`` names any, one of them must be achieved.
    Evidence ages out after ``lifetimes``. ``exemptible``: an organisation's exemption may do in place of the proof.
    """

    purpose: Purpose = Purpose.SIGN_IN
    strength: Strength = Strength.MFA
    bindings: frozenset[Binding] = frozenset(Binding)
    max_age: timedelta | None = None
    needs_auth_time: bool = False
    acr: tuple[str, ...] = ()
    lifetimes: Mapping[Binding, timedelta] = field(default_factory=lambda: DEFAULT_LIFETIMES)
    exemptible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """MFA is waived for this organisation until then. Raises ``ValueError`` unless that is aware UTC."""

    organization: str
    until: datetime

    def __post_init__(self) -> None:
        require_utc(self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome.

    ``strength`` and ``binding`` are those of the evidence that decided. ``fresh_at`` is the ``auth_time``
    where it is known, otherwise when that evidence was observed. ``evidence`` is all that counts here and
    now, and nothing else may be released; in a refusal it is what the reason speaks of.
    """

    satisfied: bool
    strength: Strength
    binding: Binding | None
    fresh_at: datetime | None
    reason: Reason
    remedy: Remedy
    evidence: tuple[Evidence, ...]


def decide(
    requirement: Requirement,
    authentication: Authentication,
    now: datetime,
    *,
    exemption: Exemption | None = None,
) -> Verdict:
    """Return whether ``authentication`` meets ``requirement`` at ``now``.

    Raises ``ValueError`` if ``now`` is not aware UTC.
    """
    require_utc(now)
    case = _Case(requirement=requirement, auth_time=_known_auth_time(authentication, now), now=now)
    counting = _counting(authentication, case)
    reason, furthest = _sift(authentication.evidence, case)
    if reason is Reason.SATISFIED:
        return _verdict(case, reason, furthest, counting)
    if exemption is not None and _is_exempt(exemption, case):
        return _verdict(case, Reason.EXEMPT, counting, counting)
    return _verdict(case, reason, furthest, furthest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    requirement: Requirement
    auth_time: datetime | None
    now: datetime


def _known_auth_time(authentication: Authentication, now: datetime) -> datetime | None:
    auth_time = authentication.auth_time
    if auth_time is None or in_future(auth_time, now) or not speaks_of_session(authentication):
        return None
    return auth_time


def _is_strong_enough(evidence: Evidence, case: _Case) -> bool:
    return evidence.strength >= case.requirement.strength


def _is_of_accepted_binding(evidence: Evidence, case: _Case) -> bool:
    return evidence.binding in case.requirement.bindings


def _has_not_aged_out(evidence: Evidence, case: _Case) -> bool:
    return is_alive(evidence, case.requirement.lifetimes, case.now)


def _has_auth_time(_: Evidence, case: _Case) -> bool:
    return case.auth_time is not None or not case.requirement.needs_auth_time


def _is_recent(evidence: Evidence, case: _Case) -> bool:
    max_age = case.requirement.max_age
    # A factor that was given for this very sign-in is about as old as that, however long ago the session began.
    given_at = case.auth_time or evidence.observed_at
    if evidence.renewed:
        given_at = min(max(given_at, evidence.observed_at - RENEWED_WITHIN), evidence.observed_at)
    return max_age is None or case.now - given_at <= max_age


def _achieves_acr(evidence: Evidence, case: _Case) -> bool:
    wanted = case.requirement.acr
    return not wanted or not set(wanted).isdisjoint(acr_of(evidence))


_SIEVES: tuple[tuple[Reason, Callable[[Evidence, _Case], bool]], ...] = (
    (Reason.TOO_WEAK, _is_strong_enough),
    (Reason.BINDING_NOT_ACCEPTED, _is_of_accepted_binding),
    (Reason.EVIDENCE_EXPIRED, _has_not_aged_out),
    (Reason.AUTH_TIME_UNKNOWN, _has_auth_time),
    (Reason.AUTHENTICATION_TOO_OLD, _is_recent),
    (Reason.ACR_UNMET, _achieves_acr),
)


def _sift(evidence: tuple[Evidence, ...], case: _Case) -> tuple[Reason, tuple[Evidence, ...]]:
    if not evidence:
        return Reason.NOT_DISCLOSED, ()
    for reason, passes in _SIEVES:
        passed = tuple([item for item in evidence if passes(item, case)])
        if not passed:
            return reason, evidence
        evidence = passed
    return Reason.SATISFIED, evidence


def _counting(authentication: Authentication, case: _Case) -> tuple[Evidence, ...]:
    requirement = case.requirement
    assurance = assess(authentication, bindings=requirement.bindings, lifetimes=requirement.lifetimes, now=case.now)
    return tuple(evidence for evidence in assurance.evidence if _is_recent(evidence, case))


def _is_exempt(exemption: Exemption, case: _Case) -> bool:
    requirement = case.requirement
    if requirement.purpose not in EXEMPTIBLE or case.now >= exemption.until:
        return False
    # What the registry demands is not the organisation's to waive.
    if requirement.max_age is not None or requirement.acr or not requirement.exemptible:
        return False
    return case.auth_time is not None or not requirement.needs_auth_time


_REMEDIES = {
    Reason.SATISFIED: Remedy.NONE,
    Reason.EXEMPT: Remedy.NONE,
    Reason.NOT_DISCLOSED: Remedy.USE_ANOTHER_PROVIDER,
    Reason.TOO_WEAK: Remedy.TURN_ON_MFA,
    Reason.BINDING_NOT_ACCEPTED: Remedy.USE_ANOTHER_PROVIDER,
    Reason.EVIDENCE_EXPIRED: Remedy.SIGN_IN_AGAIN,
    Reason.AUTH_TIME_UNKNOWN: Remedy.USE_ANOTHER_PROVIDER,
    Reason.AUTHENTICATION_TOO_OLD: Remedy.SIGN_IN_AGAIN,
    Reason.ACR_UNMET: Remedy.USE_ANOTHER_PROVIDER,
}


def _remedy(reason: Reason, requirement: Requirement, evidence: tuple[Evidence, ...]) -> Remedy:
    # To turn MFA on is no way out where more than MFA is wanted, or where this provider's word would not do.
    mfa_would_do = requirement.strength <= Strength.MFA and any(
        item.binding in requirement.bindings for item in evidence
    )
    if reason is Reason.TOO_WEAK and not mfa_would_do:
        return Remedy.USE_ANOTHER_PROVIDER
    return _REMEDIES[reason]


def _verdict(case: _Case, reason: Reason, decisive: tuple[Evidence, ...], evidence: tuple[Evidence, ...]) -> Verdict:
    best = weigh(decisive)
    return Verdict(
        satisfied=reason in (Reason.SATISFIED, Reason.EXEMPT),
        strength=best.strength,
        binding=best.binding,
        fresh_at=case.auth_time or best.observed_at,
        reason=reason,
        remedy=_remedy(reason, case.requirement, evidence),
        evidence=evidence,
    )
