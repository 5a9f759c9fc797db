"""Marks in the short-lived store that end access tokens before their time."""

from datetime import datetime
from typing import Protocol

from broker.signin.sessions import REDEMPTION_GRACE, revocation_key
from broker.storage.store import ShortLived
from broker.switches.service import Switches


class Marked(Protocol):
    """What is looked at of a token."""

    @property
    def jti(self) -> str: ...
    @property
    def grant(self) -> str: ...
    @property
    def sid(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def account_id(self) -> str: ...
    @property
    def issued_at(self) -> int: ...


class Marks:
    """A mark outlives every token that it ends. ``lifetime`` is an access token's, in seconds."""

    def __init__(self, store: ShortLived, lifetime: int, switches: Switches) -> None:
        self._store = store
        self._ttl = lifetime + REDEMPTION_GRACE
        self._switches = switches

    def ended(self, token: Marked, now: datetime) -> bool:
        """Return whether anything ended this token: one command, which brings the kill switches along.

        Raises ``StoreUnavailable``.
        """
        keys = (
            _account(token.account_id),
            _client(token.account_id, token.client_id),
            revocation_key(token.jti),
            revocation_key(token.grant),
            revocation_key(token.sid),
        )
        found = self._store.get_many([*keys, *self._switches.also()])
        self._switches.saw(found[len(keys) :], now)
        everything, at_client, *others = found[: len(keys)]
        moments = [int(mark) for mark in (everything, at_client) if mark is not None]
        return any(mark is not None for mark in others) or any(token.issued_at <= moment for moment in moments)

    def end_token(self, jti: str) -> None:
        """End one token (RFC 7009)."""
        self._store.put(revocation_key(jti), b"1", self._ttl)

    def end_grant(self, grant: str) -> None:
        """End every token of a grant, such as of a code used twice (RFC 6749 section 4.1.2)."""
        self._store.put(revocation_key(grant), b"1", self._ttl)

    def end_client(self, account_id: str, client_id: str, now: datetime) -> None:
        """End the tokens that a client has for an account until now."""
        self._store.put(_client(account_id, client_id), str(int(now.timestamp())).encode(), self._ttl)

    def end_account(self, account_id: str, now: datetime) -> None:
        """End the tokens that anybody has for an account until now."""
        self._store.put(_account(account_id), str(int(now.timestamp())).encode(), self._ttl)


def _account(account_id: str) -> str:
    return revocation_key(f"account:{account_id}")


def _client(account_id: str, client_id: str) -> str:
    return revocation_key(f"account:{account_id}:{client_id}")
