"""The verbs of accounts, over SQLite and PostgreSQL: keys that rotate, races, and what is sealed."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

import pytest
from sqlalchemy import func, insert, select

from broker.accounts.model import accounts, identities, people
from broker.accounts.service import AccountClosed, Accounts, IdentityTaken, LastIdentity
from broker.audit.service import Audit
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher, Undecryptable
from broker.keys.pseudonyms import BlindIndex, Pseudonyms
from broker.storage.database import Database
from claims.profile import Profile
from providers.provider import Subject

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ADA = Subject(issuer="https://issuer.example", tenant="", id="1")
PROFILE = Profile(name="Ada", email="ada@example.org", email_verified=True)
PARALLEL = 8


class Room:
    """Accounts with keys that a test can change."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.encryption, self.index, self.audit = {"v1": token_bytes(32)}, token_bytes(32), token_bytes(32)

    def accounts(self, pseudonym_keys: Mapping[str, bytes], writes: str | None = None) -> Accounts:
        cipher = FieldCipher(self.encryption)
        return Accounts(
            cipher,
            Pseudonyms(pseudonym_keys, writes),
            BlindIndex(self.index),
            Audit(self.database, self.audit),
            Outbox(cipher),
        )

    def count(self, table: object) -> int:
        with self.database.read() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]  # any table


@pytest.fixture
def room(database: Database) -> Room:
    return Room(database)


KEY = token_bytes(32)


def resolve(room: Room, service: Accounts, subject: Subject = ADA) -> str:
    with room.database.begin() as connection:
        return service.resolve(connection, subject, "github", PROFILE, NOW).account_id


def test_a_pseudonym_under_an_old_key_is_rewritten_when_its_owner_signs_in(room: Room) -> None:
    old, new = room.accounts({"v1": KEY}), room.accounts({"v1": KEY, "v2": token_bytes(32)})
    account = resolve(room, old)
    assert resolve(room, new) == account
    with room.database.read() as connection:
        assert connection.execute(select(identities.c.pseudonym)).scalar_one().startswith("v2:")
    assert resolve(room, new) == account
    assert room.count(identities) == 1


def test_a_new_pseudonym_key_is_rolled_out_in_two_steps_and_nobody_is_split(room: Room) -> None:
    keys = {"v1": KEY, "v2": token_bytes(32)}
    old, reading = room.accounts({"v1": KEY}), room.accounts(keys, writes="v1")
    account = resolve(room, old)
    for service in (reading, old, reading, old):
        assert resolve(room, service) == account
    other = Subject(issuer="https://issuer.example", tenant="", id="other")
    born = resolve(room, reading, other)
    assert resolve(room, old, other) == born
    writing = room.accounts(keys)
    for service in (writing, reading, writing):
        assert resolve(room, service) == account
    assert room.count(identities) == 2


def test_a_subject_that_a_hasty_rotation_split_still_signs_in_to_the_older_account(room: Room) -> None:
    old, new = room.accounts({"v1": KEY}), room.accounts({"v1": KEY, "v2": token_bytes(32)})
    first = resolve(room, old)
    assert resolve(room, new) == first
    with room.database.begin() as connection:
        split = old.resolve(connection, ADA, "github", PROFILE, NOW + timedelta(seconds=1)).account_id
    assert split != first
    for _ in range(2):
        assert resolve(room, new) == first


def test_a_pseudonym_key_that_is_not_there_cannot_write() -> None:
    with pytest.raises(ValueError, match="not among the keys"):
        Pseudonyms({"v1": KEY}, writes="v2")


def test_of_parallel_first_sign_ins_of_one_subject_one_makes_the_account(room: Room) -> None:
    service = room.accounts({"v1": KEY})
    with ThreadPoolExecutor(PARALLEL) as pool:
        found = set(pool.map(lambda _: resolve(room, service), range(PARALLEL)))
    assert len(found) == 1
    assert (room.count(accounts), room.count(people), room.count(identities)) == (1, 1, 1)


def test_of_parallel_unlinks_one_identity_stays(room: Room) -> None:
    service = room.accounts({"v1": KEY})
    account = resolve(room, service)
    others = [Subject(issuer="https://issuer.example", tenant="", id=str(n)) for n in range(2, 6)]
    with room.database.begin() as connection:
        for subject in others:
            service.link(connection, account, subject, "github", NOW)
    with room.database.read() as connection:
        linked = [each.id for each in service.identities(connection, account)]

    def unlink(identity: str) -> bool:
        try:
            with room.database.begin() as connection:
                service.unlink(connection, account, identity, NOW)
        except LastIdentity:
            return False
        return True

    with ThreadPoolExecutor(len(linked)) as pool:
        gone = list(pool.map(unlink, linked))
    assert gone.count(True) == len(linked) - 1
    assert room.count(identities) == 1


def test_of_parallel_links_of_one_subject_one_account_gets_it(room: Room) -> None:
    service = room.accounts({"v1": KEY})
    owners = [
        resolve(room, service, Subject(issuer="https://issuer.example", tenant="", id=f"owner-{n}"))
        for n in range(PARALLEL)
    ]

    def link(owner: str) -> bool:
        try:
            with room.database.begin() as connection:
                service.link(connection, owner, ADA, "github", NOW)
        except IdentityTaken:
            return False
        return True

    with ThreadPoolExecutor(PARALLEL) as pool:
        assert list(pool.map(link, owners)).count(True) == 1


def test_a_closed_account_is_neither_resolved_nor_changed(room: Room) -> None:
    service = room.accounts({"v1": KEY})
    account = resolve(room, service)
    with room.database.begin() as connection:
        connection.execute(accounts.update().values(status="disabled"))
    with pytest.raises(AccountClosed) as closed:
        resolve(room, service)
    assert closed.value.status == "disabled"
    with pytest.raises(AccountClosed), room.database.begin() as connection:
        service.erase(connection, account, NOW)
    with pytest.raises(AccountClosed), room.database.begin() as connection:
        service.link(connection, "nobody", ADA, "github", NOW)


def test_a_sealed_value_moved_to_another_row_does_not_open(room: Room) -> None:
    service = room.accounts({"v1": KEY})
    resolve(room, service)
    with room.database.begin() as connection:
        sealed = connection.execute(select(people.c.name_sealed)).scalar_one()
        connection.execute(insert(accounts).values(id="other", kind="person", status="active", created_at=NOW))
        connection.execute(
            insert(people).values(account_id="other", name_sealed=sealed, email_verified=False, updated_at=NOW)
        )
    with pytest.raises(Undecryptable), room.database.read() as connection:
        service.person(connection, "other")
    with pytest.raises(LookupError), room.database.read() as connection:
        service.person(connection, "nobody")
