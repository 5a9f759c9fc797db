"""How many mails one account may cause, and how many one address may be sent."""

from broker.keys.pseudonyms import BlindIndex
from broker.storage.store import ShortLived

MOST_AN_HOUR = 5
_HOUR = 3600  # seconds


class MailLimit:
    """Counts in the short-lived store, atomically: a place is either free or taken for an hour."""

    def __init__(self, store: ShortLived, index: BlindIndex) -> None:
        self._store = store
        self._index = index

    def allows(self, account_id: str, email: str) -> bool:
        """Return whether one more mail may go out, and count it. Raises ``StoreUnavailable``."""
        # The address itself is never a key: its blind index is.
        buckets = (f"mail-account:{account_id}", f"mail-address:{self._index.of(email)}")
        return all(self._take_place(bucket) for bucket in buckets)

    def _take_place(self, bucket: str) -> bool:
        return any(self._store.add(f"{bucket}:{place}", b"1", _HOUR) for place in range(MOST_AN_HOUR))
