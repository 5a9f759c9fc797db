"""The proofs of an attempt to claim an old account: a password, and a mailbox. The third, a sign-in, is a session.

An attempt lives an hour in the short-lived store and belongs to the browser that began it. Each proof is a mark of
its own beside it, so that they can be given in any order; what rests on them takes attempt and marks away in one step,
and can do so once. An attempt on an account that is not there looks the same from outside, and asks the store as often.
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
    UNSEEN = "unseen"  # others had tried too many, and this one was not looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """``registry_id`` is empty where no account was found. ``browser`` is the hash of the browser's cookie."""

    id: str
    registry_id: str
    browser: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was given in an attempt. Whether it holds depends on what the account is by then.

    ``note`` is of the last password. ``hash_digest``: of the hash that one of them was right for. ``address``: the
    blind index of the address that the link went to.
    """

    note: PasswordNote | None
    hash_digest: str | None
    address: str | None


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

    def given(self, attempt: Attempt) -> Given:
        """Return what was given, by one question to the store, whatever it is."""
        password, mailbox = self._marks.get_by_digests([digest(_mark(attempt, proof)) for proof in Proof])
        return Given(
            note=PasswordNote(cast(str, password["note"])) if password is not None else None,
            hash_digest=cast("str | None", password["hash"]) if password is not None else None,
            address=cast(str, mailbox["address"]) if mailbox is not None else None,
        )

    def note(self, attempt: Attempt, note: PasswordNote, hash_digest: str | None, now: datetime) -> None:
        """Remember what came of a password, and of which hash one was the right one: as much for any of them."""
        if _alive(attempt, now):
            record = {"note": note.value, "hash": hash_digest}
            self._marks.put(_mark(attempt, Proof.PASSWORD), record, _ttl(attempt, now))

    def link(self, attempt: Attempt, address: str | None, now: datetime) -> str:
        """Return the token of a link that proves the mailbox it is sent to: 32 random bytes, until the attempt ends.

        ``address``: the blind index of where it goes; one that goes nowhere proves nothing.
        """
        token = secrets.token_urlsafe(32)
        self._links.put(token, {"attempt": attempt.id, "address": address}, _ttl(attempt, now))
        return token

    def of_link(self, token: str, browser: str | None, now: datetime) -> Attempt | None:
        """Return the attempt of a link if it is this browser's. Changes nothing: mail scanners follow links."""
        return self._of_record(self._links.get(token), browser, now)

    def follow(self, token: str, browser: str | None, now: datetime) -> Attempt | None:
        """Use a link up, and mark the mailbox as proven: in the browser that began, and once; otherwise none."""
        if self.of_link(token, browser, now) is None:
            return None  # and the link is still there for the right browser
        record = self._links.take(token)
        attempt = self._of_record(record, browser, now)
        if attempt is not None and record is not None:
            self._marks.put(_mark(attempt, Proof.MAILBOX), {"address": record["address"]}, _ttl(attempt, now))
        return attempt

    def keys(self, attempt: Attempt) -> list[str]:
        """Return the store keys that whatever rests on all proofs takes, in one step, with what it leads to."""
        return [self._attempts.key(attempt.id), *(self._marks.key(_mark(attempt, proof)) for proof in Proof)]

    def _of_record(self, record: dict[str, object] | None, browser: str | None, now: datetime) -> Attempt | None:
        if record is None or record["address"] is None:
            return None
        return self.find(cast(str, record["attempt"]), browser, now)


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
