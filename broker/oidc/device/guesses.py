"""How many wrong user codes may be tried (RFC 8628 section 5.1).

An attempt takes its place before the code is looked up, and gives it back when the code was right: parallel guesses
cannot get past the limit together. A refused attempt gives its place back too, so the counts stay bounded.
"""

import secrets
from collections.abc import Sequence

from broker.storage.sealed import digest
from broker.storage.store import ShortLived

MOST_EACH = 10
MOST_OF_ALL = 1000
WINDOW = 600  # seconds
_ALL = "device-guesses"


class Guesses:
    """Counts in the short-lived store."""

    def __init__(self, store: ShortLived) -> None:
        self._store = store

    def begin(self, who: Sequence[str], *, strangers: bool) -> "Guess | None":
        """Return the attempt, counted; none when there were too many. Raises ``StoreUnavailable``.

        ``who`` are the names it counts against, each for itself. ``strangers``: nobody is signed in, so it counts
        against the limit that they all share as well.
        """
        limits = {f"{_ALL}:{digest(each)}": MOST_EACH for each in who}
        # Browsers are made at will, accounts are not: strangers may use up what strangers have, and nothing else.
        if strangers:
            limits[_ALL] = MOST_OF_ALL
        guess = Guess(self._store, tuple(limits))
        if any(len(self._store.members(name)) > most for name, most in limits.items()):
            guess.take_back()
            return None
        return guess


class Guess:
    """One attempt."""

    def __init__(self, store: ShortLived, counts: Sequence[str]) -> None:
        self._store = store
        self._counts = counts
        self._id = secrets.token_urlsafe(16)
        store.commit(index=[(name, self._id, WINDOW) for name in counts])

    def take_back(self) -> None:
        """Count it no more: it was right, or was not made."""
        self._store.commit(unindex=[(name, self._id) for name in self._counts])
