"""Claims at the real HTTP surface: the whole way, what is refused, and what nobody is told."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from broker.accounts.carried import carried_by
from broker.accounts.service import AccountClosed
from broker.events.model import security_events
from migrations.accounts import links
from migrations.accounts.model import cases, legacy_accounts
from migrations.accounts.periods import HOLD
from migrations.accounts.visit import sign_in
from providers.standins import Standins
from tests.migrations.claiming.browsers import Claimant, mailed, mails
from tests.migrations.crash import state_of
from tests.migrations.legacy import PASSWORD, legacy, package, with_campaign
from tests.organizations import SignedIn, signed_in
from tests.world import World, running

STOLEN = "password1"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    """A broker for all tests of the module, each with accounts of its own."""
    folder = tmp_path_factory.mktemp("town")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    stolen = folder / "stolen"
    stolen.write_text(hashlib.sha1(STOLEN.encode()).hexdigest().upper() + ":1\n")  # noqa: S324 - the list's format

    def change(raw: dict[str, Any]) -> None:
        with_campaign(raw, breached_passwords=str(stolen), widely_used=1000)

    with running(folder, standins=standins, change=change) as this:
        yield this


@pytest.fixture
def back_in_time(town: World) -> Iterator[World]:
    """Let a test move the clock."""
    yield town
    town.clock.offset = timedelta(0)


def count_of_cases(world: World) -> int:
    with world.parts.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(cases)).scalar_one())


def carried(world: World, account_id: str) -> list[str]:
    with world.parts.database.read() as connection:
        return carried_by(connection, account_id)


def whose(claimant: Claimant) -> str:
    return SignedIn(world=claimant.world, visitor=claimant.visitor).account_id


def test_the_whole_way_from_the_start_page_to_the_page_that_says_what_is_next(town: World) -> None:
    old = legacy(town, "whole", packages=[package("left-pad")], keys=2)
    assert old.email is not None
    claimant = Claimant.of(town)
    start = claimant.visitor.get("/claim")
    assert "Example Registry" in start.text
    claimant.begin(old.name)
    assert "Whether it was right" not in claimant.page().text
    assert claimant.give_password().headers["Location"].endswith("?done=password")
    assert "Whether it was right is shown here once the mailbox is proven" in claimant.page().text
    claimant.prove_mailbox(old.email)
    page = claimant.page()
    assert "What happens then" in page.text
    assert "<dd>1, which stays with it</dd>" in page.text
    assert "<dd>2, which stay as they are</dd>" in page.text
    assert "Claim the account" not in page.text, "nobody is signed in yet"
    back = claimant.sign_in()
    assert (back.url.endswith(claimant.path), "Claim the account" in back.text) == (True, True)
    done = claimant.finish()
    case = claimant.visitor.page(claimant.visitor.get(done.headers["Location"]))
    assert "The account is yours" in case.text
    assert carried(town, whose(claimant)) == ["whole"]
    assert "whole" in claimant.visitor.get("/account").text
    (undo,) = mailed(town, old.email, "/migration/undo/")
    assert undo
    # To anybody else there is no such case, and neither is there another one.
    assert Claimant.of(town).visitor.get(case.url).status_code == 303
    other = signed_in(town, "oidc-mfa", "generic")
    assert other.visitor.get(case.url).status_code == 404
    assert claimant.visitor.get("/claim/cases/none").status_code == 404


def test_what_is_missing_is_not_told_and_nothing_is_finished_without_it(town: World) -> None:
    old = legacy(town, "missing")
    assert old.email is not None
    claimant = Claimant.of(town).begin(old.name)
    before = count_of_cases(town)
    refused = claimant.finish()
    assert (refused.status_code, "sign_in_first" in refused.text) == (403, True)
    claimant.sign_in()
    answers = {claimant.finish().status_code}
    claimant.give_password()
    refused = claimant.finish()
    assert {*answers, refused.status_code} == {409}
    assert "all three" in refused.text
    assert count_of_cases(town) == before


def test_t1_a_sign_in_without_mfa_is_refused_and_one_that_is_not_fresh_is_sent_round_once_more(
    back_in_time: World,
) -> None:
    town = back_in_time
    old = legacy(town, "stale")
    assert old.email is not None
    claimant = Claimant.of(town).begin(old.name)
    claimant.give_password()
    claimant.prove_mailbox(old.email)
    landed = claimant.sign_in("2fa-false")
    assert landed.meta("reason") == "too_weak"
    assert claimant.finish().status_code == 403
    assert "sign-in" in claimant.sign_in().text
    assert sign_in(claimant.path) in claimant.page().links
    town.clock.move(timedelta(minutes=10, seconds=5))
    page = claimant.page()
    assert "a sign-in of the last ten minutes" in page.text
    refused = claimant.finish()
    assert (refused.status_code, "sign_in_again" in refused.text) == (403, True)
    town.clock.move(timedelta(hours=1))
    over = claimant.visitor.get(claimant.path)
    assert (over.status_code, "claim_over" in over.text) == (400, True)
    with town.parts.database.read() as connection:
        assert connection.execute(select(cases).where(cases.c.registry_id == "stale")).all() == []


def test_t10_the_link_proves_the_mailbox_in_the_browser_that_began_and_after_a_button_only(town: World) -> None:
    old = legacy(town, "browser")
    assert old.email is not None
    claimant, scanner = Claimant.of(town).begin(old.name), Claimant.of(town)
    link = claimant.ask_for_link(old.email)
    before = state_of(town.parts.database)
    for visitor in (claimant.visitor, scanner.visitor):
        for method in ("GET", "HEAD"):
            visitor.http.request(method, f"{town.base}{link}", timeout=20)
    assert state_of(town.parts.database) == before
    refused = scanner.send(link)
    assert (refused.status_code, "link_elsewhere" in refused.text) == (400, True)
    assert "in the browser in which the claim was begun" in scanner.visitor.get(link).text
    assert scanner.visitor.get(claimant.path).status_code == 400
    assert "Its mailbox <span" in claimant.page().text
    claimant.send(link, page=link)
    assert '<h2 id="mailbox">Its mailbox <span class="tag good">proven</span></h2>' in claimant.page().text
    assert claimant.send(link).status_code == 400, "once"


def test_nothing_tells_before_the_mailbox_is_proven_whether_an_account_or_a_right_password_is_there(
    town: World,
) -> None:
    legacy(town, "there")
    legacy(town, "shared", kind="alias")
    legacy(town, "unconfirmed", email_confirmed=False)

    def seen(typed: str, password: str) -> list[tuple[int, str]]:
        claimant = Claimant.of(town).begin(typed)
        answers = [
            claimant.visitor.get(claimant.path),
            claimant.send(f"{claimant.path}/mail"),
            claimant.visitor.get(f"{claimant.path}?done=mail"),
            claimant.give_password(password),
            claimant.visitor.get(f"{claimant.path}?done=password"),
            claimant.finish(),
        ]
        return [(each.status_code, _without_chance(each, claimant)) for each in answers]

    expected = seen("nobody at all", "wrong")
    for typed in ("userthere", "usershared", "userunconfirmed", "userthere@old.example"):
        assert seen(typed, PASSWORD) == expected, typed


def _without_chance(answer: requests.Response, claimant: Claimant) -> str:
    text = answer.text.replace(claimant.path, "/claim/X").replace(claimant.path.removeprefix("/claim/"), "X")
    text = re.sub(r'name="csrf_token" value="[^"]*"', "", text)
    return re.sub(r'<dd class="code">[A-Z0-9]{10}</dd>', "", text)


def test_a_stolen_password_is_refused_and_recovery_named_as_the_way_on(town: World) -> None:
    old = legacy(town, "stolen", password=STOLEN)
    assert old.email is not None
    claimant = Claimant.of(town).begin(old.name)
    claimant.prove_mailbox(old.email)
    claimant.give_password(STOLEN)
    page = claimant.page()
    assert "thieves have it on their lists" in page.text
    assert "/recover" in page.links
    claimant.sign_in()
    assert claimant.finish().status_code == 409


def test_a_shared_account_leads_to_its_conversion_with_the_same_attempt(town: World) -> None:
    old = legacy(town, "team", name="team", kind="alias")
    assert old.email is not None
    claimant = Claimant.of(town).begin("team")
    claimant.give_password()
    claimant.prove_mailbox(old.email)
    page = claimant.page()
    assert page.links.count(claimant.path.replace("/claim/", "/convert/")) == 1
    assert "is shared by several people" in page.text
    claimant.sign_in()
    refused = claimant.finish()
    assert (refused.status_code, "not_alone" in refused.text) == (409, True)


@pytest.mark.parametrize("kind", ["alias", "person"])
def test_whoever_proves_the_mailbox_of_a_shared_account_first_is_led_on_to_its_password(town: World, kind: str) -> None:
    name = f"first-{kind}"
    old = legacy(town, name, name=name, kind=kind)
    assert old.email is not None
    if kind == "person":  # which rules propose as shared, and nobody has decided on
        with town.parts.database.begin() as connection:
            connection.execute(
                legacy_accounts.update().where(legacy_accounts.c.registry_id == name).values(alias="proposed")
            )
    claimant = Claimant.of(town).begin(name)
    claimant.prove_mailbox(old.email)
    onward = claimant.path.replace("/claim/", "/convert/")
    page = claimant.page()
    assert ('name="password"' in page.text, onward in page.links) == (True, False)
    claimant.give_password("wrong")
    page = claimant.page()
    assert ("This was not the password." in page.text, 'name="password"' in page.text) == (True, True)
    assert claimant.give_password().headers["Location"].endswith("?done=password")
    page = claimant.visitor.page(claimant.visitor.get(f"{claimant.path}?done=password"))
    assert ('name="password"' in page.text, onward in page.links) == (False, True)
    assert "once the mailbox is proven" not in page.text, "it is proven"


def test_t12_too_many_guesses_are_refused_with_the_time_to_wait(town: World) -> None:
    legacy(town, "guessed")
    claimant = Claimant.of(town).begin("userguessed")
    for _ in range(10):
        assert claimant.give_password("wrong").status_code == 303
    refused = claimant.give_password()
    assert (refused.status_code, "Wait 5 minutes" in refused.text) == (429, True)
    assert "Sign in first, with a second factor" in refused.text
    assert sign_in(claimant.path) in claimant.visitor.page(refused).links


def test_t12_whoever_signs_in_first_is_not_kept_waiting_by_the_guesses_of_strangers(town: World) -> None:
    old = legacy(town, "crowded")
    assert old.email is not None
    for _ in range(2):
        stranger = Claimant.of(town).begin(old.name)
        for _ in range(5):
            assert stranger.give_password("wrong").status_code == 303
    claimant = Claimant.of(town).begin(old.name)
    assert claimant.give_password().status_code == 429
    claimant.sign_in("oidc-phr", "generic")
    assert claimant.give_password().status_code == 303
    claimant.prove_mailbox(old.email)
    assert "Claim the account" in claimant.page().text
    # Of their own guesses they have as many as anybody else.
    again = Claimant(world=town, visitor=claimant.visitor).begin(old.name)
    for _ in range(4):
        assert again.give_password("wrong").status_code == 303
    refused = again.give_password("wrong")
    assert (refused.status_code, "Sign in first" in refused.text) == (429, False)
    # Nor does a sign-in help whoever has proven the mailbox.
    reader = Claimant.of(town).begin(old.name)
    reader.prove_mailbox(old.email)
    for _ in range(5):
        assert reader.give_password("wrong").status_code == 303
    refused = reader.give_password()
    assert (refused.status_code, "Sign in first" in refused.text) == (429, False)


def test_a_password_that_was_not_looked_at_is_asked_for_once_more_when_the_mailbox_is_proven(town: World) -> None:
    old = legacy(town, "unseen")
    assert old.email is not None
    for _ in range(2):
        stranger = Claimant.of(town).begin(old.name)
        for _ in range(5):
            stranger.give_password("wrong")
    claimant = Claimant.of(town).begin(old.email)
    assert claimant.give_password().headers["Location"].endswith("?done=password")
    claimant.prove_mailbox(old.email)
    page = claimant.page()
    assert ("yours was not looked at" in page.text, 'name="password"' in page.text) == (True, True)
    claimant.give_password()
    assert "not looked at" not in claimant.page().text


@pytest.mark.parametrize("typed", ["", "   ", "x" * 321])
def test_what_names_no_account_is_asked_for_again(town: World, typed: str) -> None:
    answer = Claimant.of(town).send("/claim", {"account": typed})
    assert (answer.status_code, "Give the name of the old account" in answer.text) == (400, True)


def test_the_start_page_tells_the_dates_of_each_phase(back_in_time: World) -> None:
    visitor = back_in_time.visitor()
    assert "Please claim your old account of Example Registry now" in visitor.get("/claim").text
    back_in_time.clock.move(timedelta(days=61))
    assert "has to be claimed" in visitor.get("/claim").text
    back_in_time.clock.move(timedelta(days=60))
    closed = visitor.get("/claim").text
    assert ("The old passwords of Example Registry ended on" in closed, "/recover" in closed) == (True, True)


def test_a_claim_that_waits_is_shown_and_taken_back_by_who_made_it_with_a_fresh_sign_in(back_in_time: World) -> None:
    town = back_in_time
    old = legacy(town, "waits", packages=[package("used", downloads=1000)])
    assert old.email is not None
    claimant = Claimant.of(town)
    case = claimant.claim(old.name, old.email)
    page = claimant.visitor.get(case)
    assert "Takes effect" in page.text
    other = signed_in(town, "oidc-mfa", "generic")
    assert other.visitor.submit(f"{case}/withdraw").status_code == 404
    town.clock.move(timedelta(minutes=11))
    stale = claimant.send(f"{case}/withdraw", page=case)
    assert (stale.status_code, "sign_in_again" in stale.text) == (403, True)
    town.clock.move(timedelta(minutes=-11))
    assert claimant.send(f"{case}/withdraw", page=case).headers["Location"] == f"{case}?done=withdrawn"
    assert "You took it back" in claimant.visitor.get(f"{case}?done=withdrawn").text
    assert claimant.send(f"{case}/withdraw", page=case).status_code == 409
    (stop,) = mailed(town, old.email, "/migration/stop/")
    assert town.visitor().get(stop).status_code == 404
    assert "waits" not in carried(town, whose(claimant))


def test_the_old_address_stops_what_waits_in_any_browser_after_a_button_and_once(town: World) -> None:
    old = legacy(town, "stops", packages=[package("used", downloads=5000)])
    assert old.email is not None
    claimant = Claimant.of(town)
    case = claimant.claim(old.name, old.email)
    (stop,) = mailed(town, old.email, "/migration/stop/")
    reader = Claimant.of(town)
    before = state_of(town.parts.database)
    shown = reader.visitor.get(stop)
    assert reader.visitor.http.head(f"{town.base}{stop}", timeout=20).status_code == 200
    assert (shown.status_code, old.name in shown.text, "Stop this?" in shown.text) == (200, True, True)
    crossed = stop.replace("/stop/", "/undo/")
    assert (reader.visitor.get(crossed).status_code, reader.send(crossed).status_code) == (404, 404)
    assert state_of(town.parts.database) == before
    done = reader.send(stop, page=stop)
    assert (done.status_code, "it is frozen" in done.text) == (200, True)
    for gone in (stop, "/migration/stop/unknown"):
        assert (reader.visitor.get(gone).status_code, reader.send(gone).status_code) == (404, 404)
    assert "It was stopped before it took effect" in claimant.visitor.get(case).text
    town.parts.people.old_world.due.run(town.clock() + HOLD)  # type: ignore[union-attr]  # there is one
    assert "stops" not in carried(town, whose(claimant))


def test_the_old_address_undoes_what_happened_and_everybody_is_signed_out(town: World) -> None:
    old = legacy(town, "undoes")
    assert old.email is not None
    claimant = Claimant.of(town)
    claimant.claim(old.name, old.email, persona="oidc-phr", provider="generic")
    account_id = whose(claimant)
    (undo,) = mailed(town, old.email, "/migration/undo/")
    reader = Claimant.of(town)
    assert "Undo this?" in reader.visitor.get(undo).text
    done = reader.send(undo, page=undo)
    assert (done.status_code, "It was undone" in done.text) == (200, True)
    assert reader.send(undo).status_code == 404
    assert carried(town, account_id) == []
    told = [text for to, text in mails(town) if to == old.email]
    assert sum("was undone" in text for text in told) == 1
    assert claimant.visitor.get("/account").is_redirect, "their sessions have ended"
    with town.parts.database.read() as connection:
        kinds = connection.execute(
            select(security_events.c.kind).where(security_events.c.subject == "undoes").order_by(security_events.c.id)
        ).scalars()
        assert list(kinds) == ["account.claimed", "account.claim_undone"]


def test_a_link_of_a_case_that_ended_meanwhile_changes_nothing(town: World) -> None:
    old = legacy(town, "late", packages=[package("used", downloads=5000)])
    assert old.email is not None
    Claimant.of(town).claim(old.name, old.email, persona="oidc-mfa", provider="generic")
    (stop,) = mailed(town, old.email, "/migration/stop/")
    with town.parts.database.begin() as connection:
        connection.execute(cases.update().where(cases.c.registry_id == "late").values(state="lapsed"))
    reader = Claimant.of(town)
    assert (reader.visitor.get(stop).status_code, reader.send(stop).status_code) == (404, 404)


def test_t7_a_link_that_somebody_else_uses_at_the_same_moment_does_it_once(
    town: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = legacy(town, "twice", packages=[package("used", downloads=5000)])
    assert old.email is not None
    Claimant.of(town).claim(old.name, old.email, persona="oidc-mfa", provider="generic")
    (stop,) = mailed(town, old.email, "/migration/stop/")
    reader = Claimant.of(town)
    with town.parts.database.read() as connection:
        seen = links.find(connection, stop.rpartition("/")[2], town.clock())
    assert reader.send(stop).status_code == 200
    before = state_of(town.parts.database)
    monkeypatch.setattr(links, "find", lambda *_: seen)
    assert reader.send(stop).status_code == 404
    assert state_of(town.parts.database) == before


def test_a_claim_whose_proofs_or_account_go_at_the_last_moment_writes_nothing(
    town: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = legacy(town, "last-moment")
    assert old.email is not None
    claimant = Claimant.of(town).begin(old.name)
    claimant.give_password()
    claimant.prove_mailbox(old.email)
    claimant.sign_in("oidc-mfa", "generic")
    before = state_of(town.parts.database)
    with monkeypatch.context() as patch:
        patch.setattr(town.parts.store, "commit", lambda **_: False)
        over = claimant.finish()
    assert (over.status_code, "claim_over" in over.text) == (400, True)

    def closed(*_: object) -> None:
        raise AccountClosed("disabled")

    with monkeypatch.context() as patch:
        patch.setattr(type(town.parts.accounts), "hold", closed)
        refused = claimant.finish()
    assert (refused.status_code, "account_disabled" in refused.text) == (403, True)
    assert state_of(town.parts.database) == before


def test_t5_who_is_signed_in_with_an_account_that_is_closed_is_asked_to_sign_in(town: World) -> None:
    claimant = Claimant.of(town).begin("nobody")
    claimant.sign_in("oidc-phrh", "generic")
    assert "Use another account" in claimant.page().text
    account_id = whose(claimant)
    with town.parts.database.begin() as connection:
        town.parts.accounts.set_status(connection, account_id, "disabled")
    assert "Use another account" not in claimant.page().text
    assert claimant.finish().status_code == 403


def test_a_service_of_stolen_passwords_that_does_not_answer_lets_no_password_through(
    tmp_path: Path, standins: Standins, migrated_sqlite: Path
) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")

    def change(raw: dict[str, Any]) -> None:
        with_campaign(raw, breached_range_url="https://127.0.0.1:1/range/", devise_pepper="salt of the earth")

    with running(tmp_path, standins=standins, change=change) as world:
        legacy(world, "1")
        claimant = Claimant.of(world).begin("user1")
        answers = [claimant.give_password(password) for password in (PASSWORD, "wrong")]
        assert [each.status_code for each in answers] == [503, 503]
        assert "yours was not" in answers[0].text
