"""Organisations in a running broker, made by the real services with the real sessions of people who signed in."""

import email.message
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert

from broker.accounts.organizations.capabilities import FreshAdmin, FreshOperator, Role
from broker.accounts.organizations.model import memberships
from broker.signin.sessions import COOKIE, Session
from broker.tenants.rules import Rule
from providers.microsoft.roles import SPEAKING_ROLES
from providers.standins import NORTHWIND
from tests.world import Arrival, Tokens, Visitor, World

DAY = timedelta(days=1)
OPERATOR_PERSONA, OPERATOR_PROVIDER = "oidc-phr", "generic"


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """Somebody with a live session, and the browser it is in."""

    world: World
    visitor: Visitor

    @property
    def session(self) -> Session:
        cookie = next(each for each in self.visitor.http.cookies if each.name.endswith(COOKIE))
        session = self.world.parts.sessions.find(cookie.value, self.world.clock())
        assert session is not None
        return session

    @property
    def account_id(self) -> str:
        return self.session.account_id


def signed_in(world: World, persona: str, provider: str) -> SignedIn:
    """Return somebody who just signed in at the registry."""
    visitor = world.visitor()
    arrived = visitor.sign_in(persona, provider)
    assert isinstance(arrived, Arrival), arrived
    return SignedIn(world=world, visitor=visitor)


def tokens(person: SignedIn, client_id: str = "registry", **extra: str) -> Tokens:
    """Return what the registry gets for the live session of a person."""
    request = person.world.registry(client_id).request(**extra)
    arrived = person.visitor.walk(person.visitor.authorize(request))
    return person.world.registry(client_id).redeem(arrived, request)


@dataclass(frozen=True, kw_only=True)
class Organization:
    """An organisation and its first admin, who signed in just now."""

    world: World
    id: str
    admin: SignedIn

    def fresh_admin(self) -> FreshAdmin:
        """Return the admin's capability; their sign-in has to be a recent one by the world's clock."""
        parts, now = self.world.parts, self.world.clock()
        with parts.database.read() as connection:
            return parts.people.authority.fresh_admin(connection, self.admin.session, self.id, now)

    def add(self, person: SignedIn, role: Role = Role.MEMBER) -> None:
        """Make somebody a member, without the mail that would have led them here."""
        with self.world.parts.database.begin() as connection:
            connection.execute(
                insert(memberships).values(
                    organization_id=self.id,
                    account_id=person.account_id,
                    role=role.value,
                    joined_at=self.world.clock(),
                )
            )
            self.world.parts.people.last_sign_ins.record(connection, person.session, self.world.clock())

    def map_tenant(self, tid: str = NORTHWIND, provider: str = "entra") -> str:
        """Map a tenant, approved by an operator where it takes one, and return the mapping's id."""
        mappings, database, admin = self.world.parts.people.mappings, self.world.parts.database, self.fresh_admin()
        with database.begin() as connection:
            asked = mappings.request(connection, admin, provider, tid, "A tenant")
            mappings.prove(connection, admin, asked.id, tid=tid, roles=SPEAKING_ROLES, guest=False)
        deciding = operator(self.world)
        with database.begin() as connection:
            mappings.approve(connection, deciding, asked.id)
        return asked.id

    def set_rule(self, rule: Rule, mapping_id: str | None = None) -> None:
        """Set a rule that is stricter than the one there is."""
        admin = self.fresh_admin()
        with self.world.parts.database.begin() as connection:
            saved = self.world.parts.people.rule_changes.save(connection, admin, rule, mapping_id=mapping_id)
        assert saved.waiting is None

    def attest(self, mapping_id: str, context: str, strength: str, *, every_time: bool = False) -> None:
        """Attest an authentication context, and let the day pass that it waits."""
        people, admin = self.world.parts.people, self.fresh_admin()
        with self.world.parts.database.begin() as connection:
            people.attestations.sign(connection, admin, mapping_id, context, strength, every_time)
        a_day_passes(self.world)


def organization(world: World, admin: SignedIn, name: str) -> Organization:
    """Make an organisation."""
    people, now = world.parts.people, world.clock()
    with world.parts.database.begin() as connection:
        person = people.authority.person(connection, admin.session, now)
        organization_id = people.organizations.create(connection, person, name)
        people.last_sign_ins.record(connection, admin.session, now)
    return Organization(world=world, id=organization_id, admin=admin)


def invited(own: Organization, address: str, folder: Path) -> tuple[str, str]:
    """Invite somebody, and return the invitation's id and the path of the link in the mail, which is gone then."""
    parts, admin = own.world.parts, own.fresh_admin()
    with parts.database.begin() as connection:
        made = parts.people.invitations.invite(connection, admin, address, f"{own.world.base}/invitations/")
    assert parts.worker.run_once() == []
    sent = {path: email.message_from_bytes(path.read_bytes()) for path in (folder / "mail").glob("*.eml")}
    links = {path: _invitation_in(each) for path, each in sent.items() if each["To"] == address}
    ((path, link),) = [(path, link) for path, link in links.items() if link is not None]
    path.unlink()
    return made.id, link


def _invitation_in(mail: email.message.Message) -> str | None:
    body = mail.get_payload(decode=True)
    found = re.search(rb"/invitations/\S+", body) if isinstance(body, bytes) else None
    return found[0].decode() if found is not None else None


def operator(world: World) -> FreshOperator:
    """Return an operator's capability, of somebody who just signed in with a passkey."""
    parts, person, now = world.parts, signed_in(world, OPERATOR_PERSONA, OPERATOR_PROVIDER), world.clock()
    with parts.database.begin() as connection:
        parts.people.operators.add(connection, person.account_id, now)
    with parts.database.read() as connection:
        return parts.people.authority.fresh_operator(connection, person.session, now)


def a_day_passes(world: World) -> None:
    """Let what waits a day take effect. Afterwards it is now again, as what the stand-ins sign is of now."""
    world.clock.move(DAY)
    assert world.parts.worker.run_once() == []
    world.clock.move(-DAY)
