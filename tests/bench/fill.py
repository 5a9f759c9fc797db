"""A broker with many people: accounts and live sessions as sign-ins leave them, without the sign-ins.

All of it is sealed with the broker's own keys: each of these people can sign in, and each session is good.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from uuid import uuid4

import psycopg

from broker.accounts.service import sealing_context
from broker.composition.foundation import Foundation, lay
from broker.composition.people import gather
from broker.keys.pseudonyms import Pseudonyms
from broker.settings import load
from claims import rules
from claims.evidence import Authentication, Strength
from providers.provider import Subject
from tests.bench.sides import PROVIDER
from tests.bench.standin import email, name, subject

BATCH = 500
Person = tuple[str, str]
"""The ids of an account and of its identity."""


def fill(config: Path, *, issuer: str, accounts: int, sessions: int) -> None:
    """Give the broker of this configuration accounts of the first people of a provider, and sessions of theirs.

    With fewer sessions than accounts the first have one; with more, some have several.
    """
    base = lay(load(config), _now)
    try:
        folk = [(str(uuid4()), str(uuid4())) for _ in range(accounts)]
        with psycopg.connect(base.settings.database.url, autocommit=True) as connection:
            with connection.transaction():
                _copy(connection, "accounts (id, kind, status, created_at)", _accounts(folk))
                _copy(connection, _PEOPLE, _people(base, folk))
                _copy(connection, _IDENTITIES, _identities(base, folk, issuer))
            connection.execute("ANALYZE")
        _sign_in(base, folk, sessions)
    finally:
        base.store.close()
        base.database.dispose()


def _now() -> datetime:
    return datetime.now(UTC)


_PEOPLE = "people (account_id, name_sealed, email_sealed, email_index, email_verified, updated_at)"
_IDENTITIES = "identities (id, account_id, provider_id, pseudonym, linked_at)"
Rows = Iterator[tuple[object, ...]]


def _copy(connection: psycopg.Connection, table: str, rows: Rows) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _accounts(folk: Sequence[Person]) -> Rows:
    now = _now()
    return ((account_id, "person", "active", now) for account_id, _ in folk)


def _people(base: Foundation, folk: Sequence[Person]) -> Rows:
    now = _now()
    for number, (account_id, _) in enumerate(folk):
        sealed = (
            base.cipher.seal(text.encode(), sealing_context(field, account_id))
            for field, text in (("name", name(number)), ("email", email(number)))
        )
        yield account_id, *sealed, base.index.of(email(number)), True, now


def _identities(base: Foundation, folk: Sequence[Person], issuer: str) -> Rows:
    now = _now()
    pseudonyms = Pseudonyms(base.settings.secrets.pseudonym_keys())
    for number, (account_id, identity_id) in enumerate(folk):
        pseudonym = pseudonyms.current(Subject(issuer=issuer, tenant="", id=subject(number)))
        yield identity_id, account_id, PROVIDER, pseudonym, now


def _sign_in(base: Foundation, folk: Sequence[Person], count: int) -> None:
    now, sessions = _now(), gather(base).sessions
    evidence = rules.read(
        rules.generic({}, {"mfa": Strength.MFA}), {"id_token": {"amr": ["pwd", "mfa"]}}, observed_at=now
    )
    proof = Authentication(evidence=evidence, auth_time=now)
    numbers = iter(range(count))
    while batch := list(islice(numbers, BATCH)):
        put, index = [], []
        for number in batch:
            account_id, identity_id = folk[number % len(folk)]
            token, session = sessions.new(
                account_id=account_id,
                identity_id=identity_id,
                provider_id=PROVIDER,
                tenant="",
                guest=False,
                authentication=proof,
                offer=None,
                now=now,
            )
            entry, place = sessions.entries(token, session, now)
            put.append(entry)
            index.append(place)
        base.store.commit(put=put, index=index)
