"""What was found by attacking recoveries, conversions, the campaign and their decisions: each way in, to be shut."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copy

import pytest

from broker.accounts.organizations.capabilities import Denied, FreshOperator, Person
from broker.accounts.organizations.change_records import SETTLING
from broker.accounts.organizations.changes import WAIT
from broker.accounts.organizations.people import admins_of
from broker.accounts.organizations.records import LastAdmin
from broker.storage.database import Database
from broker.tenants import domains
from broker.tenants.errors import Conflict
from broker.tenants.rule_changes import RuleChanges
from broker.tenants.rules import Rule
from claims.evidence import Authentication, Strength
from migrations.accounts.campaign.aliases import Aliases
from migrations.accounts.cases import Case, CaseKind, CaseState
from migrations.accounts.conversion.form import BadInput, Typed, read
from migrations.accounts.conversion.service import WrongTenant
from migrations.accounts.effects import TooLate
from migrations.accounts.periods import ASKING, OBJECTION, RECOVERY
from migrations.accounts.records import Alias, State
from migrations.accounts.recovery.limits import MOST_RIVALS
from migrations.accounts.recovery.service import ApprovedAlready
from tests.accounts.organizations.rooms import ISSUER, NOW, SignIn, evidence, fresh_admin, leaver, person_of
from tests.migrations.claiming.rooms import ClaimRoom
from tests.migrations.claiming.test_linked import link, sign_in
from tests.migrations.conversion.rooms import NAME, ConversionRoom
from tests.migrations.recovery.rooms import OLD, RecoveryRoom
from tests.migrations.rooms import OldRoom

DUE = NOW + OBJECTION
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def opened(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield database
    database.dispose()


@pytest.fixture
def team(opened: Database) -> ConversionRoom:
    return ConversionRoom(opened)


@pytest.fixture
def lost(opened: Database) -> RecoveryRoom:
    return RecoveryRoom(opened)


@pytest.fixture
def found(opened: Database) -> ClaimRoom:
    return ClaimRoom(opened)


def converted(room: ConversionRoom) -> tuple[SignIn, SignIn, Case, str]:
    """Return two admins, the case and the organisation that a shared account has just become."""
    ada, bob, case = room.two()
    room.due.run(DUE)
    case = room.case(case)
    assert case.state is CaseState.EFFECTIVE
    assert case.organization_id is not None
    return ada, bob, case, case.organization_id


def undo(room: OldRoom, case: Case, now: datetime) -> Case:
    with room.database.begin() as connection:
        return room.effects.undo(connection, room.cases.get(connection, case.id), now)


def uphold(room: OldRoom, case: Case, operator: FreshOperator) -> None:
    with room.database.begin() as connection:
        room.effects.uphold(connection, case, operator)


def give_back(room: OldRoom, case: Case, operator: FreshOperator) -> None:
    with room.database.begin() as connection:
        room.effects.give_back(connection, case, operator)


def admins(room: OldRoom, organization_id: str) -> list[str]:
    with room.database.read() as connection:
        return admins_of(connection, organization_id)


def just_now(who: SignIn, now: datetime, strength: Strength = Strength.MFA) -> Person:
    """Return somebody who signed in at ``now``."""
    authentication = Authentication(evidence=(evidence(strength, at=now),), auth_time=None)
    return person_of(replace(who, authentication=authentication, signed_in_at=now), now)


# Nobody alone ends up with what several had shared.


def test_t5_no_organisation_is_upheld_that_one_admin_alone_is_left_of(team: ConversionRoom) -> None:
    ada, bob, case, organization_id = converted(team)
    undone = undo(team, case, DUE)
    with team.database.begin() as connection:
        team.accounts.set_status(connection, bob.account_id, "disabled")
    with suppress(TooLate):
        uphold(team, undone, team.operator(now=DUE))
    alone = admins(team, organization_id) == [ada.account_id] and team.carried(organization_id) == ["42"]
    assert not alone


def test_t4_an_organisation_that_is_switched_on_while_it_is_disputed_does_not_lose_its_second_admin_in_a_day(
    team: ConversionRoom,
) -> None:
    """What it carried is detached meanwhile, so that nothing says any more that it was shared."""
    ada, bob, case, organization_id = converted(team)
    undone, otto = undo(team, case, DUE), team.operator(now=DUE)
    with suppress(TooLate, LastAdmin), team.database.begin() as connection:
        team.organizations.enable(connection, organization_id, DUE, otto.account_id)
    with suppress(Denied), team.database.begin() as connection:
        team.organizations.remove_member(connection, fresh_admin(just_now(ada, DUE), organization_id), bob.account_id)
    team.changes.apply_due(team.database, DUE + WAIT, team.organizations.appliers())
    with suppress(TooLate):
        uphold(team, undone, replace(otto, now=DUE + WAIT))
    assert set(admins(team, organization_id)) == {ada.account_id, bob.account_id}


def test_t3_in_the_fourteen_days_no_admin_leaves_another_alone_with_what_was_shared(team: ConversionRoom) -> None:
    """A borrowed account accepts and is gone the next day."""
    ada, bob, _, organization_id = converted(team)
    with suppress(LastAdmin, Denied), team.database.begin() as connection:
        team.organizations.leave(connection, leaver(just_now(bob, DUE + DAY), organization_id))
    assert DUE + DAY < DUE + SETTLING
    assert set(admins(team, organization_id)) == {ada.account_id, bob.account_id}


def test_t4_rubygems_one_co_owner_shuts_the_others_out_by_a_rule_on_the_first_day(team: ConversionRoom) -> None:
    ada, bob, _, organization_id = converted(team)
    later = DUE + HOUR
    rules = RuleChanges(
        changes=team.changes,
        audit=team.audit,
        notices=team.notices,
        belongings=team.belongings,
        preview=team.preview,
    )
    hostile = fresh_admin(just_now(ada, later, Strength.PHISHING_RESISTANT), organization_id)
    there = just_now(bob, later)

    def belongs() -> bool:
        with team.database.read() as connection:
            (found,) = team.belongings.of(connection, there.proven, later, organization_id=organization_id)
        return found.standing.met

    with team.database.begin() as connection:
        for each in (hostile.proven, there.proven):
            team.last_sign_ins.record(connection, each, later)
    assert belongs()
    with suppress(Denied, Conflict), team.database.begin() as connection:
        rules.save(connection, hostile, Rule(strength=Strength.PHISHING_RESISTANT), mapping_id=None)
    assert belongs()


def test_t3_two_spellings_of_one_mailbox_at_a_provider_of_two_domains_are_one_place() -> None:
    two = Typed(organization="Contoso", admins=("eve@gmail.com", "eve@googlemail.com"))
    with pytest.raises(BadInput):
        read(two, "team@old.example", lambda name: False)
    own = Typed(organization="Contoso", admins=("eve@example.org", "team@googlemail.com"))
    with pytest.raises(BadInput):
        read(own, "team@gmail.com", lambda name: False)


@pytest.mark.parametrize("state", ["suspended", "disabled"])
def test_t5_a_tenant_that_is_switched_off_does_not_open_the_aliases_of_its_domain_to_strangers(
    team: ConversionRoom, state: str
) -> None:
    """Its own people cannot sign in then, and everybody else may."""
    company = team.organization(team.person("owner"), "The company")
    mapping = team.map(company, state="suspended" if state == "suspended" else "active")
    with team.database.begin() as connection:
        domains.put(connection, mapping, ("old.example",))
        if state == "disabled":
            team.organizations.disable(connection, company, NOW)
    with pytest.raises(WrongTenant):
        team.two()


def test_t12_whoever_starts_one_does_not_lead_strangers_anywhere_by_what_they_are_called(team: ConversionRoom) -> None:
    """It is their own account, and any ten addresses: a name of an organisation with that in it would be refused."""
    team.shared()
    name = "Your account is at risk: https://evil.example/login"
    eve = team.sign_in(name, email="eve@example.org")
    team.start(eve, "bob@example.org", "carl@example.org")
    assert "evil.example" not in "".join(team.mails_to("bob@example.org"))


# What time brings about, nobody stops for the others.


def test_t12_a_conversion_whose_names_are_all_taken_keeps_nobody_elses_case_from_its_end(team: ConversionRoom) -> None:
    """Whoever starts one of their own sees its id, and can take the name that would be taken instead, too."""
    ada, _, case = team.two()
    for name in (NAME, f"{NAME[:60]} {case.id[:8]}"):
        team.organization(person_of(ada), name)
    team.legacy("43", email="carl@old.example")
    carl = team.sign_in("carl")
    with team.database.begin() as connection:
        held = team.ledger.held(connection, "43")
        team.effects.begin(connection, held, CaseKind.CLAIM, carl, NOW + HOUR, due_at=NOW + 3 * DAY)
    for _ in range(2):
        with suppress(Exception):
            team.due.run(DUE)
    assert team.carried(carl.account_id) == ["43"]


# Recoveries.


def test_t12_strangers_who_ask_first_do_not_keep_the_owner_from_asking(lost: RecoveryRoom) -> None:
    """Their request leads nowhere, for as long as it is open: nobody decides on it, and nobody says so."""
    lost.legacy()
    for number in range(MOST_RIVALS):
        lost.recovering(lost.sign_in(f"eve{number}"))
    owner, otto = lost.sign_in("owner"), lost.deciding("otto")
    lost.ask(owner)
    with lost.database.read() as connection:
        asked = lost.cases.of_registry_account(connection, "42")
    strangers = [each for each in asked if each.account_id != owner.account_id]
    for each in strangers:
        lost.refuse(each, otto)
    assert lost.find(owner, lost.ask(owner)).case is not None


def test_t12_that_nothing_came_of_a_request_is_told_whether_there_is_an_account_or_not(lost: RecoveryRoom) -> None:
    lost.legacy()
    eve, mallory = lost.sign_in("eve"), lost.sign_in("mallory")
    lost.ask(eve, "user42")
    lost.ask(mallory, "nobody")
    lost.passes(ASKING)
    told = [
        [each["subject"] for each in lost.mails() if each["to"] == f"{who}@example.org"] for who in ("eve", "mallory")
    ]
    assert told[0] == told[1]


def test_t12_an_account_that_nobody_has_decided_on_can_be_recovered_after_closing(lost: RecoveryRoom) -> None:
    """To decide whether it is shared takes a pending one, and to grant it takes that decision."""
    lost.legacy(alias=Alias.PROPOSED.value)
    with lost.database.begin() as connection:
        assert lost.effects.close(connection, "42", NOW)
    case, otto = lost.recovering(lost.sign_in("owner")), lost.deciding("otto")
    with suppress(TooLate), lost.database.begin() as connection:
        Aliases(ledger=lost.ledger, audit=lost.audit, notices=lost.effects.notices).decide(
            connection, otto, "42", shared=False
        )
    assert lost.get().alias is Alias.REJECTED
    lost.approve(case, otto)
    assert lost.approve(case, lost.deciding("olga")).state is CaseState.WAITING


def test_t5_a_grant_does_not_take_effect_once_one_of_the_two_is_no_operator_any_more(lost: RecoveryRoom) -> None:
    lost.legacy()
    eve = lost.sign_in("eve")
    case = lost.recovering(eve)
    otto = lost.deciding("otto")
    lost.approve(case, otto)
    lost.approve(case, lost.deciding("olga"))
    with lost.database.begin() as connection:
        lost.operators.remove(connection, otto.account_id, NOW)
    lost.passes(RECOVERY)
    assert lost.carried(eve.account_id) == []


def test_t3_a_stranger_at_an_address_that_was_never_confirmed_does_not_end_a_recovery_for_good(
    lost: RecoveryRoom,
) -> None:
    """There is no other way to such an account, and nothing says that the old owner reads there: operators decide."""
    lost.legacy(email_confirmed=False)
    case = lost.recovering(lost.sign_in("owner"))
    lost.approve(case, lost.deciding("otto"))
    lost.approve(case, lost.deciding("olga"))
    lost.stop(lost.stop_tokens()[0])
    assert lost.case(case).state is not CaseState.REFUSED


# Who decides has no part in it.


def disputed(room: OldRoom, by: str = "carl") -> Case:
    """Have somebody claim the account 42, and its old address undo that."""
    return undo(room, room.claimed(room.sign_in(by)), NOW)


def test_t4_an_operator_who_wants_the_account_by_a_recovery_decides_on_nobody_elses_claim(lost: RecoveryRoom) -> None:
    lost.legacy()
    case = disputed(lost)
    otto = lost.deciding("otto")
    assert isinstance(otto.proven, SignIn)
    lost.recovering(otto.proven)
    with pytest.raises(Denied):
        give_back(lost, case, otto)
    assert lost.get().state is State.FROZEN


def test_t4_an_operator_who_has_the_old_address_does_not_decide_on_their_own_objection(lost: RecoveryRoom) -> None:
    lost.legacy(email="otto@example.org")
    case = disputed(lost)
    with pytest.raises(Denied):
        give_back(lost, case, lost.deciding("otto"))


def test_t4_an_operator_does_not_grant_what_somebody_with_their_own_address_asks_for(lost: RecoveryRoom) -> None:
    lost.legacy()
    case = lost.recovering(lost.sign_in("otto-at-home", email="otto@example.org"))
    with pytest.raises(Denied):
        lost.approve(case, lost.deciding("otto"))


def test_t4_two_accounts_of_one_address_are_not_two_operators(lost: RecoveryRoom) -> None:
    lost.legacy()
    case = lost.recovering(lost.sign_in("eve"))
    lost.approve(case, lost.deciding("otto"))
    again = lost.sign_in("otto-too", email="otto@example.org")
    with lost.database.begin() as connection:
        lost.operators.add(connection, again.account_id, NOW)
    with suppress(Denied, ApprovedAlready):
        lost.approve(case, FreshOperator(account_id=again.account_id, proven=again, now=NOW, fresh=True))
    assert lost.case(case).state is CaseState.ASKED


def test_t4_an_operator_who_is_a_member_of_the_organisation_does_not_uphold_its_conversion(
    team: ConversionRoom,
) -> None:
    """As ``tenants.parties.require_impartial`` has it for everything else that operators decide for organisations."""
    _, _, case, organization_id = converted(team)
    otto = team.operator(now=DUE)
    team.join(organization_id, otto.account_id, at=DUE)
    undone = undo(team, case, DUE)
    with pytest.raises(Denied):
        uphold(team, undone, otto)


def test_t4_an_operator_who_granted_a_recovery_does_not_overrule_the_old_owner_who_undid_it(
    lost: RecoveryRoom,
) -> None:
    lost.legacy()
    eve, otto = lost.sign_in("eve"), lost.deciding("otto")
    case = lost.recovering(eve)
    lost.approve(case, otto)
    lost.approve(case, lost.deciding("olga"))
    lost.passes(RECOVERY)
    undone = undo(lost, case, lost.now)
    with pytest.raises(Denied):
        uphold(lost, undone, replace(otto, now=lost.now))


def test_t4_one_operator_does_not_cut_the_days_of_objection_short_by_halting_and_upholding(
    team: ConversionRoom,
) -> None:
    """At once, for good, and nobody is offered to undo it: seven days and fourteen, by the word of one."""
    _, _, case = team.two()
    otto = team.operator()
    with suppress(Denied, TooLate), team.database.begin() as connection:
        team.effects.uphold(connection, team.effects.halt(connection, case, otto), otto)
    assert team.get().state is not State.CONVERTED


def test_t4_whoever_reads_the_mailbox_does_not_cut_the_days_of_the_others_short_by_stopping_their_own_conversion(
    team: ConversionRoom,
) -> None:
    """The link to stop it goes to a mailbox that they have proven to read; then one operator is enough."""
    _, _, _ = team.two()
    stopped = team.object()
    with suppress(TooLate):
        uphold(team, stopped, team.operator())
    moved = team.get().state is State.CONVERTED
    assert not moved or f"{ISSUER}/migration/undo/" in "".join(team.mails_to(OLD))


def test_t4_those_behind_an_alias_are_told_when_an_operator_says_that_it_is_one_persons(lost: RecoveryRoom) -> None:
    """From then on whoever knows the password, and reads the mailbox, takes it alone and at once."""
    lost.legacy(kind="alias", alias=Alias.CONFIRMED.value)
    otto = lost.deciding("otto")
    with suppress(TooLate, Denied), lost.database.begin() as connection:
        Aliases(ledger=lost.ledger, audit=lost.audit, notices=lost.effects.notices).decide(
            connection, otto, "42", shared=False
        )
    assert lost.get().alias is Alias.CONFIRMED or lost.mails_to(OLD)


def test_t5_what_an_operator_gave_back_is_not_attached_anew_by_the_very_sign_in_that_it_was_taken_from(
    found: ClaimRoom,
) -> None:
    found.legacy("42")
    link(found)
    thief = sign_in(found)
    assert found.carried(thief.account_id) == ["42"]
    with found.database.read() as connection:
        (case,) = found.cases.of_registry_account(connection, "42")
    give_back(found, undo(found, case, NOW), found.operator())
    assert found.get().state is State.PENDING
    sign_in(found)
    assert found.carried(thief.account_id) == []
