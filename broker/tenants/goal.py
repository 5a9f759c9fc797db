"""The mapping's goal: somebody signs in at the very tenant, and shows that they may speak for it.

It signs nobody in and makes no account: the session is, and stays, that of the admin who asked for the mapping.
"""

from datetime import datetime

from sqlalchemy import Connection

from broker.accounts.organizations.authority import Authority
from broker.accounts.organizations.capabilities import Denied
from broker.signin.goals import Landing, Preview, SignedIn
from broker.signin.policy import FRESHEST, Policy
from broker.signin.sessions import Session, Sessions
from broker.signin.transactions import LIFETIME, Transaction
from broker.tenants.errors import Conflict
from broker.tenants.mappings import Mapping, Mappings
from broker.web.destinations import Destination
from broker.web.errors import BrokerError
from claims.decision import Purpose, Requirement
from providers.provider import Ask


class MappingGoal:
    """Handles :data:`~broker.signin.transactions.Goal.MAPPING`. No exception does in place of MFA here."""

    def __init__(self, *, authority: Authority, mappings: Mappings, sessions: Sessions, policy: Policy) -> None:
        self._authority = authority
        self._mappings = mappings
        self._sessions = sessions
        self._policy = policy

    def payload(self, session: Session, mapping: Mapping) -> dict[str, object]:
        """Return what a transaction must remember."""
        return {
            "session": session.key,
            "organization": mapping.organization_id,
            "mapping": mapping.id,
            "provider": mapping.provider_id,
            "tid": mapping.tid,
        }

    def preview(self, transaction: Transaction) -> Preview:
        return Preview(
            audience="your organisation",
            need="Sign in at the tenant itself, with a second factor, as somebody who may speak for it.",
            ask=Ask(
                tenant=str(transaction.payload["tid"]),
                mapping=True,
                select_account=True,
                max_age=int(self._policy.ask_fresh.total_seconds()),
            ),
            providers=frozenset({str(transaction.payload["provider"])}),
            back=True,
            refusal="The tenant is not mapped",
        )

    def requirement(self, transaction: Transaction, provider_id: str, now: datetime) -> Requirement:
        del transaction, provider_id, now  # the gate offered this one provider, and the flow was at it
        return self._policy.fresh_requirement(Purpose.ADMINISTRATION, most=FRESHEST)

    def finish(self, connection: Connection, signed_in: SignedIn) -> Landing:
        payload, now, identified = signed_in.transaction.payload, signed_in.now, signed_in.identified
        session = self._sessions.find(signed_in.cookie, now)
        if (
            signed_in.cookie is None
            or session is None
            or session.key != payload["session"]
            or not identified.mapping  # it was not asked to speak for the tenant
        ):
            raise _not_yours("not the session, or the sign-in, of this mapping")
        try:
            admin = self._authority.fresh_admin(connection, session, str(payload["organization"]), now, grace=LIFETIME)
        except Denied as denied:
            raise _not_yours(denied.denial.value) from denied
        try:
            self._mappings.prove(
                connection,
                admin,
                str(payload["mapping"]),
                tid=identified.subject.tenant,
                roles=identified.roles,
                guest=identified.guest,
            )
        except Conflict as conflict:
            raise _too_late(conflict, place_of(signed_in.transaction)) from conflict
        key, entry = self._sessions.unchanged(signed_in.cookie, session, now)
        return Landing(location=f"{place_of(signed_in.transaction)}?notice=proven", take=[key], put=[entry])

    def back(self, transaction: Transaction) -> Destination | None:
        return Destination(url=place_of(transaction))


def place_of(transaction: Transaction) -> str:
    """Return the path of the mapping's page."""
    return f"/organizations/{transaction.payload['organization']}/tenants/{transaction.payload['mapping']}"


def _too_late(conflict: Conflict, place: str) -> BrokerError:
    return BrokerError(
        status=409,
        code=conflict.code.value,
        title="The tenant is not mapped",
        sentence="Things have changed since you left for that sign-in, so it proves nothing any more.",
        next_step="Look at how the tenant stands now, and decide again.",
        detail=conflict.code.value,
        link=("Back to the tenant", place),
    )


def _not_yours(detail: str) -> BrokerError:
    return BrokerError(
        status=400,
        code="mapping_refused",
        title="The tenant is not mapped",
        sentence="The session that asked for it is no longer there, or may not do this any more.",
        next_step="Sign in to your organisation again and start over. Nothing was changed.",
        detail=detail,
        link=("Your organisations", "/organizations"),
    )
