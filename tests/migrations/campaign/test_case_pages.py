"""The operators' pages of cases: what is known of one, and deciding it."""

from datetime import timedelta

import pytest

from migrations.accounts.campaign import listing
from migrations.accounts.cases import CaseKind, CaseState
from migrations.accounts.records import State
from tests.migrations.campaign.office import HERE, Office, location, text_of
from tests.organizations import SignedIn, signed_in

DAY = timedelta(days=1)


def test_a_disputed_claim_is_upheld_with_everything_known_of_it(office: Office, account: str) -> None:
    someone = office.someone()
    case = office.undone(account, someone)
    listed = office.operator.visitor.page(office.get(f"{HERE}/cases"))
    page = f"{HERE}/cases/{case.id}"
    assert page in listed.links
    said = text_of(office.get(page))
    profile = _profile(office, someone)
    for part in (*profile, someone.account_id, f"user{account}@old.example", "the old password, a link at the"):
        assert part in said
    assert location(office.post(f"{page}/uphold")) == f"{page}?notice=uphold"
    assert office.legacy(account).state is State.CLAIMED
    said = text_of(office.get(f"{page}?notice=uphold"))
    assert "Decided: it stays with whoever claimed it." in said
    assert f"Decided by {office.operator.account_id}" in said
    again = office.post(f"{page}/give-back")
    assert (again.status_code, "Things have changed" in again.text) == (409, True)


def test_a_disputed_claim_is_given_back_and_stays_in_the_list_of_its_account(office: Office, account: str) -> None:
    case = office.undone(account, office.someone())
    page = f"{HERE}/cases/{case.id}"
    assert location(office.post(f"{page}/give-back")) == f"{page}?notice=give-back"
    assert (office.legacy(account).state, office.legacy(account).account_id) == (State.PENDING, None)
    second = office.begin(account, office.someone())
    others = office.operator.visitor.page(office.get(f"{HERE}/cases/{second.id}"))
    assert page in others.links
    assert {page, f"{HERE}/cases/{second.id}"} <= set(
        office.operator.visitor.page(office.get(f"{HERE}/accounts/{account}")).links
    )


def test_nobody_decides_on_what_they_have_a_part_in(office: Office, account: str) -> None:
    case = office.stopped(account, office.operator)
    page = f"{HERE}/cases/{case.id}"
    assert "You have a part in it: others decide." in text_of(office.get(page))
    for verb in ("uphold", "give-back"):
        answer = office.post(f"{page}/{verb}")
        assert (answer.status_code, "Somebody else has to decide" in answer.text) == (403, True)
    assert office.legacy(account).state is State.FROZEN


def test_a_conversion_shows_its_organisation_and_whoever_accepted(office: Office, account: str) -> None:
    office.put(account, alias="confirmed")
    ada = office.someone()
    case = office.begin(account, ada, CaseKind.CONVERSION)
    with office.world.parts.database.begin() as connection:
        ((named, _),) = office.effects.admins.name(connection, case, ["ada@old.example"])
        assert office.effects.admins.accept(connection, named, ada.session, office.world.clock())
    said = text_of(office.get(f"{HERE}/cases/{case.id}"))
    assert "Organisation Ours Admins who accepted" in said
    assert "ada@old.example" not in said
    with office.world.parts.database.begin() as connection:
        office.effects.stop(connection, case, office.world.clock())
    assert location(office.post(f"{HERE}/cases/{case.id}/uphold"))
    assert office.legacy(account).state is State.WAITING, "it goes on, and no word of an operator makes it faster"


def test_who_comes_too_late_is_led_back_to_the_campaign(office: Office, account: str) -> None:
    page = f"{HERE}/cases/{office.undone(account, office.someone()).id}"
    assert location(office.post(f"{page}/give-back"))
    late = office.post(f"{page}/uphold")
    assert late.status_code == 409
    assert HERE in office.operator.visitor.page(late).links


def test_lists_of_cases_have_pages(office: Office, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST", 2)
    people = [office.someone(), signed_in(office.world, "msa-mfa", "msa"), office.operator]
    asked = {_asked(office, account, each) for each in people}
    found, page, pages = [], f"{HERE}/cases", 0
    while page:
        links = office.operator.visitor.page(office.get(page)).links
        found += [each for each in links if each.rpartition("/")[2] in asked]
        page = next((each for each in links if "list=asked" in each), "")
        pages += 1
    assert (len(found), {each.rpartition("/")[2] for each in found}) == (3, asked)
    assert pages >= 2
    assert "Disputed" not in text_of(office.get(f"{HERE}/cases?list=asked&after={found[0].rpartition('/')[2]}"))
    assert "Disputed" in text_of(office.get(f"{HERE}/cases?list=nothing&after=nobody"))


def _asked(office: Office, account: str, someone: SignedIn) -> str:
    now = office.world.clock()
    with office.world.parts.database.begin() as connection:
        way = office.world.parts.people.authority.person(connection, someone.session, now).proven
        details = {"missing": "mailbox", "evidence": "my word", "package": None, "called": ""}
        state, due_at = CaseState.ASKED, now + DAY
        cases = office.effects.cases
        case = cases.open(connection, CaseKind.RECOVERY, account, way, state, now, due_at=due_at, details=details)
    return case.id


def test_t4_an_operator_who_asks_for_the_account_reads_nothing_of_what_others_wrote(
    office: Office, account: str
) -> None:
    case_id = _asked(office, account, office.someone())
    assert "my word" in text_of(office.get(f"{HERE}/cases/{case_id}"))
    _asked(office, account, office.operator)
    said = text_of(office.get(f"{HERE}/cases/{case_id}"))
    assert "You have a part in it: what was written is for other operators to read." in said
    assert not any(each in said for each in ("my word", "vestibule-", "Marker"))


def test_a_recovery_shows_what_speaks_for_it(office: Office, account: str) -> None:
    now, someone = office.world.clock(), office.someone()
    with office.world.parts.database.begin() as connection:
        way = office.world.parts.people.authority.person(connection, someone.session, now).proven
        case = office.effects.cases.open(
            connection,
            CaseKind.RECOVERY,
            account,
            way,
            CaseState.ASKED,
            now,
            due_at=now + DAY,
            details={"missing": "mailbox", "evidence": "my word", "package": None, "called": ""},
        )
    said = text_of(office.get(f"{HERE}/cases/{case.id}"))
    assert "my word" in said
    assert "What speaks for it" in said
    assert f"{HERE}/cases/{case.id}" in office.operator.visitor.page(office.get(f"{HERE}/cases")).links


def test_whoever_has_erased_their_account_has_no_name_here(office: Office, account: str) -> None:
    leaver = signed_in(office.world, "msa-mfa", "msa")
    case = office.undone(account, leaver)
    with office.world.parts.database.begin() as connection:
        office.world.parts.accounts.erase(connection, leaver.account_id, office.world.clock())
    said = text_of(office.get(f"{HERE}/cases/{case.id}"))
    assert f"somebody who has erased their account Their account {leaver.account_id}" in said
    assert office.post(f"{HERE}/cases/{case.id}/uphold").status_code == 409
    assert location(office.post(f"{HERE}/cases/{case.id}/give-back"))


@pytest.mark.parametrize("path", ["/cases/nobody", "/cases/nobody/uphold", "/cases/nobody/give-back"])
def test_there_are_no_other_cases(office: Office, path: str) -> None:
    answer = office.get(HERE + path) if path == "/cases/nobody" else office.post(HERE + path)
    assert answer.status_code == 404


def _profile(office: Office, someone: SignedIn) -> tuple[str, ...]:
    with office.world.parts.database.read() as connection:
        person = office.world.parts.accounts.person(connection, someone.account_id)
    return tuple(each for each in (person.name, person.email) if each is not None)
