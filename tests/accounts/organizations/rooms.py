"""Organisations and all that judging their members takes, over a database of the test's own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from uuid import uuid4

from sqlalchemy import Table, func, insert, select

from broker.accounts.organizations.authority import Authority
from broker.accounts.organizations.belonging import Belongings
from broker.accounts.organizations.capabilities import Admin, FreshAdmin, Leaver, Person, Role, Stopper
from broker.accounts.organizations.changes import Changes
from broker.accounts.organizations.invitations import Invitations
from broker.accounts.organizations.last_sign_ins import LastSignIns
from broker.accounts.organizations.model import memberships
from broker.accounts.organizations.notices import Notices
from broker.accounts.organizations.operators import Operators
from broker.accounts.organizations.preview import Preview
from broker.accounts.organizations.rescue import Rescue
from broker.accounts.organizations.service import Organizations
from broker.accounts.organizations.silenced import Silenced
from broker.accounts.organizations.suspension import Suspensions
from broker.accounts.service import Accounts
from broker.audit.model import audit_entries
from broker.audit.service import Audit
from broker.events.model import outbox
from broker.events.service import Outbox, payload_context
from broker.keys.cipher import FieldCipher
from broker.keys.pseudonyms import BlindIndex, Pseudonyms
from broker.settings import PolicySettings
from broker.signin.kept import KeptProofs
from broker.signin.policy import Policy
from broker.signin.standing import Standing
from broker.storage.database import Database
from broker.storage.memory import MemoryStore
from broker.switches.service import Switches
from broker.tenants.admission import Admissions
from broker.tenants.exceptions import Exceptions
from broker.tenants.model import attestations, exception_places, exceptions, mappings
from broker.tenants.rules import OF_A_NEW_TENANT, Rule, dump
from claims.evidence import Authentication, Binding, Evidence, Kind, Strength
from claims.profile import Profile
from providers.provider import Subject
from providers.tenants import Tenant

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ISSUER = "https://login.example"
LINK = f"{ISSUER}/invitations?token="
TID, OTHER_TID, OPERATORS_TID = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2, 3))
PROVIDERS = frozenset({"entra", "github"})


def evidence(
    strength: Strength = Strength.MFA,
    binding: Binding = Binding.SESSION,
    *,
    kind: Kind = Kind.AMR,
    values: tuple[str, ...] = ("mfa",),
    at: datetime = NOW,
) -> Evidence:
    return Evidence(kind=kind, values=values, strength=strength, binding=binding, observed_at=at, source="test")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A sign-in as a session would remember it."""

    account_id: str
    identity_id: str = ""
    provider_id: str = "github"
    tenant: str = ""
    guest: bool = False
    signed_in_at: datetime = NOW
    authentication: Authentication

    def with_evidence(self, *given: Evidence) -> "SignIn":
        return replace(self, authentication=Authentication(evidence=given, auth_time=None))

    def anew(self, now: datetime) -> "SignIn":
        """Return the same, proven at ``now``."""
        given = tuple(replace(each, observed_at=now) for each in self.authentication.evidence)
        return replace(self, signed_in_at=now, authentication=replace(self.authentication, evidence=given))

    def by_tenant(self, tid: str, *, guest: bool = False) -> "SignIn":
        return replace(self, provider_id="entra", tenant=tid, guest=guest)


@dataclass(frozen=True, slots=True)
class ConfiguredTenants:
    """Tenants as settings would have them, by ``tid``."""

    tenants: dict[str, Tenant] = field(default_factory=dict)

    def find(self, provider_id: str, tid: str, now: datetime) -> Tenant | None:
        return self.tenants.get(tid) if provider_id == "entra" else None


class Room:
    """Everything real; only who signed in, and how, is made up."""

    def __init__(self, database: Database, *, bindings: tuple[Binding, ...] = tuple(Binding)) -> None:
        self.database = database
        self.cipher = FieldCipher({"v1": token_bytes(32)})
        self.audit = Audit(database, token_bytes(32))
        self.outbox = Outbox(self.cipher)
        self.index = BlindIndex(token_bytes(32))
        pseudonyms = Pseudonyms({"v1": token_bytes(32)})
        self.accounts = Accounts(self.cipher, pseudonyms, self.index, self.audit, self.outbox)
        self.notices = Notices(self.accounts, self.outbox, ISSUER)
        self.operators = Operators(self.audit)
        self.last_sign_ins = LastSignIns(self.cipher)
        self.suspensions = Suspensions(self.audit)
        self.configured = ConfiguredTenants()
        self.admissions = Admissions(database, self.configured, frozenset({"entra"}))
        self.exceptions = Exceptions(self.cipher, self.audit, self.notices)
        policy = Policy(PolicySettings(bindings=bindings))
        self.belongings = Belongings(policy, self.admissions, self.exceptions)
        self.preview = Preview(
            belongings=self.belongings,
            admissions=self.admissions,
            exceptions=self.exceptions,
            last_sign_ins=self.last_sign_ins,
            configured=self.configured,
        )
        self.switches = Switches(database, MemoryStore(), self.audit)
        self.standing = Standing(
            accounts=self.accounts,
            policy=policy,
            admissions=self.admissions,
            exceptions=self.exceptions,
            switches=self.switches,
            providers=PROVIDERS,
        )
        self.proofs = KeptProofs(cipher=self.cipher, standing=self.standing, policy=policy)
        self.changes = Changes(
            self.audit,
            self.notices,
            self.preview.shut_out,
            self.proofs,
            Silenced(last_sign_ins=self.last_sign_ins),
            self.switches,
        )
        self.switches.when_restored(self.changes.after_switch)
        self.organizations = Organizations(self.accounts, self.audit, self.changes)
        self.invitations = Invitations(self.accounts, self.cipher, self.index, self.audit, self.outbox)
        self.rescue = Rescue(self.audit, self.changes, self.notices)
        self.authority = Authority(
            sign_ins=self.standing,
            belongings=self.belongings,
            operators=self.operators,
            policy=policy,
            operator_tenants=frozenset({OPERATORS_TID}),
        )

    def sign_in(self, name: str, *, email: str | None = None, verified: bool = True) -> SignIn:
        """Make the account of somebody new, who has signed in with MFA just now. An empty ``email`` is none."""
        address = f"{name}@example.org" if email is None else email or None
        with self.database.begin() as connection:
            resolved = self.accounts.resolve(
                connection,
                Subject(issuer="https://issuer.example", tenant="", id=str(uuid4())),
                "github",
                Profile(name=name, email=address, email_verified=verified),
                NOW,
            )
        made = SignIn(
            account_id=resolved.account_id,
            identity_id=resolved.identity_id,
            authentication=Authentication(evidence=(), auth_time=None),
        )
        return made.with_evidence(evidence())

    def person(self, name: str, *, email: str | None = None, verified: bool = True) -> Person:
        return person_of(self.sign_in(name, email=email, verified=verified))

    def organization(self, admin: Person, name: str = "Example") -> str:
        with self.database.begin() as connection:
            return self.organizations.create(connection, admin, name)

    def join(self, organization_id: str, account_id: str, role: Role = Role.MEMBER, *, at: datetime = NOW) -> None:
        values = {"organization_id": organization_id, "account_id": account_id, "role": role.value, "joined_at": at}
        with self.database.begin() as connection:
            connection.execute(insert(memberships).values(**values))

    def admins(self, *names: str) -> tuple[str, list[FreshAdmin]]:
        """Make an organisation with these admins."""
        people = [self.person(each) for each in names]
        organization_id = self.organization(people[0])
        for each in people[1:]:
            self.join(organization_id, each.account_id, Role.ADMIN)
        return organization_id, [fresh_admin(each, organization_id) for each in people]

    def role(self, organization_id: str, account_id: str) -> str | None:
        with self.database.read() as connection:
            found = self.organizations.members(connection, organization_id)
        return next((each.role.value for each in found if each.account_id == account_id), None)

    def map(self, organization_id: str, tid: str = TID, rule: Rule = OF_A_NEW_TENANT, state: str = "active") -> str:
        mapping_id = str(uuid4())
        with self.database.begin() as connection:
            connection.execute(
                insert(mappings).values(
                    id=mapping_id,
                    organization_id=organization_id,
                    provider_id="entra",
                    tid=tid,
                    name="Example",
                    state=state,
                    rule=dump(rule),
                    requested_by="somebody",
                    requested_at=NOW,
                    speaks=True,
                )
            )
        return mapping_id

    def attest(self, mapping_id: str, context: str, strength: Strength, review_by: datetime) -> None:
        with self.database.begin() as connection:
            connection.execute(
                insert(attestations).values(
                    mapping_id=mapping_id,
                    context=context,
                    strength=strength.label,
                    every_time=False,
                    signed_by="somebody",
                    signed_at=NOW,
                    review_by=review_by,
                )
            )

    def excuse(self, organization_id: str, account_id: str | None = None, *, tid: str | None = None) -> None:
        """Have an approved exception cover one member, or whoever comes by a tenant and has no place yet."""
        exception_id = str(uuid4())
        place = {"exception_id": exception_id, "account_id": account_id, "taken_at": NOW}
        with self.database.begin() as connection:
            connection.execute(
                insert(exceptions).values(
                    id=exception_id,
                    organization_id=organization_id,
                    tid=tid,
                    people=1,
                    reason_sealed=b"",
                    requested_by="somebody",
                    requested_at=NOW,
                    ends_at=NOW + DAY,
                    state="approved",
                )
            )
            if account_id is not None:
                connection.execute(insert(exception_places).values(**place))

    def mails(self) -> list[Mapping[str, str]]:
        """Return what waits to be sent, in the order of addresses."""
        with self.database.read() as connection:
            rows = connection.execute(select(outbox.c.id, outbox.c.payload_sealed)).all()
        opened = [json.loads(self.cipher.open(row.payload_sealed, payload_context(row.id))) for row in rows]
        return sorted(opened, key=lambda mail: (mail["to"], mail["subject"]))

    def audited(self, *actions: str) -> list[tuple[str, str | None, dict[str, object]]]:
        """Return action, who and detail of entries with these actions."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(audit_entries.c.action, audit_entries.c.account_id, audit_entries.c.detail)
                .where(audit_entries.c.action.in_(actions))
                .order_by(audit_entries.c.id)
            )
            return [(row.action, row.account_id, json.loads(row.detail)) for row in rows]

    def count(self, table: Table) -> int:
        with self.database.read() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()


def person_of(sign_in: SignIn, now: datetime = NOW) -> Person:
    return Person(account_id=sign_in.account_id, proven=sign_in, now=now)


def leaver(person: Person, organization_id: str) -> Leaver:
    return Leaver(account_id=person.account_id, proven=person.proven, now=person.now, organization_id=organization_id)


def admin(person: Person, organization_id: str) -> Admin:
    return Admin(
        account_id=person.account_id,
        proven=person.proven,
        now=person.now,
        organization_id=organization_id,
        role=Role.ADMIN,
        fresh=False,
    )


def stopper(person: Person, organization_id: str) -> Stopper:
    return Stopper(account_id=person.account_id, proven=person.proven, now=person.now, organization_id=organization_id)


def fresh_admin(person: Person, organization_id: str, *, now: datetime | None = None) -> FreshAdmin:
    return FreshAdmin(
        account_id=person.account_id,
        proven=person.proven,
        now=now or person.now,
        organization_id=organization_id,
        role=Role.ADMIN,
        fresh=True,
    )
