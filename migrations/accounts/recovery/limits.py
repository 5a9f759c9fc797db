"""How much one person may ask for; counted the same whether anything comes of it or not."""

from datetime import datetime
from uuid import UUID

from broker.storage.store import ShortLived
from migrations.accounts.periods import ASKING

MOST_OPEN = 3
"""Requests of one person at a time."""
MOST_A_DAY = 5
"""Requests of one person, withdrawn ones too: each may cause mails to somebody else."""
MOST_RIVALS = 10
"""Requests for one account at a time that its old address is told of. More of them are taken all the same."""
MOST_LOOKS = 10
"""Looks for the marker of one request, an hour."""

_AWAY, _HOUR, _DAY = 600, 3600, 86400  # seconds


class TooMany(Exception):
    """It was asked for too often."""


class Requests:
    """What somebody asked for and may still come to something, by a keyed hash of what they called the account.

    In the short-lived store, for as long as a request waits for its decision. Every method raises ``StoreUnavailable``.
    """

    def __init__(self, store: ShortLived) -> None:
        self._store = store

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
        self._take_place(f"recovery-asked:{account_id}", MOST_A_DAY, _DAY)

    def count_look(self, request_id: UUID, now: datetime) -> None:
        """Count one of the hour, and remember when it was. Raises :class:`TooMany`."""
        self._take_place(f"recovery-look:{request_id}", MOST_LOOKS, _HOUR)
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

    def _take_place(self, bucket: str, most: int, seconds: int) -> None:
        # One step each: of two at the same time, one gets the last place.
        if not any(self._store.add(f"{bucket}:{place}", b"1", seconds) for place in range(most)):
            raise TooMany


def _index(account_id: str) -> str:
    return f"recovery-open:{account_id}"
