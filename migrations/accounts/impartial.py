"""Who may decide on a case: an operator who has no part in it, nor in what it is about."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from broker.accounts.organizations.capabilities import Denial, Denied, FreshOperator
from broker.accounts.organizations.operators import operators_among
from broker.accounts.service import Accounts
from broker.tenants.parties import require_impartial as require_no_member
from migrations.accounts.admins import Admins
from migrations.accounts.cases import Case, Cases
from migrations.accounts.model import case_approvals
from migrations.accounts.records import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Impartiality:
    """Judges it."""

    ledger: Ledger
    cases: Cases
    admins: Admins
    accounts: Accounts

    def require(self, connection: Connection, operator: FreshOperator, case: Case) -> None:
        """Raise ``Denied`` for an operator who ever wanted the account, or has an address of somebody who did.

        Nor does one decide on a conversion who is a member of its organisation, or was one since it began. That two
        accounts are of one person shows only where they have an address in common.
        """
        if self.has_part(connection, operator.account_id, case):
            raise Denied(Denial.OWN_REQUEST)
        if case.organization_id is not None:
            require_no_member(
                connection,
                operator,
                case.organization_id,
                requested_by=case.account_id,
                requested_at=case.started_at,
            )

    def has_part(self, connection: Connection, account_id: str, case: Case) -> bool:
        """Return whether somebody ever wanted the account, or has an address of who did, or the account's own."""
        legacy = self.ledger.get(connection, case.registry_id)
        involved = self._involved(connection, case)
        theirs = self.addresses(connection, involved)
        if legacy is not None and legacy.email is not None:
            theirs |= {legacy.email.casefold()}
        return account_id in involved or not self.addresses(connection, {account_id}).isdisjoint(theirs)

    def addresses(self, connection: Connection, account_ids: Collection[str]) -> frozenset[str]:
        """Return the addresses that are theirs for certain, as they are compared."""
        people = self.accounts.persons(connection, account_ids).values()
        return frozenset(each.email.casefold() for each in people if each.email is not None and each.email_verified)

    def require_undecided(self, connection: Connection, operator: FreshOperator, case: Case) -> None:
        """Raise ``Denied`` for an operator who has decided on the case before: a dispute is for somebody else."""
        if operator.account_id in approvers(connection, case.id) or operator.account_id == case.decided_by:
            raise Denied(Denial.OWN_REQUEST)

    def _involved(self, connection: Connection, case: Case) -> set[str]:
        """Return everybody who ever asked for the account, or accepted to be an admin of what it becomes."""
        found: set[str] = set()
        for each in self.cases.of_registry_account(connection, case.registry_id):
            found |= {each.account_id, *(admin.account_id for admin in self.admins.accepted(connection, each))}
        return found


def approvers(connection: Connection, case_id: str) -> frozenset[str]:
    """Return who approved a recovery, operators or not by now."""
    found = select(case_approvals.c.operator_id).where(case_approvals.c.case_id == case_id)
    return frozenset(connection.execute(found).scalars())


def granted_by(connection: Connection, case_id: str) -> frozenset[str]:
    """Return which of them are operators still: nobody else's word counts."""
    return operators_among(connection, approvers(connection, case_id))
