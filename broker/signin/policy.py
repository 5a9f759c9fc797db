"""What policy asks of a sign-in: the broker's own rule, the client's, and what this request demands.

Where several apply, the strictest wins. The outcome is a :class:`~claims.decision.Requirement`, which
``decide`` judges; nothing here judges.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.settings import PolicySettings
from claims.decision import Purpose, Requirement
from claims.evidence import Binding, Strength

# How old the trip through the provider may be that changes an organisation.
FRESHEST = timedelta(minutes=10)

# The provider's clock and ours differ; an authentication this much before the request still counts as made for it.
CLOCK_TOLERANCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRule:
    """What one client adds to the broker's rule. None adds nothing."""

    strength: Strength | None = None
    bindings: frozenset[Binding] | None = None
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one request demands beyond the rules (OpenID Connect Core 3.1.2.1 and 5.5.1.1).

    ``max_age`` and ``reauthenticate`` (``prompt=login``) count from ``asked_at``: an authentication made in answer
    to the request satisfies them, however long the user took. ``acr`` are the essential values, any of which does.
    """

    asked_at: datetime
    max_age: timedelta | None = None
    reauthenticate: bool = False
    auth_time: bool = False
    acr: tuple[str, ...] = ()


class Policy:
    """The broker's rule, from settings."""

    def __init__(self, settings: PolicySettings) -> None:
        self._strength = Strength.parse(settings.strength)
        self._bindings = frozenset(Binding(each) for each in settings.bindings)
        other = timedelta(seconds=settings.evidence_lifetime)
        self._lifetimes: Mapping[Binding, timedelta] = {
            Binding.SESSION: other,
            Binding.ATTESTED: other,
            Binding.ACCOUNT_STATE: timedelta(seconds=settings.account_state_lifetime),
        }
        self.fresh = timedelta(seconds=settings.fresh)
        # Half of what counts as fresh, so that there is time left for what it is wanted for.
        self.ask_fresh = min(self.fresh, FRESHEST) / 2

    def requirement(
        self,
        purpose: Purpose,
        now: datetime,
        *,
        rule: ClientRule | None = None,
        demand: Demand | None = None,
    ) -> Requirement:
        """Return what must be proven for ``purpose`` now. Ages are limits at ``now``."""
        rule = rule or ClientRule()
        ages = [rule.max_age] if rule.max_age is not None else []
        needs_auth_time = False
        if demand is not None:
            if purpose is Purpose.SIGN_IN:
                # For the client's own limit, too, what counts is the age when the registry asked.
                ages = [age + (now - demand.asked_at) + CLOCK_TOLERANCE for age in ages]
            asked = _demanded_age(demand)
            if asked is not None and purpose is Purpose.SIGN_IN:
                # What counts is the age when the registry asked, not when the user came back.
                ages.append(asked + (now - demand.asked_at) + CLOCK_TOLERANCE)
            elif asked is not None:
                ages.append(asked)
            needs_auth_time = asked is not None or demand.auth_time
        return Requirement(
            purpose=purpose,
            strength=max(self._strength, rule.strength or Strength.NONE),
            bindings=self._bindings & (rule.bindings if rule.bindings is not None else self._bindings),
            max_age=min(ages) if ages else None,
            needs_auth_time=needs_auth_time,
            acr=demand.acr if demand else (),
            lifetimes=self._lifetimes,
            exemptible=not self._is_stricter(rule),
        )

    def _is_stricter(self, rule: ClientRule) -> bool:
        """Return whether the client asks for more proof than the broker does."""
        if rule.strength is not None and rule.strength > self._strength:
            return True
        return rule.bindings is not None and not rule.bindings >= self._bindings

    def fresh_requirement(
        self, purpose: Purpose, grace: timedelta = timedelta(0), *, most: timedelta = timedelta.max
    ) -> Requirement:
        """Return what changing an account takes: the broker's strength, proven a short while ago, ``most`` at most.

        ``grace`` is for what began fresh and ends a little later. A client's rule has no part in it: the account
        is the user's own.
        """
        return Requirement(
            purpose=purpose,
            strength=self._strength,
            bindings=self._bindings,
            max_age=min(self.fresh, most) + grace,
            lifetimes=self._lifetimes,
        )


def _demanded_age(demand: Demand) -> timedelta | None:
    ages = [timedelta(0)] if demand.reauthenticate else []
    if demand.max_age is not None:
        ages.append(demand.max_age)
    return min(ages, default=None)
