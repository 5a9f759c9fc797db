"""The pages of whoever asks, and the operators' verbs, in a running broker."""

import logging
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from broker.audit.model import audit_entries
from migrations.accounts.cases import Case, CaseState
from migrations.accounts.model import legacy_accounts
from migrations.accounts.records import Alias
from migrations.accounts.recovery.limits import MOST_OPEN
from migrations.accounts.recovery.shown import evidence_of
from providers.standins import CONTOSO, NORTHWIND, Standins
from tests.accounts.test_account_pages import mails
from tests.migrations.legacy import legacy, package, with_campaign
from tests.migrations.recovery.git_server import git_server
from tests.organizations import DAY, OPERATOR_PERSONA, OPERATOR_PROVIDER, SignedIn, organization, signed_in
from tests.organizations import operator as capability
from tests.world import World, running

FORM = {"account": "user42", "missing": "both", "evidence": "I wrote all of it.", "package": ""}
SECOND_OPERATOR = ("entra-phr", "entra")


@pytest.fixture
def town(tmp_path: Path, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    """A broker in its campaign that may ask private addresses, and whose operators may come by a tenant."""

    def change(raw: dict[str, Any]) -> None:
        with_campaign(raw)
        raw["insecure_allow_private_addresses"] = True
        raw["operators"] = {"tenants": [CONTOSO]}

    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")
    with running(tmp_path, standins=standins, change=change) as this:
        yield this


def ask(person: SignedIn, **changes: str) -> str:
    """Ask for an account, and return the path of the request."""
    answer = person.visitor.submit("/recover", {**FORM, **changes}, page="/recover")
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def case_of(world: World, person: SignedIn) -> Case:
    old_world = world.parts.people.old_world
    assert old_world is not None
    with world.parts.database.read() as connection:
        return old_world.effects.cases.of_account(connection, person.account_id)[0]


def operator(world: World, persona: str = OPERATOR_PERSONA, provider: str = OPERATOR_PROVIDER) -> SignedIn:
    person = signed_in(world, persona, provider)
    with world.parts.database.begin() as connection:
        world.parts.people.operators.add(connection, person.account_id, world.clock())
    return person


def decide(person: SignedIn, case: Case, verb: str) -> Any:
    return person.visitor.submit(f"/operator/migration/cases/{case.id}/{verb}", page="/operator")


def neutral(html: str) -> str:
    """Return a page without what is random on every page."""
    html = re.sub(r'name="csrf_token" value="[^"]*"', "", html)
    html = re.sub(r"vestibule-[0-9a-f]{20}", "MARKER", html)
    html = re.sub(r"/recover/[A-Za-z0-9_-]{63}", "/recover/TICKET", html)
    return re.sub(r"<time.*?</time>", "TIME", html)


def test_a_recovery_from_the_first_page_to_its_effect(town: World, tmp_path: Path) -> None:
    with git_server(tmp_path) as git:
        legacy(town, "42", packages=[package("widget", repository=git.url)])
        eve, otto = signed_in(town, "2fa-true", "github"), operator(town)
        path = ask(eve, package="widget")
        page = eve.visitor.get(path).text
        assert "We have taken your request" in page
        marker = re.search(r"vestibule-[0-9a-f]{20}", page)
        assert marker is not None
        git.push(marker[0])
        looked = eve.visitor.submit(f"{path}/check", page=path)
        assert looked.headers["Location"] == f"{path}?notice=look"
        assert "So far we have not seen it" in eve.visitor.get(f"{path}?notice=look").text
        town.parts.worker.run_once()
        assert "We have seen it" in eve.visitor.get(path).text
    case = case_of(town, eve)
    assert case.details["seen"]["repository"] == git.url
    first = decide(otto, case, "approve")
    assert first.headers["Location"] == f"/operator/migration/cases/{case.id}?notice=supported"
    assert decide(otto, case, "approve").status_code == 409
    second = decide(operator(town, *SECOND_OPERATOR), case, "approve")
    assert second.headers["Location"] == f"/operator/migration/cases/{case.id}?notice=granted", second.text
    assert "Two operators have granted it" in eve.visitor.get(path).text
    told = [str(each["To"]) for each in mails(town, tmp_path) if "about to move" in str(each["Subject"])]
    assert told == ["user42@old.example"]
    town.clock.move(timedelta(days=7, minutes=1))
    town.parts.worker.run_once()
    town.clock.move(-timedelta(days=7, minutes=1))
    assert "The account is yours" in eve.visitor.get(path).text
    assert case_of(town, eve).state is CaseState.EFFECTIVE


def test_t12_the_pages_of_a_request_are_the_same_whether_there_is_an_account_or_not(
    old_world: World, tmp_path: Path
) -> None:
    legacy(old_world, "42")
    legacy(old_world, "43", kind="alias")
    person = signed_in(old_world, "2fa-true", "github")
    told = []
    for account in ("user42", "nobody-at-all", "user43"):
        visits = [person.visitor.submit("/recover", {**FORM, "account": account}, page="/recover")]
        path = visits[0].headers["Location"]
        visits += [person.visitor.get(path), person.visitor.submit(f"{path}/check", page=path)]
        old_world.parts.worker.run_once()
        visits += [person.visitor.get(path), person.visitor.submit(f"{path}/withdraw", page=path)]
        visits += [person.visitor.get(path), person.visitor.submit(f"{path}/check", page="/account")]
        told.append([(each.status_code, len(each.headers.get("Location", "")), neutral(each.text)) for each in visits])
    references = re.compile(r"[A-Z0-9]{10}")
    clean = [[(status, length, references.sub("", text)) for status, length, text in each] for each in told]
    assert clean[0] == clean[1] == clean[2]
    assert [status for status, *_ in told[0]] == [303, 200, 303, 200, 303, 200, 409]
    own = [str(each["To"]) for each in mails(old_world, tmp_path) if "You asked" in str(each["Subject"])]
    assert len(own) == 3


def test_t12_more_than_three_requests_are_refused_whether_there_are_accounts_or_not(old_world: World) -> None:
    person = signed_in(old_world, "2fa-true", "github")
    for number in range(MOST_OPEN):
        ask(person, account=f"nobody{number}")
    answer = person.visitor.submit("/recover", {**FORM, "account": "one more"}, page="/recover")
    assert answer.status_code == 429


def test_who_is_not_signed_in_learns_what_it_takes_and_comes_back(old_world: World) -> None:
    visitor = old_world.visitor()
    page = visitor.page(visitor.get("/recover"))
    assert page.status == 200
    assert "Two operators look at it" in page.text
    assert 'name="evidence"' not in page.text
    assert "/signin?fresh=yes&next=/recover" in page.links or "/signin?fresh=yes&next=%2Frecover" in page.links
    assert visitor.post("/recover", FORM).status_code == 400, "without the token of a form"
    assert visitor.submit("/recover", FORM, page="/claim").status_code == 403
    assert visitor.get("/recover/abc").status_code == 303


def test_a_sign_in_that_is_too_old_asks_nothing_and_loses_nothing_that_was_typed(old_world: World) -> None:
    legacy(old_world, "42")
    person = signed_in(old_world, "2fa-true", "github")
    old_world.clock.move(timedelta(minutes=11))
    page = person.visitor.get("/recover").text
    assert 'name="evidence"' not in page
    late = person.visitor.submit("/recover", {**FORM, "package": "widget"}, page="/account")
    assert (late.status_code, "Sign in once more" in late.text) == (403, True)
    old_world.clock.move(-timedelta(minutes=11))
    again = person.visitor.get("/recover").text
    assert "I wrote all of it." in again
    assert 'value="widget"' in again
    with old_world.parts.database.read() as connection:
        recorded = connection.execute(
            select(func.count()).select_from(audit_entries).where(audit_entries.c.action.like("migration.recovery%"))
        )
        assert recorded.scalar_one() == 0
    ask(person)
    assert "I wrote all of it." not in person.visitor.get("/recover").text


def test_a_form_that_cannot_be_meant_is_shown_again_with_what_was_typed(old_world: World) -> None:
    person = signed_in(old_world, "2fa-true", "github")
    answer = person.visitor.submit("/recover", {**FORM, "missing": ""}, page="/recover")
    assert answer.status_code == 400
    assert "Choose what you have lost." in answer.text
    assert "I wrote all of it." in answer.text


def test_t3_another_persons_request_is_not_there(old_world: World) -> None:
    legacy(old_world, "42")
    path = ask(signed_in(old_world, "2fa-true", "github"))
    other = signed_in(old_world, "entra-mfa", "entra")
    assert other.visitor.get(path).status_code == 404
    for verb in ("check", "withdraw"):
        assert other.visitor.submit(f"{path}/{verb}", page="/account").status_code == 404


def test_prefetching_changes_nothing(old_world: World) -> None:
    legacy(old_world, "42")
    person = signed_in(old_world, "2fa-true", "github")
    path = ask(person)
    before = case_of(old_world, person)
    for address in (
        path,
        "/recover",
        f"{path}/check",
        f"{path}/withdraw",
        f"/operator/migration/cases/{before.id}/approve",
    ):
        person.visitor.get(address)
        person.visitor.http.head(old_world.base + address, timeout=20)
    assert case_of(old_world, person) == before


def test_t4_operators_alone_decide_and_only_with_a_fresh_proof(old_world: World) -> None:
    legacy(old_world, "42")
    eve = signed_in(old_world, "2fa-true", "github")
    ask(eve)
    case = case_of(old_world, eve)
    for verb in ("approve", "refuse"):
        path = f"/operator/migration/cases/{case.id}/{verb}"
        assert eve.visitor.submit(path).status_code == 404
    otto = operator(old_world)
    assert otto.visitor.submit("/operator/migration/cases/none/approve", page="/operator").status_code == 404
    old_world.clock.move(timedelta(minutes=11))
    assert decide(otto, case, "approve").status_code == 403
    old_world.clock.move(-timedelta(minutes=11))
    assert case_of(old_world, eve).state is CaseState.ASKED
    refused = decide(otto, case, "refuse")
    assert refused.headers["Location"].endswith("?notice=refused")
    assert case_of(old_world, eve).state is CaseState.REFUSED


def test_an_operator_who_asks_decides_nothing_and_a_shared_account_goes_to_nobody(town: World) -> None:
    legacy(town, "42")
    otto = operator(town)
    ask(otto)
    assert decide(otto, case_of(town, otto), "approve").status_code == 403
    with town.parts.database.begin() as connection:
        connection.execute(update(legacy_accounts).values(alias=Alias.PROPOSED.value))
    answer = decide(operator(town, *SECOND_OPERATOR), case_of(town, otto), "approve")
    assert (answer.status_code, "shared" in answer.text) == (409, True)


def test_the_words_that_speak_for_somebody_are_in_no_log(old_world: World, caplog: pytest.LogCaptureFixture) -> None:
    legacy(old_world, "42")
    canary = "kanarienvogel"
    with caplog.at_level(logging.DEBUG):
        person = signed_in(old_world, "2fa-true", "github")
        path = ask(person, evidence=f"{canary} told me", package=canary)
        ask(person, account=canary)
        person.visitor.get(path)
        person.visitor.submit(f"{path}/check", page=path)
        person.visitor.submit("/recover", {**FORM, "account": canary, "missing": canary}, page="/recover")
        old_world.parts.worker.run_once()
    assert caplog.records
    assert canary not in "".join(str(vars(record)) + record.getMessage() for record in caplog.records)


def test_what_operators_see_fits_the_template(old_world: World) -> None:
    legacy(old_world, "42")
    eve, otto = signed_in(old_world, "2fa-true", "github"), operator(old_world)
    ask(eve)
    parts = old_world.parts
    assert parts.people.old_world is not None
    with parts.database.read() as connection:
        now = old_world.clock()
        capability = parts.people.authority.operator(connection, otto.session, now)
        shown = evidence_of(parts.people.old_world.recovery, connection, case_of(old_world, eve), capability)
    with old_world.app.test_request_context():
        html = old_world.app.jinja_env.get_template("migration/recovery_evidence.html").render(recovery=shown)
    assert "I wrote all of it." in html
    assert "/approve" in html


def test_t1_an_exception_from_mfa_and_an_account_that_is_closed_ask_for_nothing(town: World) -> None:
    legacy(town, "42")
    own = organization(town, signed_in(town, "entra-mfa", "entra"), "Northwind Traders")
    own.map_tenant()
    people, now = town.parts.people, town.clock()
    with town.parts.database.begin() as connection:
        asked = people.exceptions.ask(
            connection,
            own.fresh_admin(),
            tid=NORTHWIND,
            members=(),
            people=1,
            reason="No telephones.",
            ends_at=now + DAY,
        )
    deciding = capability(town)
    with town.parts.database.begin() as connection:
        people.exceptions.approve(connection, deciding, asked.id)
    exempt = signed_in(town, "northwind-pwd", "entra")
    assert "without a second factor" in exempt.visitor.get("/recover").text
    assert exempt.visitor.submit("/recover", FORM, page="/account").status_code == 403
    gone = signed_in(town, "2fa-true", "github")
    token = gone.visitor.page(gone.visitor.get("/account")).form_token()
    with town.parts.database.begin() as connection:
        people.accounts.set_status(connection, gone.account_id, "disabled")
    assert 'name="evidence"' not in gone.visitor.get("/recover").text
    assert gone.visitor.post("/recover", {**FORM, "csrf_token": token}).status_code == 403
    with town.parts.database.read() as connection:
        assert people.old_world is not None
        assert people.old_world.effects.cases.of_registry_account(connection, "42") == []
