"""What memberships are worth: the ones whose rules the sign-in at hand meets, and why the others are suspended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, select

from broker.accounts.organizations.capabilities import Role
from broker.accounts.organizations.model import memberships, organizations
from broker.accounts.organizations.service import active_ids
from broker.signin.policy import Policy
from broker.signin.proven import Proven
from broker.tenants.admission import Admission, Admissions
from broker.tenants.exceptions import Exceptions, Waiver
from broker.tenants.rules import Rule, load, strictest, tighten
from claims.decision import Purpose, Verdict, decide


class Unmet(StrEnum):
    """In what a sign-in does not meet the rules of an organisation."""

    TENANT = "tenant"  # came by another tenant, or by none
    GUEST = "guest"
    PROVIDER = "provider"
    SESSION_LENGTH = "session_length"
    PROOF = "proof"  # the verdict says more
    WAY_CLOSED = "way_closed"  # the tenant or the provider they came by admits nobody now


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a sign-in stands to one rule. ``verdict``: of the proof, where it came to that."""

    unmet: Unmet | None = None
    verdict: Verdict | None = None

    @property
    def met(self) -> bool:
        """Return whether the rule is met."""
        return self.unmet is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """One membership, as the sign-in at hand stands to its rules. ``suspended_at``: as it was noted before."""

    organization_id: str
    role: Role
    standing: Standing
    suspended_at: datetime | None


class Belongings:
    """Judges memberships. Nothing is remembered: rules and tenants are looked up at every use."""

    def __init__(self, policy: Policy, admissions: Admissions, exceptions: Exceptions) -> None:
        self._policy = policy
        self._admissions = admissions
        self._exceptions = exceptions

    def of(
        self,
        connection: Connection,
        proven: Proven,
        now: datetime,
        *,
        organization_id: str | None = None,
        waived: bool = True,
    ) -> list[Belonging]:
        """Return the memberships in organisations that are not switched off, all or that one, by id.

        ``waived``: an exception does in place of the proof, as it does for what registries learn.
        """
        statement = (
            select(
                *(memberships.c.organization_id, memberships.c.role, memberships.c.suspended_at, organizations.c.rule)
            )
            .join(organizations, organizations.c.id == memberships.c.organization_id)
            .where(memberships.c.account_id == proven.account_id, organizations.c.id.in_(active_ids()))
            .order_by(memberships.c.organization_id)
        )
        if organization_id is not None:
            statement = statement.where(organizations.c.id == organization_id)
        rows = connection.execute(statement).all()
        if not rows:
            return []
        of_tenants = self._admissions.rules_of(connection, [row.organization_id for row in rows])
        admission = self._admissions.of(connection, proven.provider_id, proven.tenant, now)
        waivers = self._exceptions.waivers(connection, proven.tenant, proven.account_id, now) if waived else []
        return [
            Belonging(
                organization_id=row.organization_id,
                role=Role(row.role),
                standing=self.judge(
                    proven,
                    effective(load(row.rule), of_tenants[row.organization_id], proven.tenant),
                    admission.in_the_eyes_of(row.organization_id) if admission is not None else None,
                    [each for each in waivers if each.exemption.organization == row.organization_id],
                    now,
                ),
                suspended_at=row.suspended_at,
            )
            for row in rows
        ]

    def judge(
        self, proven: Proven, rule: Rule, admission: Admission | None, waivers: Iterable[Waiver], now: datetime
    ) -> Standing:
        """Return how a sign-in stands to a rule at ``now``. ``waivers`` are those of the rule's organisation."""
        if admission is None:
            return Standing(unmet=Unmet.WAY_CLOSED)
        if rule.tenants is not None and proven.tenant not in rule.tenants:
            return Standing(unmet=Unmet.TENANT)
        if proven.guest and not (rule.guests and admission.rule.guests):
            return Standing(unmet=Unmet.GUEST)
        if rule.providers is not None and proven.provider_id not in rule.providers:
            return Standing(unmet=Unmet.PROVIDER)
        if rule.session_length is not None and now - proven.signed_in_at >= rule.session_length:
            return Standing(unmet=Unmet.SESSION_LENGTH)
        counted = admission.counted(proven.authentication)
        requirement = self._policy.requirement(Purpose.SESSION, now)
        verdict = decide(tighten(requirement, rule), counted, now)
        for waiver in waivers if not verdict.satisfied else ():
            waived = decide(requirement, counted, now, exemption=waiver.exemption)
            if waived.satisfied and waiver.placed:
                return Standing(verdict=waived)
        return Standing(unmet=None if verdict.satisfied else Unmet.PROOF, verdict=verdict)


def effective(own: Rule, of_tenants: Mapping[str, Rule], tenant: str) -> Rule:
    """Return the rule of a membership for somebody who came by ``tenant``.

    Who came by a tenant of the organisation meets that tenant's rule; who came another way meets those of all of
    them, as a weaker identity would be the way around each.
    """
    rules = [of_tenants[tenant]] if tenant in of_tenants else list(of_tenants.values())
    return strictest((own, *rules))
