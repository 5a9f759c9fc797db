"""What a run has seen of its file: on disk, in a file without a name that goes with the process."""

import hashlib
import secrets
import sqlite3
from collections.abc import Iterable, Mapping


class Seen:
    """Which registry ids there were; and, for a dry run, whose names and identities would be by now.

    Kept as keyed hashes, under a key that is nowhere else; memory does not grow with them.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("CREATE TABLE marks (mark BLOB PRIMARY KEY, owner TEXT) WITHOUT ROWID")

    def close(self) -> None:
        self._database.close()

    def is_first(self, registry_id: str) -> bool:
        """Return whether it was not seen before, and remember it."""
        return self._mark("seen", registry_id, None)

    def pretend(self, registry_id: str, held: Iterable[str], *, was_there: bool) -> None:
        """Remember what a dry run would have written: ``held`` are the blind index of a name, and pseudonyms."""
        if was_there:
            self._mark("rewritten", registry_id, None)
        for each in held:
            self._mark("held", each, registry_id)

    def owners(self, held: Iterable[str], written: Mapping[str, str]) -> dict[str, str]:
        """Return whose each would be, where ``written`` is whose it is in the database."""
        kept = {each: owner for each, owner in written.items() if self._owner("rewritten", owner) is None}
        found = ((each, self._owner("held", each)) for each in held)
        return kept | {each: owner[0] for each, owner in found if owner is not None}

    def _mark(self, what: str, text: str, owner: str | None) -> bool:
        done = self._database.execute("INSERT OR IGNORE INTO marks VALUES (?, ?)", (self._hashed(what, text), owner))
        return done.rowcount == 1

    def _owner(self, what: str, text: str) -> tuple[str] | None:
        found: tuple[str] | None = self._database.execute(
            "SELECT owner FROM marks WHERE mark = ?", (self._hashed(what, text),)
        ).fetchone()
        return found

    def _hashed(self, what: str, text: str) -> bytes:
        return hashlib.blake2b(f"{what}:{text}".encode(), key=self._key, digest_size=16).digest()
