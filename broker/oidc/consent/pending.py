"""A question under way: the request that needs an answer, kept for ten minutes."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from broker.oidc import request as requests
from broker.oidc.request import AuthorizationRequest
from broker.signin.transactions import LIFETIME
from broker.storage.sealed import Entry, SealedRecords, Sealer, digest
from broker.storage.store import ShortLived


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``asked_at`` is when the registry asked. ``sid`` is the session that it was put to."""

    request: AuthorizationRequest
    sid: str
    asked_at: datetime


class PendingConsents:
    """Questions in the short-lived store."""

    def __init__(self, store: ShortLived, sealer: Sealer) -> None:
        self._records = SealedRecords(store, sealer, "consent")

    def entry(self, request: AuthorizationRequest, *, sid: str, browser: str, asked_at: datetime) -> tuple[str, Entry]:
        """Return the handle of a question, and the store entry that makes it exist. ``browser``: hashed."""
        handle = secrets.token_urlsafe(24)
        record = {
            "request": requests.dump(request),
            "sid": sid,
            "browser": browser,
            "asked_at": asked_at.isoformat(),
        }
        return handle, self._records.entry(handle, record, int(LIFETIME.total_seconds()))

    def find(self, handle: str, browser: str | None, sid: str) -> Question | None:
        """Return the question if it was put to this browser and session. Raises ``StoreUnavailable``."""
        record = self._records.get(handle)
        if record is None or browser is None or record["sid"] != sid:
            return None
        if not secrets.compare_digest(str(record["browser"]), digest(browser)):
            return None
        return Question(
            request=requests.load(cast(Mapping[str, object], record["request"])),
            sid=sid,
            asked_at=datetime.fromisoformat(cast(str, record["asked_at"])),
        )

    def key(self, handle: str) -> str:
        """Return the store key, to be taken in one step with what the answer leads to."""
        return self._records.key(handle)
