"""Organisations with the verbs of tenants, over a database of the test's own."""

from dataclasses import replace
from datetime import datetime, timedelta

from broker.accounts.organizations.capabilities import FreshAdmin, FreshOperator, Shell
from broker.accounts.organizations.changes import WAIT, Change
from broker.storage.database import Database
from broker.tenants.attestations import Attestations
from broker.tenants.exception_records import ExceptionRecord
from broker.tenants.mapping_records import Mapping
from broker.tenants.mappings import Mappings, Road
from broker.tenants.rule_changes import RuleChanges, Saved
from broker.tenants.rules import Rule
from providers.microsoft.roles import GLOBAL_ADMINISTRATOR
from tests.accounts.organizations import rooms
from tests.accounts.organizations.rooms import DAY, NOW, TID

HOUR = timedelta(hours=1)
SPEAKING = frozenset({GLOBAL_ADMINISTRATOR})
SILENT: frozenset[str] = frozenset()


class Room(rooms.Room):
    """Everything real; only who acts, and on what proof, is made up."""

    def __init__(self, database: Database, *, self_service: bool = False) -> None:
        super().__init__(database)
        self.mappings = Mappings(
            audit=self.audit,
            notices=self.notices,
            changes=self.changes,
            exceptions=self.exceptions,
            tenanted=frozenset({"entra"}),
            self_service=self_service,
        )
        self.attestations = Attestations(self.audit, self.changes, self.notices)
        self.rule_changes = RuleChanges(
            changes=self.changes,
            audit=self.audit,
            notices=self.notices,
            belongings=self.belongings,
            preview=self.preview,
        )

    def an_admin(self, name: str = "ada") -> FreshAdmin:
        """Make an organisation of that name's own, and return its admin."""
        person = self.person(name)
        return rooms.fresh_admin(person, self.organization(person, f"The {name} house"))

    def operator(self, name: str = "olga", now: datetime = NOW) -> FreshOperator:
        person = self.person(name)
        with self.database.begin() as connection:
            self.operators.add(connection, person.account_id, now)
        return FreshOperator(account_id=person.account_id, proven=person.proven, now=now, fresh=True)

    def request(self, admin: FreshAdmin, tid: str = TID) -> str:
        with self.database.begin() as connection:
            return self.mappings.request(connection, admin, "entra", tid, "Contoso").id

    def prove(
        self,
        admin: FreshAdmin,
        mapping_id: str,
        *,
        tid: str = TID,
        roles: frozenset[str] = SPEAKING,
        guest: bool = False,
    ) -> Road:
        with self.database.begin() as connection:
            return self.mappings.prove(connection, admin, mapping_id, tid=tid, roles=roles, guest=guest)

    def proven(self, admin: FreshAdmin, tid: str = TID, roles: frozenset[str] = SPEAKING) -> str:
        mapping_id = self.request(admin, tid)
        self.prove(admin, mapping_id, tid=tid, roles=roles)
        return mapping_id

    def approve(self, operator: FreshOperator, mapping_id: str) -> Mapping:
        with self.database.begin() as connection:
            return self.mappings.approve(connection, operator, mapping_id)

    def suspend(self, acting: FreshAdmin | FreshOperator | Shell, mapping_id: str) -> Mapping:
        with self.database.begin() as connection:
            return self.mappings.suspend(connection, acting, mapping_id)

    def resume(self, acting: FreshAdmin | FreshOperator | Shell, mapping_id: str) -> Change | None:
        with self.database.begin() as connection:
            return self.mappings.resume(connection, acting, mapping_id)

    def release(self, acting: FreshAdmin | FreshOperator | Shell, mapping_id: str) -> Change | None:
        with self.database.begin() as connection:
            return self.mappings.release(connection, acting, mapping_id)

    def mapping(self, admin: FreshAdmin, mapping_id: str) -> Mapping:
        with self.database.read() as connection:
            return self.mappings.get(connection, admin.organization_id, mapping_id)

    def state(self, admin: FreshAdmin, mapping_id: str) -> str:
        return self.mapping(admin, mapping_id).state.value

    def save(self, admin: FreshAdmin, rule: Rule, mapping_id: str | None = None) -> Saved:
        with self.database.begin() as connection:
            return self.rule_changes.save(connection, admin, rule, mapping_id=mapping_id)

    def sign(
        self, admin: FreshAdmin, mapping_id: str, context: str = "c1", strength: str = "mfa", every_time: bool = False
    ) -> Change:
        with self.database.begin() as connection:
            return self.attestations.sign(connection, admin, mapping_id, context, strength, every_time)

    def ask(
        self,
        admin: FreshAdmin,
        *,
        tid: str | None = TID,
        members: tuple[str, ...] = (),
        people: int = 1,
        reason: str = "A bank: no telephones.",
        ends_at: datetime = NOW + 30 * DAY,
    ) -> ExceptionRecord:
        with self.database.begin() as connection:
            return self.exceptions.ask(
                connection, admin, tid=tid, members=members, people=people, reason=reason, ends_at=ends_at
            )

    def grant(self, operator: FreshOperator, exception_id: str) -> ExceptionRecord:
        with self.database.begin() as connection:
            return self.exceptions.approve(connection, operator, exception_id)

    def waiting(self, admin: FreshAdmin) -> list[Change]:
        with self.database.read() as connection:
            return self.changes.waiting(connection, admin.organization_id)

    def pass_a_day(self, now: datetime = NOW + WAIT) -> int:
        """Have the worker come by a day later, and return how many changes took effect."""
        appliers = {
            **self.organizations.appliers(),
            **self.mappings.appliers(),
            **self.attestations.appliers(),
            **self.rule_changes.appliers(),
        }
        return self.changes.apply_due(self.database, now, appliers)

    def subjects(self) -> list[str]:
        return [mail["subject"] for mail in self.mails()]


def at(admin: FreshAdmin, now: datetime) -> FreshAdmin:
    """Return the same admin at another time, with the proof renewed."""
    came = admin.proven
    assert isinstance(came, rooms.SignIn)
    renewed = replace(came, signed_in_at=now).with_evidence(rooms.evidence(at=now))
    return replace(admin, now=now, proven=renewed)
