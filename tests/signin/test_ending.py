"""Ending sessions: who is told, in which order, and what happens when something is away meanwhile."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

import pytest
from sqlalchemy import select

from broker.audit.model import audit_entries
from broker.audit.service import Audit
from broker.events.delivery import Deliveries
from broker.events.handling import BACK_OFF, Item
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher
from broker.signin.ending import BACKCHANNEL_LOGOUT, TELL_FOR, EndedBy, Ending
from broker.signin.sessions import Session, Sessions, clients_index, codes_index
from broker.storage.database import Database
from broker.storage.memory import MemoryStore
from broker.storage.store import StoreUnavailable
from broker.switches.service import Switches
from claims.evidence import Authentication

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
KEY = token_bytes(32)


class Away(MemoryStore):
    """A store that can go away for writing, and where something happens just before it writes."""

    away = False
    meanwhile: Sequence[tuple[str, str, int]] = ()

    def commit(
        self,
        *,
        take: Sequence[str] = (),
        put: Sequence[tuple[str, bytes, int]] = (),
        delete: Sequence[str] = (),
        index: Sequence[tuple[str, str, int]] = (),
        unindex: Sequence[tuple[str, str]] = (),
    ) -> bool:
        if self.away:
            raise StoreUnavailable
        meanwhile, self.meanwhile = self.meanwhile, ()
        return super().commit(take=take, put=put, delete=delete, index=[*index, *meanwhile], unindex=unindex)


class Told:
    """Keeps what the outbox hands over."""

    back_off = BACK_OFF

    def __init__(self) -> None:
        self.items: list[Item] = []

    def deliver(self, item: Item, now: datetime) -> None:
        del now
        self.items.append(item)


class House:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = Away()
        cipher = FieldCipher({"v1": KEY})
        audit = Audit(database, KEY)
        switches = Switches(database, self.store, audit)
        self.sessions = Sessions(self.store, cipher, timedelta(hours=12), switches)
        self.ending = Ending(
            sessions=self.sessions,
            store=self.store,
            outbox=Outbox(cipher),
            audit=audit,
            database=database,
            token_lifetime=600,
        )
        self.told = Told()
        self.deliveries = Deliveries(database, cipher, {BACKCHANNEL_LOGOUT: self.told})

    def open(self, *client_ids: str, account_id: str = "ada") -> tuple[str, Session]:
        token, session = self.sessions.new(
            account_id=account_id,
            identity_id="i",
            provider_id="github",
            tenant="",
            guest=False,
            authentication=Authentication(auth_time=NOW, evidence=()),
            offer=None,
            now=NOW,
        )
        entry, index = self.sessions.entries(token, session, NOW)
        clients = [(clients_index(session.sid), each, 600) for each in client_ids]
        code = [(codes_index(session.sid), f"code-of-{session.sid}", 600)]
        self.store.commit(put=[entry, (code[0][1], b"1", 600)], index=[index, *clients, *code])
        return token, session

    def deliver(self) -> list[tuple[str, str, str]]:
        """Return whom what is waiting goes to, in no order: client, account, sid."""
        self.told.items.clear()
        self.deliveries.deliver(NOW)
        payloads = [item.payload for item in self.told.items]
        return sorted((each["client_id"], each["account_id"], each["sid"]) for each in payloads)

    def recorded(self) -> list[tuple[str, str | None, str | None, str]]:
        with self.database.read() as connection:
            entries = audit_entries.c
            rows = connection.execute(select(entries.action, entries.account_id, entries.client_id, entries.detail))
            return [(row.action, row.account_id, row.client_id, row.detail) for row in rows]


@pytest.fixture
def house(database: Database) -> Iterator[House]:
    house = House(database)
    yield house
    house.store.close()


def test_every_client_of_the_session_is_told_and_no_other(house: House) -> None:
    token, session = house.open("one", "two")
    _, other = house.open("three")
    house.ending.end(session, NOW, EndedBy.SIGN_OUT)
    assert house.deliver() == [("one", "ada", session.sid), ("two", "ada", session.sid)]
    assert house.sessions.find(token, NOW) is None
    assert house.store.get(f"code-of-{session.sid}") is None
    assert house.store.get(f"code-of-{other.sid}") is not None
    assert house.recorded() == [("session.ended", "ada", None, '{"count":1,"reason":"sign_out"}')]


def test_each_notice_has_an_id_of_its_own_and_waits_for_a_day(house: House) -> None:
    _, session = house.open("one", "two")
    house.ending.end(session, NOW, EndedBy.REGISTRY, "one")
    house.deliveries.deliver(NOW + TELL_FOR - timedelta(seconds=1))
    assert len({item.payload["jti"] for item in house.told.items}) == 2
    assert house.recorded() == [("session.ended", "ada", "one", '{"count":1,"reason":"registry"}')]


def test_sessions_of_an_account_end_together_and_are_recorded_once(house: House) -> None:
    (kept, keeper), (ended, one), (_, two) = house.open("one"), house.open("one"), house.open("two")
    _, stranger = house.open("one", account_id="eve")
    count = house.ending.end_of_account("ada", NOW, EndedBy.OWNER, lambda session: session.sid != keeper.sid)
    assert count == 2
    assert house.deliver() == sorted([("one", "ada", one.sid), ("two", "ada", two.sid)])
    assert house.sessions.find(kept, NOW) is not None
    assert house.sessions.find(ended, NOW) is None
    assert [each.sid for each in house.sessions.of_account("eve", NOW)] == [stranger.sid]
    assert house.recorded() == [("session.ended", "ada", None, '{"count":2,"reason":"owner"}')]


def test_where_there_is_nothing_to_end_nothing_is_recorded(house: House) -> None:
    assert house.ending.end_of_account("ada", NOW, EndedBy.OPERATOR) == 0
    assert house.recorded() == []


def test_a_cause_that_does_not_come_about_ends_nothing_and_tells_nobody(house: House) -> None:
    token, _ = house.open("one")
    with pytest.raises(RuntimeError), house.ending.with_cause("ada", NOW, EndedBy.ERASE):
        raise RuntimeError
    assert house.sessions.find(token, NOW) is not None
    assert house.deliver() == []
    assert house.recorded() == []


def test_a_cause_and_what_follows_from_it_are_written_together(house: House) -> None:
    token, session = house.open("one")
    with house.ending.with_cause("ada", NOW, EndedBy.UNLINK) as connection:
        house.ending.audit.record(connection, action="identity.unlinked", account_id="ada", now=NOW)
    assert house.sessions.find(token, NOW) is None
    assert house.deliver() == [("one", "ada", session.sid)]
    assert [action for action, *_ in house.recorded()] == ["identity.unlinked", "session.ended"]


def test_a_store_that_goes_away_loses_nobody_who_is_to_be_told(house: House) -> None:
    token, session = house.open("one")
    house.store.away = True
    with pytest.raises(StoreUnavailable):
        house.ending.end(session, NOW, EndedBy.SIGN_OUT)
    assert house.deliver() == [("one", "ada", session.sid)]
    house.store.away = False
    assert house.sessions.find(token, NOW) is not None
    house.ending.end(session, NOW, EndedBy.SIGN_OUT)
    assert house.sessions.find(token, NOW) is None
    assert house.deliver() == [("one", "ada", session.sid)], "twice rather than not at all"


def test_a_client_that_comes_while_the_session_ends_is_told_too(house: House) -> None:
    _, session = house.open("early")
    house.store.meanwhile = [(clients_index(session.sid), "late", 600)]
    house.ending.end(session, NOW, EndedBy.SIGN_OUT)
    assert house.deliver() == [("early", "ada", session.sid), ("late", "ada", session.sid)]
