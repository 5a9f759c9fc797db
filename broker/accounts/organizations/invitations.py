"""Invitations by mail: each brings in one person, once, who has the very address it was sent to."""

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select

from broker.accounts.organizations.capabilities import FreshAdmin, Person, Role, Stopper
from broker.accounts.organizations.model import invitations, memberships, organizations
from broker.accounts.organizations.people import hold, hold_as_admin, role_of
from broker.accounts.organizations.records import TooMany
from broker.accounts.organizations.service import active_ids
from broker.accounts.service import Accounts
from broker.audit.service import Audit
from broker.events.mail import enqueue_mail
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher
from broker.keys.pseudonyms import BlindIndex
from broker.storage.sealed import digest
from claims.profile import Profile

LIFETIME = timedelta(days=7)
MOST_OPEN = 50
"""How many invitations of one organisation may be open at a time."""


class Refusal(StrEnum):
    """Why an invitation brings nobody in, as programs see it."""

    OVER = "over"  # used, withdrawn, replaced, too old, of an organisation switched off, or never there
    FORWARDED = "forwarded"  # it was sent to an address that is not the verified one of who came


class NotInvited(Exception):
    """The invitation does not bring this person in."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An invitation as the admins see it, one of whom typed the address."""

    id: str
    email: str
    invited_by: str
    invited_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInvitation:
    """An invitation as whoever has its link sees it."""

    organization_id: str
    organization_name: str
    expires_at: datetime


class Invitations:
    """The verbs of invitations. Like those of :class:`Accounts`, they take the caller's connection."""

    def __init__(
        self, accounts: Accounts, cipher: FieldCipher, index: BlindIndex, audit: Audit, outbox: Outbox
    ) -> None:
        self._accounts = accounts
        self._cipher = cipher
        self._index = index
        self._audit = audit
        self._outbox = outbox

    def invite(
        self,
        connection: Connection,
        admin: FreshAdmin,
        email: str,
        link_prefix: str,
        room: Callable[[tuple[str, str]], Sequence[bool]] = lambda _: [True],
    ) -> Invitation:
        """Send a link to ``email``, in place of one sent there before, by which its owner becomes a member.

        ``room``: asked last, whether a mail may go from the account to the address, as ``MailLimit.room``. Raises what
        it raises, ``ValueError`` for an address that :class:`Profile` does not take, :class:`TooMany`, ``Denied``.
        """
        clean = Profile.read(None, email, None).email
        if clean is None:
            raise ValueError("not an email address")
        hold_as_admin(connection, admin)
        of_this = invitations.c.organization_id == admin.organization_id
        email_index = self._index.of(clean)
        connection.execute(delete(invitations).where(of_this, invitations.c.email_index == email_index))
        unexpired = select(func.count()).select_from(invitations).where(of_this, invitations.c.expires_at > admin.now)
        if connection.execute(unexpired).scalar_one() >= MOST_OPEN:
            raise TooMany
        token = secrets.token_urlsafe(32)
        made = Invitation(
            id=str(uuid4()),
            email=clean,
            invited_by=admin.account_id,
            invited_at=admin.now,
            expires_at=admin.now + LIFETIME,
        )
        connection.execute(
            insert(invitations).values(
                id=made.id,
                token_hash=digest(token),
                organization_id=admin.organization_id,
                email_sealed=self._cipher.seal(clean.encode(), sealing_context(made.id)),
                email_index=email_index,
                invited_by=made.invited_by,
                invited_at=made.invited_at,
                expires_at=made.expires_at,
            )
        )
        name = connection.execute(
            select(organizations.c.name).where(organizations.c.id == admin.organization_id)
        ).scalar_one()
        enqueue_mail(
            self._outbox,
            connection,
            to=clean,
            subject="You are invited to join an organisation",
            text=_INVITED.format(name=name, link=link_prefix + token),
            now=admin.now,
            expires_at=made.expires_at,
            withheld=not all(room((admin.account_id, clean))),
        )
        self._record(connection, "invitation.made", admin.organization_id, made.id, admin.account_id, admin.now)
        return made

    def withdraw(self, connection: Connection, stopper: Stopper, invitation_id: str) -> None:
        """Take an invitation back. Raises ``LookupError`` when the organisation has none such, and ``Denied``."""
        hold_as_admin(connection, stopper)
        gone = connection.execute(
            delete(invitations).where(
                invitations.c.id == invitation_id, invitations.c.organization_id == stopper.organization_id
            )
        )
        if gone.rowcount != 1:
            raise LookupError("no such invitation")
        who = (stopper.organization_id, invitation_id, stopper.account_id)
        self._record(connection, "invitation.withdrawn", *who, stopper.now)

    def open(self, connection: Connection, token: str, now: datetime) -> OpenInvitation | None:
        """Return what a link leads to, or none where it leads nowhere. It stays open."""
        row = self._find(connection, token, now)
        if row is None:
            return None
        return OpenInvitation(
            organization_id=row.organization_id, organization_name=row.name, expires_at=row.expires_at
        )

    def accept(self, connection: Connection, person: Person, token: str) -> str:
        """Make the person a member, and return the organisation's id. Who is one stays as they are.

        The link is used up by it. Raises :class:`NotInvited`, and ``AccountClosed``.
        """
        self._accounts.hold(connection, person.account_id)
        found = self._find(connection, token, person.now)
        if found is None:
            raise NotInvited(Refusal.OVER)
        organization_id: str = found.organization_id
        if not self._has_address(connection, person.account_id, found.email_index):
            raise NotInvited(Refusal.FORWARDED)
        hold(connection, organization_id)
        taken = connection.execute(
            delete(invitations)
            .where(*_is_open(token, person.now), invitations.c.organization_id.in_(active_ids()))
            .returning(invitations.c.id)
        ).scalar_one_or_none()
        if taken is None:
            raise NotInvited(Refusal.OVER)
        if role_of(connection, organization_id, person.account_id) is None:
            connection.execute(
                insert(memberships).values(
                    organization_id=organization_id,
                    account_id=person.account_id,
                    role=Role.MEMBER.value,
                    joined_at=person.now,
                )
            )
        who = (organization_id, taken, person.account_id)
        self._record(connection, "invitation.accepted", *who, person.now)
        return organization_id

    def of_organization(self, connection: Connection, organization_id: str) -> list[Invitation]:
        """Return the invitations that nobody has used, the newest first."""
        rows = connection.execute(
            select(invitations)
            .where(invitations.c.organization_id == organization_id)
            .order_by(invitations.c.invited_at.desc(), invitations.c.id)
        )
        return [
            Invitation(
                id=row.id,
                email=self._cipher.open(row.email_sealed, sealing_context(row.id)).decode(),
                invited_by=row.invited_by,
                invited_at=row.invited_at,
                expires_at=row.expires_at,
            )
            for row in rows
        ]

    def expire(self, connection: Connection, now: datetime) -> int:
        """Forget the invitations that nobody used in time, and return how many."""
        return connection.execute(delete(invitations).where(invitations.c.expires_at <= now)).rowcount

    def _find(self, connection: Connection, token: str, now: datetime) -> Row[*tuple[Any, ...]] | None:
        return connection.execute(
            select(invitations, organizations.c.name)
            .join(organizations, organizations.c.id == invitations.c.organization_id)
            .where(*_is_open(token, now), invitations.c.organization_id.in_(active_ids()))
        ).one_or_none()

    def _has_address(self, connection: Connection, account_id: str, invited: str) -> bool:
        person = self._accounts.person(connection, account_id)
        if person.email is None or not person.email_verified:
            return False
        return hmac.compare_digest(self._index.of(person.email), invited)

    def _record(
        self, connection: Connection, action: str, organization_id: str, invitation_id: str, by: str, now: datetime
    ) -> None:
        detail = {"organization": organization_id, "reference": invitation_id}
        self._audit.record(connection, action=action, account_id=by, detail=detail, now=now)


def _is_open(token: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return invitations.c.token_hash == digest(token), invitations.c.expires_at > now


def sealing_context(invitation_id: str) -> str:
    """Bind a sealed address to its column and its row."""
    return f"invitations.email:{invitation_id}"


_INVITED = """\
You are invited to join the organisation of this name:

"{name}"

Sign in with an account that has this address, and follow this link within seven days:

{link}

The link works once, and for this address only. If you do not know the organisation, do nothing.
"""
