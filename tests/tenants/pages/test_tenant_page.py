"""T4, T5: a tenant's page: its states in words, attestations, domains, and suspending, resuming and giving it up."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from broker.tenants.domains import domains_of
from broker.tenants.model import mappings
from broker.tenants.parties import set_own_rule
from broker.tenants.rules import OF_A_NEW_TENANT, Rule, dump
from claims.evidence import Strength
from providers.standins import CONTOSO
from tests.tenants.pages.office import ADA, GRACE, OLGA, OTTO, Office, place, press
from tests.world import Visitor

SIGNED = {"context": "c1", "strength": "mfa", "sign": "yes"}


def active(office: Office) -> tuple[Visitor, str, str]:
    """Return Ada, the path of her organisation's active tenant, and its id."""
    ada = office.signed_in(ADA)
    house = office.organization(ada)
    mapping_id = office.active(ada, house, office.operator())
    return ada, place(house, mapping_id), mapping_id


def anew(office: Office, visitor: Visitor) -> None:
    """Have Ada sign in once more, as time has passed."""
    visitor.open_account(ADA, "github")


def contexts(office: Office, mapping_id: str) -> list[str]:
    with office.books() as connection:
        return [each.context for each in office.people.attestations.of_mapping(connection, mapping_id)]


def test_the_page_is_for_admins_of_the_organisation_alone(office: Office) -> None:
    _, here, _ = active(office)
    house = here.split("/")[2]
    grace = office.signed_in(GRACE)
    assert grace.get(here).status_code == 404
    office.join(grace, house)
    assert grace.get(here).status_code == 403
    assert office.world.visitor().get(here).headers["Location"].startswith("/signin?next=")
    assert office.signed_in(OLGA, "entra").get(here).status_code == 404, "operators have a page of their own"


def test_t5_a_tenant_of_another_organisation_is_not_there(office: Office) -> None:
    _, _, mapping_id = active(office)
    grace = office.signed_in(GRACE)
    other = office.organization(grace, "Another House")
    elsewhere = place(other, mapping_id)
    assert grace.get(elsewhere).status_code == 404
    for verb in ("prove", "suspend", "resume", "release", "domains", "attestations", "attestations/c1/revoke"):
        response = grace.submit(f"{elsewhere}/{verb}", SIGNED)
        assert response.status_code == 404, verb
        assert f'href="{place(other)}"' in response.text
    assert office.state(mapping_id) == "active"


def test_an_old_sign_in_sees_the_page_and_changes_nothing(office: Office) -> None:
    ada, here, mapping_id = active(office)
    office.world.clock.move(timedelta(minutes=10, seconds=1))
    assert "Sign in once more" in ada.get(here).text
    for verb in ("suspend", "resume", "release", "domains", "attestations", "attestations/c1/revoke"):
        assert press(ada, here, verb, SIGNED).status_code == 403, verb
    assert office.state(mapping_id) == "active"


def test_the_rule_is_shown_in_words_and_leads_to_where_it_is_changed(office: Office) -> None:
    otto = office.signed_in(OTTO, "entra")
    house = office.organization(otto)
    mapping_id = office.active(otto, house, office.operator(), CONTOSO)
    here = place(house, mapping_id)
    strict = Rule(
        strength=Strength.PHISHING_RESISTANT,
        max_age=timedelta(hours=4),
        guests=False,
        providers=frozenset({"entra"}),
    )
    with office.books() as connection:
        connection.execute(update(mappings).values(rule=dump(strict)))
    page = otto.get(here).text
    for words in ("phishing-resistant", "at most 4 hours", "not let in", "<bdi>Work account</bdi>"):
        assert words in page
    assert f'href="{here}/rules"' in page
    admin = office.admin(otto, house)
    with office.books() as connection:
        office.people.rule_changes.save(connection, admin, OF_A_NEW_TENANT, mapping_id=mapping_id)
    assert "Looser rules for the tenant" in otto.get(here).text


def test_an_attestation_counts_after_a_day_and_until_its_review(office: Office) -> None:
    ada, here, mapping_id = active(office)
    response = press(ada, here, "attestations", {**SIGNED, "every_time": "yes"})
    assert response.status_code == 303
    page = ada.get(response.headers["Location"]).text
    assert "What you attested counts in 24 hours" in page
    assert "Take an authentication context as proof" in page
    assert contexts(office, mapping_id) == []
    office.pass_a_day()
    anew(office, ada)
    page = ada.get(here).text
    assert contexts(office, mapping_id) == ["c1"]
    assert "enforces MFA, every time" in page
    assert f"by <bdi>{office.world.standins.persona(ADA).name}</bdi>" in page
    assert "overdue" not in page
    office.world.clock.move(timedelta(days=365))
    anew(office, ada)
    assert "overdue: counts no more" in ada.get(here).text


@pytest.mark.parametrize(
    "form, problem",
    [
        ({**SIGNED, "sign": ""}, "Tick the box"),
        ({**SIGNED, "context": "c0"}, "one of c1 to c99"),
        ({**SIGNED, "context": "c100"}, "one of c1 to c99"),
        ({**SIGNED, "strength": "single"}, "A context enforces"),
        ({}, "Tick the box"),
    ],
)
def test_what_is_not_signed_or_no_context_is_not_attested(office: Office, form: dict[str, str], problem: str) -> None:
    ada, here, mapping_id = active(office)
    response = press(ada, here, "attestations", form)
    assert response.status_code == 400
    assert problem in response.text
    with office.books() as connection:
        assert office.people.changes.waiting(connection, here.split("/")[2]) == []
    assert contexts(office, mapping_id) == []


def test_what_was_typed_is_there_again(office: Office) -> None:
    ada, here, _ = active(office)
    form = {"context": "c7", "strength": "phishing_resistant", "every_time": "yes"}
    page = press(ada, here, "attestations", form).text
    assert "<option selected>c7</option>" in page
    assert '<option value="phishing_resistant" selected>' in page
    assert 'name="every_time" value="yes" checked' in page


def test_an_attestation_is_revoked_at_once(office: Office) -> None:
    ada, here, mapping_id = active(office)
    press(ada, here, "attestations", SIGNED)
    office.pass_a_day()
    anew(office, ada)
    assert contexts(office, mapping_id) == ["c1"]
    assert press(ada, here, "attestations/c1/revoke").status_code == 303
    assert contexts(office, mapping_id) == []
    assert press(ada, here, "attestations/c1/revoke").status_code == 404


def test_domains_are_saved_once_microsoft_says_whose_they_are(office: Office) -> None:
    ada, here, mapping_id = active(office)
    response = press(ada, here, "domains", {"domains": " northwind.example\r\nNORTHWIND.example, "})
    assert response.status_code == 303
    assert "northwind.example</textarea>" in ada.get(response.headers["Location"]).text
    with office.books() as connection:
        assert domains_of(connection, mapping_id) == ["northwind.example"]
    office.world.clock.move(timedelta(minutes=11))
    assert '<li class="code">northwind.example</li>' in ada.get(here).text
    office.world.clock.move(-timedelta(minutes=11))
    assert press(ada, here, "domains", {"domains": ""}).status_code == 303
    with office.books() as connection:
        assert domains_of(connection, mapping_id) == []


@pytest.mark.parametrize(
    "typed, problem",
    [
        ("contoso.example", "does not say that contoso.example is"),
        ("northwind.example nobody.example", "does not say that nobody.example is"),
        ("no_domain", "A domain looks like"),
    ],
)
def test_t5_a_domain_of_somebody_else_is_not_saved(office: Office, typed: str, problem: str) -> None:
    ada, here, mapping_id = active(office)
    response = press(ada, here, "domains", {"domains": typed})
    assert response.status_code == 400
    assert problem in response.text
    assert f">{typed}</textarea>" in response.text
    with office.books() as connection:
        assert domains_of(connection, mapping_id) == []


def test_domains_are_not_saved_when_their_provider_is_gone_or_does_not_answer(office: Office) -> None:
    ada, here, _ = active(office)
    office.world.standins.toggles.set("discovery_500", "microsoft")
    try:
        response = press(ada, here, "domains", {"domains": "northwind.example"})
    finally:
        office.world.standins.toggles.reset()
    assert response.status_code == 400
    assert "Microsoft could not be asked" in response.text


def test_a_tenant_is_suspended_at_once_and_resumed_after_a_day(office: Office) -> None:
    ada, here, mapping_id = active(office)
    response = press(ada, here, "suspend")
    assert response.status_code == 303
    page = ada.get(response.headers["Location"]).text
    assert "Suspended, from this moment on." in page
    assert "An admin suspended this tenant" in page
    assert press(ada, here, "suspend").status_code == 409
    assert press(ada, here, "resume").status_code == 303
    page = ada.get(here).text
    assert "Admit the people of" in page
    assert f'action="{here}/resume"' not in page, "it waits already"
    office.pass_a_day()
    assert office.state(mapping_id) == "active"


def test_what_waits_is_stopped_on_the_tenants_page(office: Office) -> None:
    ada, here, _ = active(office)
    press(ada, here, "release")
    with office.books() as connection:
        (change,) = office.people.changes.waiting(connection, here.split("/")[2])
    assert f'action="{place(here.split("/")[2])}/changes/{change.id}/stop"' in ada.get(here).text


def test_what_an_operator_suspended_an_admin_does_not_resume(office: Office) -> None:
    ada, here, mapping_id = active(office)
    press(office.operator(), "/operator", f"mappings/{mapping_id}/suspend")
    page = ada.get(here).text
    assert "suspended by an operator" in page
    assert f'action="{here}/resume"' not in page
    for verb in ("resume", "release"):
        response = press(ada, here, verb)
        assert response.status_code == 409
        assert "what operators suspend only they take back" in response.text
    assert office.state(mapping_id) == "suspended"


def test_a_tenant_is_given_up_after_a_day_and_a_request_is_taken_back_at_once(office: Office) -> None:
    ada, here, mapping_id = active(office)
    assert "notice=release_waits" in press(ada, here, "release").headers["Location"]
    office.pass_a_day()
    anew(office, ada)
    assert office.state(mapping_id) == "released"
    page = ada.get(here).text
    assert "does not belong to your organisation any more" in page
    assert f'action="{here}' not in page
    again = place(here.split("/")[2], office.requested(ada, here.split("/")[2]))
    assert "notice=released" in press(ada, again, "release").headers["Location"]
    assert office.state(again.rpartition("/")[2]) == "released"


def test_a_tenant_that_the_rule_requires_is_not_given_up(office: Office) -> None:
    otto = office.signed_in(OTTO, "entra")
    house = office.organization(otto)
    mapping_id = office.active(otto, house, office.operator(), CONTOSO)
    with office.books() as connection:
        set_own_rule(connection, house, Rule(tenants=frozenset({CONTOSO})))
    response = press(otto, place(house, mapping_id), "release")
    assert response.status_code == 409
    assert "rule requires this tenant" in response.text
    assert office.state(mapping_id) == "active"


def test_a_refused_tenant_says_so_and_can_be_asked_for_again(office: Office) -> None:
    ada = office.signed_in(ADA)
    house = office.organization(ada)
    mapping_id = office.proven(ada, house)
    press(office.operator(), "/operator", f"mappings/{mapping_id}/refuse")
    assert "An operator refused this tenant." in ada.get(place(house, mapping_id)).text
    assert office.requested(ada, house) != mapping_id


def test_the_second_tenant_waits_a_day_and_says_until_when(office: Office) -> None:
    ada, here, _ = active(office)
    house = here.split("/")[2]
    second = office.proven(ada, house, CONTOSO, name="Contoso")
    page = ada.get(place(house, second)).text
    assert "It becomes active by itself at the time below" in page
    assert "Map the tenant <bdi>Contoso</bdi>" in page


def test_who_is_gone_is_shown_as_such(office: Office) -> None:
    ada = office.signed_in(ADA)
    house = office.organization(ada)
    mapping_id = office.requested(ada, house)
    with office.books() as connection:
        connection.execute(update(mappings).values(requested_by="erased"))
    assert "by somebody without a name" in ada.get(place(house, mapping_id)).text
