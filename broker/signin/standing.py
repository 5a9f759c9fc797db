"""Whether a sign-in that something rests on still holds: the one judgement of sessions, grants and tokens in use.

Whatever reuses an earlier proof comes here. What is off by now (a provider, a tenant, a client, an account, an
identity) ends it, and so does a rule that it does not meet any more.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam

from broker.accounts.service import Accounts, Beside
from broker.signin.policy import ClientRule, Demand, Policy
from broker.signin.proven import Proven, Way
from broker.switches.service import Switches
from broker.tenants.admission import Admission, Admissions, held
from broker.tenants.exceptions import Exceptions, Waiver
from broker.tenants.rules import tighten
from claims.decision import EXEMPTIBLE, Purpose, Requirement, Verdict, decide
from claims.evidence import Authentication
from claims.profile import Profile

_HELD = Beside(held(bindparam("tid", required=False)))


class Client(Protocol):
    """What judging needs of a client."""

    @property
    def rule(self) -> ClientRule: ...

    def allows(self, provider_id: str) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """``person`` none: the way they came, or the account, is closed. ``verdict`` none: it was not even asked."""

    person: Profile | None = None
    verdict: Verdict | None = None

    @property
    def holds(self) -> bool:
        """Return whether it does."""
        return self.person is not None and self.verdict is not None and self.verdict.satisfied


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """``providers`` are the ids of those that are enabled."""

    accounts: Accounts
    policy: Policy
    admissions: Admissions
    exceptions: Exceptions
    switches: Switches
    providers: Collection[str]

    def judge(
        self,
        connection: Connection,
        proven: Proven,
        purpose: Purpose,
        now: datetime,
        *,
        client: Client | None = None,
        rule: ClientRule | None = None,
        demand: Demand | None = None,
        living: Sequence[Any] | None = None,
    ) -> Judged:
        """Return what the sign-in is worth for ``purpose`` now. ``rule``: in place of the client's own.

        ``living``: as :meth:`open_way`.
        """
        requirement = self.policy.requirement(
            purpose, now, rule=rule or (client.rule if client is not None else None), demand=demand
        )
        return self.meets(connection, proven, requirement, now, client=client, living=living)

    def meets(
        self,
        connection: Connection,
        proven: Proven,
        requirement: Requirement,
        now: datetime,
        *,
        client: Client | None = None,
        living: Sequence[Any] | None = None,
    ) -> Judged:
        """Return what the sign-in is worth for this requirement, to which its tenant adds its rule.

        ``living``: as :meth:`open_way`.
        """
        admission, person = self.open_way(connection, proven, now, client=client, living=living)
        if admission is None or person is None:
            return Judged()

        def waivers() -> list[Waiver]:
            found = self.exceptions.waivers(connection, proven.tenant, proven.account_id, now)
            # Room in an exception is made at a sign-in, and nowhere else.
            return [each for each in found if each.placed]

        verdict, _ = judge(requirement, admission, proven.authentication, now, waivers)
        return Judged(person=person, verdict=verdict)

    def open_way(
        self,
        connection: Connection,
        way: Way,
        now: datetime,
        *,
        client: Client | None = None,
        living: Sequence[Any] | None = None,
    ) -> tuple[Admission | None, Profile | None]:
        """Return the terms of the way a sign-in came, and whose it is; none of what is not open any more.

        One statement, and the kill switches; no proof is judged. ``living`` is what the statement before this one
        found of :func:`broker.accounts.service.with_living`: where there is no tenant, nothing is asked again.
        """
        if way.provider_id not in self.providers or (client is not None and not client.allows(way.provider_id)):
            return None, None
        if self.switches.thrown(now, connection).shuts(way.provider_id, way.tenant):
            return None, None
        rows: Sequence[Any] = ()
        if way.tenant:
            person, rows = self.accounts.live_beside(connection, way.account_id, way.identity_id, _HELD, tid=way.tenant)
        elif living is not None:
            person = self.accounts.living(living, way.account_id, way.identity_id)
        else:
            person = self.accounts.live(connection, way.account_id, way.identity_id)
        admission = self.admissions.read(way.provider_id, way.tenant, rows, now)
        if admission is None or not admits(admission, way.provider_id, guest=way.guest):
            return None, person
        length = admission.rule.session_length
        return None if length is not None and now - way.signed_in_at >= length else admission, person


def admits(admission: Admission, provider_id: str, *, guest: bool) -> bool:
    """Return whether the tenant's rule lets people in this way, whatever their proof."""
    rule = admission.rule
    if guest and not rule.guests:
        return False
    if rule.providers is not None and provider_id not in rule.providers:
        return False
    return rule.tenants is None or admission.tid in rule.tenants


def judge(
    requirement: Requirement,
    admission: Admission,
    authentication: Authentication,
    now: datetime,
    waivers: Callable[[], list[Waiver]],
) -> tuple[Verdict, Waiver | None]:
    """Return what ``decide`` says under the tenant's rule, and the waiver it rests on, if it does.

    An exception waives what the organisation itself asks of the proof, and MFA; never what the registry asks.
    """
    counted = admission.counted(authentication)
    verdict = decide(tighten(requirement, admission.rule), counted, now)
    if verdict.satisfied or requirement.purpose not in EXEMPTIBLE:
        return verdict, None
    # Whose tenant it is excuses from its rule, and nobody else does.
    owner = admission.organization_id
    for waiver in (each for each in waivers() if owner in ("", each.exemption.organization)):
        waived = decide(requirement, counted, now, exemption=waiver.exemption)
        if waived.satisfied:
            return waived, waiver
    return verdict, None
