"""T4 for organisations, over HTTP: what is another organisation's, what was once theirs, and what two of them claim."""

import re
from collections.abc import Mapping

import pytest
import requests

from broker.tenants.mapping_records import read
from broker.tenants.model import mappings
from broker.tenants.rules import NOTHING_MORE, as_json
from providers.microsoft.roles import SPEAKING_ROLES
from providers.standins import NORTHWIND
from tests.security.admins.allowed import TABLE
from tests.security.admins.people import Who
from tests.security.admins.rules import Rule
from tests.security.admins.samples import Sample, exception_form, exception_wish, sample
from tests.security.admins.town import Town
from tests.security.tenants import ALL, NOTHING, InUse, refused
from tests.signin.test_work import answer, question

ONE = "/organizations/<organization_id>"
TENANT = f"{ONE}/tenants/<mapping_id>"
NOT_THEIRS = "Choose among the organisation's own|not an active tenant of this|Only members of this"
# What another organisation's admin wishes for in their own, of things that are not its.
WISHES: Mapping[str, tuple[Sample, ...]] = {
    f"POST {ONE}/rules": (sample({"strength": "mfa", "guests": "yes", "tenants": "northwind"}),),
    f"PUT /api{ONE}/rule": (sample({**as_json(NOTHING_MORE), "tenants": ["northwind"]}),),
    f"POST {ONE}/exceptions": (
        exception_form(scope="northwind", people="2"),
        exception_form(scope="members", members="account_id"),
    ),
    f"POST /api{ONE}/exceptions": (exception_wish(tid="northwind", people=2), exception_wish(members=["account_id"])),
}


def test_t4_what_is_another_organisations_is_not_there_under_the_address_of_ones_own(town: Town) -> None:
    """Every id of one organisation, in the address of another, by the admin of that other one with a fresh proof."""
    things = {**town.things, "organization_id": town.other.id}
    sub = {rule: row for rule, row in TABLE.items() if "organization_id" in rule.rule and rule.rule.count("<") > 1}
    wrong = [
        (str(rule), response.status_code, town.changed())
        for rule, (_, samples) in sub.items()
        for each in samples
        if (response := town.ask(Who.OTHER, rule, each, things)).status_code != 404 or town.changed()
    ]
    assert wrong == []
    assert len(sub) == 34


@pytest.mark.parametrize("name", WISHES)
def test_t4_nothing_of_another_organisation_goes_into_a_wish(town: Town, name: str) -> None:
    method, _, path = name.partition(" ")
    rule, things = Rule(method=method, rule=path), {**town.things, "organization_id": town.other.id}
    for each in WISHES[name]:
        response = town.ask(Who.OTHER, rule, each, things)
        assert response.status_code == 400, response.text
        # The form of an organisation without tenants has no place for them, nor for what is wrong with them.
        assert name.endswith("/rules") or re.search(NOT_THEIRS, response.text)
        assert town.changed() == set()


# A tenant that two claim, that one loses, and that the other has from then on.


def wished(town: Town, who: Who, tid: str) -> requests.Response:
    """Have an admin ask for a tenant, by its id as somebody typed it."""
    things = {**town.things, "organization_id": town.other.id if who is Who.OTHER else town.organization.id}
    form = sample({"tenant": tid, "name": "The same tenant", "provider": "entra"})
    return town.ask(who, Rule(method="POST", rule=f"{ONE}/tenants"), form, things)


def proven(town: Town, mapping_id: str) -> None:
    """Have somebody prove it who may speak for the tenant."""
    admin, verbs = town.other.fresh_admin(), town.world.parts.people.mappings
    with town.world.parts.database.begin() as connection:
        verbs.prove(connection, admin, mapping_id, tid=NORTHWIND, roles=SPEAKING_ROLES, guest=False)


def contested(town: Town) -> dict[str, str]:
    """Have the other organisation claim the tenant too, typed in capitals; return what it has of it."""
    response = wished(town, Who.OTHER, f" {NORTHWIND.upper()} ")
    assert response.status_code == 303, response.text
    found = re.search("/tenants/([0-9a-f-]+)", response.headers["Location"])
    assert found is not None
    proven(town, found[1])
    return {**town.things, "organization_id": town.other.id, "mapping_id": found[1]}


def decide(town: Town, mapping_id: str, verb: str) -> None:
    rule = Rule(method="POST", rule="/operator/mappings/<mapping_id>/<verb>")
    response = town.ask(Who.OPERATOR, rule, sample(verb=verb), {**town.things, "mapping_id": mapping_id})
    assert response.status_code == 303, response.text


def held(town: Town) -> list[tuple[str, str]]:
    """Return who holds the tenant, and by which id."""
    with town.world.parts.database.read() as connection:
        active = read(connection, mappings.c.state == "active")
    return [(each.organization_id, each.tid) for each in active if each.tid.lower() == NORTHWIND]


def test_t4_a_claim_to_another_organisations_tenant_gives_nothing_until_an_operator_decides(town: Town) -> None:
    used = InUse.of(town.world, "northwind-c1")
    theirs = contested(town)
    assert held(town) == [(town.organization.id, NORTHWIND)], "and the same id, however it is spelt, is the same tenant"
    before = town.content()
    for rule, (_, samples) in TABLE.items():
        if (
            rule.rule.startswith((TENANT, f"/api{TENANT}"))
            and rule.changes
            and not rule.rule.endswith(("prove", "release"))
        ):
            response = town.ask(Who.OTHER, rule, samples[0], {**theirs, "suspended": theirs["mapping_id"]})
            assert response.status_code in (404, 409), (rule, response.status_code)
    assert town.content() == before
    assert used.stands() == ALL
    page = town.ask(Who.OPERATOR, Rule(method="GET", rule="/operator"), sample())
    assert "Example" in page.text
    assert "Elsewhere" in page.text
    for who in (Who.ADMIN, Who.OTHER):
        rule = Rule(method="POST", rule="/operator/mappings/<mapping_id>/<verb>")
        assert town.ask(who, rule, sample(verb="approve"), theirs).status_code == 404


def test_t4_what_was_said_of_a_tenant_does_not_come_with_it_to_whoever_has_it_next(town: Town) -> None:
    world = town.world
    saved = town.ask(Who.ADMIN, *domain_saved())
    assert saved.status_code == 303, saved.text
    attested, strong = InUse.of(world, "northwind-c1"), InUse.of(world, "northwind-mfa")
    assert InUse.of(world, "northwind-pwd").stands() == ALL
    theirs = contested(town)
    decide(town, theirs["mapping_id"], "approve")
    assert held(town) == [(town.other.id, NORTHWIND)]
    assert refused(world, "northwind-c1") == "too_weak", "nobody of theirs attested it"
    assert refused(world, "northwind-pwd") == "too_weak", "nor has anybody excepted this one"
    assert {**attested.stands(), "userinfo": False} == NOTHING
    assert strong.stands() == ALL, "who proved it to us is the same person still"
    visitor = world.visitor()
    assert answer(visitor, question(visitor), "northwind.example").status == 404
    assert town.content()["tenant_domains"] == []


def domain_saved() -> tuple[Rule, Sample]:
    return Rule(method="POST", rule=f"{TENANT}/domains"), sample({"domains": "northwind.example"})


def test_t4_who_has_lost_a_tenant_says_nothing_of_it_any_more(town: Town) -> None:
    theirs = contested(town)
    decide(town, theirs["mapping_id"], "approve")
    before = town.content()
    for rule, (_, samples) in TABLE.items():
        if rule.rule.startswith((TENANT, f"/api{TENANT}")) and rule.changes:
            for mapping_id in (town.things["mapping_id"], theirs["mapping_id"]):
                things = {**town.things, "mapping_id": mapping_id, "suspended": mapping_id, "requested": mapping_id}
                response = town.ask(Who.ADMIN, rule, samples[0], things)
                own = mapping_id == town.things["mapping_id"]
                assert response.status_code in ((400, 404, 409) if own else (404,)), (rule, response.status_code)
    for each in WISHES[f"POST {ONE}/exceptions"][:1]:
        assert town.ask(Who.ADMIN, Rule(method="POST", rule=f"{ONE}/exceptions"), each).status_code == 400
    assert town.content() == before
    assert wished(town, Who.ADMIN, NORTHWIND).status_code == 303, "they can ask again"
    assert held(town) == [(town.other.id, NORTHWIND)]
