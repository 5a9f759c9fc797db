"""The future admins of an organisation that a shared account is to become: who was named, and who accepted."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, delete, insert, select, update

from broker.keys.cipher import FieldCipher
from broker.keys.pseudonyms import BlindIndex
from broker.signin.kept import KeptProofs, forget
from broker.signin.proven import Proven, Way
from broker.signin.standing import Standing
from broker.storage.sealed import digest
from broker.tenants.domains import owner_of
from claims.decision import Purpose
from migrations.accounts.cases import Case, CaseWay, columns_of
from migrations.accounts.model import case_admins as table
from migrations.accounts.records import LegacyAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Somebody who was named. ``way``: how they came when they accepted, none before."""

    id: str
    case_id: str
    email: str
    email_index: str
    way: CaseWay | None

    @property
    def account_id(self) -> str:
        return self.way.account_id if self.way is not None else ""


class Admins:
    """Keeps them."""

    def __init__(self, *, cipher: FieldCipher, index: BlindIndex, standing: Standing, proofs: KeptProofs) -> None:
        self._cipher = cipher
        self._index = index
        self._standing = standing
        self._proofs = proofs

    def name(self, connection: Connection, case: Case, emails: Sequence[str]) -> list[tuple[Named, str]]:
        """Write those who were named, and return each with the token of the link that they accept by."""
        made = []
        for email in emails:
            admin_id, token = str(uuid4()), secrets.token_urlsafe(32)
            connection.execute(
                insert(table).values(
                    id=admin_id,
                    case_id=case.id,
                    email_sealed=self._cipher.seal(email.encode(), email_context(admin_id)),
                    email_index=self._index.of(email),
                    token_hash=digest(token),
                )
            )
            found = Named(id=admin_id, case_id=case.id, email=email, email_index=self._index.of(email), way=None)
            made.append((found, token))
        return made

    def of(self, connection: Connection, case: Case) -> list[Named]:
        """Return all who were named."""
        rows = connection.execute(select(table).where(table.c.case_id == case.id).order_by(table.c.id))
        return [self._read(row) for row in rows]

    def accepted(self, connection: Connection, case: Case) -> list[Named]:
        """Return those who accepted, the first one first."""
        rows = connection.execute(
            select(table)
            .where(table.c.case_id == case.id, table.c.accepted_at.is_not(None))
            .order_by(table.c.accepted_at, table.c.id)
        )
        return [self._read(row) for row in rows]

    def by_token(self, connection: Connection, token: str) -> Named | None:
        """Return who a link is for, or none."""
        row = connection.execute(select(table).where(table.c.token_hash == digest(token))).one_or_none()
        return self._read(row) if row is not None else None

    def accept(self, connection: Connection, named: Named, proven: Proven, now: datetime) -> bool:
        """Write that somebody accepted, with their proof, and return whether they had not before."""
        accepted = connection.execute(
            update(table)
            .where(table.c.id == named.id, table.c.accepted_at.is_(None))
            .values(**columns_of(proven), accepted_at=now)
        )
        if accepted.rowcount != 1:
            return False
        self._proofs.keep(connection, named.id, proven, now)
        return True

    def still_able(self, connection: Connection, legacy: LegacyAccount, named: Named, now: datetime) -> bool:
        """Return whether somebody who accepted could still do so, that way, and from the tenant that it takes."""
        if named.way is None or not self._proofs.still_hold(connection, named.id, Purpose.CLAIM, now):
            return False
        admission, person = self._standing.open_way(connection, named.way.as_of(now), now)
        return admission is not None and person is not None and comes_from(connection, legacy, named.way)

    def forget(self, connection: Connection, case: Case) -> None:
        """Forget the addresses that were named, and the proofs of who accepted."""
        named = connection.execute(select(table.c.id).where(table.c.case_id == case.id)).scalars()
        forget(connection, list(named))
        connection.execute(delete(table).where(table.c.case_id == case.id))

    def _read(self, row: Row[*tuple[Any, ...]]) -> Named:
        way = None
        if row.accepted_at is not None:
            way = CaseWay(
                account_id=row.account_id,
                identity_id=row.identity_id,
                provider_id=row.provider_id,
                tenant=row.tenant,
                guest=row.guest,
                signed_in_at=row.signed_in_at,
            )
        return Named(
            id=row.id,
            case_id=row.case_id,
            email=self._cipher.open(row.email_sealed, email_context(row.id)).decode(),
            email_index=row.email_index,
            way=way,
        )


def tenant_behind(connection: Connection, legacy: LegacyAccount) -> str | None:
    """Return the ``tid`` that the address's domain belongs to, where an organisation has mapped that tenant."""
    found = owner_of(connection, legacy.email) if legacy.email is not None else None
    return found.tid if found is not None else None


def comes_from(connection: Connection, legacy: LegacyAccount, way: Way) -> bool:
    """Return whether a sign-in is of the tenant that the address's domain belongs to; where there is none, any is.

    While that tenant is suspended, or its organisation switched off, none is.
    """
    found = owner_of(connection, legacy.email) if legacy.email is not None else None
    return found is None or (found.active and way.tenant == found.tid and not way.guest)


def email_context(admin_id: str) -> str:
    """Bind a sealed address to its row."""
    return f"migration_case_admins.email:{admin_id}"
