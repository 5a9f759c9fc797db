"""Who may do what to an organisation: the one place where capabilities are made.

An admin is a member whose membership is not suspended and whose sign-in proves MFA, with no exception in place of it.
What changes an organisation takes a fresh one: a trip through the provider of at most ten minutes ago.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from broker.accounts.organizations.belonging import Belonging, Belongings
from broker.accounts.organizations.capabilities import (
    Admin,
    Denial,
    Denied,
    FreshAdmin,
    FreshOperator,
    FreshPerson,
    Leaver,
    Member,
    Operator,
    Person,
    Role,
    Stopper,
)
from broker.accounts.organizations.operators import Operators
from broker.accounts.organizations.people import require_admin
from broker.signin.policy import FRESHEST, Policy
from broker.signin.proven import Proven
from broker.signin.standing import Standing as SignIns
from claims.decision import Purpose, Reason
from claims.evidence import Binding, Strength


class Authority:
    """Makes capabilities. ``operator_tenants`` are the ``tid`` by which operators may sign in."""

    def __init__(
        self,
        *,
        sign_ins: SignIns,
        belongings: Belongings,
        operators: Operators,
        policy: Policy,
        operator_tenants: frozenset[str],
    ) -> None:
        self._sign_ins = sign_ins
        self._belongings = belongings
        self._operators = operators
        self._policy = policy
        self._operator_tenants = operator_tenants

    def person(
        self, connection: Connection, proven: Proven, now: datetime, purpose: Purpose = Purpose.ADMINISTRATION
    ) -> Person:
        """Return whoever signed in. Raises :class:`Denied`."""
        if not self._sign_ins.judge(connection, proven, purpose, now).holds:
            raise Denied(self._why(connection, proven, now))
        return Person(account_id=proven.account_id, proven=proven, now=now)

    def fresh_person(self, connection: Connection, proven: Proven, now: datetime, purpose: Purpose) -> FreshPerson:
        """Return whoever signed in, with a fresh proof. Raises :class:`Denied`."""
        person = self.person(connection, proven, now, purpose)
        if not self._is_fresh(connection, proven, now):
            raise Denied(Denial.STALE)
        return FreshPerson(account_id=person.account_id, proven=proven, now=now)

    def _why(self, connection: Connection, proven: Proven, now: datetime) -> Denial:
        judged = self._sign_ins.judge(connection, proven, Purpose.SESSION, now)
        exempt = judged.verdict is not None and judged.verdict.reason is Reason.EXEMPT
        return Denial.EXEMPT if exempt else Denial.SIGNED_OUT

    def belongings(self, connection: Connection, person: Person) -> Sequence[Belonging]:
        """Return the memberships of a person, suspended ones too."""
        return self._belongings.of(connection, person.proven, person.now)

    def member(self, connection: Connection, proven: Proven, organization_id: str, now: datetime) -> Member:
        """Return a member of the organisation, which to anybody else does not exist. Raises :class:`Denied`."""
        self.person(connection, proven, now)
        found = self._belongings.of(connection, proven, now, organization_id=organization_id, waived=False)
        if not found:
            raise Denied(Denial.UNKNOWN)
        if not found[0].standing.met:
            raise Denied(Denial.SUSPENDED, found[0].standing)
        fresh = self._is_fresh(connection, proven, now)
        made = Admin if found[0].role is Role.ADMIN else Member
        return made(
            account_id=proven.account_id,
            proven=proven,
            now=now,
            organization_id=organization_id,
            role=found[0].role,
            fresh=fresh,
        )

    def leaver(self, connection: Connection, proven: Proven, organization_id: str, now: datetime) -> Leaver:
        """Return somebody who may leave the organisation, suspended or not. Raises :class:`Denied`."""
        self.person(connection, proven, now)
        if not self._belongings.of(connection, proven, now, organization_id=organization_id):
            raise Denied(Denial.UNKNOWN)
        if not self._is_fresh(connection, proven, now):
            raise Denied(Denial.STALE)
        return Leaver(account_id=proven.account_id, proven=proven, now=now, organization_id=organization_id)

    def stopper(self, connection: Connection, proven: Proven, organization_id: str, now: datetime) -> Stopper:
        """Return an admin of the organisation, suspended or not. Raises :class:`Denied`.

        No rule of the organisation is judged: an admin who tightens it must not silence the others by that. What the
        broker asks of everybody who administers holds.
        """
        self.person(connection, proven, now)
        require_admin(connection, organization_id, proven.account_id)
        return Stopper(account_id=proven.account_id, proven=proven, now=now, organization_id=organization_id)

    def admin(self, connection: Connection, proven: Proven, organization_id: str, now: datetime) -> Admin:
        """Return an admin of the organisation. Raises :class:`Denied`."""
        member = self.member(connection, proven, organization_id, now)
        if not isinstance(member, Admin):
            raise Denied(Denial.NOT_ADMIN)
        return member

    def fresh_admin(
        self,
        connection: Connection,
        proven: Proven,
        organization_id: str,
        now: datetime,
        *,
        grace: timedelta = timedelta(0),
    ) -> FreshAdmin:
        """Return an admin of the organisation with a fresh proof. Raises :class:`Denied`.

        ``grace`` is for what began fresh and ends a little later.
        """
        admin = self.admin(connection, proven, organization_id, now)
        if not self._is_fresh(connection, proven, now, grace):
            raise Denied(Denial.STALE)
        return FreshAdmin(
            account_id=admin.account_id,
            proven=admin.proven,
            now=now,
            organization_id=organization_id,
            role=admin.role,
            fresh=True,
        )

    def operator(self, connection: Connection, proven: Proven, now: datetime) -> Operator:
        """Return an operator. Raises :class:`Denied`."""
        judged = self._sign_ins.judge(connection, proven, Purpose.ADMINISTRATION, now)
        included = self._operators.includes(connection, proven.account_id)
        if not judged.holds:
            why = self._why(connection, proven, now)
            # Only operators are told what it takes.
            raise Denied(why if included or why is Denial.SIGNED_OUT else Denial.NOT_OPERATOR)
        if not included:
            raise Denied(Denial.NOT_OPERATOR)
        by_tenant = proven.tenant in self._operator_tenants and not proven.guest
        if not by_tenant and not self._is_phishing_resistant(connection, proven, now):
            raise Denied(Denial.NOT_OPERATOR)
        return Operator(
            account_id=proven.account_id, proven=proven, now=now, fresh=self._is_fresh(connection, proven, now)
        )

    def fresh_operator(self, connection: Connection, proven: Proven, now: datetime) -> FreshOperator:
        """Return an operator with a fresh proof. Raises :class:`Denied`."""
        operator = self.operator(connection, proven, now)
        if not operator.fresh:
            raise Denied(Denial.STALE)
        return FreshOperator(account_id=operator.account_id, proven=proven, now=now, fresh=True)

    def _is_phishing_resistant(self, connection: Connection, proven: Proven, now: datetime) -> bool:
        """Return whether the provider itself says so: what an admin attests of their own tenant is not enough here."""
        requirement = replace(
            self._policy.requirement(Purpose.ADMINISTRATION, now),
            strength=Strength.PHISHING_RESISTANT,
            bindings=frozenset({Binding.SESSION}),
        )
        return self._sign_ins.meets(connection, proven, requirement, now).holds

    def _is_fresh(self, connection: Connection, proven: Proven, now: datetime, grace: timedelta = timedelta(0)) -> bool:
        requirement = self._policy.fresh_requirement(Purpose.ADMINISTRATION, grace, most=FRESHEST)
        return self._sign_ins.meets(connection, proven, requirement, now).holds
