"""How much one person may ask for; counted the same whether anything comes of it or not."""

from datetime import datetime
from uuid import UUID

from broker.limits.service import Limits, Of
from broker.limits.table import Name
from broker.storage.store import ShortLived
from migrations.accounts.periods import ASKING

MOST_OPEN = 3
"""Requests of one person at a time."""
MOST_RIVALS = 10
"""Requests for one account at a time that its old address is told of. More of them are taken all the same."""

_AWAY, _HOUR = 600, 3600  # seconds


class TooMany(Exception):
    """It was asked for too often. ``retry_after``: seconds; without it, as long as nobody knows."""

    def __init__(self, retry_after: int = _HOUR) -> None:
        super().__init__("asked for too often")
        self.retry_after = retry_after


class Requests:
    """What somebody asked for and may still come to something, by a keyed hash of what they called the account.

    In the short-lived store, for as long as a request waits for its decision. Every method raises ``StoreUnavailable``.
    """

    def __init__(self, store: ShortLived, limits: Limits) -> None:
        self._store = store
        self._limits = limits

    def of(self, account_id: str) -> dict[str, UUID]:
        """Return them."""
        members = (each.split(":") for each in self._store.members(_index(account_id)))
        return {called: UUID(request_id) for called, request_id in members}

    def add(self, account_id: str, called: str, request_id: UUID) -> None:
        """Count one more."""
        self._store.commit(index=[(_index(account_id), f"{called}:{request_id}", int(ASKING.total_seconds()))])

    def drop(self, account_id: str, request_id: UUID) -> None:
        """Count one no more."""
        called = [each for each, found in self.of(account_id).items() if found == request_id]
        self._store.commit(unindex=[(_index(account_id), f"{each}:{request_id}") for each in called])

    def withdraw(self, request_id: UUID) -> None:
        """Remember that one that leads nowhere was withdrawn."""
        self._store.put(f"recovery-withdrawn:{request_id}", b"1", int(ASKING.total_seconds()))

    def is_withdrawn(self, request_id: UUID) -> bool:
        """Return whether it was."""
        return self._store.get(f"recovery-withdrawn:{request_id}") is not None

    def count_request(self, account_id: str) -> None:
        """Count one of the day. Raises :class:`TooMany`."""
        # Withdrawn ones, too: each may cause mails to somebody else.
        self._count(Of(Name.RECOVERY_ACCOUNT, account_id))

    def count_look(self, request_id: UUID, now: datetime) -> None:
        """Count one of the hour, and remember when it was. Raises :class:`TooMany`."""
        self._count(Of(Name.RECOVERY_LOOK, str(request_id)))
        self._store.put(f"recovery-looked:{request_id}", now.isoformat().encode(), 2 * int(ASKING.total_seconds()))

    def looked_at(self, request_id: UUID) -> datetime | None:
        """Return when we were last asked to look."""
        said = self._store.get(f"recovery-looked:{request_id}")
        return datetime.fromisoformat(said.decode()) if said is not None else None

    def is_away(self, host: str) -> bool:
        """Return whether a host of repositories has just not answered."""
        return self._store.get(f"recovery-away:{host}") is not None

    def is_gone(self, host: str) -> None:
        """Remember for ten minutes that a host did not answer: who looks for others, too, does not wait for it."""
        self._store.put(f"recovery-away:{host}", b"1", _AWAY)

    def _count(self, one_more: Of) -> None:
        wait = self._limits.wait(one_more)
        if wait:
            raise TooMany(wait)


def _index(account_id: str) -> str:
    return f"recovery-open:{account_id}"
