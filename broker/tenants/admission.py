"""On what terms somebody may sign in who came by this provider, and this tenant of it, here and now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, select

from broker.accounts.organizations.service import active_ids
from broker.storage.database import Database
from broker.tenants.model import attestations, mappings
from broker.tenants.rules import NOTHING_MORE, Rule, load, strictest
from claims.evidence import Authentication, Evidence, Kind, Strength
from claims.rules import Attestation
from providers.tenants import Tenant, TenantDirectory

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission(Tenant):
    """A tenant, or none, with what is asked of people who come this way.

    ``tid`` is empty without a tenant, ``organization_id`` where none has mapped it. ``by_operator`` are those of the
    ``contexts`` that the configuration attests: the others are the word of an admin of that organisation.
    """

    tid: str
    organization_id: str
    rule: Rule
    by_operator: tuple[Attestation, ...]

    def in_the_eyes_of(self, organization_id: str) -> "Admission":
        """Return what counts for an organisation: of another one's tenant, what the operator attests and no more."""
        if self.organization_id in ("", organization_id):
            return self
        return replace(self, contexts=self.by_operator)

    def counted(self, authentication: Authentication) -> Authentication:
        """Return what counts of it now: an authentication context is worth what is attested of it today."""
        if all(each.kind is not Kind.ACRS for each in authentication.evidence):
            return authentication
        if all(each.kind is not Kind.ACRS for each in authentication.evidence):
            return authentication
        evidence = (self._counted(each) if each.kind is Kind.ACRS else each for each in authentication.evidence)
        return replace(authentication, evidence=tuple(each for each in evidence if each is not None))

    def _counted(self, evidence: Evidence) -> Evidence | None:
        # One context is one piece of evidence.
        best = next((each for each in self.contexts if (each.context,) == evidence.values), None)
        if best is None:
            return None
        return replace(
            evidence,
            # Never more than it was taken for when it came.
            strength=min(best.strength, evidence.strength),
            renewed=evidence.renewed and best.every_time,
        )


_HELD = ("active", "suspended")
WITHOUT_TENANT = Admission(tid="", organization_id="", guests=True, contexts=(), by_operator=(), rule=NOTHING_MORE)


class Admissions:
    """The terms, from the database and the configuration. Implements :class:`~providers.tenants.TenantDirectory`.

    ``tenanted`` are the ids of the providers whose people come by a tenant.
    """

    def __init__(self, database: Database, configured: TenantDirectory, tenanted: frozenset[str]) -> None:
        self._database = database
        self._configured = configured
        self._tenanted = tenanted

    def find(self, provider_id: str, tid: str, now: datetime) -> Admission | None:
        """Return the tenant as it stands, or none if nobody of it may sign in. One statement."""
        with self._database.read() as connection:
            return self.of(connection, provider_id, tid, now)

    def of(self, connection: Connection, provider_id: str, tenant: str, now: datetime) -> Admission | None:
        """Return the terms, or none if nobody may come this way. One statement, and none without a tenant."""
        return self.read(provider_id, tenant, connection.execute(held(tenant)).all() if tenant else (), now)

    def read(self, provider_id: str, tenant: str, rows: Sequence[AnyRow], now: datetime) -> Admission | None:
        """Return the terms as the rows of :func:`held` have them, or none if nobody may come this way."""
        if provider_id not in self._tenanted:
            return WITHOUT_TENANT
        if not tenant:
            # A record from before tenants were kept: whoever it was signs in again.
            return None
        configured = self._configured.find(provider_id, tenant, now)
        if not rows:
            return _of_configuration(tenant, configured) if configured is not None else None
        mapping = rows[0]
        admitted = mapping.provider_id == provider_id or configured is not None
        if mapping.state != "active" or not mapping.served or not admitted:
            return None
        guests = Rule(guests=configured.guests) if configured is not None else NOTHING_MORE
        rule = strictest((load(mapping.rule), guests))
        by_operator = _by_operator(configured, rows)
        return Admission(
            tid=tenant,
            organization_id=mapping.organization_id,
            rule=rule,
            guests=rule.guests,
            contexts=(*_own(rows, now), *by_operator),
            by_operator=by_operator,
        )

    def rules_of(self, connection: Connection, organization_ids: Iterable[str]) -> Mapping[str, Mapping[str, Rule]]:
        """Return the rules of the tenants they hold: organisation id -> ``tid`` -> rule. One statement.

        Of suspended ones too: to suspend a tenant loosens nothing.
        """
        found: dict[str, dict[str, Rule]] = {each: {} for each in organization_ids}
        rows = connection.execute(
            select(mappings.c.organization_id, mappings.c.tid, mappings.c.rule).where(
                mappings.c.organization_id.in_(found), mappings.c.state.in_(_HELD)
            )
        )
        for row in rows:
            found[row.organization_id][row.tid] = load(row.rule)
        return found


def _of_configuration(tid: str, tenant: Tenant) -> Admission:
    return Admission(
        tid=tid,
        organization_id="",
        rule=Rule(guests=tenant.guests),
        guests=tenant.guests,
        contexts=tenant.contexts,
        by_operator=tenant.contexts,
    )


def _own(rows: Iterable[AnyRow], now: datetime) -> tuple[Attestation, ...]:
    """Return what the tenant's own admin attests, and what counts at ``now``."""
    return tuple(
        Attestation(context=row.context, strength=Strength.parse(row.strength), every_time=row.every_time)
        for row in rows
        if row.context is not None and row.review_by > now and row.revoked_at is None
    )


def _by_operator(configured: Tenant | None, rows: Iterable[AnyRow]) -> tuple[Attestation, ...]:
    """Return what the configuration attests of contexts of which the tenant's own admin has never said anything.

    What they said too long ago, or took back, is not made up for.
    """
    said = {row.context for row in rows}
    return tuple(each for each in (configured.contexts if configured is not None else ()) if each.context not in said)


def held(tid: str | BindParameter[str]) -> Select[*tuple[Any, ...]]:
    """Return the query of a tenant's mapping, with a row for each of its attestations.

    No row: no organisation holds the tenant. Other rooms may join it to a query of their own.
    """
    return (
        select(
            *(mappings.c.organization_id, mappings.c.provider_id, mappings.c.state, mappings.c.rule),
            mappings.c.organization_id.in_(active_ids()).label("served"),
            *(attestations.c.context, attestations.c.strength, attestations.c.every_time),
            *(attestations.c.review_by, attestations.c.revoked_at),
        )
        .outerjoin(attestations, attestations.c.mapping_id == mappings.c.id)
        .where(mappings.c.tid == tid, mappings.c.state.in_(_HELD))
    )
