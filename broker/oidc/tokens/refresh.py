"""Refresh tokens: a family per grant, of which one token is good (RFC 9700 section 4.14.2).

A token is a handle, by which its family is found, and a secret. Only hashes of both are kept. Whoever presents a
token of a family that is not its current one has one that was used: the family ends, unless it is the one replaced
a moment ago, because then the same client may just have asked twice.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from broker.accounts.service import with_living
from broker.keys.cipher import FieldCipher, Undecryptable
from broker.oidc.clients import sha256
from broker.oidc.grant import Grant, dump_grant, load_grant
from broker.oidc.model import refresh_families
from broker.storage.prepared import Prepared
from broker.storage.sealed import compact

PREFIX = "vrt_"
# Within this time the loser of two simultaneous uses does not end the family.
SIMULTANEOUS = timedelta(seconds=10)
_HANDLE = 32  # characters: 24 random bytes
_LENGTH = len(PREFIX) + _HANDLE + 43


class State(StrEnum):
    """What a presented token is to its family."""

    CURRENT = "current"
    JUST_REPLACED = "just_replaced"
    REUSED = "reused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A family as one presented token finds it. ``text_sha256`` is the hash of that token.

    ``living`` is what :meth:`broker.accounts.service.Accounts.living` reads of its owner.
    """

    grant: Grant
    state: State
    text_sha256: str
    started_at: datetime
    expires_at: datetime
    living: Sequence[Any]

    # The interface that Authlib's refresh grant asks of a token.

    def check_client(self, client: Any) -> bool:
        return bool(client.client_id == self.grant.client_id)

    def get_scope(self) -> str:
        return self.grant.get_scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A family as its owner sees it."""

    client_id: str
    started_at: datetime
    expires_at: datetime


class RefreshTokens:
    """Families in the database. Every verb takes the caller's connection. ``lifetime`` is a family's, absolute."""

    def __init__(self, cipher: FieldCipher, lifetime: timedelta) -> None:
        self._cipher = cipher
        self._lifetime = lifetime

    def start(self, connection: Connection, grant: Grant, now: datetime) -> str:
        """Return the first token of a new family."""
        handle = secrets.token_urlsafe(24)
        text = _token(handle)
        _START.change(
            connection,
            id=grant.id,
            handle_sha256=sha256(handle),
            token_sha256=sha256(text),
            client_id=grant.client_id,
            account_id=grant.account_id,
            record_sealed=self._cipher.seal(compact(dump_grant(grant)).encode(), sealing_context(grant.id)),
            created_at=now,
            expires_at=now + self._lifetime,
        )
        return text

    def find(self, connection: Connection, text: str, now: datetime) -> Family | None:
        """Return the family of a token, be it current or not; none if it never was, ended or expired."""
        if len(text) != _LENGTH or not text.startswith(PREFIX):
            return None
        rows = _FIND.all(connection, handle_sha256=sha256(_handle(text)), now=now)
        if not rows:
            return None
        row = rows[0]
        try:
            record = json.loads(self._cipher.open(row.record_sealed, sealing_context(row.id)))
        except Undecryptable:
            return None
        given = sha256(text)
        state = State.REUSED
        if secrets.compare_digest(given, row.token_sha256):
            state = State.CURRENT
        elif given == row.previous_sha256 and now - row.rotated_at <= SIMULTANEOUS:
            state = State.JUST_REPLACED
        return Family(
            grant=load_grant(record),
            state=state,
            text_sha256=given,
            started_at=row.created_at,
            expires_at=row.expires_at,
            living=rows,
        )

    def rotate(self, connection: Connection, family: Family, text: str, now: datetime) -> str | None:
        """Return the token that takes the place of ``text``; none if it is not the current one any more."""
        successor = _token(_handle(text))
        changed = _ROTATE.change(
            connection,
            grant_id=family.grant.id,
            replaced=family.text_sha256,
            token_sha256=sha256(successor),
            previous_sha256=family.text_sha256,
            rotated_at=now,
        )
        return successor if changed == 1 else None

    def has(self, connection: Connection, grant_id: str) -> bool:
        """Return whether a grant has a family."""
        return _HAS.first(connection, grant_id=grant_id) is not None

    def end(self, connection: Connection, grant_id: str) -> None:
        """End a family, if it is there."""
        connection.execute(delete(refresh_families).where(refresh_families.c.id == grant_id))

    def end_all(
        self,
        connection: Connection,
        account_id: str,
        client_id: str | None = None,
        *,
        started_until: datetime | None = None,
    ) -> list[str]:
        """End an account's families, at one client or at all, and return their grants, whose tokens have to end too.

        ``started_until``: those that were there by then.
        """
        ended = delete(refresh_families).where(refresh_families.c.account_id == account_id)
        if client_id is not None:
            ended = ended.where(refresh_families.c.client_id == client_id)
        if started_until is not None:
            ended = ended.where(refresh_families.c.created_at <= started_until)
        return list(connection.execute(ended.returning(refresh_families.c.id)).scalars())

    def of_account(self, connection: Connection, account_id: str, now: datetime) -> list[Listed]:
        """Return an account's families, newest first."""
        rows = connection.execute(
            select(refresh_families.c.client_id, refresh_families.c.created_at, refresh_families.c.expires_at)
            .where(refresh_families.c.account_id == account_id, refresh_families.c.expires_at > now)
            .order_by(refresh_families.c.created_at.desc())
        )
        return [Listed(client_id=row.client_id, started_at=row.created_at, expires_at=row.expires_at) for row in rows]

    def expire(self, connection: Connection, now: datetime) -> None:
        """Forget the families whose end has come."""
        connection.execute(delete(refresh_families).where(refresh_families.c.expires_at <= now))


_GRANT_ID = refresh_families.c.id == bindparam("grant_id", required=False)
_START = Prepared(
    insert(refresh_families).values(
        {
            column: bindparam(column.name, required=False)
            for column in refresh_families.c
            if column.name not in ("previous_sha256", "rotated_at")
        }
    )
)
_FIND = Prepared(
    # Whose it is is judged next, and so is found on the same trip.
    with_living(select(refresh_families), refresh_families.c.account_id).where(
        refresh_families.c.handle_sha256 == bindparam("handle_sha256", required=False),
        refresh_families.c.expires_at > bindparam("now", required=False),
    )
)
_ROTATE = Prepared(
    update(refresh_families)
    .where(_GRANT_ID, refresh_families.c.token_sha256 == bindparam("replaced", required=False))
    .values({name: bindparam(name, required=False) for name in ("token_sha256", "previous_sha256", "rotated_at")})
)
_HAS = Prepared(select(refresh_families.c.id).where(_GRANT_ID))


def _token(handle: str) -> str:
    return PREFIX + handle + secrets.token_urlsafe(32)


def _handle(text: str) -> str:
    return text[len(PREFIX) : len(PREFIX) + _HANDLE]


def sealing_context(grant_id: str) -> str:
    """Return what a record is sealed for: its column and its row."""
    return f"refresh_families.record:{grant_id}"
