"""What a rule would make of the members, judged by how each of them signed in last."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from broker.accounts.organizations.belonging import Belongings, Standing, effective
from broker.accounts.organizations.capabilities import Role
from broker.accounts.organizations.last_sign_ins import LastSignIns, PastSignIn
from broker.accounts.organizations.model import memberships, organizations
from broker.tenants.admission import Admission, Admissions
from broker.tenants.exceptions import Exceptions, Waiver
from broker.tenants.rules import Rule, load, strictest
from providers.tenants import TenantDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """A member, and how their last sign-in stands to the rules as they are and as they would be.

    All three are none for who has not signed in as a member yet.
    """

    account_id: str
    role: Role
    last: PastSignIn | None = None
    before: Standing | None = None
    after: Standing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    organization_id: str
    own: Rule
    of_tenants: Mapping[str, Rule]
    waived: bool


class Preview:
    """Judges the past. ``configured`` are the tenants in the settings, which add to what an organisation says."""

    def __init__(
        self,
        *,
        belongings: Belongings,
        admissions: Admissions,
        exceptions: Exceptions,
        last_sign_ins: LastSignIns,
        configured: TenantDirectory,
    ) -> None:
        self._belongings = belongings
        self._admissions = admissions
        self._exceptions = exceptions
        self._last_sign_ins = last_sign_ins
        self._configured = configured

    def of(
        self,
        connection: Connection,
        organization_id: str,
        *,
        own: Rule | None = None,
        tenant_rules: Mapping[str, Rule] | None = None,
        waived: bool = True,
    ) -> list[Previewed]:
        """Return the members, who joined first in front, each as of the moment of their last sign-in.

        ``own`` and ``tenant_rules`` (by ``tid``) are the rules as they would be; what is left out stays as it is.
        ``waived``: an exception does in place of the proof, which it does not for admins. Raises ``LookupError`` when
        there is no such organisation.
        """
        stored = connection.execute(
            select(organizations.c.rule).where(organizations.c.id == organization_id)
        ).scalar_one_or_none()
        if stored is None:
            raise LookupError("no such organisation")
        in_force = self._admissions.rules_of(connection, [organization_id])[organization_id]
        now = _Rules(organization_id=organization_id, own=load(stored), of_tenants=in_force, waived=waived)
        proposed = tenant_rules or {}
        then = replace(
            now, own=own or now.own, of_tenants={tid: proposed.get(tid, rule) for tid, rule in in_force.items()}
        )
        rows = connection.execute(
            select(memberships.c.account_id, memberships.c.role)
            .where(memberships.c.organization_id == organization_id)
            .order_by(memberships.c.joined_at, memberships.c.account_id)
        ).all()
        last = self._last_sign_ins.of(connection, [row.account_id for row in rows])
        return [
            self._previewed(connection, row.account_id, Role(row.role), last.get(row.account_id), now, then)
            for row in rows
        ]

    def shut_out(self, connection: Connection, organization_id: str) -> frozenset[str]:
        """Return the account ids of the admins whose last sign-in does not meet the rules as they are.

        Those of whom none is known, too.
        """
        found = self.of(connection, organization_id, waived=False)
        admins = [each for each in found if each.role is Role.ADMIN]
        return frozenset(each.account_id for each in admins if each.before is None or not each.before.met)

    def _previewed(
        self, connection: Connection, account_id: str, role: Role, last: PastSignIn | None, now: _Rules, then: _Rules
    ) -> Previewed:
        if last is None:
            return Previewed(account_id=account_id, role=role)
        admission = self._admissions.of(connection, last.provider_id, last.tenant, last.signed_in_at)
        if admission is not None:
            admission = admission.in_the_eyes_of(now.organization_id)
        before = self._judge(connection, last, now, admission)
        after = before
        if then != now:
            after = self._judge(connection, last, then, self._proposed(last, then, admission))
        return Previewed(account_id=account_id, role=role, last=last, before=before, after=after)

    def _judge(self, connection: Connection, last: PastSignIn, rules: _Rules, admission: Admission | None) -> Standing:
        def waivers() -> Iterator[Waiver]:
            # Asked for only where the proof alone does not do.
            if not rules.waived:
                return
            found = self._exceptions.waivers(connection, last.tenant, last.account_id, last.signed_in_at)
            yield from (each for each in found if each.exemption.organization == rules.organization_id)

        rule = effective(rules.own, rules.of_tenants, last.tenant)
        seen = admission.in_the_eyes_of(rules.organization_id) if admission is not None else None
        return self._belongings.judge(last, rule, seen, waivers(), last.signed_in_at)

    def _proposed(self, last: PastSignIn, then: _Rules, admission: Admission | None) -> Admission | None:
        """Return the terms of the tenant under the rule it would have."""
        if admission is None or last.tenant not in then.of_tenants:
            return admission
        configured = self._configured.find(last.provider_id, last.tenant, last.signed_in_at)
        guests = configured is None or configured.guests
        return replace(admission, rule=strictest((then.of_tenants[last.tenant], Rule(guests=guests))))
