"""The mailbox of an old account, proven by a link that goes to the address the account has, and to no other."""

from datetime import datetime
from secrets import compare_digest

from sqlalchemy import Connection

from broker.accounts.limits import MailLimit
from broker.events.mail import enqueue_mail
from broker.events.service import Outbox
from broker.keys.pseudonyms import BlindIndex
from broker.storage.sealed import SealedRecords, Sealer
from broker.storage.store import ShortLived
from migrations.accounts.claiming import words
from migrations.accounts.proofs import LIFETIME, Attempt, Attempts, Proof
from migrations.accounts.records import Ledger, LegacyAccount

_SECONDS = int(LIFETIME.total_seconds())
# Nobody's, for ever (RFC 2606, section 2).
_NOWHERE = "nobody@decoy.invalid"


class Mailboxes:
    """Sends the links and remembers which address each one went to: an account may get another one meanwhile.

    ``issuer`` is where the pages are, ``registry`` what the registry is called.
    """

    def __init__(
        self,
        *,
        attempts: Attempts,
        ledger: Ledger,
        index: BlindIndex,
        limit: MailLimit,
        outbox: Outbox,
        store: ShortLived,
        sealer: Sealer,
        issuer: str,
        registry: str,
    ) -> None:
        self._attempts = attempts
        self._ledger = ledger
        self._index = index
        self._limit = limit
        self._outbox = outbox
        self._addresses = SealedRecords(store, sealer, "claim-mailbox")
        self._issuer = issuer
        self._registry = registry

    def send(self, connection: Connection, attempt: Attempt, now: datetime) -> None:
        """Send a link to the account's confirmed address, if it has one and the limits allow.

        Otherwise as much is written, and nobody ever gets it: how long this takes must not tell either. Raises
        ``StoreUnavailable``.
        """
        legacy = self._ledger.get(connection, attempt.registry_id)
        mailbox = legacy.mailbox if legacy is not None else None
        # Whoever has the password has mails of their own: a stranger must not be able to use them up.
        known = "known" if Proof.PASSWORD in self._attempts.proven(attempt) else "claim"
        allowed = self._limit.allows(f"claim:{attempt.browser}", f"{known}:{mailbox or attempt.id}")
        token = self._attempts.link(attempt, now)
        name = legacy.name if legacy is not None else None
        text = words.MAIL.format(
            registry=self._registry, name=name or attempt.registry_id, link=f"{self._issuer}/claim/link/{token}"
        )
        if mailbox is not None and allowed:
            self._addresses.put(token, {"address": self._index.of(mailbox)}, _SECONDS)
            self._enqueue(connection, mailbox, text, now, attempt.started_at + LIFETIME)
        else:
            # Expired before it is due, so that it is dropped and never tried.
            self._enqueue(connection, _NOWHERE, text, now + LIFETIME, now)

    def follow(self, token: str, browser: str | None, now: datetime) -> Attempt | None:
        """Use a link up, in the browser that began, and return the attempt whose mailbox it proves; otherwise none."""
        sent = self._addresses.get(token)
        attempt = self._attempts.follow(token, browser, now) if sent is not None else None
        if attempt is not None and sent is not None:
            self._addresses.put(attempt.id, sent, _SECONDS)
        return attempt

    def proven(self, attempt: Attempt, legacy: LegacyAccount | None) -> frozenset[Proof]:
        """Return which proofs hold: the mailbox only if it is the account's still, and nothing of no account."""
        if legacy is None:
            return frozenset()
        given = self._attempts.proven(attempt)
        return given if Proof.MAILBOX in given and self._is_current(attempt, legacy) else given - {Proof.MAILBOX}

    def key(self, attempt: Attempt) -> str:
        """Return the store key to take together with :meth:`Attempts.keys`."""
        return self._addresses.key(attempt.id)

    def _is_current(self, attempt: Attempt, legacy: LegacyAccount) -> bool:
        sent = self._addresses.get(attempt.id)
        if sent is None or legacy.mailbox is None:
            return False
        return compare_digest(str(sent["address"]), self._index.of(legacy.mailbox))

    def _enqueue(self, connection: Connection, to: str, text: str, now: datetime, expires_at: datetime) -> None:
        subject = f"Your account at {self._registry}"
        enqueue_mail(self._outbox, connection, to=to, subject=subject, text=text, now=now, expires_at=expires_at)
