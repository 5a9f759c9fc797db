"""The mailbox of an old account, proven by a link that goes to the address the account has, and to no other."""

from datetime import datetime
from secrets import compare_digest

from sqlalchemy import Connection

from broker.events.mail import enqueue_mail
from broker.events.service import Outbox
from broker.keys.pseudonyms import BlindIndex
from broker.limits.errors import TooMany
from broker.limits.service import Limits, Of
from broker.limits.table import Name
from migrations.accounts.claiming import words
from migrations.accounts.proofs import LIFETIME, Attempt, Attempts, Given, Proof
from migrations.accounts.records import Ledger, LegacyAccount


class Mailboxes:
    """Sends the links, and knows which proofs hold: an account may get another address, or password, meanwhile.

    ``issuer`` is where the pages are, ``registry`` what the registry is called.
    """

    def __init__(
        self,
        *,
        attempts: Attempts,
        ledger: Ledger,
        index: BlindIndex,
        limits: Limits,
        outbox: Outbox,
        issuer: str,
        registry: str,
    ) -> None:
        self._attempts = attempts
        self._ledger = ledger
        self._index = index
        self._limits = limits
        self._outbox = outbox
        self._issuer = issuer
        self._registry = registry

    def send(self, connection: Connection, attempt: Attempt, now: datetime, *, person: str | None = None) -> None:
        """Send a link to the account's confirmed address, if it has one and the limits allow.

        Otherwise as much is written, and nobody ever gets it: how long this takes must not tell either. An address from
        which enough were asked for causes nothing. ``person``: the account of ours that signed in just now, with MFA.
        Raises ``StoreUnavailable``.
        """
        legacy = self._ledger.get(connection, attempt.registry_id)
        mailbox = legacy.mailbox if legacy is not None else None
        known = Proof.PASSWORD in self.proven(attempt, legacy)
        address = self._index.of(mailbox or "")
        try:
            to = self._to(address if mailbox else attempt.id, person, known)
            room = self._limits.count(self._from(attempt, person), hidden=[to]).room
        except TooMany:
            return
        sent = mailbox if room else None
        token = self._attempts.link(attempt, address if sent else None, now)
        name = legacy.name if legacy is not None else None
        text = words.MAIL.format(
            registry=self._registry, name=name or attempt.registry_id, link=f"{self._issuer}/claim/link/{token}"
        )
        self._enqueue(connection, sent, text, now, attempt.started_at + LIFETIME)

    def follow(self, token: str, browser: str | None, now: datetime) -> Attempt | None:
        """Use a link up, in the browser that began, and return the attempt whose mailbox it proves; otherwise none."""
        return self._attempts.follow(token, browser, now)

    def proven(self, attempt: Attempt, legacy: LegacyAccount | None) -> frozenset[Proof]:
        """Return which proofs of an attempt hold now, as :meth:`holding`."""
        return self.holding(self._attempts.given(attempt), legacy)

    def holding(self, given: Given, legacy: LegacyAccount | None) -> frozenset[Proof]:
        """Return which proofs hold: of the hash and the mailbox that the account has still; of no account, none."""
        if legacy is None:
            return frozenset()
        mailbox = self._index.of(legacy.mailbox) if legacy.mailbox is not None else None
        held = {Proof.PASSWORD: (given.hash_digest, legacy.hash_digest), Proof.MAILBOX: (given.address, mailbox)}
        return frozenset(proof for proof, (shown, wanted) in held.items() if _same(shown, wanted))

    def _from(self, attempt: Attempt, person: str | None) -> Of:
        """Return the limit of whoever asks: by address, as browsers are made at will; or by who signed in."""
        whence = f"person:{person}" if person is not None else self._limits.here() or attempt.browser
        return Of(Name.CLAIM_MAIL_ADDRESS, whence)

    def _to(self, address: str, person: str | None, known: bool) -> Of:
        """Return the limit of the address it goes to.

        Whoever has the password, or signed in, has mails of their own: a stranger must not be able to use them up.
        """
        if known:
            return Of(Name.CLAIM_MAIL_KNOWN, address)
        if person is not None:
            return Of(Name.CLAIM_MAIL_PERSON, person, address)
        return Of(Name.CLAIM_MAIL_ACCOUNT, address)

    def _enqueue(self, connection: Connection, to: str | None, text: str, now: datetime, expires_at: datetime) -> None:
        enqueue_mail(
            self._outbox,
            connection,
            to=to or "",
            subject=f"Your account at {self._registry}",
            text=text,
            now=now,
            expires_at=expires_at,
            withheld=to is None,
        )


def _same(shown: str | None, wanted: str | None) -> bool:
    return shown is not None and wanted is not None and compare_digest(shown, wanted)
