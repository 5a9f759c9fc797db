"""What a user may have come for, as the gate sees it: what to ask, what to demand, what to do once it is proven.

Each goal is handled where it belongs (registry: ``oidc``, linking: ``accounts``, probing: here); the gate knows
only this protocol, and the composition root puts them together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Connection

from broker.signin.sessions import Session
from broker.signin.transactions import Transaction
from broker.storage.sealed import Entry
from broker.tenants.admission import WITHOUT_TENANT, Admission
from broker.tenants.exceptions import Waiver
from broker.web.destinations import Destination
from claims.decision import Requirement, Verdict
from claims.evidence import Binding
from providers.provider import Ask, Identified


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What can be said before anybody signed in. ``providers`` none: any.

    ``bindings`` and ``reauthentication`` are only there to tell early which provider cannot do; ``decide`` tells for
    good. ``back`` says whether there is somewhere to give up to, ``refusal`` in a few words what a refusal means.
    """

    audience: str
    need: str
    ask: Ask
    providers: frozenset[str] | None = None
    bindings: frozenset[Binding] = frozenset(Binding)
    reauthentication: bool = False
    back: bool = False
    refusal: str = "You are not signed in yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A sign-in that ``decide`` was satisfied with; only a probe may arrive here unsatisfied.

    ``cookie`` is the browser's session cookie, if it has one; ``shown`` what a probe may show; ``admission`` the terms
    of its tenant; ``waiver`` the exception that it rests on, if it does.
    """

    transaction: Transaction
    provider_id: str
    identified: Identified
    verdict: Verdict
    cookie: str | None
    shown: Mapping[str, str]
    now: datetime
    admission: Admission = WITHOUT_TENANT
    waiver: Waiver | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Where the user goes next, and what the store must do in the same step that ends the transaction.

    ``take`` are keys that must be there, or nothing happens. ``fields`` are posted there, if there are any. ``ends`` is
    a session that is over with it.
    """

    location: str
    fields: Mapping[str, str] | None = None
    take: Sequence[str] = ()
    put: Sequence[Entry] = ()
    delete: Sequence[str] = ()
    index: Sequence[tuple[str, str, int]] = ()
    session_token: str | None = None
    ends: Session | None = None


class GoalHandler(Protocol):
    """One goal. Methods raise ``BrokerError`` for what only a page can tell."""

    def preview(self, transaction: Transaction) -> Preview:
        """Return what to offer and to ask for. Reads nothing but the transaction."""
        ...

    def requirement(self, transaction: Transaction, provider_id: str, now: datetime) -> Requirement:
        """Return what must be proven. Looks again at whether this provider may still serve this goal."""
        ...

    def finish(self, connection: Connection, signed_in: SignedIn) -> Landing:
        """Do what the user came for, inside the caller's database transaction."""
        ...

    def back(self, transaction: Transaction) -> Destination | None:
        """Return where giving up leads, or none when there is nowhere to go back to."""
        ...


@runtime_checkable
class ReadingHandler(GoalHandler, Protocol):
    """A goal that has, for most of those who come, nothing to write but a line in the audit."""

    def finish_known(self, connection: Connection, signed_in: SignedIn) -> tuple[Landing, Mapping[str, Any]] | None:
        """Return as ``finish``, without having written anything, and what :meth:`Audit.record` is to be told.

        None where there is more to write, for which ``finish`` is there.
        """
        ...
