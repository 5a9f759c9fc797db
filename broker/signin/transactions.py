"""A transaction: one user's way in, from the registry's request to the code.

It lives ten minutes in the short-lived store, belongs to the browser that began it, and ends once: whoever
finishes it takes it away. A flow is one redirect to a provider inside it, filed under the provider's ``state``.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast

from broker.limits.service import Limits
from broker.storage.sealed import Entry, SealedRecords, Sealer, digest
from broker.storage.store import Done, ShortLived, Window
from broker.switches.service import Switches
from broker.web import navigation

LIFETIME = timedelta(minutes=10)
# How far the clock of the host that began a transaction may be ahead of that of another.
AHEAD = timedelta(minutes=1)


class Goal(StrEnum):
    """What the user came for, and so what happens once the proof is there."""

    REGISTRY = "registry"
    ACCOUNT = "account"
    LINK = "link"
    PROBE = "probe"
    DEVICE = "device"
    MAPPING = "mapping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """``payload`` is the goal's own, JSON values only. ``browser`` is the hash of the browser's cookie."""

    id: str
    goal: Goal
    payload: Mapping[str, object]
    browser: str
    started_at: datetime
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One redirect to a provider. ``challenges`` counts the automatic ones, which are at most one.

    ``tenant`` is where the user said they belong, if they did.
    """

    transaction: Transaction
    provider_id: str
    private: Mapping[str, object]
    challenges: int
    tenant: str | None = None


class Transactions:
    """Transactions and flows in the short-lived store."""

    def __init__(self, store: ShortLived, sealer: Sealer, limits: Limits, switches: Switches) -> None:
        self._store = store
        self._limits = limits
        self._switches = switches
        self._transactions = SealedRecords(store, sealer, "transaction")
        self._flows = SealedRecords(store, sealer, "flow")

    def begin(self, goal: Goal, payload: Mapping[str, object], browser: str, now: datetime) -> Transaction:
        """Return a new transaction of the browser whose cookie is ``browser``.

        Raises ``StoreUnavailable``, ``TooMany`` where too many were begun from the same address, and as
        :func:`broker.web.navigation.check`.
        """
        transaction = new(goal, payload, browser, now)
        self.keep(transaction, now)
        return transaction

    def find(self, transaction_id: str, browser: str | None, now: datetime) -> Transaction | None:
        """Return the transaction if it is alive and this browser's; otherwise none. Raises ``StoreUnavailable``."""
        key, also = self._transactions.key(transaction_id), self._switches.also()
        value, *more = self._store.get_many([key, *also])
        self._switches.saw(more, now)
        record = self._transactions.open(key, value)
        transaction = _load(record) if record else None
        return transaction if transaction and belongs(transaction, browser) and _alive(transaction, now) else None

    def refuse(self, transaction: Transaction, reason: str, now: datetime) -> None:
        """Remember why the last attempt was refused, for the answer to the registry.

        A transaction that has ended meanwhile stays ended.
        """
        if _alive(transaction, now):
            refused = replace(transaction, refused=reason)
            entry = self._entry(refused, now)
            self._store.commit(take=[self.key(transaction)], put=[entry])

    def take(self, transaction: Transaction) -> bool:
        """End the transaction. Returns whether it was still there: true for one caller only."""
        return self._transactions.take(transaction.id) is not None

    def key(self, transaction: Transaction) -> str:
        """Return the store key, to be taken in one step with what finishing it puts there."""
        return self._transactions.key(transaction.id)

    def keep(self, transaction: Transaction, now: datetime) -> None:
        """Remember a :func:`new` transaction. Raises as :meth:`begin`."""
        self._begun([self._entry(transaction, now)], now)

    def keep_flow(
        self, state: str, flow: Flow, now: datetime, look: Sequence[Window] = (), *, first: bool = False
    ) -> Sequence[int]:
        """Remember a flow until the browser returns with ``state``, and return what is in the windows of ``look``.

        ``first``: in the same step remember its transaction, which is :func:`new`. Raises as :meth:`begin`.
        """
        transaction = _dump(flow.transaction)
        record = {
            "transaction": transaction,
            "provider_id": flow.provider_id,
            "private": dict(flow.private),
            "challenges": flow.challenges,
            "tenant": flow.tenant,
        }
        ttl = _ttl(flow.transaction, now)
        entries = [self._transactions.entry(flow.transaction.id, transaction, ttl)] if first else []
        entries.append(self._flows.entry(state, record, ttl))
        return self._begun(entries, now, look).looked

    def take_flow(self, state: str, now: datetime) -> Flow | None:
        """Return the flow of ``state`` and forget it: a state is good for one return. Raises ``StoreUnavailable``."""
        key, also = self._flows.key(state), self._switches.also()
        done = self._store.step(take=[key], get=also)
        self._switches.saw(done.values, now)
        record = self._flows.open(key, done.taken[0])
        if record is None:
            return None
        transaction = _load(cast(dict[str, object], record["transaction"]))
        if not _alive(transaction, now):
            return None
        return Flow(
            transaction=transaction,
            provider_id=cast(str, record["provider_id"]),
            private=cast(dict[str, object], record["private"]),
            challenges=cast(int, record["challenges"]),
            tenant=cast(str | None, record.get("tenant")),
        )

    def _entry(self, transaction: Transaction, now: datetime) -> Entry:
        return self._transactions.entry(transaction.id, _dump(transaction), _ttl(transaction, now))

    def _begun(self, entries: Sequence[Entry], now: datetime, look: Sequence[Window] = ()) -> Done:
        navigation.check()
        also = self._switches.also()
        done = self._store.step(put=entries, count=self._limits.begun(), look=look, get=also)
        self._switches.saw(done.values, now)
        self._limits.check_begun(done)
        return done


def new(goal: Goal, payload: Mapping[str, object], browser: str, now: datetime) -> Transaction:
    """Return a transaction of the browser whose cookie is ``browser``, which nobody remembers yet."""
    return Transaction(
        id=secrets.token_urlsafe(24), goal=goal, payload=payload, browser=digest(browser), started_at=now
    )


def belongs(transaction: Transaction, browser: str | None) -> bool:
    """Return whether the browser with this cookie began the transaction."""
    return browser is not None and secrets.compare_digest(transaction.browser, digest(browser))


def _alive(transaction: Transaction, now: datetime) -> bool:
    # From the future: the clock was set back, and would give it more time than there is.
    return -AHEAD <= now - transaction.started_at < LIFETIME


def _ttl(transaction: Transaction, now: datetime) -> int:
    return max(1, int((LIFETIME - (now - transaction.started_at)).total_seconds()))


def _dump(transaction: Transaction) -> dict[str, object]:
    return {
        "id": transaction.id,
        "goal": transaction.goal.value,
        "payload": dict(transaction.payload),
        "browser": transaction.browser,
        "started_at": transaction.started_at.isoformat(),
        "refused": transaction.refused,
    }


def _load(record: Mapping[str, object]) -> Transaction:
    return Transaction(
        id=cast(str, record["id"]),
        goal=Goal(cast(str, record["goal"])),
        payload=cast(Mapping[str, object], record["payload"]),
        browser=cast(str, record["browser"]),
        started_at=datetime.fromisoformat(cast(str, record["started_at"])),
        refused=cast(str | None, record["refused"]),
    )
