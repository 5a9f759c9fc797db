"""Counting, for all processes together, in sliding windows of the short-lived store."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from broker import metrics
from broker.keys.pseudonyms import BlindIndex
from broker.limits.errors import TooMany
from broker.limits.table import TABLE, By, Name
from broker.settings.limits import LimitSettings, Rate
from broker.storage.store import Done, ShortLived, Window
from broker.web import address
from providers.provider import Subject


@dataclass(frozen=True, slots=True)
class Of:
    """A limit, and whom it counts. ``within``: at what, for limits by two things."""

    limit: Name
    subject: str
    within: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was counted, to give it back. ``room``: whether there was some in each of the hidden ones, too."""

    marks: Sequence[tuple[Sequence[str], str]]
    room: bool = True


class Raised(Protocol):
    """What is known of raises: :class:`~broker.limits.raises.Raises`."""

    def size(self, limit: str, subject: str, now: datetime) -> int: ...


class Limits:
    """Every method raises ``StoreUnavailable``, and ``OperationalError`` when raises cannot be read."""

    def __init__(
        self,
        *,
        store: ShortLived,
        index: BlindIndex,
        settings: LimitSettings,
        raises: Raised,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._index = index
        self._rates: dict[Name, Sequence[Rate]] = {name: getattr(settings, name.value) for name in Name}
        self._raises = raises
        self._clock = clock

    def of_address(self, text: str | None) -> str:
        """Return what stands for an address in keys and raises: never the address itself."""
        return self._index.of(f"address {address.canonical(text)}")

    def here(self) -> str | None:
        """Return the same of the client of the current request; none outside a request."""
        return address.keyed(lambda found: self._index.of(f"address {found}"))

    def of_email(self, email: str) -> str:
        """Return what stands for an email address, however it is written."""
        return self._index.of(email)

    def of_subject(self, subject: Subject) -> str:
        """Return what stands for somebody who has no account."""
        return self._index.of_subject(subject)

    def windows(self, *wanted: Of) -> list[Window]:
        """Return the windows of these, to be counted or looked at on a trip to the store that is made anyway."""
        return [window for each in wanted for window in self._windows(each)]

    def number(self, limit: Name) -> int:
        """Return how many windows a limit has."""
        return len(self._rates[limit])

    def count(self, *told: Of, hidden: Sequence[Of] = ()) -> Counted:
        """Count one more of each. Raises :class:`TooMany`, and counts nothing, where one of ``told`` is full.

        What fills the ``hidden`` ones is others' doing, which nobody may learn of (T12): where one of them is full,
        none of these is counted, ``room`` is false, and the store is asked as often as if there had been room.
        """
        windows = self.windows(*told)
        done = self._store.step(count=windows)
        if not done.done:
            raise self.refusal(told, done.waits)
        marks = [([each.key for each in windows], done.mark)]
        if not hidden:
            return Counted(marks=marks)
        theirs = self._count_hidden(hidden)
        return Counted(marks=[*marks, *theirs.marks], room=theirs.room)

    def room(self, *hidden: Of) -> bool:
        """Count one more of each, and return whether there was room; none is counted where one of them is full."""
        return self._count_hidden(hidden).room

    def give_back(self, counted: Counted) -> None:
        """Have it not count."""
        for keys, mark in counted.marks:
            if keys:
                self._store.uncount(keys, mark)

    def wait(self, *told: Of) -> int:
        """Count one more of each and return 0; or count nothing, and return for how many seconds there is no more."""
        try:
            self.count(*told)
        except TooMany as error:
            return error.wait
        return 0

    def refusal(self, wanted: Sequence[Of], waits: Sequence[int]) -> TooMany:
        """Return the refusal of these, by what the store said of :meth:`windows`: the longest wait counts."""
        limit, wait = self._fullest(wanted, waits)
        metrics.limit_hit(limit.value)
        return TooMany(limit, wait)

    def begun(self) -> list[Window]:
        """Return what to count with what is kept for whoever is there: one address may not fill the store."""
        here = self.here()
        return self.windows(Of(Name.BEGUN_ADDRESS, here)) if here is not None else []

    def check_begun(self, done: Done) -> None:
        """Raise :class:`TooMany` where a step that counted :meth:`begun` was not done for that."""
        if any(done.waits):
            raise self.refusal([Of(Name.BEGUN_ADDRESS, self.here() or "")], done.waits)

    def failed(self, remote: str | None, client_id: str | None, *, proven: bool = False) -> int:
        """Count a failure of a program, and return 0; or for how many seconds it is told to wait in place of why.

        What is right is never counted, and never refused: strangers behind one address lock out no client.
        ``remote`` is the address as the server has it, ``client_id`` who it says it is, ``proven``: and is.
        """
        if proven and client_id:
            return self.wait(Of(Name.API_CLIENT, client_id))
        here = self.of_address(remote)
        at_client = [Of(Name.CLIENT_AUTHENTICATION, client_id, here)] if client_id else []
        return self.wait(Of(Name.API_ADDRESS, here), *at_client)

    def _count_hidden(self, hidden: Sequence[Of]) -> Counted:
        windows = self.windows(*hidden)
        done = self._store.step(count=windows)
        if done.done:
            return Counted(marks=[([each.key for each in windows], done.mark)])
        metrics.limit_hit(self._fullest(hidden, done.waits)[0].value)
        return Counted(marks=[], room=False)

    def _windows(self, of: Of) -> list[Window]:
        least = self._raises.size(of.limit.value, of.subject, self._clock())
        # Hashed, as a subject can be anything that somebody calls themselves.
        whom = sha256(f"{len(of.subject)}:{of.subject}{of.within}".encode()).hexdigest()
        return [
            Window(f"{of.limit.value}:{rate.seconds}:{whom}", max(rate.size, least), rate.seconds)
            for rate in self._rates[of.limit]
        ]

    def _fullest(self, wanted: Sequence[Of], waits: Sequence[int]) -> tuple[Name, int]:
        limits = [each.limit for each in wanted for _ in self._rates[each.limit]]
        wait, limit = max(zip(waits, limits, strict=True), key=lambda each: each[0])
        return limit, wait


# Ids of ours, of registries and of operators: what the audit record takes. No address is one.
_ID = re.compile(r"[A-Za-z0-9._:/+-]{1,200}", re.ASCII)
_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)


def subject_of(limit: Name, given: str, limits: Limits) -> str:
    """Return what a limit is raised for, by what an operator calls it. Raises ``ValueError`` for what it cannot be."""
    by = TABLE[limit].by[0]
    if by is By.ADDRESS:
        if address.canonical(given) == address.UNKNOWN:
            raise ValueError("not an address")
        return limits.of_address(given)
    if by is By.EMAIL:
        if "@" not in given:
            raise ValueError("not an address of mail")
        return limits.of_email(given)
    if by is By.ALL and given != By.ALL:
        raise ValueError("everybody counts together")
    if not (_CLIENT_ID if by is By.CLIENT else _ID).fullmatch(given):
        raise ValueError("not an id")
    return given
