"""In the end: what was acknowledged, and is it there?"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

import psycopg

from broker.composition.foundation import lay
from broker.settings import load
from tests.soak.estate import Estate
from tests.soak.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Of so many that were acknowledged, how many are not there."""

    what: str
    acknowledged: int
    missing: int


def check(estate: Estate, ledger: Ledger, patience: float) -> list[Check]:
    """Return what came of each check. ``patience``: seconds for the worker to catch up."""
    with psycopg.connect(estate.parts["postgresql"].url, autocommit=True) as connection:
        rows = _Rows(connection)
        _wait(lambda: not _untold(ledger, rows), patience)
        return [*_people(ledger, rows), *_entries(ledger, rows), _emails(estate, ledger, rows), *_told(ledger, rows)]


class _Rows:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def __call__(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode()).fetchall()


def _people(ledger: Ledger, rows: _Rows) -> list[Check]:
    kept = ledger.acknowledged
    accounts = {each for (each,) in rows("SELECT id FROM accounts WHERE status = 'active'")}
    identities = _counted(rows("SELECT account_id, count(*) FROM identities GROUP BY 1"))
    consents = set(rows("SELECT account_id, client_id FROM consents"))
    return [
        Check(what="accounts", acknowledged=len(kept.accounts), missing=len(kept.accounts - accounts)),
        Check(
            what="identities linked",
            acknowledged=kept.links.total(),
            missing=sum(identities[each] < 1 + number for each, number in kept.links.items()),
        ),
        Check(
            what="accounts without an identity",
            acknowledged=len(kept.accounts),
            missing=sum(identities[each] < 1 for each in kept.accounts),
        ),
        Check(what="consents", acknowledged=len(kept.consents), missing=len(kept.consents - consents)),
    ]


def _entries(ledger: Ledger, rows: _Rows) -> list[Check]:
    kept = ledger.acknowledged
    found: Counter[tuple[str, str | None, str]] = Counter(
        {
            (account, client, action): number
            for account, client, action, number in rows(
                "SELECT account_id, client_id, action, count(*) FROM audit_entries WHERE account_id IS NOT NULL"
                " GROUP BY 1, 2, 3"
            )
        }
    )

    def missing(said: Counter[Any], count: Callable[[Any], int]) -> int:
        return sum(max(0, number - count(each)) for each, number in said.items())

    # A live session and a consent given in it are one entry.
    ways = ("signin.satisfied", "signin.reused", "consent.given")
    ended = Counter(dict.fromkeys(kept.accounts, 0))
    for (account, _, action), number in found.items():
        ended[account] += number if action == "session.ended" else 0
    return [
        Check(
            what="audit entries of sign-ins",
            acknowledged=kept.sign_ins.total(),
            missing=missing(kept.sign_ins, lambda each: sum(found[each[0], each[1], way] for way in ways)),
        ),
        Check(
            what="audit entries of devices let in",
            acknowledged=kept.devices.total(),
            missing=missing(kept.devices, lambda each: found[each[0], each[1], "device.approved"]),
        ),
        Check(
            what="audit entries of sign-outs",
            acknowledged=kept.sign_outs.total(),
            missing=missing(kept.sign_outs, lambda each: ended[each]),
        ),
    ]


def _emails(estate: Estate, ledger: Ledger, rows: _Rows) -> Check:
    """Look for each confirmed address by its blind index, in which it can be found and not read."""
    base = lay(load(estate.config), clock=lambda: (_ for _ in ()).throw(AssertionError("nothing is timed here")))
    held = dict(rows("SELECT account_id, email_index FROM people"))
    wanted = ledger.acknowledged.emails
    missing = sum(
        held.get(account) not in {base.index.of(address), base.index.of(address.casefold())}
        for account, addresses in wanted.items()
        for address in list(addresses)[-1:]
    )
    base.store.close()
    base.database.dispose()
    return Check(what="addresses confirmed", acknowledged=len(wanted), missing=missing)


def _untold(ledger: Ledger, rows: _Rows) -> set[tuple[str, str]]:
    del rows
    with ledger.lock:
        return {each for each in ledger.acknowledged.told if not ledger.logouts[each]}


def _told(ledger: Ledger, rows: _Rows) -> list[Check]:
    """Whoever has not been told yet is to be: what a killed worker had taken waits until its lease is over."""
    waiting = _counted(rows(_WAITING))
    untold = Counter(client for client, _ in _untold(ledger, rows))
    lost = sum(max(0, number - waiting[client]) for client, number in untold.items())
    return [Check(what="logouts told or waiting to be", acknowledged=len(ledger.acknowledged.told), missing=lost)]


def _counted(rows: list[tuple[Any, ...]]) -> Counter[str]:
    return Counter(dict(rows))


_WAITING = "SELECT subject, count(*) FROM outbox WHERE kind = 'backchannel_logout' GROUP BY 1"


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = monotonic() + seconds
    while not done() and monotonic() < deadline:
        sleep(0.2)


def audit_verifies(estate: Estate) -> str:
    """Return what ``vestibule audit verify`` says. Raises :class:`RuntimeError` where it does not."""
    return estate.vestibule("audit", "verify").strip()
