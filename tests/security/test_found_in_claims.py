"""What was found by attacking claims of old accounts, and the import before them: each way in, shut."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Thread

import pytest

from broker.accounts.organizations.records import NameTaken
from broker.keys.pseudonyms import Pseudonyms
from broker.limits.errors import TooMany
from broker.limits.table import Name
from broker.storage.database import Database
from broker.storage.memory import MemoryStore
from migrations.accounts import records
from migrations.accounts.cases import CaseState
from migrations.accounts.claiming.service import NotAlone, NotProven
from migrations.accounts.effects import TooLate
from migrations.accounts.hashes.formats import parse
from migrations.accounts.importing.identities import Identities
from migrations.accounts.importing.importer import BATCH, Importer
from migrations.accounts.importing.keeping import Keeper
from migrations.accounts.model import legacy_accounts
from migrations.accounts.periods import HOLD, UNDO
from migrations.accounts.proofs import Attempt, Proof
from migrations.accounts.records import OWNER, Package, State, dump_packages, load_packages, sealing_context
from providers.standins import Standins
from tests.accounts.organizations.rooms import NOW
from tests.limits.counting import most
from tests.migrations.claiming.browsers import Claimant
from tests.migrations.claiming.rooms import WIDELY_USED, ClaimRoom
from tests.migrations.importing.exported import bare, row
from tests.migrations.legacy import Bare, aspnet_v3, imported, legacy, with_campaign
from tests.world import World, running


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    """A broker for all tests of the module, each with accounts of its own."""
    folder = tmp_path_factory.mktemp("attacked")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    with running(folder, standins=standins, change=with_campaign) as this:
        yield this


@pytest.fixture
def opened(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield database
    database.dispose()


@pytest.fixture
def room(opened: Database) -> ClaimRoom:
    return ClaimRoom(opened)


class Counted(MemoryStore):
    """Counts what it is asked: on a server, each question is a round trip that takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def get(self, key: str) -> bytes | None:
        self.asked["get"] += 1
        return super().get(key)

    def put(self, key: str, value: bytes, ttl: int) -> None:
        self.asked["put"] += 1
        super().put(key, value, ttl)

    def add(self, key: str, value: bytes, ttl: int) -> bool:
        self.asked["add"] += 1
        return super().add(key, value, ttl)

    def during(self, work: Callable[[], object]) -> Counter[str]:
        self.asked.clear()
        work()
        return Counter(self.asked)


def shown(room: ClaimRoom, attempt: Attempt) -> None:
    """Do what GET /claim/<attempt> does, which nothing limits."""
    with room.database.read() as connection:
        room.claiming.progress(connection, attempt)


def next_guess(town: World, spelling: str, other: str) -> int:
    """Use up the guesses at an account by one spelling, and return what a guess by another one is answered."""
    for _ in range(most(Name.PASSWORD_ACCOUNT)):
        assert Claimant.of(town).begin(spelling).give_password("guess").status_code == 303
    return Claimant.of(town).begin(other).give_password("guess").status_code


def test_t12_no_limit_tells_that_an_address_and_a_name_are_of_one_account_and_that_there_is_one(town: World) -> None:
    legacy(town, "oracle", name="publicname", email="secret.address@old.example")
    of_nobody = next_guess(town, "nobodys-name", "nobodys.address@old.example")
    assert next_guess(town, "publicname", "secret.address@old.example") == of_nobody


def test_t12_a_stranger_who_uses_up_guesses_and_mails_does_not_lock_the_owner_out(room: ClaimRoom) -> None:
    room.password_account()
    browsers = (f"a-browser-of-the-strangers-{number:05}" for number in range(10**5))
    for _ in range(most(Name.CLAIM_MAIL_ACCOUNT)):
        room.send(room.attempt(browser=next(browsers)))
    spent = 0
    while spent < most(Name.PASSWORD_ACCOUNT, 1):
        for _ in range(most(Name.PASSWORD_ACCOUNT)):
            room.password(room.attempt(browser=next(browsers)), "guess")
            spent += 1
        # Five minutes later there is room again, until that of the day is gone.
        room.now += timedelta(minutes=5)
    strangers = room.tokens()
    owner = room.attempt()
    with pytest.raises(TooMany):
        room.password(owner)
    room.send(owner)
    assert room.tokens() == strangers
    # They are told to sign in first, which strangers cannot do in their place.
    ada = room.somebody().account_id
    room.send(owner, person=ada)
    (token,) = room.tokens() - strangers
    room.password(owner, person=ada)
    assert room.follow(token) is not None
    assert room.mailboxes.proven(owner, room.get()) == frozenset(Proof)


def test_t12_how_often_the_store_is_asked_does_not_tell_whether_there_is_an_account(opened: Database) -> None:
    store = Counted()
    room = ClaimRoom(opened, store)
    room.password_account()

    def asked(typed: str, browser: str) -> dict[str, Counter[str]]:
        attempt = room.attempt(typed, browser)
        return {
            "page": store.during(lambda: shown(room, attempt)),
            "password": store.during(lambda: room.password(attempt, "guess")),
            "mail": store.during(lambda: room.send(attempt)),
        }

    assert asked("user42", room.browser) == asked("nobody", room.other_browser)


def test_t12_how_many_packages_an_account_has_is_not_told_by_the_work_that_its_page_takes(
    room: ClaimRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A list of 2000 takes some 6 ms to read, each time the page is shown, which nothing limits.
    packages = [Package(name=f"package-{number}", role=OWNER, downloads=1) for number in range(2000)]
    room.password_account(packages=dump_packages(packages))
    read: list[int] = []

    def load(text: str) -> tuple[Package, ...]:
        read.append(len(text))
        return load_packages(text)

    there, nobody = room.attempt(), room.attempt("nobody", room.other_browser)
    monkeypatch.setattr(records, "load_packages", load)
    shown(room, nobody)
    of_nobody = list(read)
    shown(room, there)
    assert read == of_nobody * 2


def test_t12_how_often_the_store_is_asked_does_not_tell_a_right_password_from_a_wrong_one(opened: Database) -> None:
    store = Counted()
    room = ClaimRoom(opened, store)
    room.password_account()
    right, wrong = room.attempt(), room.attempt(browser=room.other_browser)
    assert store.during(lambda: room.password(right)) == store.during(lambda: room.password(wrong, "guess"))


def test_t1_a_password_that_is_not_the_accounts_any_more_proves_nothing(room: ClaimRoom) -> None:
    # It was stolen, its owner changed it at the registry, and the registry exported once more.
    room.password_account()
    thief = room.proven()
    wrapped = room.wrapper.wrap(parse(aspnet_v3("a new one", iterations=1)))
    with room.database.begin() as connection:
        room.ledger.write(connection, "42", hash_sealed=room.cipher.seal(wrapped, sealing_context("hash", "42")))
    with pytest.raises(NotProven):
        room.finish(thief, room.somebody("mallory"))
    assert room.get().state is State.PENDING


def test_t3_domain_expiry_a_claim_that_waits_gets_nothing_once_its_mailbox_is_known_to_be_anybodys(
    room: ClaimRoom,
) -> None:
    # A leaked password, a lapsed domain registered anew, and a second factor of the thief's own. The 72 hours are when
    # the registry finds out, and nobody else is left who could stop it: the link went to the thief.
    room.password_account(downloads=WIDELY_USED)
    claim = room.claim("mallory")
    with room.database.begin() as connection:
        room.ledger.write(connection, "42", lapsed_at=NOW + timedelta(hours=1))
    room.due.run(NOW + HOLD)
    assert (room.case(claim).state, room.carried(claim.account_id)) == (CaseState.LAPSED, [])


def test_t12_an_address_that_a_stranger_claims_to_have_and_never_confirmed_makes_no_account_a_shared_one(
    opened: Database,
) -> None:
    world = bare(opened)
    imported(
        world,
        [row("victim", email="ada@old.example"), row("stranger", email="ada@old.example", email_confirmed=False)],
        now=NOW,
    )
    assert _alias(world, "victim") is None


def test_t4_what_several_share_is_known_as_soon_as_it_is_there_and_not_at_the_end_of_the_file(
    opened: Database, tmp_path: Path
) -> None:
    world = bare(opened)
    rows = [row("1", email="crew@old.example"), row("2", email="crew@old.example")]
    rows += [row(str(number)) for number in range(3, BATCH + 3)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    seen: list[str | None] = []

    def progress(_: int, done: int) -> None:
        if done == BATCH:
            seen.append(_alias(world, "1"))

    Importer.build(world.settings, opened).run(path, lambda: NOW, progress=progress)
    assert _alias(world, "1") == "proposed"
    assert seen == ["proposed"], "meanwhile, or for good where it is interrupted, one of them can take it alone"


def _alias(world: Bare, registry_id: str) -> str | None:
    with world.database.read() as connection:
        found = connection.execute(legacy_accounts.select().where(legacy_accounts.c.registry_id == registry_id)).one()
    alias: str | None = found.alias
    return alias


def test_t12_a_case_that_cannot_be_brought_about_keeps_no_other_from_it(room: ClaimRoom) -> None:
    room.legacy("mine", email="mine@mallory.example", alias="confirmed")
    mallory, eve = room.sign_in("mallory"), room.sign_in("eve")
    case = room.converting(mallory, [mallory, eve], "mine")
    # Both names that it could have are somebody's before it is due. Its id is in the address of its page.
    for name in ("Example", f"Example {case.id[:8]}"):
        squatter = room.somebody(f"of {name}")
        with room.database.begin() as connection:
            room.organizations.create(connection, room.fresh(connection, squatter), name)
    room.password_account()
    room.now += timedelta(minutes=1)
    claim = room.claim("ada")
    # As the worker does, which logs what fails and comes again.
    with suppress(NameTaken):
        room.due.run(room.now + UNDO)
    assert room.case(claim).state is CaseState.SETTLED


# A write transaction on SQLite is alone.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_t7_what_an_import_changes_at_the_moment_of_the_claim_counts(database: Database, tmp_path: Path) -> None:
    room = ClaimRoom(database)
    room.password_account()
    attempt, ada = room.proven(), room.somebody()
    keeper = Keeper(room.cipher, room.index, Pseudonyms({"v1": bytes(32)}), bytes(32), NOW + timedelta(days=400))
    importer = Importer(database, keeper, Identities({}), room.wrapper, room.audit)
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row("42", name="user42", email="new@old.example")) + "\n")
    outcome: list[object] = []

    def claim() -> None:
        try:
            outcome.append(room.finish(attempt, ada).state)
        except (NotAlone, NotProven, TooLate) as error:
            outcome.append(type(error))

    claiming, asked = Thread(target=claim), count()

    def clock() -> datetime:
        if next(asked) == 1:  # in the transaction that writes the rows, which are held by then
            claiming.start()
            claiming.join(0.5)  # until the claim waits for it
        return NOW

    importer.run(path, clock)
    claiming.join()
    # The account had another mailbox before anybody had the account, and whoever proved the old one proved nothing.
    assert (room.get().mailbox, outcome, room.get().state) == ("new@old.example", [NotProven], State.PENDING)
