"""On what terms somebody may sign in who came by this provider, and this tenant of it, here and now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from broker.accounts.organizations.service import active_ids
from broker.storage.database import Database
from broker.tenants.model import attestations, mappings
from broker.tenants.rules import NOTHING_MORE, Rule, load, strictest
from claims.evidence import Authentication, Evidence, Kind, Strength
from claims.rules import Attestation
from providers.tenants import Tenant, TenantDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission(Tenant):
    """A tenant, or none, with what is asked of people who come this way. ``tid`` is empty without a tenant."""

    tid: str
    rule: Rule

    def counted(self, authentication: Authentication) -> Authentication:
        """Return what counts of it now: an authentication context is worth what is attested of it today."""
        evidence = (self._counted(each) if each.kind is Kind.ACRS else each for each in authentication.evidence)
        return replace(authentication, evidence=tuple(each for each in evidence if each is not None))

    def _counted(self, evidence: Evidence) -> Evidence | None:
        worth = [each for each in self.contexts if each.context in evidence.values]
        best = max(worth, key=lambda each: (each.strength, each.every_time), default=None)
        if best is None:
            return None
        return replace(
            evidence,
            values=tuple(value for value in evidence.values if value in {each.context for each in worth}),
            # Never more than it was taken for when it came.
            strength=min(best.strength, evidence.strength),
            renewed=evidence.renewed and best.every_time,
        )


WITHOUT_TENANT = Admission(tid="", guests=True, contexts=(), rule=NOTHING_MORE)


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

    def read(
        self, provider_id: str, tenant: str, rows: Sequence[Row[*tuple[Any, ...]]], now: datetime
    ) -> Admission | None:
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
        return Admission(
            tid=tenant,
            rule=rule,
            guests=rule.guests,
            contexts=_contexts(configured.contexts if configured is not None else (), rows, now),
        )

    def rules_of(self, connection: Connection, organization_ids: Iterable[str]) -> Mapping[str, Mapping[str, Rule]]:
        """Return the rules of active tenants: organisation id -> ``tid`` -> rule. One statement."""
        found: dict[str, dict[str, Rule]] = {each: {} for each in organization_ids}
        rows = connection.execute(
            select(mappings.c.organization_id, mappings.c.tid, mappings.c.rule).where(
                mappings.c.organization_id.in_(found), mappings.c.state == "active"
            )
        )
        for row in rows:
            found[row.organization_id][row.tid] = load(row.rule)
        return found


def _of_configuration(tid: str, tenant: Tenant) -> Admission:
    return Admission(tid=tid, rule=Rule(guests=tenant.guests), guests=tenant.guests, contexts=tenant.contexts)


def _contexts(
    configured: Iterable[Attestation], rows: Sequence[Row[*tuple[Any, ...]]], now: datetime
) -> tuple[Attestation, ...]:
    """Return what counts: of a context that both attest, what the tenant's own admin says.

    Even if that is nothing, as they said it too long ago, or took it back.
    """
    own = [
        Attestation(context=row.context, strength=Strength.parse(row.strength), every_time=row.every_time)
        for row in rows
        if row.context is not None and row.review_by > now and row.revoked_at is None
    ]
    signed = {row.context for row in rows}
    return (*own, *(each for each in configured if each.context not in signed))


def held(tid: str) -> Select[*tuple[Any, ...]]:
    """Return the query of a tenant's mapping, with a row for each of its attestations.

    No row: no organisation holds the tenant. Other rooms may join it to a query of their own.
    """
    return (
        select(
            *(mappings.c.provider_id, mappings.c.state, mappings.c.rule),
            mappings.c.organization_id.in_(active_ids()).label("served"),
            *(attestations.c.context, attestations.c.strength, attestations.c.every_time),
            *(attestations.c.review_by, attestations.c.revoked_at),
        )
        .outerjoin(attestations, attestations.c.mapping_id == mappings.c.id)
        .where(mappings.c.tid == tid, mappings.c.state.in_(("active", "suspended")))
    )
