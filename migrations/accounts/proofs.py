"""The proofs of an attempt to claim an old account: a password, and a mailbox. The third, a sign-in, is a session.

An attempt lives an hour in the short-lived store and belongs to the browser that began it. Each proof is a mark of
its own beside it, so that they can be given in any order; what rests on them takes attempt and marks away in one step,
and can do so once. An attempt on an account that is not there looks the same from outside.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast

from broker.storage.sealed import SealedRecords, Sealer, digest
from broker.storage.store import ShortLived

LIFETIME = timedelta(hours=1)


class Proof(StrEnum):
    """What was shown in this attempt."""

    PASSWORD = "password"  # noqa: S105 - a kind of proof
    MAILBOX = "mailbox"


class PasswordNote(StrEnum):
    """What came of the last password, told once the mailbox is proven: before, it would serve to try stolen ones."""

    WRONG = "wrong"
    BREACHED = "breached"
    RIGHT = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """``registry_id`` is empty where no account was found. ``browser`` is the hash of the browser's cookie."""

    id: str
    registry_id: str
    browser: str
    started_at: datetime


class Attempts:
    """Keeps attempts and their proofs. Every method raises ``StoreUnavailable``."""

    def __init__(self, store: ShortLived, sealer: Sealer) -> None:
        self._store = store
        self._attempts = SealedRecords(store, sealer, "claim")
        self._marks = SealedRecords(store, sealer, "claim-proof")
        self._links = SealedRecords(store, sealer, "claim-link")

    def begin(self, browser: str, registry_id: str | None, now: datetime) -> Attempt:
        """Return a new attempt of the browser whose cookie is ``browser``."""
        attempt = Attempt(
            id=secrets.token_urlsafe(24), registry_id=registry_id or "", browser=digest(browser), started_at=now
        )
        self._attempts.put(attempt.id, _dump(attempt), _ttl(attempt, now))
        return attempt

    def find(self, attempt_id: str, browser: str | None, now: datetime) -> Attempt | None:
        """Return the attempt if it is alive and this browser's; otherwise none."""
        record = self._attempts.get(attempt_id)
        attempt = _load(record) if record is not None else None
        return attempt if attempt and belongs(attempt, browser) and _alive(attempt, now) else None

    def give(self, attempt: Attempt, proof: Proof, now: datetime) -> None:
        """Mark a proof as given."""
        if _alive(attempt, now):
            self._marks.put(_mark(attempt, proof), {"at": now.isoformat()}, _ttl(attempt, now))

    def proven(self, attempt: Attempt) -> frozenset[Proof]:
        """Return which proofs were given."""
        return frozenset(proof for proof in Proof if self._marks.get(_mark(attempt, proof)) is not None)

    def note(self, attempt: Attempt, note: PasswordNote, now: datetime) -> None:
        """Remember what came of a password."""
        if _alive(attempt, now):
            self._marks.put(f"{attempt.id}:note", {"note": note.value}, _ttl(attempt, now))

    def noted(self, attempt: Attempt) -> PasswordNote | None:
        """Return what came of the last password, or none where none was tried."""
        record = self._marks.get(f"{attempt.id}:note")
        return PasswordNote(cast(str, record["note"])) if record is not None else None

    def link(self, attempt: Attempt, now: datetime) -> str:
        """Return the token of a link that proves the mailbox it is sent to: 32 random bytes, until the attempt ends."""
        token = secrets.token_urlsafe(32)
        self._links.put(token, {"attempt": attempt.id}, _ttl(attempt, now))
        return token

    def of_link(self, token: str, browser: str | None, now: datetime) -> Attempt | None:
        """Return the attempt of a link if it is this browser's. Changes nothing: mail scanners follow links."""
        record = self._links.get(token)
        return self.find(cast(str, record["attempt"]), browser, now) if record is not None else None

    def follow(self, token: str, browser: str | None, now: datetime) -> Attempt | None:
        """Use a link up, and mark the mailbox as proven: in the browser that began, and once; otherwise none."""
        if self.of_link(token, browser, now) is None:
            return None  # and the link is still there for the right browser
        record = self._links.take(token)
        attempt = self.find(cast(str, record["attempt"]), browser, now) if record is not None else None
        if attempt is not None:
            self.give(attempt, Proof.MAILBOX, now)
        return attempt

    def keys(self, attempt: Attempt) -> list[str]:
        """Return the store keys that whatever rests on all proofs takes, in one step, with what it leads to."""
        return [self._attempts.key(attempt.id), *(self._marks.key(_mark(attempt, proof)) for proof in Proof)]


def belongs(attempt: Attempt, browser: str | None) -> bool:
    """Return whether the browser with this cookie began the attempt."""
    return browser is not None and secrets.compare_digest(attempt.browser, digest(browser))


def _mark(attempt: Attempt, proof: Proof) -> str:
    return f"{attempt.id}:{proof.value}"


def _alive(attempt: Attempt, now: datetime) -> bool:
    return now - attempt.started_at < LIFETIME


def _ttl(attempt: Attempt, now: datetime) -> int:
    return max(1, int((LIFETIME - (now - attempt.started_at)).total_seconds()))


def _dump(attempt: Attempt) -> dict[str, object]:
    return {
        "id": attempt.id,
        "registry_id": attempt.registry_id,
        "browser": attempt.browser,
        "started_at": attempt.started_at.isoformat(),
    }


def _load(record: dict[str, object]) -> Attempt:
    return Attempt(
        id=cast(str, record["id"]),
        registry_id=cast(str, record["registry_id"]),
        browser=cast(str, record["browser"]),
        started_at=datetime.fromisoformat(cast(str, record["started_at"])),
    )
