"""What the admins of an organisation are told by mail."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from broker.accounts.organizations.model import organizations
from broker.accounts.organizations.people import admins_of
from broker.accounts.service import Accounts
from broker.events.mail import enqueue_mail
from broker.events.service import Outbox

_TRIED_FOR = timedelta(days=2)


class Notices:
    """Writes the mails. ``issuer`` is where the pages are."""

    def __init__(self, accounts: Accounts, outbox: Outbox, issuer: str) -> None:
        self._accounts = accounts
        self._outbox = outbox
        self._issuer = issuer

    def tell_admins(
        self,
        connection: Connection,
        organization_id: str,
        subject: str,
        text: str,
        now: datetime,
        also: Iterable[str] = (),
    ) -> None:
        """Write a mail to every admin, and to the accounts in ``also``, in the transaction.

        It goes to verified addresses alone: any other may be a stranger's. What the mail is about, the
        organisation's name and its page, is added to ``text``.
        """
        name = connection.execute(
            select(organizations.c.name).where(organizations.c.id == organization_id)
        ).scalar_one()
        about = _ABOUT.format(name=name, link=f"{self._issuer}/organizations/{organization_id}")
        for address in self._addresses(connection, (*admins_of(connection, organization_id), *also)):
            enqueue_mail(
                self._outbox,
                connection,
                to=address,
                subject=subject,
                text=f"{text.rstrip()}\n\n{about}",
                now=now,
                expires_at=now + _TRIED_FOR,
            )

    def _addresses(self, connection: Connection, account_ids: Iterable[str]) -> list[str]:
        """Return each address once, whoever shares it."""
        found: dict[str, str] = {}
        for account_id in dict.fromkeys(account_ids):
            # An account that was erased meanwhile has nobody to tell.
            with suppress(LookupError):
                person = self._accounts.person(connection, account_id)
                if person.email is not None and person.email_verified:
                    found.setdefault(person.email.casefold(), person.email)
        return list(found.values())

    def name_of(self, connection: Connection, account_id: str) -> str:
        """Return what an admin is called, for the others."""
        person = self._accounts.person(connection, account_id)
        return person.name or person.email or "somebody without a name"


_ABOUT = """\
This is about the organisation of this name:

"{name}"

{link}
"""

WHAT: Mapping[str, str] = {
    "rule": "looser rules for the organisation",
    "tenant_rule": "looser rules for one of its tenants",
    "promote": "a member becomes an admin",
    "demote": "an admin becomes an ordinary member",
    "remove_admin": "an admin is removed",
    "tenant": "another tenant is mapped",
    "resume": "a suspended tenant is admitted again",
    "release": "a tenant is given up",
    "attest": "an authentication context of a tenant counts as proof",
}
"""What a change does, by its kind."""


def asked_for(kind: str, effective_at: datetime, who: str, loosened: Sequence[str]) -> tuple[str, str]:
    """Return subject and text for a change that waits. ``loosened``: in words, what a rule would ask for then."""
    when = effective_at.strftime("%Y-%m-%d %H:%M UTC")
    lines = "".join(f"- {each}\n" for each in loosened)
    then = _LOOSENED.format(lines=lines) if loosened else ""
    return f"Asked for: {WHAT[kind]}", _ASKED_FOR.format(what=WHAT[kind], when=when, who=who, then=then)


def stopped(kind: str) -> tuple[str, str]:
    """Return subject and text for a change that was stopped."""
    return f"Stopped: {WHAT[kind]}", _STOPPED.format(what=WHAT[kind])


def in_effect(kind: str) -> tuple[str, str]:
    """Return subject and text for a change that took effect."""
    return f"In effect: {WHAT[kind]}", _IN_EFFECT.format(what=WHAT[kind])


def overtaken(kind: str) -> tuple[str, str]:
    """Return subject and text for a change that did not take effect when it was due."""
    return f"Did not take effect: {WHAT[kind]}", _OVERTAKEN.format(what=WHAT[kind])


_ASKED_FOR = """\
An admin of your organisation asked for a change: {what}.

Asked for by:
"{who}"

{then}It takes effect at {when}. Until then every admin can stop it, on the organisation's page.

If none of you should have asked for it, stop it now, and have that admin end all sessions on their account page.
"""
_LOOSENED = """\
What the rule would ask for then:
{lines}
"""
_OVERTAKEN = """\
A change that was asked for in your organisation was due, and did not take effect: {what}.

Whoever asked for it is no admin any more, or what it was about has changed since. If it is still wanted, an admin
asks for it again.
"""
_STOPPED = """\
A change that an admin of your organisation had asked for was stopped: {what}.

It does not take effect. There is nothing to do.
"""
_IN_EFFECT = """\
A change that an admin of your organisation asked for has taken effect: {what}.

If it should not have, an admin can take it back on the organisation's page.
"""
