"""operators, orgs, tenants, exceptions: what somebody at the shell may do, and what is left to who signs in."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from broker.accounts.organizations.capabilities import FreshAdmin, FreshOperator, Role
from broker.composition.foundation import Foundation, lay
from broker.composition.people import People, gather
from broker.settings import load
from broker.settings.fresh import fresh_keys
from broker.tenants.errors import Conflict
from broker.tenants.mapping_records import find
from broker.tenants.parties import set_own_rule
from broker.tenants.rules import OF_A_NEW_TENANT, Rule
from claims.evidence import Authentication
from claims.profile import Profile
from providers.microsoft.roles import GLOBAL_ADMINISTRATOR
from providers.provider import Subject
from tests.accounts.organizations.rooms import SignIn, evidence
from tests.cli.conftest import Run
from tests.cli.test_commands import execute

TID = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
NOBODY = "00000000-0000-4000-8000-000000000000"
OPERATORS = f'tenants = ["{TID}"]'
ENTRA = """
[providers.entra]
kind = "entra"
name = "Work account"
client_id = "22222222-0000-4000-8000-000000000000"
client_secret = "a-secret-that-must-not-show"
evidence_scope = "api://evidence/mfa"
evidence_audience = "evidence"
"""
SPEAKING = frozenset({GLOBAL_ADMINISTRATOR})


def utc_now() -> datetime:
    return datetime.now(UTC)


class House:
    """The broker's rooms, over the database that the commands use."""

    def __init__(self, base: Foundation, people: People) -> None:
        self.base = base
        self.people = people

    def person(self, name: str) -> SignIn:
        """Make somebody's account."""
        now = utc_now()
        subject = Subject(issuer="https://github.com", tenant="", id=name)
        with self.base.database.begin() as connection:
            made = self.people.accounts.resolve(
                connection, subject, "github", Profile.read(f"The {name}", f"{name}@canary.example", True), now
            )
        proof = Authentication(evidence=(evidence(at=now),), auth_time=now)
        return SignIn(account_id=made.account_id, identity_id=made.identity_id, authentication=proof, signed_in_at=now)

    def admin(self, vestibule: Run, name: str, organization: str) -> FreshAdmin:
        """Have the command make an organisation, and return its admin."""
        person = self.person(name)
        done = vestibule("orgs", "create", organization, "--admin", person.account_id)
        assert done.exit_code == 0, done.output
        found = re.search(r"^organisation +(\S+)$", done.output, re.MULTILINE)
        assert found is not None
        return fresh_admin_now(person, found[1])

    def mapped(self, admin: FreshAdmin, *, active: bool = True) -> str:
        """Map the tenant, and return the mapping's id."""
        with self.base.database.begin() as connection:
            mapping = self.people.mappings.request(connection, admin, "entra", TID, "Contoso")
            self.people.mappings.prove(connection, admin, mapping.id, tid=TID, roles=SPEAKING, guest=False)
        if active:
            operator = self.operator()
            with self.base.database.begin() as connection:
                self.people.mappings.approve(connection, operator, mapping.id)
        return mapping.id

    def operator(self) -> FreshOperator:
        person = self.person(f"operator-{uuid4()}")
        with self.base.database.begin() as connection:
            self.people.operators.add(connection, person.account_id, utc_now())
        return FreshOperator(account_id=person.account_id, proven=person, now=utc_now(), fresh=True)

    def state(self, mapping_id: str) -> str:
        with self.base.database.read() as connection:
            return find(connection, mapping_id).state.value


def fresh_admin_now(person: SignIn, organization_id: str) -> FreshAdmin:
    return FreshAdmin(
        account_id=person.account_id,
        proven=person,
        now=utc_now(),
        organization_id=organization_id,
        role=Role.ADMIN,
        fresh=True,
    )


@pytest.fixture
def house(ready: Run, config: Path) -> Iterator[House]:
    config.write_text(config.read_text().replace("# tenants = []", OPERATORS) + ENTRA)
    base = lay(load(config, {}), utc_now)
    yield House(base, gather(base))
    base.store.close()
    base.database.dispose()


def last_entry(config: Path) -> tuple[object, ...]:
    """Return action, account and detail of the newest audit entry."""
    rows = execute(config, "SELECT action, account_id, detail FROM audit_entries ORDER BY id DESC LIMIT 1")
    action, account_id, detail = rows[0]
    return action, account_id, json.loads(str(detail))


def mails(config: Path) -> int:
    return len(execute(config, "SELECT id FROM outbox WHERE kind = 'mail'"))


# Operators


def test_an_operator_is_added_shown_and_removed(ready: Run, house: House, config: Path) -> None:
    assert "vestibule operators add" in ready("operators", "list").output
    account_id = house.person("olga").account_id
    for _ in range(2):
        done = ready("operators", "add", account_id)
        assert done.exit_code == 0
        assert TID in done.output
        assert "http://localhost:8000/operator" in done.output
    assert last_entry(config) == ("operator.added", account_id, {})
    assert account_id in ready("operators", "list").output
    assert ready("operators", "remove", account_id).exit_code == 0
    assert last_entry(config) == ("operator.removed", account_id, {})
    again = ready("operators", "remove", account_id)
    assert again.exit_code == 2
    assert "vestibule operators list" in again.output


def test_without_a_tenant_for_them_operators_are_told_to_sign_in_phishing_resistantly(
    ready: Run, house: House, config: Path
) -> None:
    config.write_text(config.read_text().replace(OPERATORS, ""))
    assert "phishing-resistant" in ready("operators", "add", house.person("olga").account_id).output


def test_only_a_person_with_an_active_account_becomes_an_operator(ready: Run, house: House, config: Path) -> None:
    organization_id = house.admin(ready, "ada", "Contoso").organization_id
    closed = house.person("carl").account_id
    execute(config, f"UPDATE accounts SET status = 'disabled' WHERE id = '{closed}'")
    for account_id in (NOBODY, organization_id, closed):
        done = ready("operators", "add", account_id)
        assert done.exit_code == 2
        assert "signs in first" in done.output
    assert "no operator yet" in ready("operators", "list").output


# Organisations


def test_an_organisation_is_made_with_its_admin_and_shown_without_anything_personal(
    ready: Run, house: House, config: Path
) -> None:
    assert "vestibule orgs create" in ready("orgs", "list").output
    admin = house.admin(ready, "ada", "Contoso Packages")
    detail = {"organization": admin.organization_id, "member": admin.account_id}
    assert last_entry(config) == ("organization.created", None, detail)
    assert re.search(rf"{admin.organization_id} +Contoso Packages +active +1", ready("orgs", "list").output)
    house.mapped(admin)
    shown = ready("orgs", "show", admin.organization_id).output
    assert re.search(rf"{admin.account_id} +admin +\d{{4}}-", shown)
    assert re.search(rf"{TID} +Contoso +active", shown)
    assert "canary" not in shown


def test_what_waits_in_an_organisation_is_shown(ready: Run, house: House) -> None:
    admin = house.admin(ready, "ada", "Contoso")
    mapping_id = house.mapped(admin)
    with house.base.database.begin() as connection:
        assert house.people.mappings.release(connection, admin, mapping_id) is not None
    assert re.search(rf"release +{mapping_id} +\d{{4}}-", ready("orgs", "show", admin.organization_id).output)


@pytest.mark.parametrize("name, told", [("x", "2 to 80"), ("two\u202enames", "2 to 80"), ("CONTOSO", "reads the same")])
def test_an_organisation_needs_a_name_of_its_own(ready: Run, house: House, name: str, told: str) -> None:
    admin = house.admin(ready, "ada", "Contoso")
    done = ready("orgs", "create", name, "--admin", admin.account_id)
    assert done.exit_code == 2
    assert told in done.output


def test_an_organisation_needs_an_admin_who_is_somebody(ready: Run, house: House) -> None:
    organization_id = house.admin(ready, "ada", "Contoso").organization_id
    for account_id in (NOBODY, organization_id):
        done = ready("orgs", "create", "Fabrikam", "--admin", account_id)
        assert done.exit_code == 2
        assert "signs in first" in done.output
    assert "Fabrikam" not in ready("orgs", "list").output


def test_an_organisation_is_switched_off_and_on(ready: Run, house: House, config: Path) -> None:
    organization_id = house.admin(ready, "ada", "Contoso").organization_id
    for verb, state in (("disable", "disabled"), ("enable", "active")):
        assert ready("orgs", verb, organization_id).exit_code == 0
        assert last_entry(config) == (f"organization.{verb}d", None, {"organization": organization_id})
        assert re.search(rf"{organization_id} +Contoso +{state}", ready("orgs", "list").output)


def test_an_organisation_whose_admins_are_gone_stays_off(ready: Run, house: House, config: Path) -> None:
    admin = house.admin(ready, "ada", "Contoso")
    assert ready("orgs", "disable", admin.organization_id).exit_code == 0
    execute(config, f"UPDATE accounts SET status = 'disabled' WHERE id = '{admin.account_id}'")
    done = ready("orgs", "enable", admin.organization_id)
    assert done.exit_code == 2
    assert "needs one" in done.output


def test_an_admin_is_added_and_the_hostile_one_removed(ready: Run, house: House, config: Path) -> None:
    organization_id = (admin := house.admin(ready, "ada", "Contoso")).organization_id
    bob = house.person("bob")
    for verb, who, told in (
        ("remove-admin", admin.account_id, "vestibule orgs add-admin"),
        ("remove-admin", bob.account_id, "is no admin of"),
        ("add-admin", bob.account_id, "is no member of"),
    ):
        done = ready("orgs", verb, organization_id, who)
        assert done.exit_code == 2
        assert told in done.output
    values = f"'{organization_id}', '{bob.account_id}', 'member', '2026-01-01 00:00:00.000000'"
    execute(config, f"INSERT INTO memberships (organization_id, account_id, role, joined_at) VALUES ({values})")
    assert ready("orgs", "add-admin", organization_id, bob.account_id).exit_code == 0
    assert re.search(rf"{bob.account_id} +admin", ready("orgs", "show", organization_id).output)
    assert ready("orgs", "remove-admin", organization_id, admin.account_id).exit_code == 0
    detail = {"organization": organization_id, "member": admin.account_id}
    assert last_entry(config) == ("membership.removed", None, detail)
    assert admin.account_id not in ready("orgs", "show", organization_id).output


def test_the_rule_of_an_organisation_that_its_admins_cannot_meet_is_reset(
    ready: Run, house: House, config: Path
) -> None:
    organization_id = house.admin(ready, "ada", "Contoso").organization_id
    with house.base.database.begin() as connection:
        set_own_rule(connection, organization_id, Rule(guests=False))
    assert "'guests': False" in ready("orgs", "show", organization_id).output
    assert ready("orgs", "reset-rule", organization_id).exit_code == 0
    assert last_entry(config) == ("rule.changed", None, {"organization": organization_id, "field": "guests"})
    assert "guests" not in ready("orgs", "show", organization_id).output


@pytest.mark.parametrize("verb", ["show", "disable", "enable", "reset-rule"])
def test_an_organisation_that_is_none_is_told(ready: Run, house: House, verb: str) -> None:
    done = ready("orgs", verb, NOBODY)
    assert done.exit_code == 2
    assert "vestibule orgs list" in done.output


# Tenants


def test_a_tenant_is_suspended_resumed_and_released_and_its_admins_are_told(
    ready: Run, house: House, config: Path
) -> None:
    assert "No organisation has asked" in ready("tenants", "list").output
    admin = house.admin(ready, "ada", "Contoso")
    mapping_id = house.mapped(admin)
    told = mails(config)
    for verb, state in (("suspend", "suspended"), ("resume", "active"), ("release", "released")):
        done = ready("tenants", verb, mapping_id)
        assert done.exit_code == 0, done.output
        told += 1
        assert mails(config) == told
        assert house.state(mapping_id) == state
        action, account_id, detail = last_entry(config)
        assert (action, account_id) == (f"tenant.{verb.removesuffix('e')}ed", None)
        assert detail == {"organization": admin.organization_id, "tenant": TID, "state": state}
        again = ready("tenants", verb, mapping_id)
        assert again.exit_code == 2
        assert f"vestibule tenants show {mapping_id}" in again.output
    assert re.search(rf"{mapping_id} +{TID} +Contoso +Contoso +released", ready("tenants", "list").output)


def test_what_was_suspended_at_the_shell_no_admin_resumes(ready: Run, house: House) -> None:
    admin = house.admin(ready, "ada", "Contoso")
    mapping_id = house.mapped(admin)
    assert ready("tenants", "suspend", mapping_id).exit_code == 0
    with house.base.database.begin() as connection, pytest.raises(Conflict):
        house.people.mappings.resume(connection, admin, mapping_id)


def test_a_tenant_that_two_claim_waits_with_both(ready: Run, house: House) -> None:
    assert "Nothing waits" in ready("tenants", "list", "--waiting").output
    first, second = house.admin(ready, "ada", "Contoso"), house.admin(ready, "mallory", "Mallory")
    held, claimed = house.mapped(first), house.mapped(second, active=False)
    waiting = ready("tenants", "list", "--waiting").output
    assert re.search(rf"{held} .* active", waiting)
    assert re.search(rf"{claimed} .* proven", waiting)


def test_a_mapping_is_shown_with_all_that_was_said_of_it(ready: Run, house: House, config: Path) -> None:
    admin = house.admin(ready, "ada", "Contoso")
    mapping_id = house.mapped(admin)
    with house.base.database.begin() as connection:
        house.people.mappings.set_domains(connection, admin, mapping_id, ["contoso.example"])
        house.people.attestations.sign(connection, admin, mapping_id, "c1", "phishing_resistant", True)
    execute(config, "UPDATE changes SET effective_at = requested_at")
    appliers = house.people.attestations.appliers()
    assert house.people.changes.apply_due(house.base.database, utc_now(), appliers) == 1
    shown = ready("tenants", "show", mapping_id).output
    assert re.search(rf"organisation +Contoso \({admin.organization_id}\)", shown)
    assert re.search(r"domains +contoso\.example", shown)
    assert re.search(r"attested c1 +phishing_resistant, to be reviewed by \d{4}-", shown)
    assert re.search(r"may speak for the tenant +yes", shown)
    assert admin.account_id in shown


def test_the_rule_of_a_tenant_that_its_admins_cannot_meet_is_reset_and_they_are_told(
    ready: Run, house: House, config: Path
) -> None:
    admin = house.admin(ready, "ada", "Contoso")
    mapping_id = house.mapped(admin)
    strict = Rule(max_age=timedelta(hours=1))
    with house.base.database.begin() as connection:
        house.people.rule_changes.save(connection, admin, strict, mapping_id=mapping_id)
    told = mails(config)
    done = ready("tenants", "reset-rule", mapping_id)
    assert done.exit_code == 0, done.output
    assert mails(config) == told + 1
    detail = {"organization": admin.organization_id, "tenant": TID, "field": "max_age"}
    assert last_entry(config) == ("rule.changed", None, detail)
    with house.base.database.read() as connection:
        assert find(connection, mapping_id).rule == OF_A_NEW_TENANT
    assert ready("tenants", "release", mapping_id).exit_code == 0
    again = ready("tenants", "reset-rule", mapping_id)
    assert again.exit_code == 2
    assert f"vestibule tenants show {mapping_id}" in again.output


@pytest.mark.parametrize("verb", ["show", "suspend", "resume", "release", "reset-rule"])
def test_a_mapping_that_is_none_is_told(ready: Run, house: House, verb: str) -> None:
    done = ready("tenants", verb, NOBODY)
    assert done.exit_code == 2
    assert "vestibule tenants list" in done.output


# Exceptions


def ask(house: House, admin: FreshAdmin) -> str:
    with house.base.database.begin() as connection:
        asked = house.people.exceptions.ask(
            connection,
            admin,
            tid=TID,
            members=(),
            people=3,
            reason="The canary vault has no telephones.",
            ends_at=utc_now() + timedelta(days=30),
        )
    return asked.id


def test_an_exception_is_shown_without_its_reason_and_ended(ready: Run, house: House, config: Path) -> None:
    assert "none waits" in ready("exceptions", "list").output
    assert "There is none" in ready("exceptions", "list", "--all").output
    admin = house.admin(ready, "ada", "Contoso")
    house.mapped(admin)
    exception_id = ask(house, admin)
    assert re.search(rf"{exception_id} +Contoso +{TID} +0/3 +requested +0/1", ready("exceptions", "list").output)
    operator = house.operator()
    with house.base.database.begin() as connection:
        house.people.exceptions.approve(connection, operator, exception_id)
    listed = ready("exceptions", "list").output
    assert re.search(rf"{exception_id} .* approved +1/1", listed)
    assert "canary" not in listed
    told = mails(config)
    assert ready("exceptions", "end", exception_id).exit_code == 0
    assert mails(config) == told + 1
    detail = {"organization": admin.organization_id, "exception": exception_id, "state": "ended"}
    assert last_entry(config) == ("exception.ended", None, detail)
    assert exception_id not in ready("exceptions", "list").output
    assert exception_id in ready("exceptions", "list", "--all").output
    assert ready("exceptions", "end", exception_id).exit_code == 2


def test_the_reason_of_an_exception_is_sealed_again_and_read_with_the_new_key_alone(
    ready: Run, house: House, config: Path
) -> None:
    admin = house.admin(ready, "ada", "Contoso")
    house.mapped(admin)
    exception_id = ask(house, admin)
    old = config.read_text().partition("[secrets.encryption]\n")[2].splitlines()[0]
    new = f'v2 = "{fresh_keys()["index"]}"'
    config.write_text(config.read_text().replace(old, f"{old}\n{new}"))
    execute(config, "DELETE FROM outbox")  # mail under way ages out
    done = ready("keys", "reseal").output
    assert "exceptions.reason_sealed: 1 sealed again, under v2." in done
    assert "Nothing in the database needs v1 any more" in done
    config.write_text(config.read_text().replace(f"{old}\n", ""))
    assert exception_id in ready("exceptions", "list").output


def test_an_exception_that_is_none_is_told(ready: Run, house: House) -> None:
    done = ready("exceptions", "end", NOBODY)
    assert done.exit_code == 2
    assert "vestibule exceptions list" in done.output


@pytest.mark.parametrize("group", ["tenants", "exceptions"])
def test_approving_is_left_to_operators_who_sign_in(vestibule: Run, group: str) -> None:
    for verb in ("approve", "refuse"):
        assert vestibule(group, verb, NOBODY).exit_code == 2
    told = re.sub(r"\s+", " ", vestibule(group, "--help").output)
    assert "by operators who sign in" in told or "by an operator who signs in" in told
    assert "/operator" in told
