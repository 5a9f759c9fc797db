"""Initial access tokens: what an operator gives to whoever may register clients (RFC 7591 section 3)."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from broker.audit.service import Audit
from broker.oidc.clients import sha256
from broker.oidc.model import registration_tokens

PREFIX = "vit_"
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An initial access token as an operator sees it: by the beginning of its hash."""

    id: str
    created_at: datetime
    expires_at: datetime


class InitialTokens:
    """Tokens in the database, good for any number of registrations until they expire. Only their hashes are kept."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def create(self, connection: Connection, expires_at: datetime, now: datetime) -> str:
        """Return a new token, and forget those that have expired."""
        text = PREFIX + secrets.token_urlsafe(32)
        digest = sha256(text)
        connection.execute(delete(registration_tokens).where(registration_tokens.c.expires_at <= now))
        connection.execute(
            insert(registration_tokens).values(token_sha256=digest, created_at=now, expires_at=expires_at)
        )
        self._record(connection, "registration_token.added", _id(digest), now)
        return text

    def find(self, connection: Connection, text: str, now: datetime) -> str | None:
        """Return the id of a token that is good now, or none. The look-up is by hash, so it takes as long for any."""
        digest = sha256(text)
        found = connection.execute(
            select(registration_tokens.c.token_sha256).where(
                registration_tokens.c.token_sha256 == digest, registration_tokens.c.expires_at > now
            )
        ).scalar_one_or_none()
        return None if found is None else _id(digest)

    def all(self, connection: Connection) -> list[Listed]:
        """Return every token that is kept, the newest first."""
        rows = connection.execute(select(registration_tokens).order_by(registration_tokens.c.created_at.desc()))
        return [Listed(id=_id(row.token_sha256), created_at=row.created_at, expires_at=row.expires_at) for row in rows]

    def revoke(self, connection: Connection, token_id: str, now: datetime) -> None:
        """End a token. Raises ``LookupError`` when there is none of this id."""
        gone = 0
        if _ID.fullmatch(token_id):
            ended = delete(registration_tokens).where(registration_tokens.c.token_sha256.startswith(token_id))
            gone = connection.execute(ended).rowcount
        if not gone:
            raise LookupError(f"there is no registration token {token_id!r}")
        self._record(connection, "registration_token.removed", token_id, now)

    def _record(self, connection: Connection, action: str, token_id: str, now: datetime) -> None:
        self._audit.record(connection, action=action, detail={"reference": token_id}, now=now)


def _id(digest: str) -> str:
    return digest[:16]
