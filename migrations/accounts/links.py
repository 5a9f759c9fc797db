"""Links in mails that stop or undo a case. A GET shows what the link does; only a POST does it, once."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from broker.storage.sealed import digest
from migrations.accounts.model import links as table


class Verb(StrEnum):
    """What a link does."""

    STOP = "stop"  # what has not taken effect yet
    UNDO = "undo"  # what has


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that still does something."""

    case_id: str
    verb: Verb


def make(connection: Connection, case_id: str, verb: Verb, expires_at: datetime) -> str:
    """Return the token of a new link: 32 random bytes, of which only the hash is kept."""
    token = secrets.token_urlsafe(32)
    connection.execute(
        insert(table).values(token_hash=digest(token), case_id=case_id, verb=verb.value, expires_at=expires_at)
    )
    return token


def find(connection: Connection, token: str, now: datetime) -> Link | None:
    """Return what a token is for. Changes nothing: mail scanners follow links."""
    row = connection.execute(
        select(table).where(table.c.token_hash == digest(token), table.c.expires_at > now)
    ).one_or_none()
    return Link(case_id=row.case_id, verb=Verb(row.verb)) if row is not None else None


def use(connection: Connection, token: str, now: datetime) -> Link | None:
    """Return what a token is for, and use it up: of any number of uses, one gets it."""
    row = connection.execute(
        delete(table)
        .where(table.c.token_hash == digest(token), table.c.expires_at > now)
        .returning(table.c.case_id, table.c.verb)
    ).one_or_none()
    return Link(case_id=row.case_id, verb=Verb(row.verb)) if row is not None else None


def end(connection: Connection, case_id: str, verb: Verb | None = None) -> None:
    """Make the links of a case worthless: all of them, or those of one verb."""
    gone = delete(table).where(table.c.case_id == case_id)
    connection.execute(gone if verb is None else gone.where(table.c.verb == verb.value))


def prolong(connection: Connection, since: datetime, now: datetime) -> None:
    """Have every link that led somewhere at ``since`` do so for as much longer as that is ago."""
    rows = connection.execute(select(table.c.token_hash, table.c.expires_at).where(table.c.expires_at > since)).all()
    if rows:
        later = [{"token": row.token_hash, "later": row.expires_at + (now - since)} for row in rows]
        changed = update(table).where(table.c.token_hash == bindparam("token")).values(expires_at=bindparam("later"))
        connection.execute(changed, later)


def expire(connection: Connection, now: datetime) -> None:
    """Forget links whose time is over."""
    connection.execute(delete(table).where(table.c.expires_at <= now))
