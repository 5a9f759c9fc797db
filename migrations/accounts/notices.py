"""Who is told what by mail when an account of the old world changes hands, or might."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import Connection

from broker.accounts.organizations.operators import Operators
from broker.accounts.service import Accounts
from broker.events.mail import enqueue_mail
from broker.events.service import Outbox
from migrations.accounts import links
from migrations.accounts.cases import Case, CaseKind
from migrations.accounts.links import Verb
from migrations.accounts.records import LegacyAccount

# A server that is away for days must not cost anybody their chance to say no.
_TRIED_FOR = timedelta(days=7)


class Notices:
    """Writes the mails, in the caller's transaction. ``issuer`` is where the pages are."""

    def __init__(self, *, accounts: Accounts, operators: Operators, outbox: Outbox, issuer: str, registry: str) -> None:
        self._accounts = accounts
        self._operators = operators
        self._outbox = outbox
        self._issuer = issuer
        self.registry = registry

    def old_address(
        self, connection: Connection, legacy: LegacyAccount, subject: str, text: str, now: datetime
    ) -> bool:
        """Tell the old address, and return whether there is one."""
        if legacy.told_at is None:
            return False
        about = _ABOUT.format(registry=self.registry, name=legacy.name or legacy.registry_id)
        self._mail(connection, legacy.told_at, subject, f"{text.rstrip()}\n\n{about}", now)
        return True

    def people(
        self, connection: Connection, account_ids: Iterable[str], subject: str, text: str, now: datetime
    ) -> None:
        """Tell accounts of ours, at addresses that are theirs for certain."""
        addresses: dict[str, str] = {}
        for account_id in dict.fromkeys(account_ids):
            with suppress(LookupError):  # erased meanwhile
                person = self._accounts.person(connection, account_id)
                if person.email is not None and person.email_verified:
                    addresses.setdefault(person.email.casefold(), person.email)
        for address in addresses.values():
            self._mail(connection, address, subject, text, now)

    def operators(self, connection: Connection, case: Case, now: datetime) -> None:
        """Call the operators: somebody objects, or asks for what they alone can give."""
        ids = [each.account_id for each in self._operators.all(connection)]
        text = _OPERATORS.format(
            what=_WHAT[case.kind], registry=self.registry, link=f"{self._issuer}/operator/migration/cases/{case.id}"
        )
        self.people(connection, ids, "A decision is wanted", text, now)

    def address(
        self, connection: Connection, email: str, subject: str, text: str, now: datetime, *, withheld: bool
    ) -> None:
        """Tell an address that somebody named, such as that of a future admin. ``withheld`` as in ``enqueue_mail``."""
        self._mail(connection, email, subject, text, now, withheld=withheld)

    def link(self, connection: Connection, case: Case, verb: Verb, expires_at: datetime) -> str:
        """Return the address of a new link for a mail."""
        return f"{self._issuer}/migration/{verb.value}/{links.make(connection, case.id, verb, expires_at)}"

    def page(self, path: str) -> str:
        """Return the address of a page of ours."""
        return f"{self._issuer}{path}"

    def _mail(
        self, connection: Connection, to: str, subject: str, text: str, now: datetime, *, withheld: bool = False
    ) -> None:
        enqueue_mail(
            self._outbox,
            connection,
            to=to,
            subject=subject,
            text=text,
            now=now,
            expires_at=now + _TRIED_FOR,
            withheld=withheld,
        )


def day(at: datetime) -> str:
    """Return a time as mails say it."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


_ABOUT = """\
This is about the account of this name at {registry}:

"{name}"
"""
_WHAT = {
    CaseKind.CLAIM: "the claim of an old account",
    CaseKind.LINKED: "an old account that was attached to a person by a linked sign-in",
    CaseKind.RECOVERY: "the recovery of an old account",
    CaseKind.CONVERSION: "a shared account that is to become an organisation",
}
_OPERATORS = """\
An operator has to look at {what} at {registry}.

Everything that is known about it, and what can be decided, is here:

{link}
"""
