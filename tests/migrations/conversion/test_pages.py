"""The pages of a conversion, over HTTP."""

from html import unescape
from typing import Any

import pytest
import requests

from broker.limits.table import Name
from broker.signin.sessions import COOKIE
from migrations.accounts.cases import CaseState
from migrations.accounts.periods import OBJECTION
from migrations.accounts.proofs import Proof
from migrations.accounts.records import State
from tests.limits.counting import most
from tests.migrations.conversion.house import STALE, House, Someone, state, typed, words
from tests.migrations.crash import state_of
from tests.world import Page


def test_from_the_proofs_to_an_organisation_and_back(house: House) -> None:
    account = house.shared()
    here = f"/convert/{house.ada.attempt(account.registry_id).id}"
    page = house.ada.get(here)
    for part in ("contoso.core", "The organisation owns it.", "All 3 keys", "is not known", "opens nothing any more"):
        assert part in words(page)
    assert typed(page) == {"admin-1": house.ada.email}

    done = house.ada.press(here, {"organization": "Team One", "admin-1": house.ada.email, "admin-3": house.tom.email})
    where = done.headers["Location"]
    standing = house.ada.text(where)
    assert "It waits now. Everybody behind the shared address was told" in standing
    assert f"{house.tom.email} not yet" in standing

    for person in (house.ada, house.tom):
        door = house.door("Team One", person)
        shown = person.text(door)
        assert "Become an admin of Team One" in shown
        assert "Canary 2fa-true started it" in shown
        accepted = person.press(door)
        assert accepted.headers["Location"].partition("?")[0] == where.partition("?")[0]
        assert "You have accepted." in person.text(accepted.headers["Location"])
        assert person.get(door).headers["Location"] == where.partition("?")[0]
    assert f"{house.tom.email} Canary entra-mfa accepted" in house.ada.text(where)
    assert "Whom you named" not in house.tom.text(where)

    house.old_world.due.run(house.world.clock() + OBJECTION)
    case = house.case(where.partition("?")[0].rpartition("/")[2])
    assert (case.state, state(house, account.registry_id)) == (CaseState.EFFECTIVE, State.CONVERTED)
    assert "in effect" in house.tom.text(where)
    organization = house.tom.text(f"/organizations/{case.organization_id}")
    assert f"Address {account.email} An organisation since" in organization
    assert "7 days at the earliest" in organization

    with house.later(OBJECTION):
        undo = house.mail(account.email, "became an organisation", r"/migration/undo/\S+")
    stranger = house.world.visitor()
    assert stranger.submit(undo, page=undo).status_code == 200
    assert (house.case(case.id).state, state(house, account.registry_id)) == (CaseState.UNDONE, State.FROZEN)
    assert house.tom.get(f"/organizations/{case.organization_id}").status_code == 404
    assert "An operator decides." in house.tom.text(where)


def test_an_admin_of_what_was_shared_is_not_removed_in_a_day(house: House) -> None:
    case_id, name = house.started()
    for person in (house.ada, house.tom):
        assert person.press(house.door(name, person)).status_code == 303
    house.old_world.due.run(house.world.clock() + OBJECTION)
    page = f"/organizations/{house.case(case_id).organization_id}"
    for data, verb in (({"role": "member"}, "role"), ({}, "remove")):
        asked = house.ada.press(page, data, verb=f"/members/{house.tom.account_id}/{verb}")
        assert "stands below; any admin can stop it." in house.ada.text(asked.headers["Location"])


def test_an_objection_from_the_shared_mailbox_stops_it(house: House) -> None:
    account = house.shared()
    case_id, name = house.started(account=account)
    door = house.door(name, house.tom)
    stop = house.mail(account.email, f'"{name}"', r"/migration/stop/\S+")
    assert house.world.visitor().submit(stop, page=stop).status_code == 200
    assert house.case(case_id).state is CaseState.STOPPED
    over = house.tom.get(door)
    assert (over.status_code, "This link is over" in words(over)) == (404, True)
    assert "Somebody behind the shared address objected." in house.ada.text(f"/convert/cases/{case_id}")


def test_whoever_started_it_withdraws_it(house: House) -> None:
    case_id, _ = house.started()
    here = f"/convert/cases/{case_id}"
    with house.later(STALE):
        assert "Sign in once more to withdraw it" in house.ada.text(here)
    done = house.ada.press(here, verb="/withdraw")
    assert "It is withdrawn." in house.ada.text(done.headers["Location"])
    assert house.case(case_id).state is CaseState.WITHDRAWN
    late = house.ada.submit(f"{here}/withdraw")
    assert (late.status_code, "Things have changed" in words(late)) == (409, True)


@pytest.mark.parametrize("verb", ["", "/withdraw"])
def test_t4_to_anybody_else_there_is_no_such_case(house: House, verb: str) -> None:
    case_id, _ = house.started()
    for known in (case_id, "none"):
        path = f"/convert/cases/{known}{verb}"
        answer = house.mia.submit(path) if verb else house.mia.get(path)
        assert answer.status_code == 404
    assert house.case(case_id).state is CaseState.WAITING


# Starting


@pytest.mark.parametrize(
    "proofs, said",
    [
        ((Proof.PASSWORD,), "Not everything that it takes has been shown in this browser yet."),
        ((Proof.MAILBOX,), "The right password of the account is missing still."),
    ],
)
def test_t3_what_is_missing_is_said_as_far_as_the_mailbox_was_shown(
    house: House, proofs: tuple[Proof, ...], said: str
) -> None:
    account = house.shared()
    attempt = house.ada.attempt(account.registry_id, *proofs)
    page = house.ada.page(house.ada.get(f"/convert/{attempt.id}"))
    assert said in page.text
    assert f"/claim/{attempt.id}" in page.links
    assert "contoso" not in page.text
    answer = house.ada.submit(f"/convert/{attempt.id}", {"organization": "Team"})
    assert (answer.status_code, said in answer.text) == (403, True)
    assert state(house, account.registry_id) is State.PENDING


def test_t3_without_a_mailbox_nobody_learns_whether_there_is_such_an_account(house: House) -> None:
    known, unknown = (house.ada.attempt(each, Proof.PASSWORD) for each in (house.shared().registry_id, ""))
    told = {words(house.ada.get(f"/convert/{each.id}")) for each in (known, unknown)}
    assert len(told) == 1


def test_t3_an_attempt_is_of_one_browser_and_used_once(house: House) -> None:
    account = house.shared()
    attempt = house.ada.attempt(account.registry_id)
    here = f"/convert/{attempt.id}"
    for answer in (house.tom.get(here), house.tom.submit(here, {"organization": "Team"})):
        assert (answer.status_code, "begun in another browser" in words(answer)) == (400, True)
    form = {"organization": "Team of once", "admin-1": house.ada.email, "admin-2": house.tom.email}
    token = house.ada.page(house.ada.get(here)).form_token()
    assert house.ada.post(here, {**form, "csrf_token": token}).status_code == 303
    assert house.ada.post(here, {**form, "csrf_token": token}).status_code == 400
    assert house.ada.get(here).status_code == 400
    second = f"/convert/{house.ada.attempt(account.registry_id).id}"
    late = house.ada.get(second)
    assert (late.status_code, "Things have changed" in words(late)) == (409, True)


def test_t7_an_attempt_that_another_request_has_taken_starts_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = house.shared()
    here = f"/convert/{house.ada.attempt(account.registry_id).id}"
    form = {"organization": "Team of none", "admin-1": house.ada.email, "admin-2": house.tom.email}
    monkeypatch.setattr(type(house.world.parts.store), "commit", lambda *_, **__: False)
    assert house.ada.press(here, form).status_code == 400
    assert state(house, account.registry_id) is State.PENDING


def test_nothing_typed_is_lost_when_it_is_wrong(house: House) -> None:
    account = house.shared()
    here = f"/convert/{house.ada.attempt(account.registry_id).id}"
    form = {"organization": "www.evil.example", "admin-1": account.email or "", "admin-5": "nobody"}
    answer = house.ada.press(here, form)
    assert answer.status_code == 400
    assert typed(answer) == form
    for part in ("A name has 2 to 80", "That is the shared mailbox", "not an email address we can take"):
        assert part in words(answer)
    assert '<details class="more" open>' in answer.text
    house.started()
    taken = house.ada.press(
        here, {"organization": f"team {int(account.registry_id) + 1}", "admin-1": "", "admin-2": ""}
    )
    assert taken.status_code == 400


def test_t3_a_sign_in_of_eleven_minutes_ago_starts_nothing_and_what_was_typed_is_kept(house: House) -> None:
    account = house.shared()
    here = f"/convert/{house.ada.attempt(account.registry_id).id}"
    form = {"organization": "Team of later", "admin-1": house.ada.email, "admin-2": house.tom.email}
    token = house.ada.page(house.ada.get(here)).form_token()
    with house.later(STALE):
        shown = house.ada.text(here)
        assert "Sign in once more" in shown
        assert "Start, and tell everybody" not in shown
        answer = house.ada.post(here, {**form, "csrf_token": token})
        assert (answer.status_code, "sign_in_again" in answer.text) == (403, True)
        assert f"next={here.replace('/', '%2F')}" in unescape(answer.text)
    assert state(house, account.registry_id) is State.PENDING
    assert typed(house.ada.get(here)) == form
    assert house.ada.press(here, form).status_code == 303


def test_who_is_not_signed_in_comes_back_after_signing_in(house: House) -> None:
    gone = Someone(house, "gone", "2fa-true", "github")
    here = f"/convert/{gone.attempt(house.shared().registry_id).id}"
    token = gone.page(gone.get(here)).form_token()
    del gone.http.cookies[COOKIE]
    answer = gone.post(here, {"organization": "Team of nobody", "csrf_token": token})
    assert (answer.status_code, "sign_in_first" in answer.text) == (403, True)
    chooser = gone.walk(gone.get(here))
    assert isinstance(chooser, Page)
    github = next(each for each in chooser.links if each.endswith("/github"))
    landed = gone.walk(gone.get(github), "2fa-true")
    assert isinstance(landed, Page)
    assert landed.url.endswith(here)
    assert "Team of nobody" in landed.text
    with house.world.parts.database.begin() as connection:
        house.world.parts.accounts.set_email(
            connection, gone.account_id, house.ada.email, verified=True, now=house.world.clock()
        )


def test_the_shared_address_is_never_suggested_as_an_admins(house: House) -> None:
    account = house.shared()
    here = f"/convert/{house.mia.attempt(account.registry_id).id}"
    own = house.mia.email
    for email, verified in ((account.email, True), (own, False)):
        with house.world.parts.database.begin() as connection:
            house.world.parts.accounts.set_email(
                connection, house.mia.account_id, str(email), verified=verified, now=house.world.clock()
            )
        assert typed(house.mia.get(here)) == {}
    with house.world.parts.database.begin() as connection:
        house.world.parts.accounts.set_email(
            connection, house.mia.account_id, own, verified=True, now=house.world.clock()
        )


def test_t12_starting_and_withdrawing_sends_nobody_mails_without_end(house: House) -> None:
    registry_id = house.shared().registry_id

    def start() -> tuple[dict[str, str], requests.Response]:
        form = {"organization": f"Mails {registry_id}", "admin-1": house.ada.email, "admin-2": house.tom.email}
        return form, house.ada.press(f"/convert/{house.ada.attempt(registry_id).id}", form)

    for _ in range(most(Name.MAIL_ACCOUNT)):
        started = start()[1].headers["Location"].partition("?")[0]
        assert house.ada.press(started, verb="/withdraw").status_code == 303
    form, answer = start()
    assert (answer.status_code, "Too many mails were asked for" in words(answer)) == (429, True)
    assert typed(answer) == form
    assert state(house, registry_id) is State.PENDING


def test_prefetchers_change_nothing_anywhere(house: House) -> None:
    account = house.shared()
    case_id, name = house.started()
    addresses = (
        f"/convert/{house.ada.attempt(account.registry_id).id}",
        f"/convert/{house.ada.attempt(account.registry_id, Proof.MAILBOX).id}",
        house.door(name, house.tom),
        f"/convert/cases/{case_id}",
        f"/convert/cases/{case_id}/withdraw",
    )
    people = (house.world.visitor(), house.ada, house.tom, house.mia)
    store: Any = house.world.parts.store
    before = state_of(house.world.parts.database), dict(store._values), {**store._indexes}
    for person in people:
        for path in addresses:
            for verb in ("GET", "HEAD"):
                answer = person.http.request(verb, house.world.base + path, allow_redirects=False, timeout=20)
                assert answer.status_code in (200, 303, 400, 403, 404, 405), (verb, path)
    assert (state_of(house.world.parts.database), dict(store._values), {**store._indexes}) == before


def test_t3_a_mailbox_that_is_not_the_accounts_any_more_starts_nothing(house: House) -> None:
    account = house.shared()
    attempt = house.ada.attempt(account.registry_id)
    with house.world.parts.database.begin() as connection:
        house.old_world.ledger.write(connection, account.registry_id, lapsed_at=house.world.clock())
    assert "Not everything that it takes has been shown" in house.ada.text(f"/convert/{attempt.id}")
