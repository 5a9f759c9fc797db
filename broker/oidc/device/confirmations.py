"""A question put to one person: the page that shows a device's request, for ten minutes, in one browser and session."""

import secrets
from dataclasses import dataclass
from typing import cast

from broker.signin.transactions import LIFETIME
from broker.storage.sealed import Entry, SealedRecords, Sealer, digest
from broker.storage.store import ShortLived


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """``key`` is taken from the store by whatever answers it; ``session`` is the hashed token of its session."""

    key: str
    user_code: str
    session: str


class Confirmations:
    """Confirmations in the short-lived store."""

    def __init__(self, store: ShortLived, sealer: Sealer) -> None:
        self._store = store
        self._records = SealedRecords(store, sealer, "device-confirmation")

    def begin(self, user_code: str, *, session: str, browser: str) -> str:
        """Return the handle of a confirmation that exists from now on. Raises ``StoreUnavailable``."""
        handle, entry = self.entry(user_code, session=session, browser=browser)
        self._store.put(*entry)
        return handle

    def entry(self, user_code: str, *, session: str, browser: str) -> tuple[str, Entry]:
        """Return the handle of a confirmation, and the store entry that makes it exist. ``browser``: hashed."""
        handle = secrets.token_urlsafe(24)
        record = {"user_code": user_code, "session": session, "browser": browser}
        return handle, self._records.entry(handle, record, int(LIFETIME.total_seconds()))

    def find(self, handle: str, browser: str | None) -> Confirmation | None:
        """Return the confirmation if it was put to this browser. Raises ``StoreUnavailable``."""
        record = self._records.get(handle)
        if record is None or browser is None:
            return None
        if not secrets.compare_digest(cast(str, record["browser"]), digest(browser)):
            return None
        return Confirmation(
            key=self._records.key(handle),
            user_code=cast(str, record["user_code"]),
            session=cast(str, record["session"]),
        )
