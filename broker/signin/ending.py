"""Ending sessions: the registries that a session led to are told, and then it is over.

What always holds: that they are to be told is written, with its cause and what the audit says of it, before the
session ends; if the store is away after that, the session lives, everything may be done again, and a registry is told
twice rather than not at all. Registries are ids here: which of them want to know is decided where they are told.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import Connection

from broker.audit.service import Audit
from broker.events.service import Outbox
from broker.signin.sessions import Session, Sessions, clients_index
from broker.storage.database import Database
from broker.storage.store import ShortLived

BACKCHANNEL_LOGOUT = "backchannel_logout"
# How long a registry may be down and still learn of it.
TELL_FOR = timedelta(hours=24)


class EndedBy(StrEnum):
    """Why sessions end, as the audit says it."""

    SIGN_OUT = "sign_out"
    REGISTRY = "registry"
    OWNER = "owner"
    UNLINK = "unlink"
    ERASE = "erase"
    OPERATOR = "operator"
    REPLACED = "replaced"


def every(_: Session) -> bool:
    """Pick every session."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The one way to end sessions. ``token_lifetime`` is an access token's, in seconds.

    Every verb raises ``StoreUnavailable``, or SQLAlchemy's errors, and may then be repeated.
    """

    sessions: Sessions
    store: ShortLived
    outbox: Outbox
    audit: Audit
    database: Database
    token_lifetime: int

    def end(self, session: Session, now: datetime, by: EndedBy, client_id: str | None = None) -> None:
        """End one session. ``client_id``: of the registry that asked for it."""
        with self._together([session], now, by, client_id):
            pass

    def end_of_account(
        self, account_id: str, now: datetime, by: EndedBy, which: Callable[[Session], bool] = every
    ) -> int:
        """End the sessions of an account that ``which`` picks, and return how many."""
        picked = self._picked(account_id, now, which)
        with self._together(picked, now, by):
            return len(picked)

    @contextmanager
    def with_cause(
        self, account_id: str, now: datetime, by: EndedBy, which: Callable[[Session], bool] = every
    ) -> Iterator[Connection]:
        """Yield a write transaction, and end the sessions that ``which`` picks if it is committed."""
        with self._together(self._picked(account_id, now, which), now, by) as connection:
            yield connection

    def _picked(self, account_id: str, now: datetime, which: Callable[[Session], bool]) -> list[Session]:
        return [session for session in self.sessions.of_account(account_id, now) if which(session)]

    @contextmanager
    def _together(
        self, ending: Sequence[Session], now: datetime, by: EndedBy, client_id: str | None = None
    ) -> Iterator[Connection]:
        told = {session.sid: self._clients(session) for session in ending}
        with self.database.begin() as connection:
            yield connection
            for session in ending:
                self._tell(connection, session, told[session.sid], now)
            self._record(connection, ending, now, by, client_id)
        for session in ending:
            self.sessions.end(session, self.token_lifetime)
        self._tell_late(ending, told, now)

    def _tell_late(self, ended: Sequence[Session], told: Mapping[str, set[str]], now: datetime) -> None:
        """Tell those who came between. After the end of a session nobody else comes."""
        late = [(session, self._clients(session) - told[session.sid]) for session in ended]
        if any(clients for _, clients in late):
            with self.database.begin() as connection:
                for session, clients in late:
                    self._tell(connection, session, clients, now)

    def _clients(self, session: Session) -> set[str]:
        return self.store.members(clients_index(session.sid))

    def _tell(self, connection: Connection, session: Session, client_ids: Iterable[str], now: datetime) -> None:
        for client_id in sorted(client_ids):
            payload = {
                "client_id": client_id,
                "account_id": session.account_id,
                "sid": session.sid,
                # The same at every attempt, so that whoever is told twice can know.
                "jti": str(uuid4()),
            }
            self.outbox.enqueue(
                connection, BACKCHANNEL_LOGOUT, payload, now=now, expires_at=now + TELL_FOR, subject=client_id
            )

    def _record(
        self, connection: Connection, ending: Sequence[Session], now: datetime, by: EndedBy, client_id: str | None
    ) -> None:
        if ending:
            self.audit.record(
                connection,
                action="session.ended",
                account_id=ending[0].account_id,
                client_id=client_id,
                detail={"reason": by.value, "count": len(ending)},
                now=now,
            )
