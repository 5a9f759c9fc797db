"""The pages of organisations over HTTP: making one, looking at it, its name, leaving it, stopping what waits."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from sqlalchemy import insert

from broker.accounts.carried import attach
from broker.accounts.organizations.capabilities import Role
from broker.accounts.organizations.change_records import SETTLING
from broker.accounts.organizations.changes import MOST_IN_A_DAY, ChangeKind
from broker.accounts.organizations.service import MOST_OF_ONE_ADMIN
from broker.signin.sessions import COOKIE
from broker.tenants.model import exceptions
from broker.tenants.rules import Rule
from claims.evidence import Binding
from providers.standins import CONTOSO, FABRIKAM
from tests.accounts.organizations.pages.hall import STALE, Hall, id_of, words


def test_somebody_makes_an_organisation_and_is_its_admin(hall: Hall) -> None:
    response = hall.ada.press("/organizations", "", {"name": "  Ada's   Crates "})
    assert response.status_code == 303
    page = hall.ada.text(response.headers["Location"])
    assert "Ada's Crates The organisation is there, and you are its admin." in page
    assert "Has not signed in as a member yet" not in page, "it counts how they are signed in"
    assert "Ada's Crates admin" in hall.ada.text("/organizations")
    assert hall.role(response.headers["Location"].partition("?")[0], hall.ada) == "admin"


@pytest.mark.parametrize("name", ["", "x", "two\nlines", "<b>\x07", "y" * 81])
def test_what_is_no_name_is_shown_again_with_the_problem_and_makes_nothing(hall: Hall, name: str) -> None:
    response = hall.ada.press("/organizations", "", {"name": name})
    assert response.status_code == 400
    assert "A name has 2 to 80 printable characters" in words(response)
    assert 'aria-invalid="true"' in response.text
    assert "You belong to no organisation yet" in hall.ada.text("/organizations")


def test_a_name_that_another_has_is_shown_again_when_making_and_when_renaming(hall: Hall) -> None:
    hall.organization(hall.olga, name="Taken")
    here = hall.organization(hall.ada, name="Mine")
    for response in (
        hall.ada.press("/organizations", "", {"name": "TAKEN"}),
        hall.ada.press(here, "name", {"name": "taken"}),
    ):
        assert response.status_code == 409
        assert "Another organisation has this name" in words(response)
        assert re.search(r'value="taken"', response.text, re.IGNORECASE), "what was typed is still there"
    assert "Mine" in hall.ada.text(here)


def test_nobody_makes_organisations_without_end(hall: Hall) -> None:
    for _ in range(MOST_OF_ONE_ADMIN):
        hall.organization(hall.ada)
    response = hall.ada.press("/organizations", "", {"name": "One more"})
    assert response.status_code == 409
    assert "as many organisations as one person can make" in words(response)


def test_the_page_comes_back_after_a_sign_in_and_a_form_says_that_nothing_changed(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    visitor = hall.world.visitor()
    response = visitor.get(f"{here}/rules?strength=mfa")
    assert response.status_code == 303
    assert parse_qs(urlsplit(response.headers["Location"]).query) == {"next": [f"{here}/rules?strength=mfa"]}
    token = hall.ada.page(hall.ada.get(here)).form_token()
    cookies = {each.name: each.value or "" for each in hall.ada.http.cookies if each.name != COOKIE}
    visitor.http.cookies.update(cookies)
    posted = visitor.post(f"{here}/name", {"name": "Stolen", "csrf_token": token})
    assert posted.status_code == 403
    assert "Your session has ended, so nothing was changed." in words(posted)


def test_to_strangers_an_organisation_does_not_exist_and_members_see_little_of_it(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    assert hall.olga.get(here).status_code == hall.olga.get("/organizations/nothing").status_code == 404
    page = hall.tom.get(here).text
    assert "Canary 2fa-true" in page, "its admins"
    for hidden in ("@personas.example", "/role", "/remove", "/invitations", "/rules", "/tenants"):
        assert hidden not in page
    assert hall.tom.press(here, "leave").status_code == 303
    assert hall.tom.get(here).status_code == 404


def test_a_member_may_not_do_what_admins_do(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    before = hall.actions()
    for verb in ("name", "invitations", "rules", f"members/{hall.ada.account_id}/remove", "changes/x/stop"):
        response = hall.tom.submit(f"{here}/{verb}", {"name": "Mine now", "email": "a@b.example"}, page=here)
        assert response.status_code == 403, verb
        assert "This is for admins" in response.text
    assert hall.tom.get(f"{here}/rules").status_code == 403
    assert hall.actions() == before


def test_the_admins_page_shows_tenants_rules_people_and_exceptions(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    hall.tenant(here, CONTOSO, "Contoso <b>")
    hall.tenant(here, FABRIKAM, "Fabrikam", state="released")
    hall.rule(here, Rule(bindings=frozenset({Binding.ACCOUNT_STATE}), session_length=timedelta(hours=26)))
    admin = hall.admin(here)
    with hall.books() as connection:
        for tid, people in ((CONTOSO, 12), (None, 1)):
            hall.people.exceptions.ask(
                connection,
                admin,
                tid=tid,
                members=[hall.tom.account_id] if tid is None else [],
                people=people,
                reason="No telephones in the vault.",
                ends_at=hall.world.clock() + timedelta(days=3),
            )
    response = hall.ada.get(here)
    page = words(response)
    assert "<bdi>Contoso &lt;b&gt;</bdi>" in response.text
    assert f"{CONTOSO} active" in page
    assert "No longer mapped: 1" in page
    assert "Kind of proof a setting of the account, such as GitHub’s" in page
    assert "Time since sign-in at most 1 day 2 hours" in page
    assert "canary-entra-mfa@personas.example" in page
    assert "Does not meet the rules: their last sign-in had another kind of proof than the rules accept" in page
    assert "Up to 12 people of Contoso <b>" in page
    assert "1 person, by name" in page
    assert "waits for an operator" in page
    assert "No telephones" not in page, "reasons are on the page of exceptions"


def test_without_a_fresh_proof_the_page_has_no_form_to_type_into_and_posting_asks_for_one(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    with hall.later(STALE):
        response = hall.ada.get(here)
        assert response.status_code == 200
        assert words(response).count("Sign in once more") >= 5
        assert "<input id=" not in response.text
        for verb, data in (("name", {"name": "Other"}), ("leave", {}), ("invitations", {"email": "a@b.example"})):
            refused = hall.ada.submit(f"{here}/{verb}", data, page=here)
            assert refused.status_code == 403, verb
            assert "Sign in once more" in words(refused)
            assert f"/signin?fresh=yes&next={quote(here, safe='')}" in hall.ada.page(refused).links
        leaving = hall.tom.submit(f"{here}/leave", page=here)
        assert leaving.status_code == 403
        assert "Sign in once more" in words(leaving)
    assert hall.role(here, hall.tom) == "member"


def test_an_organisation_is_renamed(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    assert "Renamed The name is saved." in hall.ada.done(here, "name", {"name": "Renamed"})
    assert hall.ada.press(here, "name", {"name": "x"}).status_code == 400


def test_any_admin_stops_what_waits_without_a_fresh_proof(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    hall.join(id_of(here), hall.olga, Role.ADMIN)
    assert "Asked for." in hall.ada.done(here, f"members/{hall.tom.account_id}/role", {"role": "admin"})
    with hall.later(STALE):
        page = hall.olga.text(here)
        assert "Make Canary entra-mfa an admin" in page
        assert "Asked for by Canary 2fa-true" in page
        (change_id,) = hall.waiting(here)
        assert "Stopped." in hall.olga.done(here, f"changes/{change_id}/stop")
        assert hall.olga.submit(f"{here}/changes/{change_id}/stop", page=here).status_code == 404
    hall.wait_a_day()
    assert hall.role(here, hall.tom) == "member"


def test_what_waits_in_another_organisation_is_not_there_to_stop(hall: Hall) -> None:
    here, elsewhere = hall.organization(hall.ada, hall.tom), hall.organization(hall.olga)
    hall.ada.press(here, f"members/{hall.tom.account_id}/role", {"role": "admin"})
    (change_id,) = hall.waiting(here)
    response = hall.olga.submit(f"{elsewhere}/changes/{change_id}/stop", page=elsewhere)
    assert response.status_code == 404
    assert hall.waiting(here) == [change_id]


def test_every_kind_of_change_that_waits_is_said_in_words(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    hall.rule(here, Rule(providers=frozenset({"github"})))
    mapping_id = hall.tenant(here, rule=Rule(max_age=timedelta(hours=1)))
    wished: dict[ChangeKind, tuple[str, dict[str, object]]] = {
        ChangeKind.RULE: ("", {"providers": ["github", "msa"]}),
        ChangeKind.TENANT_RULE: (mapping_id, {"max_age": None}),
        ChangeKind.PROMOTE: (hall.tom.account_id, {}),
        ChangeKind.DEMOTE: (hall.tom.account_id, {}),
        ChangeKind.REMOVE_ADMIN: (hall.tom.account_id, {}),
        ChangeKind.TENANT: (mapping_id, {}),
        ChangeKind.RESUME: (mapping_id, {}),
        ChangeKind.RELEASE: (mapping_id, {}),
        ChangeKind.ATTEST: (f"{mapping_id}:c1", {"context": "c1", "strength": "mfa", "every_time": False}),
    }
    admin = hall.admin(here)
    with hall.books() as connection:
        for kind, (target, payload) in wished.items():
            hall.people.changes.propose(connection, admin, kind, target, payload)
    page = hall.ada.text(here)
    for said in (
        "Looser rules for the organisation Providers only GitHub , Microsoft until now: only GitHub",
        "Looser rules for the tenant Northwind Age of the proof no limit of its own until now: at most 1 hour",
        "Make Canary entra-mfa an admin",
        "Make Canary entra-mfa an ordinary member",
        "Remove the admin Canary entra-mfa",
        "Map the tenant Northwind",
        "Admit the people of Northwind again",
        "Give up the tenant Northwind",
        "Take an authentication context as proof, in the tenant Northwind Context c1",
    ):
        assert said in page
    assert set(wished) == set(ChangeKind)


def test_the_last_admin_neither_leaves_nor_steps_down(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    assert "You are the only admin, so you cannot leave." in hall.ada.text(here)
    for verb, data in (
        ("leave", {}),
        (f"members/{hall.ada.account_id}/role", {"role": "member"}),
        (f"members/{hall.ada.account_id}/remove", {}),
    ):
        response = hall.ada.press(here, verb, data)
        assert response.status_code == 409
        assert "An organisation needs an admin" in words(response)
    assert hall.role(here, hall.ada) == "admin"


_GITHUB_ALONE = {"strength": "", "max_age": "", "session_length": "", "guests": "yes", "providers": "github"}


def test_t3_of_what_several_had_shared_nobody_leaves_another_alone_in_the_first_days(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    hall.join(id_of(here), hall.tom, Role.ADMIN)
    with hall.books() as connection:
        attach(connection, f"shared-{id_of(here)}", id_of(here), hall.world.clock())
    for verb, data in (("leave", {}), (f"members/{hall.tom.account_id}/role", {"role": "member"})):
        response = hall.tom.press(here, verb, data)
        said = words(response)
        assert response.status_code == 409
        assert "two admins have to remain." in said
        assert f"{hall.world.clock() + SETTLING:%Y-%m-%d}" in said
    hall.people_seen(hall.ada)
    refused = hall.ada.press(f"{here}/rules", "", _GITHUB_ALONE)
    assert (refused.status_code, "In the first 14 days no rule may shut out" in words(refused)) == (409, True)
    assert hall.role(here, hall.tom) == "admin"


def test_a_suspended_member_reads_why_and_what_to_do(hall: Hall) -> None:
    here = hall.organization(hall.olga, hall.tom, name="Strict House")
    hall.rule(here, Rule(providers=frozenset({"github"})))
    page = hall.tom.text("/organizations")
    assert "Strict House suspended Your organisation does not accept the way you signed in." in page
    assert "Sign in another way" in page
    refused = hall.tom.get(here)
    assert refused.status_code == 403
    assert "Your membership is suspended" in words(refused)
    account = hall.tom.text("/account")
    assert "Strict House suspended member" in account


def test_t12_an_admin_who_is_suspended_finds_what_waits_and_stops_it(hall: Hall) -> None:
    here = hall.organization(hall.ada, name="Strict House")
    hall.join(id_of(here), hall.tom, Role.ADMIN)
    hall.ada.done(here, f"members/{hall.tom.account_id}/remove")
    hall.ada.done(here, "invitations", {"email": "friend@elsewhere.example"})
    hall.rule(here, Rule(providers=frozenset({"github"})))
    listed = hall.tom.get("/organizations")
    assert f'href="{here}"' in listed.text
    assert "As an admin, you can stop what waits there." in words(listed)
    page = hall.tom.text(here)
    assert "Your membership is suspended. Your organisation does not accept the way you signed in." in page
    assert "Remove the admin" in page
    assert "Invitation 1" in page
    assert "friend@elsewhere.example" not in page
    (change_id,) = hall.waiting(here)
    page = hall.tom.done(here, f"changes/{change_id}/stop")
    assert "Stopped." in page
    (invitation_id,) = hall.invited(here)
    page = hall.tom.done(here, f"invitations/{invitation_id}/withdraw")
    assert "Invitation 1" not in page
    assert (hall.waiting(here), hall.invited(here), hall.role(here, hall.tom)) == ([], [], "admin")


def test_t12_more_than_twenty_changes_in_a_day_are_refused_with_a_page(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    for _ in range(MOST_IN_A_DAY):
        hall.ada.done(here, f"members/{hall.tom.account_id}/role", {"role": "admin"})
        (change_id,) = hall.waiting(here)
        hall.ada.done(here, f"changes/{change_id}/stop")
    refused = hall.ada.press(here, f"members/{hall.tom.account_id}/role", {"role": "admin"})
    assert refused.status_code == 429
    assert "too_many_changes" in refused.text or "as many changes as an admin may" in words(refused)
    assert hall.waiting(here) == []


def test_admins_whom_no_mail_reaches_are_named(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    assert "Is told nothing by mail" not in hall.ada.text(here)
    with hall.books() as connection:
        before = hall.people.accounts.person(connection, hall.ada.account_id)
    address = before.email or "ada@example.org"
    for verified in (False, before.email_verified):
        with hall.books() as connection:
            hall.people.accounts.set_email(
                connection, hall.ada.account_id, address, verified=verified, now=hall.world.clock()
            )
        told = "Is told nothing by mail: has no address that is confirmed" not in hall.ada.text(here)
        assert told is verified


def test_the_account_page_and_the_data_tell_of_memberships(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom, name="House of Ada")
    assert "House of Ada member Your organisations" in hall.tom.text("/account")
    assert hall.tom.get("/account/data.json").json()["organizations"] == [
        {"id": id_of(here), "name": "House of Ada", "role": "member", "suspended": False}
    ]
    assert "/organizations" in hall.tom.get("/").text
    assert "/organizations" not in hall.world.visitor().get("/").text
    hall.tom.done(here, "leave")
    left = hall.tom.get("/account/data.json").json()
    assert left["organizations"] == []
    assert id_of(here) in {each["id"] for each in left["former_organizations"]}


def test_whoever_is_let_in_by_an_exception_sees_where_they_belong_and_opens_nothing(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    hall.tenant(here, CONTOSO, "Contoso")
    exception = {
        "id": "e-1",
        "organization_id": id_of(here),
        "tid": CONTOSO,
        "people": 5,
        "reason_sealed": b"",
        "requested_by": hall.ada.account_id,
        "requested_at": hall.world.clock(),
        "ends_at": hall.world.clock() + timedelta(days=2),
        "state": "approved",
    }
    with hall.books() as connection:
        connection.execute(insert(exceptions).values(**exception))
    paul = hall.newcomer("entra-pwd", "entra")
    hall.join(id_of(here), paul)
    page = paul.text("/organizations")
    assert "by your organisation’s exception, without a second factor" in page
    assert here not in paul.get("/organizations").text
    assert "To make one, sign in with a second factor." in page
    assert paul.press("/organizations", "", {"name": "Paul's"}).status_code == 403
