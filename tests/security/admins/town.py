"""A broker with two organisations and everybody around them, which is put back to how it was after each deed."""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import requests

from broker.storage.memory import MemoryStore
from tests.organizations import Organization
from tests.security.admins.people import STALE, Who
from tests.security.admins.rules import Rule
from tests.security.admins.samples import Sample
from tests.security.table.house import without_cookies
from tests.world import TIMEOUT, World

ELEVEN_MINUTES = timedelta(minutes=11)
# Of the store: values by key, and the members of indexes. Of the database: rows by table.
Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What somebody's browser and program have. Empty for nobody."""

    cookies: str
    form_token: str
    access_token: str = ""


@dataclass(kw_only=True)
class Town:
    """``things`` are ids and what else addresses and forms name, by name.

    ``people`` have the credentials of whoever is not stale.
    """

    world: World
    organization: Organization
    other: Organization
    people: Mapping[Who, Credentials]
    things: Mapping[str, str]
    http: requests.Session = field(default_factory=without_cookies, repr=False)

    def __post_init__(self) -> None:
        self._file = sqlite3.connect(self.world.raw["database"]["url"].removeprefix("sqlite:///"))
        # Putting everything back is often, and need not outlive a power failure.
        self._file.execute("PRAGMA synchronous=OFF")
        self._kept = sqlite3.connect(":memory:")
        self._file.backup(self._kept)
        store = self._store
        # What is compared must not change by being old: on a slow machine that takes less than all the tests do.
        at = store._clock()
        store._clock = lambda: at
        self._values, self._indexes = dict(store._values), _copied(store._indexes)
        self._windows = _copied(store._windows)
        self.as_it_was = self.content()

    def close(self) -> None:
        """Give back the connections."""
        self._file.close()
        self._kept.close()

    @property
    def _store(self) -> MemoryStore:
        store = self.world.parts.store
        assert isinstance(store, MemoryStore)
        return store

    def content(self) -> Content:
        """Return all there is: every row of every table, and what the short-lived store has."""
        tables = self._file.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        rows = {name: self._file.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in tables}
        store = self._store
        return {
            **rows,
            "values of the store": {name: value for name, (value, _) in store._values.items()},
            "indexes of the store": {name: set(of) for name, of in store._indexes.items()},
        }

    def changed(self) -> set[str]:
        """Return the tables, and the parts of the store, that are not as they were."""
        return differing(self.as_it_was, self.content())

    def put_back(self) -> None:
        """Have everything as it was."""
        self._kept.backup(self._file)
        store = self._store
        store._values, store._indexes = dict(self._values), _copied(self._indexes)
        store._windows = _copied(self._windows)
        store._members = sum(map(len, (*self._indexes.values(), *self._windows.values())))

    @contextmanager
    def moment(self, who: Who) -> Iterator[None]:
        """Be at the time in which somebody acts: eleven minutes later for who is stale."""
        self.world.clock.move(ELEVEN_MINUTES if who in STALE else timedelta(0))
        try:
            yield
        finally:
            self.world.clock.offset = timedelta(0)

    def address(self, rule: str, sample: Sample, things: Mapping[str, str] | None = None) -> str:
        """Return an address of a rule."""
        known = things or self.things

        def part(found: re.Match[str]) -> str:
            name = sample.ids.get(found[1], found[1])
            return known.get(name, name)

        return re.sub(r"<(\w+)>", part, rule)

    def ask(self, who: Who, rule: Rule, sample: Sample, things: Mapping[str, str] | None = None) -> requests.Response:
        """Send somebody's request, at their time."""
        credentials = self.people[STALE.get(who, who)]
        with self.moment(who):
            return self.send(credentials, rule, self.address(rule.rule, sample, things), self.values(sample))

    def values(self, sample: Sample) -> Mapping[str, object]:
        """Return the values of a request that is sent now."""
        return {name: self._meant(value) for name, value in sample.values(self.world.clock()).items()}

    def _meant(self, value: object) -> object:
        if isinstance(value, list):
            return [self._meant(each) for each in value]
        return self.things.get(value, value) if isinstance(value, str) else value

    def send(
        self,
        credentials: Credentials,
        rule: Rule,
        path: str,
        values: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request with cookies and a form token to a page, with an access token to a resource."""
        own = {}
        if not rule.is_api:
            own["Cookie"] = credentials.cookies
        elif credentials.access_token:
            own["Authorization"] = f"Bearer {credentials.access_token}"
        how: dict[str, Any] = {"headers": {**own, **(headers or {})}}
        if rule.is_api:
            how["json"] = dict(values) or None
        elif rule.method == "GET":
            how["params"] = values
        else:
            how["data"] = {**values, "csrf_token": credentials.form_token}
        return self.http.request(rule.method, f"{self.world.base}{path}", allow_redirects=False, timeout=TIMEOUT, **how)


def _copied(of: Mapping[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {name: dict(each) for name, each in of.items()}


def differing(before: Content, after: Content) -> set[str]:
    """Return the names under which two contents differ."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
