"""Looking up people and their identities: everything that is read of an account, and nothing that is written.

Every verb takes the caller's connection.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, Select, String, and_, bindparam, exists, select, true

from broker.accounts.carried import carried_by
from broker.accounts.model import accounts, identities, people
from broker.accounts.organizations.model import memberships
from broker.keys.cipher import FieldCipher
from broker.keys.pseudonyms import Pseudonyms
from broker.storage.prepared import Prepared
from claims.profile import Profile
from providers.provider import Subject

log = structlog.get_logger(__name__)


class AccountClosed(Exception):
    """The account is disabled or erased. ``status`` says which."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The account behind a subject. ``person`` is what we keep, not what the provider just said.

    ``member``: of some organisation.
    """

    account_id: str
    identity_id: str
    person: Profile
    created: bool
    member: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedIdentity:
    """An identity as its owner sees it."""

    id: str
    provider_id: str
    linked_at: datetime


class Lookups:
    """The reading half of :class:`broker.accounts.service.Accounts`."""

    def __init__(self, cipher: FieldCipher, pseudonyms: Pseudonyms) -> None:
        self._cipher = cipher
        self._pseudonyms = pseudonyms

    def known(self, connection: Connection, subject: Subject) -> Resolved | None:
        """Return the account of a subject, if :meth:`resolve` would have nothing to write. Raises as that does."""
        row = self._identity(connection, subject)
        if row is None or not self._pseudonyms.is_current(row.pseudonym):
            return None
        if row.status != "active":
            raise AccountClosed(row.status)
        return self._resolved(row)

    def live(self, connection: Connection, account_id: str, identity_id: str) -> Profile | None:
        """Return the person if the account is active and the identity still linked to it; otherwise none."""
        row = _LIVE_ALONE.first(connection, account_id=account_id, identity_id=identity_id)
        return self._person(row) if row is not None else None

    def live_beside(
        self, connection: Connection, account_id: str, identity_id: str, beside: "Beside", **parameters: object
    ) -> tuple[Profile | None, list[Any]]:
        """Return the person as :meth:`live`, and what another query finds, in one round trip.

        ``parameters`` are those of the other query. Without the person there are no rows.
        """
        rows = beside.prepared.all(connection, account_id=account_id, identity_id=identity_id, **parameters)
        if not rows:
            return None, []
        return self._person(rows[0]), [row for row in rows if getattr(row, beside.first) is not None]

    def living(self, rows: Iterable[Any], account_id: str, identity_id: str) -> Profile | None:
        """Return the person as :meth:`live`, of rows of :func:`with_living` that were just read."""
        for row in rows:
            if (row.account_id, row.identity_id) == (account_id, identity_id):
                return self._person(row)
        return None

    def account_of(self, connection: Connection, subject: Subject) -> str | None:
        """Return the id of the account that has this subject, or none."""
        row = self._identity(connection, subject)
        return row.account_id if row is not None else None

    def identities(self, connection: Connection, account_id: str) -> list[LinkedIdentity]:
        """Return the account's identities, oldest first."""
        rows = connection.execute(
            select(identities.c.id, identities.c.provider_id, identities.c.linked_at)
            .where(identities.c.account_id == account_id)
            .order_by(identities.c.linked_at, identities.c.id)
        )
        return [LinkedIdentity(id=row.id, provider_id=row.provider_id, linked_at=row.linked_at) for row in rows]

    def person(self, connection: Connection, account_id: str) -> Profile:
        """Return name and email. Raises ``LookupError`` when there is no such person."""
        row = connection.execute(select(*_PERSON).where(people.c.account_id == account_id)).one_or_none()
        if row is None:
            raise LookupError("no such person")
        return self._person(row)

    def persons(self, connection: Connection, account_ids: Collection[str]) -> dict[str, Profile]:
        """Return name and email of those of these accounts that are people, by id. One statement."""
        rows = connection.execute(select(*_PERSON).where(people.c.account_id.in_(account_ids)))
        return {row.account_id: self._person(row) for row in rows}

    def export(self, connection: Connection, account_id: str) -> Mapping[str, object]:
        """Return all we keep of the account, JSON values only. Pseudonyms are left out: they are keyed, and ours."""
        person = self.person(connection, account_id)
        created_at = connection.execute(select(accounts.c.created_at).where(accounts.c.id == account_id)).scalar_one()
        return {
            "account": {"id": account_id, "created_at": created_at.isoformat()},
            "person": {
                "name": person.name,
                "email": person.email,
                "email_verified": person.email_verified,
            },
            "identities": [
                {"provider": each.provider_id, "linked_at": each.linked_at.isoformat()}
                for each in self.identities(connection, account_id)
            ],
            "registry_accounts": carried_by(connection, account_id),
        }

    def _identity(self, connection: Connection, subject: Subject) -> Any:
        """Return the identity of a subject. Where a hasty key rotation made two, the older one counts."""
        pseudonyms = self._pseudonyms.all(subject)
        named = {f"pseudonym_{number}": each for number, each in enumerate(pseudonyms)}
        rows = _of_subject(len(pseudonyms)).all(connection, **named)
        if len(rows) > 1:
            log.error("one subject has several identities", identities=[row.id for row in rows])
        return rows[0] if rows else None

    def _resolved(self, row: Any) -> Resolved:
        return Resolved(
            account_id=row.account_id, identity_id=row.id, person=self._person(row), created=False, member=row.member
        )

    def _person(self, row: Any) -> Profile:
        account_id = row.account_id
        return Profile(
            name=self._open(row.name_sealed, "name", account_id),
            email=self._open(row.email_sealed, "email", account_id),
            email_verified=row.email_verified is True,
        )

    def _open(self, sealed: bytes | None, field: str, account_id: str) -> str | None:
        return self._cipher.open(sealed, sealing_context(field, account_id)).decode() if sealed else None


_PERSON = (people.c.account_id, people.c.name_sealed, people.c.email_sealed, people.c.email_verified)
_LIVE = (
    select(*_PERSON)
    .join(identities, identities.c.account_id == people.c.account_id)
    .join(accounts, accounts.c.id == identities.c.account_id)
    .where(
        identities.c.id == bindparam("identity_id", required=False),
        identities.c.account_id == bindparam("account_id", required=False),
        accounts.c.status == "active",
    )
)
_LIVE_ALONE = Prepared(_LIVE)


def with_living(query: Select[Any], account_id: ColumnElement[str]) -> Select[Any]:
    """Return a query of another room, which has the column ``account_id``, with what :meth:`Accounts.living` reads.

    It has its rows once for each identity of the account, and as they were where that is not active.
    """
    return (
        query.add_columns(identities.c.id.label("identity_id"), *_PERSON[1:])
        .outerjoin(accounts, and_(accounts.c.id == account_id, accounts.c.status == "active"))
        .outerjoin(people, people.c.account_id == accounts.c.id)
        .outerjoin(identities, identities.c.account_id == people.c.account_id)
    )


@cache
def _of_subject(pseudonyms: int) -> Prepared:
    """Return the query of a subject's identities, of which there may be one for each of so many pseudonyms."""
    named = [bindparam(f"pseudonym_{number}", type_=String()) for number in range(pseudonyms)]
    return Prepared(
        select(
            identities.c.id,
            identities.c.account_id,
            identities.c.pseudonym,
            accounts.c.status,
            *_PERSON[1:],
            exists().where(memberships.c.account_id == identities.c.account_id).label("member"),
        )
        .join(accounts, accounts.c.id == identities.c.account_id)
        .outerjoin(people, people.c.account_id == identities.c.account_id)
        .where(identities.c.pseudonym.in_(named))
        .order_by(identities.c.linked_at)
    )


class Beside:
    """A query of another room that is asked in one with :meth:`Accounts.live`. In its rows the first column is set."""

    def __init__(self, query: Select[*tuple[Any, ...]]) -> None:
        other = query.subquery()
        self.first = next(iter(other.c)).name
        self.prepared = Prepared(_LIVE.add_columns(other).outerjoin(other, true()))


def sealing_context(field: str, account_id: str) -> str:
    """Bind a sealed value to its column and its row, so that neither can be swapped."""
    return f"people.{field}:{account_id}"
