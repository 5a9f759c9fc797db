"""People, their identities, and the only personal data there is: a name and an email, sealed.

Every verb takes the caller's connection, so that what it changes and what the audit says of it stand or fall
together. Whoever calls a verb that writes has had ``decide`` say yes before.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from broker.accounts.lookups import (
    AccountClosed,
    Beside,
    LinkedIdentity,
    Lookups,
    Resolved,
    sealing_context,
    with_living,
)
from broker.accounts.model import accounts, email_changes, identities, people
from broker.audit.service import Audit
from broker.events.mail import enqueue_mail
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher
from broker.keys.pseudonyms import BlindIndex, Pseudonyms
from claims.profile import Profile
from providers.provider import Subject

__all__ = [
    "AccountClosed",
    "Accounts",
    "Beside",
    "IdentityTaken",
    "LastIdentity",
    "LinkedIdentity",
    "Resolved",
    "sealing_context",
    "with_living",
]


class IdentityTaken(Exception):
    """The identity already belongs to an account. ``own`` says whether to the one that asks."""

    def __init__(self, *, own: bool) -> None:
        super().__init__("identity is linked already")
        self.own = own


class LastIdentity(Exception):
    """Unlinking would leave the account without a way in."""


class Accounts(Lookups):
    """The verbs of accounts. Pure of HTTP; one instance serves all threads."""

    def __init__(
        self, cipher: FieldCipher, pseudonyms: Pseudonyms, index: BlindIndex, audit: Audit, outbox: Outbox
    ) -> None:
        super().__init__(cipher, pseudonyms)
        self._index = index
        self._audit = audit
        self._outbox = outbox

    def resolve(
        self,
        connection: Connection,
        subject: Subject,
        provider_id: str,
        profile: Profile,
        now: datetime,
        *,
        newcomer: Callable[[], None] | None = None,
    ) -> Resolved:
        """Return the account of a subject, made now if the subject is new. Never looks at the email.

        ``newcomer`` is called before an account is made, and raises what keeps it from being made.
        Raises :class:`AccountClosed` for a disabled or erased account.
        """
        row = self._identity(connection, subject)
        if row is None:
            if newcomer is not None:
                newcomer()
            try:
                with connection.begin_nested():
                    return self._create(connection, subject, provider_id, profile, now)
            except IntegrityError:
                # Another sign-in of the same subject was first; its account is the account.
                row = self._identity(connection, subject)
                if row is None:
                    raise
        if row.status != "active":
            raise AccountClosed(row.status)
        current = self._pseudonyms.current(subject)
        if row.pseudonym != current:
            taken = select(identities.c.id).where(identities.c.pseudonym == current).exists()
            connection.execute(update(identities).where(identities.c.id == row.id, ~taken).values(pseudonym=current))
        return self._resolved(row)

    def link(self, connection: Connection, account_id: str, subject: Subject, provider_id: str, now: datetime) -> str:
        """Link a subject to the account and return the identity's id.

        Raises :class:`IdentityTaken` when any account has it, :class:`AccountClosed` when this one is not active.
        """
        self.hold(connection, account_id)
        taken = self._identity(connection, subject)
        if taken is not None:
            raise IdentityTaken(own=taken.account_id == account_id)
        try:
            with connection.begin_nested():
                identity_id = self._insert_identity(connection, account_id, subject, provider_id, now)
        except IntegrityError as error:
            raise IdentityTaken(own=False) from error
        self._audit.record(
            connection, action="identity.linked", account_id=account_id, provider_id=provider_id, now=now
        )
        return identity_id

    def unlink(self, connection: Connection, account_id: str, identity_id: str, now: datetime) -> None:
        """Unlink an identity. Raises :class:`LastIdentity`, or ``LookupError`` when it is not the account's."""
        self.hold(connection, account_id)
        linked = self.identities(connection, account_id)
        identity = next((each for each in linked if each.id == identity_id), None)
        if identity is None:
            raise LookupError("the account has no such identity")
        if len(linked) == 1:
            raise LastIdentity
        connection.execute(delete(identities).where(identities.c.id == identity_id))
        self._audit.record(
            connection,
            action="identity.unlinked",
            account_id=account_id,
            provider_id=identity.provider_id,
            now=now,
        )

    def rename(self, connection: Connection, account_id: str, name: str, now: datetime) -> None:
        """Set the name. Raises ``ValueError`` for a name that :class:`Profile` does not take."""
        clean = Profile.read(name, None, None).name
        if clean is None:
            raise ValueError("not a name")
        self.hold(connection, account_id)
        sealed = self._cipher.seal(clean.encode(), sealing_context("name", account_id))
        self._change(connection, account_id, "name", now, name_sealed=sealed)

    def set_email(self, connection: Connection, account_id: str, email: str, *, verified: bool, now: datetime) -> None:
        """Set the email. ``verified``: its owner followed our link, or the provider vouches for it.

        Tells the previous address. Raises ``ValueError`` for an address that :class:`Profile` does not take.
        """
        clean = Profile.read(None, email, None).email
        if clean is None:
            raise ValueError("not an email address")
        self.hold(connection, account_id)
        previous = self.person(connection, account_id).email
        self._change(
            connection,
            account_id,
            "email",
            now,
            email_sealed=self._cipher.seal(clean.encode(), sealing_context("email", account_id)),
            email_index=self._index.of(clean),
            email_verified=verified,
        )
        if previous is not None and previous.casefold() != clean.casefold():
            enqueue_mail(
                self._outbox,
                connection,
                to=previous,
                subject="Your email address was changed",
                text=_EMAIL_CHANGED,
                now=now,
                expires_at=now + timedelta(days=2),
            )

    def erase(self, connection: Connection, account_id: str, now: datetime) -> None:
        """Erase name, email, pending links and every identity. The bare account id stays, for the audit."""
        self.hold(connection, account_id)
        for table in (people, identities, email_changes):
            connection.execute(delete(table).where(table.c.account_id == account_id))
        connection.execute(update(accounts).where(accounts.c.id == account_id).values(status="erased"))
        self._audit.record(connection, action="account.erased", account_id=account_id, now=now)

    def create_organization(self, connection: Connection, now: datetime) -> str:
        """Make the account of an organisation, which has neither person nor identities, and return its id."""
        account_id = str(uuid4())
        connection.execute(insert(accounts).values(id=account_id, kind="organization", status="active", created_at=now))
        return account_id

    def set_status(self, connection: Connection, account_id: str, status: Literal["active", "disabled"]) -> None:
        """Open or close an account. Raises ``LookupError`` when there is none, or it was erased."""
        kept = update(accounts).where(accounts.c.id == account_id, accounts.c.status != "erased")
        if connection.execute(kept.values(status=status)).rowcount != 1:
            raise LookupError("no such account")

    def _create(
        self, connection: Connection, subject: Subject, provider_id: str, profile: Profile, now: datetime
    ) -> Resolved:
        account_id = str(uuid4())
        connection.execute(insert(accounts).values(id=account_id, kind="person", status="active", created_at=now))
        name, email = profile.name, profile.email
        connection.execute(
            insert(people).values(
                account_id=account_id,
                name_sealed=self._cipher.seal(name.encode(), sealing_context("name", account_id)) if name else None,
                email_sealed=self._cipher.seal(email.encode(), sealing_context("email", account_id)) if email else None,
                email_index=self._index.of(email) if email else None,
                email_verified=profile.email_verified,
                updated_at=now,
            )
        )
        identity_id = self._insert_identity(connection, account_id, subject, provider_id, now)
        self._audit.record(
            connection, action="account.created", account_id=account_id, provider_id=provider_id, now=now
        )
        return Resolved(account_id=account_id, identity_id=identity_id, person=profile, created=True, member=False)

    def _insert_identity(
        self, connection: Connection, account_id: str, subject: Subject, provider_id: str, now: datetime
    ) -> str:
        identity_id = str(uuid4())
        connection.execute(
            insert(identities).values(
                id=identity_id,
                account_id=account_id,
                provider_id=provider_id,
                pseudonym=self._pseudonyms.current(subject),
                linked_at=now,
            )
        )
        return identity_id

    def _change(self, connection: Connection, account_id: str, field: str, now: datetime, **values: object) -> None:
        connection.execute(update(people).where(people.c.account_id == account_id).values(updated_at=now, **values))
        self._audit.record(connection, action="person.changed", account_id=account_id, detail={"field": field}, now=now)

    def hold(self, connection: Connection, account_id: str) -> None:
        """Hold the account's row, so that two changes of it cannot pass each other.

        Raises :class:`AccountClosed` when it is not active.
        """
        status = connection.execute(
            select(accounts.c.status).where(accounts.c.id == account_id).with_for_update()
        ).scalar_one_or_none()
        if status != "active":
            raise AccountClosed(status or "erased")


_EMAIL_CHANGED = """\
The email address of your account was changed, and this address no longer belongs to it.

If it was not you, sign in, end the sessions you do not know, and change the address back.
"""
