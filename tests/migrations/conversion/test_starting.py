"""Starting: by whom, of what, and who is told."""

from datetime import timedelta
from itertools import chain, combinations

import pytest
from sqlalchemy import update

from broker.events.model import outbox
from broker.limits.errors import TooMany
from broker.limits.table import Name
from broker.tenants import domains
from migrations.accounts.cases import CaseKind, CaseState
from migrations.accounts.conversion.form import BadInput
from migrations.accounts.conversion.service import MissingProofs, WrongTenant
from migrations.accounts.conversion.words import called
from migrations.accounts.effects import TooLate
from migrations.accounts.model import case_admins, cases, legacy_accounts
from migrations.accounts.periods import OBJECTION
from migrations.accounts.proofs import Proof
from migrations.accounts.records import State
from tests.accounts.organizations.rooms import NOW, TID, person_of
from tests.migrations.conversion.rooms import ACCEPT, NAME, SHARED, ConversionRoom, address, just_now

TWO = (address("ada"), address("bob"))


def test_everybody_behind_the_address_is_told_who_wants_what_and_how_to_stop_it(room: ConversionRoom) -> None:
    room.shared()
    ada = room.sign_in("ada")
    case = room.start(ada, *TWO)
    assert (case.kind, case.state, case.due_at) == (CaseKind.CONVERSION, CaseState.WAITING, NOW + OBJECTION)
    assert room.get().state is State.WAITING
    (told,) = room.mails_to(SHARED)
    for part in (NAME, '"ada"', *TWO, "2026-11-29 12:00 UTC", "2026-12-06 12:00 UTC", "user42", "/migration/stop/"):
        assert part in told
    assert ACCEPT not in told, "nobody accepts by the shared mailbox"
    for email in TWO:
        (told,) = room.mails_to(email)
        assert all(part in told for part in (NAME, '"ada"', "user42", ACCEPT))
        assert "/migration/" not in told
        assert not any(other in told for other in TWO if other not in (email, address("ada")))
    assert room.token(TWO[0]) != room.token(TWO[1])
    ((_, who, detail),) = room.audited("migration.conversion_waits")
    assert (who, detail) == (ada.account_id, {"case": case.id, "registry_account": "42"})
    assert room.events() == []


@pytest.mark.parametrize("verified", [True, False])
def test_whoever_starts_it_is_named_by_an_address_only_if_it_is_theirs(room: ConversionRoom, verified: bool) -> None:
    room.shared()
    room.start(room.sign_in("eve", email="boss@contoso.example", verified=verified), *TWO)
    assert ("boss@contoso.example" in room.mails_to(SHARED)[0]) is verified
    assert not any("boss@contoso.example" in room.mails_to(email)[0] for email in TWO), "strangers are told by the page"


@pytest.mark.parametrize(
    "name",
    [
        "Click https://evil.example/login",
        "www.evil.example",
        "evil.example",
        "evil.example/login",
        "you@evil.example",
        "Your\u202eaccount",
        "Two\nlines",
        "x" * 81,
    ],
)
def test_t12_no_mail_leads_anybody_anywhere_by_what_people_and_accounts_are_called(
    room: ConversionRoom, name: str
) -> None:
    room.shared(name=name)
    room.start(room.sign_in(name, email="eve@example.org"), *TWO)
    for email in TWO:
        (told,) = room.mails_to(email)
        assert "somebody whose name is not shown" in told
        assert '"42"' in told, "the account is told by its id"
        assert name not in told
        assert "evil" not in told
    assert "somebody whose name is not shown" in room.mails_to(SHARED)[0]


@pytest.mark.parametrize("name", ["Dr. Eve O'Neill-Çelik", "J.R. Hartley", "夏目漱石"])
def test_people_are_called_as_they_are(name: str) -> None:
    assert called(name) == f'"{name}"'
    assert called(name, "eve@example.org") == f'"{name}"\neve@example.org'


@pytest.mark.parametrize(
    "proven", [set(each) for each in chain(combinations(Proof, 0), combinations(Proof, 1))], ids=lambda each: str(each)
)
def test_t3_nothing_less_than_the_whole_set_of_proofs_starts_one(room: ConversionRoom, proven: set[Proof]) -> None:
    room.shared()
    with pytest.raises(MissingProofs):
        room.start(room.sign_in("ada"), *TWO, proven=proven)
    assert (room.get().state, room.count(cases), room.count(outbox)) == (State.PENDING, 0, 0)


@pytest.mark.parametrize("state", [each for each in State if each is not State.PENDING])
def test_t3_of_an_account_that_somebody_has_a_part_in_none_starts(room: ConversionRoom, state: State) -> None:
    room.shared(state=state.value)
    with pytest.raises(TooLate):
        room.start(room.sign_in("ada"), *TWO)


def test_t3_an_address_whose_domain_has_lapsed_since_proves_nothing(room: ConversionRoom) -> None:
    room.shared()
    with room.database.begin() as connection:
        connection.execute(update(legacy_accounts).values(lapsed_at=NOW))
    with pytest.raises(MissingProofs):
        room.start(room.sign_in("ada"), *TWO)


def test_of_an_account_that_is_not_there_none_starts(room: ConversionRoom) -> None:
    for registry_id in ("", "43"):
        with pytest.raises(MissingProofs):
            room.start(room.sign_in("ada"), *TWO, registry_id=registry_id)


@pytest.mark.parametrize("alias", [None, "proposed", "rejected"])
def test_who_proves_a_persons_account_can_make_an_organisation_of_it(room: ConversionRoom, alias: str | None) -> None:
    room.shared(kind="person", alias=alias)
    assert room.start(room.sign_in("ada"), *TWO).state is CaseState.WAITING


def test_what_cannot_be_meant_starts_nothing(room: ConversionRoom) -> None:
    room.shared()
    ada = room.sign_in("ada")
    room.organization(person_of(ada), "CONTOSO  packages")
    with pytest.raises(BadInput) as bad:
        room.start(ada, address("ada"), SHARED)
    assert list(bad.value.problems) == ["organization", "admin-2"]
    assert (room.count(cases), room.count(case_admins), room.get().state) == (0, 0, State.PENDING)


def test_t12_mails_to_people_who_never_asked_have_a_limit(room: ConversionRoom) -> None:
    room.shared()
    asked: list[tuple[str, str]] = []

    def full(*mails: tuple[str, str]) -> list[bool]:
        asked.extend(mails)
        raise TooMany(Name.MAIL_ACCOUNT, 60)

    with pytest.raises(TooMany):
        room.start(room.sign_in("ada"), *TWO, room=full)
    assert asked == [("conversion:42:0", TWO[0]), ("conversion:42:1", TWO[1])], "all in one step"
    assert (room.count(cases), room.count(case_admins), room.count(outbox)) == (0, 0, 0)


def test_t12_whoever_was_sent_enough_is_sent_no_more_and_nobody_is_told(room: ConversionRoom) -> None:
    room.shared()
    room.start(room.sign_in("ada"), *TWO, room=lambda *mails: [False, True])
    assert (room.count(cases), room.count(case_admins)) == (1, 2)
    assert [len(room.mails_to(each)) for each in TWO] == [0, 1]


def test_t4_where_the_domain_is_a_tenants_whoever_starts_it_has_to_come_from_there(room: ConversionRoom) -> None:
    room.shared()
    mapping = room.map(room.organization(room.person("owner")))
    with room.database.begin() as connection:
        domains.put(connection, mapping, ("old.example",))
    ada = room.sign_in("ada")
    for session in (ada, ada.by_tenant(TID, guest=True), ada.by_tenant(TID.replace("1", "9"))):
        with pytest.raises(WrongTenant):
            room.start(session, *TWO)
    assert room.start(ada.by_tenant(TID), *TWO).way.tenant == TID


def test_whoever_started_it_can_withdraw_it_and_nobody_else(room: ConversionRoom) -> None:
    ada, bob, case = room.two()
    with pytest.raises(LookupError), room.database.begin() as connection:
        room.conversions.withdraw(connection, just_now(bob), case.id)
    with room.database.begin() as connection:
        room.conversions.withdraw(connection, just_now(ada), case.id)
    assert (room.case(case).state, room.get().state) == (CaseState.WITHDRAWN, State.PENDING)
    for email in (SHARED, *TWO):
        assert sum("was withdrawn by whoever had started it" in text for text in room.mails_to(email)) == 1
    with pytest.raises(TooLate), room.database.begin() as connection:
        room.conversions.withdraw(connection, just_now(ada), case.id)
    again = room.start(ada, *TWO, now=NOW + timedelta(hours=1))
    assert again.state is CaseState.WAITING
