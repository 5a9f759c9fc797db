"""Accounts that the registry had linked to an identity: whoever signs in with it, with MFA, carries them.

No password has a part in it: the subject is the provider's own immutable id, and MFA is proven here and now. Where
somebody else's case waits for such an account, whoever comes has said by coming that it is not theirs.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select

from broker.accounts.carried import AlreadyCarried
from broker.accounts.service import Resolved
from broker.keys.pseudonyms import Pseudonyms
from broker.signin.goals import SignedIn
from broker.signin.kept import SignIn
from broker.signin.policy import Policy
from broker.signin.standing import judge
from claims.decision import Purpose, Reason
from migrations.accounts.cases import AlreadyHeld, Case, CaseKind, CaseState
from migrations.accounts.claiming import holding
from migrations.accounts.effects import Effects, TooLate
from migrations.accounts.model import legacy_accounts, legacy_identities
from migrations.accounts.records import Alias, Kind, State

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Attaches them in the transaction of the sign-in; a :class:`broker.signin.opening.Newcomers`."""

    effects: Effects
    pseudonyms: Pseudonyms
    policy: Policy
    widely_used: int

    def arrived(self, connection: Connection, signed_in: SignedIn, account: Resolved) -> None:
        """Attach what is this identity's, and stop whoever else would get it.

        One statement where there is nothing; never keeps anybody out.
        """
        if not self._proves(signed_in):
            return
        for registry_id in self._of_identity(connection, signed_in):
            try:
                with connection.begin_nested():
                    self._attach(connection, registry_id, signed_in, account)
            except (TooLate, AlreadyHeld, AlreadyCarried):
                # Somebody was faster. That is no reason to refuse a sign-in that is satisfied.
                _log.info("registry account %s is not attached to account %s", registry_id, account.account_id)

    def expects(self, connection: Connection, signed_in: SignedIn) -> bool:
        """Return whether something is this identity's: the registry knows them, though there is no account yet."""
        return self._proves(signed_in) and bool(self._of_identity(connection, signed_in))

    def _proves(self, signed_in: SignedIn) -> bool:
        """Return whether MFA itself was proven, and not waived: what is attached is handed over for good."""
        if signed_in.waiver is not None or signed_in.verdict.reason is not Reason.SATISFIED:
            return False
        requirement = self.policy.requirement(Purpose.CLAIM, signed_in.now)
        authentication = signed_in.identified.authentication
        verdict, _ = judge(requirement, signed_in.admission, authentication, signed_in.now, list)
        return verdict.satisfied

    def _of_identity(self, connection: Connection, signed_in: SignedIn) -> list[str]:
        """Return the ids of accounts that one person can take, by every pseudonym that the subject may have."""
        rows = connection.execute(
            select(legacy_accounts.c.registry_id)
            .join(legacy_identities, legacy_identities.c.registry_id == legacy_accounts.c.registry_id)
            .where(
                legacy_identities.c.pseudonym.in_(self.pseudonyms.all(signed_in.identified.subject)),
                legacy_accounts.c.state.in_([State.PENDING.value, State.WAITING.value]),
                # An alias becomes an organisation, though one of those behind it had linked an identity of theirs.
                or_(
                    and_(legacy_accounts.c.alias.is_(None), legacy_accounts.c.kind == Kind.PERSON.value),
                    legacy_accounts.c.alias == Alias.REJECTED.value,
                ),
            )
            .distinct()
            .order_by(legacy_accounts.c.registry_id)
        )
        return [row.registry_id for row in rows]

    def _attach(self, connection: Connection, registry_id: str, signed_in: SignedIn, account: Resolved) -> None:
        legacy = self.effects.ledger.held(connection, registry_id)
        if legacy.is_shared or legacy.is_undecided:
            raise TooLate  # since it was looked up
        if legacy.state is State.WAITING:
            self._stop(connection, registry_id, account, signed_in.now)
            legacy = self.effects.ledger.held(connection, registry_id)
            if legacy.state is not State.PENDING:
                return  # it is frozen, and an operator decides
        proven = SignIn(
            account_id=account.account_id,
            identity_id=account.identity_id,
            provider_id=signed_in.provider_id,
            tenant=signed_in.admission.tid,
            guest=signed_in.identified.guest,
            signed_in_at=signed_in.now,
            authentication=signed_in.identified.authentication,
        )
        now = signed_in.now
        due_at = holding.due_at(legacy, self.widely_used, now)
        case = self.effects.begin(connection, legacy, CaseKind.LINKED, proven, now, due_at=due_at)
        if due_at > now:
            holding.tell(connection, self.effects.notices, legacy, case, due_at)
            return
        if self.effects.take_effect(connection, case, now).state is not CaseState.EFFECTIVE:
            raise TooLate  # the way is closed by now

    def _stop(self, connection: Connection, registry_id: str, account: Resolved, now: datetime) -> None:
        """Stop what waits for the account. Raises ``TooLate`` where nothing does that could be stopped.

        Nobody stops what they have a part in by signing in, nor what an operator has let go on.
        """
        for case in self.effects.cases.of_registry_account(connection, registry_id):
            if case.state is not CaseState.WAITING or case.decided_by is not None:
                continue
            if account.account_id not in self._parties(connection, case):
                self.effects.stop(connection, case, now, by=account.account_id)
                return
        raise TooLate

    def _parties(self, connection: Connection, case: Case) -> set[str]:
        return {case.account_id, *(str(each.account_id) for each in self.effects.admins.accepted(connection, case))}
