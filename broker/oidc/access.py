"""What registries may do in somebody's name, as the account pages show and end it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from broker.accounts.access import Registry
from broker.audit.service import Audit
from broker.oidc.clients import Clients, is_client_id
from broker.oidc.consent.service import Consents
from broker.oidc.consent.words import words_for
from broker.oidc.subjects import Subjects
from broker.oidc.tokens.marks import Marks
from broker.oidc.tokens.refresh import RefreshTokens
from broker.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Consents, refresh tokens and access tokens of an account, together."""

    clients: Clients
    consents: Consents
    refresh_tokens: RefreshTokens
    marks: Marks
    subjects: Subjects
    audit: Audit
    database: Database
    clock: Callable[[], datetime]

    def of_account(self, account_id: str, now: datetime) -> list[Registry]:
        """Return the clients that the account has consented to, or that have access while it is away."""
        with self.database.read() as connection:
            consents = {each.client_id: each for each in self.consents.of_account(connection, account_id)}
            families = {each.client_id: each for each in self.refresh_tokens.of_account(connection, account_id, now)}
        ids = dict.fromkeys((*consents, *families))
        names = self.clients.names(ids)
        return [
            Registry(
                client_id=client_id,
                name=names.get(client_id, client_id),
                knows=tuple(map(words_for, sorted(consents[client_id].scopes))) if client_id in consents else (),
                since=consents[client_id].given_at if client_id in consents else families[client_id].started_at,
                offline_until=families[client_id].expires_at if client_id in families else None,
            )
            for client_id in ids
        ]

    def withdraw(self, account_id: str, client_id: str, now: datetime) -> bool:
        """End what one client may know and do. Returns whether there was anything."""
        if not is_client_id(client_id):
            return False
        # Before, for what is being issued meanwhile, and once more after.
        self.marks.end_client(account_id, client_id, now)
        with self.database.begin() as connection:
            consented = self.consents.withdraw(connection, account_id, client_id, now)
            ended = self.refresh_tokens.end_all(connection, account_id, client_id)
            if ended:
                self._record(connection, account_id, client_id, now)
        # After what could be refreshed: what came of it in between is of a grant that ended.
        for grant in ended:
            self.marks.end_grant(grant)
        self.marks.end_client(account_id, client_id, self.clock())
        return consented or bool(ended)

    def end_all(self, account_id: str, until: datetime) -> None:
        """End what all clients were granted until then. Consents stay."""
        # First, so that a family that is being started finds it (``Redeemer``).
        self.marks.end_account(account_id, until)
        with self.database.begin() as connection:
            ended = self.refresh_tokens.end_all(connection, account_id, started_until=until)
            if ended:
                self._record(connection, account_id, None, self.clock())
        # What was refreshed since then is of a grant that ended.
        for grant in ended:
            self.marks.end_grant(grant)

    def forget(self, connection: Connection, account_id: str) -> None:
        """Forget the account in the caller's transaction: it is being erased."""
        self.consents.forget(connection, account_id)
        self.subjects.forget(connection, account_id)
        self.refresh_tokens.end_all(connection, account_id)

    def _record(self, connection: Connection, account_id: str, client_id: str | None, now: datetime) -> None:
        self.audit.record(
            connection,
            action="grant.ended",
            account_id=account_id,
            client_id=client_id,
            detail={"reason": "withdrawn"},
            now=now,
        )
