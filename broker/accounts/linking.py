"""Linking a second identity: inside a fresh, proven session, and with MFA proven on the new one as well."""

from datetime import datetime

from sqlalchemy import Connection

from broker.accounts.service import Accounts, IdentityTaken
from broker.signin.goals import Landing, Preview, SignedIn
from broker.signin.policy import Policy
from broker.signin.sessions import Session, Sessions
from broker.signin.standing import Standing
from broker.signin.transactions import LIFETIME, Transaction
from broker.web.destinations import Destination
from broker.web.errors import BrokerError
from claims.decision import Purpose, Requirement
from providers.provider import Ask

LANDING = "/account?notice=linked"


class LinkGoal:
    """Handles :data:`~broker.signin.transactions.Goal.LINK`.

    The payload binds the transaction to one session, one account and one provider. It is never satisfied by
    an exemption, and an email has no part in it.
    """

    def __init__(self, accounts: Accounts, sessions: Sessions, policy: Policy, standing: Standing) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._policy = policy
        self._standing = standing

    def payload(self, session: Session, provider_id: str) -> dict[str, object]:
        """Return what a transaction must remember."""
        return {"account": session.account_id, "session": session.key, "provider": provider_id}

    def preview(self, transaction: Transaction) -> Preview:
        return Preview(
            audience="your account",
            need="The new way to sign in must be protected by a second factor as well.",
            ask=Ask(select_account=True),
            providers=frozenset({str(transaction.payload["provider"])}),
            back=True,
            refusal="Nothing was linked",
        )

    def requirement(self, transaction: Transaction, provider_id: str, now: datetime) -> Requirement:
        del transaction, provider_id  # the gate offered this one provider, and the flow was at it
        return self._policy.requirement(Purpose.LINK, now)

    def finish(self, connection: Connection, signed_in: SignedIn) -> Landing:
        payload, now = signed_in.transaction.payload, signed_in.now
        session = self._sessions.find(signed_in.cookie, now)
        if (
            signed_in.cookie is None
            or session is None
            or session.key != payload["session"]
            or session.account_id != payload["account"]
        ):
            raise _not_yours("not the session that began to link")
        # The proof that opened this session must still hold at the moment it is used to let another one in.
        requirement = self._policy.fresh_requirement(Purpose.LINK, grace=LIFETIME)
        self._accounts.hold(connection, session.account_id)
        if not self._standing.meets(connection, session, requirement, now).holds:
            raise _not_yours("the session's own proof no longer holds")
        try:
            self._accounts.link(
                connection, session.account_id, signed_in.identified.subject, signed_in.provider_id, now
            )
        except IdentityTaken as taken:
            raise BrokerError(
                status=409,
                code="identity_taken",
                title="This sign-in is taken",
                sentence="You have linked this sign-in already."
                if taken.own
                else "This sign-in already belongs to another account.",
                next_step="Nothing was changed. Link another one, or go back to your account."
                if taken.own
                else "Sign in with it and unlink it there first, if that account is yours.",
                detail="identity already linked",
                link=("Your account", "/account"),
            ) from taken
        key, entry = self._sessions.unchanged(signed_in.cookie, session, now)
        return Landing(location=LANDING, take=[key], put=[entry])

    def back(self, transaction: Transaction) -> Destination | None:
        del transaction
        return Destination(url="/account")


def _not_yours(detail: str) -> BrokerError:
    return BrokerError(
        status=400,
        code="link_refused",
        sentence="We could not link this sign-in: the session you started from is no longer there.",
        next_step="Sign in to your account again and start over. Nothing was changed.",
        detail=detail,
        link=("Your account", "/account"),
    )
