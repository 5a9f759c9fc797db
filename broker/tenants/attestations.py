"""Attestations: what an admin says that their tenant's authentication contexts enforce, signed and dated."""

import re
from collections.abc import Mapping as Table
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from broker.accounts.organizations.capabilities import FreshAdmin
from broker.accounts.organizations.changes import Applier, Change, ChangeKind, Changes, Obsolete
from broker.accounts.organizations.notices import Notices
from broker.accounts.organizations.service import active_ids
from broker.audit.service import Audit
from broker.tenants.errors import BadInput, Conflict, Conflicting, NotFound
from broker.tenants.mapping_records import Mapping, State, find
from broker.tenants.model import attestations, mappings
from broker.tenants.parties import hold_for
from claims.evidence import Strength
from providers.tenants import REVIEW_AFTER

REMINDED_BEFORE = timedelta(days=30)

_CONTEXT = re.compile(r"c[1-9][0-9]?", re.ASCII)  # Entra has c1 to c99
_WORTH = {each.label: each for each in (Strength.MFA, Strength.PHISHING_RESISTANT)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """An attestation as it was signed. It counts until ``review_by``; signing again renews it."""

    mapping_id: str
    organization_id: str
    tid: str
    context: str
    strength: Strength
    every_time: bool
    signed_by: str
    signed_at: datetime
    review_by: datetime


class Attestations:
    """The verbs of attestations."""

    def __init__(self, audit: Audit, changes: Changes, notices: Notices) -> None:
        self._audit = audit
        self._changes = changes
        self._notices = notices

    def sign(
        self,
        connection: Connection,
        admin: FreshAdmin,
        mapping_id: str,
        context: str,
        strength: str,
        every_time: bool,
    ) -> Change:
        """Attest, from a day ahead on, that a context of an active tenant enforces this; the change is returned.

        ``strength`` is ``mfa`` or ``phishing_resistant``; ``every_time``: at every sign-in, whatever was proven
        before. What was signed of the context earlier counts until then. Raises :class:`NotFound`,
        :class:`Conflict` and :class:`BadInput`.
        """
        mapping = _held(connection, admin, mapping_id)
        if mapping.state is not State.ACTIVE:
            raise Conflict(Conflicting.STATE)
        if not _CONTEXT.fullmatch(context):
            raise BadInput("context", "unknown", "An authentication context is one of c1 to c99.")
        if strength not in _WORTH:
            raise BadInput("strength", "unknown", "A context enforces MFA, or phishing-resistant MFA.")
        payload: dict[str, object] = {"context": context, "strength": strength, "every_time": every_time}
        return self._changes.propose(connection, admin, ChangeKind.ATTEST, _target(mapping_id, context), payload)

    def appliers(self) -> Table[ChangeKind, Applier]:
        """Return what has an attestation take effect."""
        return {ChangeKind.ATTEST: self._apply}

    def _apply(self, connection: Connection, change: Change, now: datetime) -> None:
        mapping = find(connection, change.target.partition(":")[0])
        if mapping.state is not State.ACTIVE:
            raise Obsolete("state")
        context = str(change.payload["context"])
        connection.execute(delete(attestations).where(*_one(mapping.id, context)))
        connection.execute(
            insert(attestations).values(
                mapping_id=mapping.id,
                context=context,
                strength=change.payload["strength"],
                every_time=change.payload["every_time"],
                signed_by=change.requested_by,
                signed_at=change.requested_at,
                review_by=change.requested_at + REVIEW_AFTER,
            )
        )
        self._record(connection, "signed", mapping, context, change.requested_by, now)

    def revoke(self, connection: Connection, admin: FreshAdmin, mapping_id: str, context: str) -> None:
        """Take back what was attested of a context, or waits to be; it is no evidence from now on.

        Raises :class:`NotFound`.
        """
        mapping = _held(connection, admin, mapping_id)
        if not _CONTEXT.fullmatch(context):
            raise NotFound(context)
        waited = self._changes.end(
            connection,
            admin.organization_id,
            ChangeKind.ATTEST,
            _target(mapping_id, context),
            by=admin.account_id,
            now=admin.now,
        )
        # The row stays: it tells that the tenant's admin does not stand by what the configuration may say of it.
        revoked = connection.execute(
            update(attestations)
            .where(*_one(mapping_id, context), attestations.c.revoked_at.is_(None))
            .values(revoked_at=admin.now)
        )
        if revoked.rowcount != 1 and not waited:
            raise NotFound(context)
        self._record(connection, "revoked", mapping, context, admin.account_id, admin.now)
        self._changes.after_tightening(connection, admin.organization_id, admin.account_id, admin.now)

    def of_mapping(self, connection: Connection, mapping_id: str) -> list[Signed]:
        """Return what is attested of a tenant, by context; what is past its review too, which counts no more."""
        return _read(connection, mappings.c.id == mapping_id)

    def remind(self, connection: Connection, now: datetime) -> int:
        """Tell the admins, once for each, what is due for review in 30 days, and return of how many they were told."""
        active = select(mappings.c.id).where(mappings.c.organization_id.in_(active_ids()))
        # Of several workers one writes it, and that one tells.
        to_tell = connection.execute(
            update(attestations)
            .where(
                attestations.c.review_by <= now + REMINDED_BEFORE,
                attestations.c.reminded_at.is_(None),
                attestations.c.revoked_at.is_(None),
                attestations.c.mapping_id.in_(active),
            )
            .values(reminded_at=now)
            .returning(attestations.c.mapping_id, attestations.c.context)
        ).all()
        for mapping_id, context in to_tell:
            (each,) = _read(connection, attestations.c.mapping_id == mapping_id, attestations.c.context == context)
            text = _REMINDER.format(context=context, tid=each.tid, day=each.review_by.date().isoformat())
            self._notices.tell_admins(connection, each.organization_id, "An attestation is due", text, now)
        return len(to_tell)

    def _record(
        self, connection: Connection, verb: str, mapping: Mapping, context: str, account_id: str, now: datetime
    ) -> None:
        detail = {"organization": mapping.organization_id, "tenant": mapping.tid, "context": context}
        self._audit.record(connection, action=f"attestation.{verb}", account_id=account_id, detail=detail, now=now)


_REMINDER = """\
It is almost a year ago that an admin attested what the authentication context {context} enforces, in the tenant {tid}.

Look whether your Conditional Access policies still enforce it, and attest it again. After {day} it counts no more, and
whoever needs it to sign in cannot.
"""


def _held(connection: Connection, admin: FreshAdmin, mapping_id: str) -> Mapping:
    found = find(connection, mapping_id)
    if not hold_for(connection, admin, found.organization_id):
        raise NotFound(mapping_id)
    return find(connection, mapping_id)


def _target(mapping_id: str, context: str) -> str:
    return f"{mapping_id}:{context}"


def _one(mapping_id: str, context: str) -> tuple[ColumnElement[bool], ...]:
    return attestations.c.mapping_id == mapping_id, attestations.c.context == context


def _read(connection: Connection, *conditions: ColumnElement[bool]) -> list[Signed]:
    rows = connection.execute(
        select(attestations, mappings.c.organization_id, mappings.c.tid)
        .join(mappings, mappings.c.id == attestations.c.mapping_id)
        .where(*conditions, attestations.c.revoked_at.is_(None))
        .order_by(attestations.c.review_by, attestations.c.mapping_id, attestations.c.context)
    )
    return [_signed(row) for row in rows]


def _signed(row: Row[*tuple[Any, ...]]) -> Signed:
    return Signed(
        mapping_id=row.mapping_id,
        organization_id=row.organization_id,
        tid=row.tid,
        context=row.context,
        strength=Strength.parse(row.strength),
        every_time=row.every_time,
        signed_by=row.signed_by,
        signed_at=row.signed_at,
        review_by=row.review_by,
    )
