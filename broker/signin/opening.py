"""Opening a session: the account behind the proof, a fresh session id, one line in the audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection

from broker.accounts.organizations.sign_ins import SignInsOfMembers
from broker.accounts.service import Accounts, Resolved
from broker.audit.service import Audit
from broker.signin.goals import SignedIn
from broker.signin.sessions import Offer, Session, Sessions
from broker.storage.sealed import Entry
from broker.switches.guard import read_only
from broker.switches.service import Switches
from broker.tenants.exceptions import Exceptions
from broker.web.errors import BrokerError
from claims.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session that exists once its entry and index are in the store.

    ``takes`` must be there by then: a session goes on once. ``ends`` is the session of somebody else that the browser
    had before.
    """

    account: Resolved
    session: Session
    token: str
    entry: Entry
    index: Sequence[tuple[str, str, int]]
    replaces: Sequence[str]
    takes: Sequence[str]
    ends: Session | None


class Newcomers(Protocol):
    """Looks at whoever just signed in: somebody may have waited for them."""

    def arrived(self, connection: Connection, signed_in: SignedIn, account: Resolved) -> None:
        """Do what there is to do, in the transaction of the sign-in. Never keeps anybody from signing in."""
        ...

    def expects(self, connection: Connection, signed_in: SignedIn) -> bool:
        """Return whether somebody waits for who signs in, so that they are known here without an account."""
        ...


class Opening:
    """Opens sessions for every goal that needs one."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        sessions: Sessions,
        audit: Audit,
        exceptions: Exceptions,
        memberships: SignInsOfMembers,
        switches: Switches,
        newcomers: Newcomers | None = None,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._audit = audit
        self._exceptions = exceptions
        self._memberships = memberships
        self._switches = switches
        self._newcomers = newcomers

    def open(self, connection: Connection, signed_in: SignedIn, client_id: str | None = None) -> Opened:
        """Return the session of a satisfied sign-in. Its token is new: one from before the sign-in is never kept.

        Who signs in once more goes on in the session that registries know, by its ``sid``.
        Raises ``AccountClosed``.
        """
        identified, now = signed_in.identified, signed_in.now
        account = self._accounts.resolve(
            connection,
            identified.subject,
            signed_in.provider_id,
            identified.profile,
            now,
            newcomer=lambda: self._let_in(connection, signed_in),
        )
        self._make_room(connection, signed_in, account.account_id)
        opened = self._opened(account, signed_in)
        if account.member:
            self._memberships.note(connection, opened.session, now)
        self._audit.record(connection, **told(signed_in, account, client_id))
        if self._newcomers is not None and not self._switches.thrown(now, connection).read_only:
            self._newcomers.arrived(connection, signed_in, account)
        return opened

    def open_known(self, connection: Connection, signed_in: SignedIn) -> Opened | None:
        """Return as :meth:`open`, where there is nothing to write of it but what :func:`told` says to the audit.

        None where there may be more. Raises ``AccountClosed``.
        """
        if self._newcomers is not None or signed_in.waiver is not None:
            return None
        account = self._accounts.known(connection, signed_in.identified.subject)
        return None if account is None or account.member else self._opened(account, signed_in)

    def _opened(self, account: Resolved, signed_in: SignedIn) -> Opened:
        identified, now = signed_in.identified, signed_in.now
        previous = self._sessions.find(signed_in.cookie, now)
        goes_on = previous is not None and previous.account_id == account.account_id
        token, session = self._sessions.new(
            sid=previous.sid if previous is not None and goes_on else None,
            account_id=account.account_id,
            identity_id=account.identity_id,
            provider_id=signed_in.provider_id,
            tenant=signed_in.admission.tid,
            guest=identified.guest,
            authentication=identified.authentication,
            offer=_offer(account.person, identified.profile),
            now=now,
            most=signed_in.admission.rule.session_length,
        )
        entry, index = self._sessions.entries(token, session, now)
        clients = self._sessions.kept_clients(session, now) if goes_on else []
        return Opened(
            account=account,
            session=session,
            token=token,
            entry=entry,
            index=[index, *clients],
            replaces=self._sessions.replaced(signed_in.cookie),
            takes=self._sessions.replaced(signed_in.cookie) if goes_on else (),
            ends=None if goes_on else previous,
        )

    def _let_in(self, connection: Connection, signed_in: SignedIn) -> None:
        """Raise ``BrokerError`` where nobody new may have an account now."""
        thrown = self._switches.thrown(signed_in.now, connection, anew=True)
        if thrown.read_only:
            raise read_only()
        if not thrown.sign_up_closed or (
            self._newcomers is not None and self._newcomers.expects(connection, signed_in)
        ):
            return
        raise BrokerError(
            status=403,
            code="sign_up_closed",
            title="Nobody new can join right now",
            sentence="This sign-in does not belong to an account here yet, and no new accounts are made at the moment.",
            next_step="If you have an account, sign in the way you always do. If not, come back later.",
            detail="sign-up closed",
        )

    def _make_room(self, connection: Connection, signed_in: SignedIn, account_id: str) -> None:
        """Have the exception that the sign-in rests on cover this account. Raises ``BrokerError`` when it is full."""
        waiver = signed_in.waiver
        if waiver is None or self._exceptions.take_place(connection, waiver.exception_id, account_id, signed_in.now):
            return
        raise BrokerError(
            status=403,
            code="exception_full",
            title="You are not signed in yet",
            sentence="Your organisation has an exception from MFA, and it covers no more people.",
            next_step="Ask an admin of your organisation, or sign in with a second factor.",
            detail="no place in the exception",
        )


def told(signed_in: SignedIn, account: Resolved, client_id: str | None = None) -> dict[str, Any]:
    """Return what the audit says of a sign-in."""
    verdict = signed_in.verdict
    return {
        "action": "signin.satisfied",
        "account_id": account.account_id,
        "client_id": client_id,
        "provider_id": signed_in.provider_id,
        "detail": {
            "strength": verdict.strength.label,
            "binding": verdict.binding.value if verdict.binding else "none",
            "reason": verdict.reason.value,
        },
        "now": signed_in.now,
    }


def _offer(kept: Profile, said: Profile) -> Offer | None:
    """Return what the provider says differently. An address that differs in case only is the same."""
    name = said.name if said.name != kept.name else None
    same_email = said.email is None or (kept.email or "").casefold() == said.email.casefold()
    email = None if same_email else said.email
    if name is None and email is None:
        return None
    return Offer(name=name, email=email, email_verified=email is not None and said.email_verified)
