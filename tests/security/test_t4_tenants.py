"""T4 for tenants: contexts that nobody attested, rules of tenants and organisations, exceptions, memberships."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from broker.accounts.organizations.capabilities import Role
from broker.tenants.model import attestations, mappings
from broker.tenants.rules import Rule, dump
from claims.evidence import Strength
from claims.vocabulary import ACR_EXEMPT, ACR_MFA
from providers.standins import CONTOSO, NORTHWIND, Standins
from tests.organizations import Organization, SignedIn, a_day_passes, operator, organization, signed_in, tokens
from tests.security.tenants import ALL, NOTHING, SCOPE, InUse, mapped_world, refused
from tests.world import Page, World

Mapped = tuple[World, Organization, str]


@pytest.fixture
def mapped(tmp_path: Path, standins: Standins) -> Iterator[Mapped]:
    with mapped_world(tmp_path, standins) as made:
        yield made


def allow_without_mfa(owner: Organization, *, people: int, days: int = 30) -> None:
    """Have an exception for the tenant approved."""
    world = owner.world
    exceptions, admin = world.parts.people.exceptions, owner.fresh_admin()
    with world.parts.database.begin() as connection:
        asked = exceptions.ask(
            connection,
            admin,
            tid=NORTHWIND,
            members=(),
            people=people,
            reason="No telephones on the shop floor",
            ends_at=world.clock() + timedelta(days=days),
        )
    deciding = operator(world)
    with world.parts.database.begin() as connection:
        exceptions.approve(connection, deciding, asked.id)


def usable(used: InUse) -> set[str]:
    """Return what of it can still be used; an access token says nothing of the proof, and lives ten minutes."""
    return {name for name, stands in used.stands().items() if stands}


def test_t4_a_context_is_evidence_while_its_attestation_counts_and_at_no_other_time(mapped: Mapped) -> None:
    world, owner, mapping_id = mapped
    assert refused(world, "northwind-c1") == "too_weak"
    owner.attest(mapping_id, "c1", "mfa")
    attested = InUse.of(world, "northwind-c1")
    assert attested.tokens.claims["acr"] == ACR_MFA
    assert attested.tokens.claims["amr"] == ["pwd"], "the tenant's word is none of the session's"
    assert attested.stands() == ALL

    admin = owner.fresh_admin()
    with world.parts.database.begin() as connection:
        world.parts.people.attestations.revoke(connection, admin, mapping_id, "c1")
    assert refused(world, "northwind-c1") == "too_weak"
    assert usable(attested) <= {"userinfo"}, "nor does what came of it"

    owner.attest(mapping_id, "c1", "mfa")
    again = InUse.of(world, "northwind-c1")
    assert again.stands() == ALL
    with world.parts.database.begin() as connection:
        signed = connection.execute(select(attestations.c.signed_at, attestations.c.review_by)).one()
        assert signed.review_by - signed.signed_at == timedelta(days=365)
        connection.execute(update(attestations).values(review_by=world.clock()))
    assert refused(world, "northwind-c1") == "too_weak", "nobody has reviewed it"
    assert usable(again) <= {"userinfo"}


def test_t4_a_tenants_rule_holds_for_sign_ins_by_it_and_for_no_others(mapped: Mapped) -> None:
    world, owner, mapping_id = mapped
    used = InUse.of(world, "northwind-mfa")
    owner.set_rule(Rule(guests=False, strength=Strength.PHISHING_RESISTANT), mapping_id)
    assert refused(world, "northwind-mfa") == "too_weak"
    assert usable(used) <= {"userinfo"}, "tightening is immediate"
    assert InUse.of(world, "entra-mfa").stands() == ALL
    assert InUse.of(world, "2fa-true", "github").stands() == ALL
    owner.attest(mapping_id, "c2", "phishing_resistant")
    assert InUse.of(world, "northwind-c2").tokens.claims["acr"] == "phr"


def test_t4_a_tenants_session_length_ends_sessions_and_refresh_tokens_alike(mapped: Mapped) -> None:
    world, owner, mapping_id = mapped
    used, other = InUse.of(world, "northwind-mfa"), InUse.of(world, "entra-mfa")
    owner.set_rule(Rule(guests=False, session_length=timedelta(hours=1)), mapping_id)
    shorter = InUse.of(world, "northwind-mfa")
    assert shorter.person.session.expires_at - shorter.person.session.started_at == timedelta(hours=1)
    world.clock.move(timedelta(minutes=61))
    assert used.stands() == NOTHING
    assert usable(shorter) == set()
    assert other.stands() == {**ALL, "userinfo": False, "management API": False}, "its access token has expired by now"


def test_t4_a_tenants_maximum_age_asks_the_provider_anew(mapped: Mapped) -> None:
    world, owner, mapping_id = mapped
    owner.set_rule(Rule(guests=False, max_age=timedelta(minutes=5)), mapping_id)
    person = signed_in(world, "northwind-mfa", "entra")
    world.clock.move(timedelta(minutes=6))
    silent = person.visitor.walk(person.visitor.authorize(world.registry().request(prompt="none")))
    assert not isinstance(silent, Page)
    assert silent.parameters["error"] == "login_required"


def test_t4_a_tenants_own_limits_are_known_when_its_people_come_back_and_hold_then(mapped: Mapped) -> None:
    world, _, _ = mapped
    contoso = organization(world, signed_in(world, "2fa-true", "github"), "Contoso Crates")
    mapping_id = contoso.map_tenant(CONTOSO)
    contoso.set_rule(Rule(guests=False, max_age=timedelta(hours=1)), mapping_id)
    world.standins.forget_requests()
    stale = signed_in(world, "entra-stale", "entra")
    assert world.standins.redirects() == 2, "the session of ten hours ago was not enough, and Entra was asked again"
    auth_time = stale.session.authentication.auth_time
    assert auth_time is not None
    assert world.clock() - auth_time < timedelta(hours=1)
    with world.parts.database.begin() as connection:
        rule = dump(Rule(guests=False, providers=frozenset({"github"})))
        connection.execute(update(mappings).where(mappings.c.id == mapping_id).values(rule=rule))
    assert refused(world, "entra-mfa") == "tenant_not_allowed"


def test_t4_guests_come_in_only_where_the_tenant_takes_them_and_go_when_it_does_no_more(mapped: Mapped) -> None:
    world, owner, mapping_id = mapped
    assert refused(world, "northwind-guest") == "guest_refused"
    admin = owner.fresh_admin()
    with world.parts.database.begin() as connection:
        saved = world.parts.people.rule_changes.save(connection, admin, Rule(guests=True), mapping_id=mapping_id)
    assert saved.waiting is not None
    assert refused(world, "northwind-guest") == "guest_refused", "to take them is a day ahead"
    a_day_passes(world)
    guest, member = InUse.of(world, "northwind-guest"), InUse.of(world, "northwind-mfa")
    owner.set_rule(Rule(guests=False), mapping_id)
    assert guest.stands() == NOTHING
    assert member.stands() == ALL


def test_t4_membership_is_claimed_where_the_sign_in_meets_every_rule_and_comes_back_by_itself(mapped: Mapped) -> None:
    world, owner, mapping_id = mapped
    member = signed_in(world, "northwind-mfa", "entra")
    owner.add(member)
    other = organization(world, signed_in(world, "oidc-phr", "generic"), "Another one")
    other.add(member, Role.ADMIN)

    def claimed(person: SignedIn) -> object:
        found = tokens(person, scope=SCOPE)
        userinfo = world.registry().userinfo(found.response["access_token"]).json()
        assert userinfo["organizations"] == found.claims["organizations"]
        assert not {"name", "email"} & set(str(found.claims["organizations"]))
        return found.claims["organizations"]

    both = sorted([{"id": owner.id, "role": "member"}, {"id": other.id, "role": "admin"}], key=lambda each: each["id"])
    assert claimed(member) == both
    assert "organizations" not in tokens(member, scope="openid").claims
    before = tokens(member, scope=SCOPE)
    other.set_rule(Rule(providers=frozenset({"generic"})))
    assert claimed(member) == [{"id": owner.id, "role": "member"}]
    used = world.registry().userinfo(before.response["access_token"]).json()
    assert used["organizations"] == [{"id": owner.id, "role": "member"}], "a token from before says no more"
    admin = other.fresh_admin()
    with world.parts.database.begin() as connection:
        world.parts.people.rule_changes.save(connection, admin, Rule(), mapping_id=None)
    a_day_passes(world)
    assert claimed(member) == both

    by_github = signed_in(world, "2fa-true", "github")
    owner.add(by_github)
    assert claimed(by_github) == [{"id": owner.id, "role": "member"}]
    owner.set_rule(Rule(guests=False, strength=Strength.PHISHING_RESISTANT), mapping_id)
    assert claimed(by_github) == [], "another identity is no way around the tenant's rule"


def test_t4_an_exception_lets_its_people_in_as_exempt_for_as_long_as_it_runs_and_no_further(mapped: Mapped) -> None:
    world, owner, _ = mapped
    assert refused(world, "northwind-pwd") == "too_weak"
    allow_without_mfa(owner, people=1)
    exempt = InUse.of(world, "northwind-pwd")
    assert exempt.tokens.claims["acr"] == ACR_EXEMPT
    assert "mfa" not in exempt.tokens.claims.get("amr", [])
    assert exempt.stands() == ALL
    assert refused(world, "northwind-c1") == "too_weak", "it covers one person, and has one"
    assert InUse.of(world, "northwind-mfa").tokens.claims["acr"] == ACR_MFA, "who can, proves it"
    owner.add(exempt.person, Role.ADMIN)
    page = exempt.person.visitor.get(f"/organizations/{owner.id}")
    assert (page.status_code, "This takes a second factor" in page.text) == (403, True)
    linking = exempt.person.visitor.submit("/account/link/github")
    assert linking.status_code == 403
    essential = '{"id_token":{"acr":{"essential":true,"value":"phr"}}}'
    for demanded in (
        world.registry().request(prompt="none", claims=essential),
        world.registry("strict").request(prompt="none"),
    ):
        silent = exempt.person.visitor.walk(exempt.person.visitor.authorize(demanded))
        assert not isinstance(silent, Page)
        assert "error" in silent.parameters, "what the registry demands is not the organisation's to waive"

    world.clock.move(timedelta(days=30))
    assert exempt.stands() == NOTHING
    world.parts.worker.run_once()
    world.clock.move(-timedelta(days=30))
    assert refused(world, "northwind-pwd") == "too_weak", "it ended by itself"
    with world.parts.database.read() as connection:
        assert [each.state.value for each in world.parts.people.exceptions.of_organization(connection, owner.id)] == [
            "ended"
        ]


def test_t4_an_exception_of_one_organisation_excuses_nobody_from_another_ones_rule(mapped: Mapped) -> None:
    world, owner, _ = mapped
    allow_without_mfa(owner, people=5)
    exempt = signed_in(world, "northwind-pwd", "entra")
    owner.add(exempt)
    other = organization(world, signed_in(world, "oidc-phr", "generic"), "Another one")
    other.add(exempt)
    assert tokens(exempt, scope=SCOPE).claims["organizations"] == [{"id": owner.id, "role": "member"}]
