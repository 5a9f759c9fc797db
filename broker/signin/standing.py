"""Whether a sign-in that something rests on still holds: the one judgement of sessions, grants and tokens in use.

Whatever reuses an earlier proof comes here. What is off by now (a provider, a tenant, a client, an account, an
identity) ends it, and so does a rule that it does not meet any more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from broker.accounts.service import Accounts
from broker.signin.policy import ClientRule, Demand, Policy
from broker.storage.database import Database
from broker.tenants.admission import Admission, Admissions
from broker.tenants.exceptions import Exceptions, Waiver
from broker.tenants.rules import tighten
from claims.decision import EXEMPTIBLE, Purpose, Requirement, Verdict, decide
from claims.evidence import Authentication
from claims.profile import Profile


class Proven(Protocol):
    """A sign-in as it is remembered: by a session, a grant or a token. ``tenant`` is empty where there is none."""

    @property
    def account_id(self) -> str: ...

    @property
    def identity_id(self) -> str: ...

    @property
    def provider_id(self) -> str: ...

    @property
    def tenant(self) -> str: ...

    @property
    def guest(self) -> bool: ...

    @property
    def signed_in_at(self) -> datetime: ...

    @property
    def authentication(self) -> Authentication: ...


class Client(Protocol):
    """What judging needs of a client."""

    @property
    def rule(self) -> ClientRule: ...

    def allows(self, provider_id: str) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """``person`` none: the way they came, or the account, is closed. ``verdict`` none: it was not even asked."""

    person: Profile | None = None
    verdict: Verdict | None = None

    @property
    def holds(self) -> bool:
        """Return whether it does."""
        return self.person is not None and self.verdict is not None and self.verdict.satisfied


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """``providers`` are the ids of those that are enabled."""

    accounts: Accounts
    policy: Policy
    admissions: Admissions
    exceptions: Exceptions
    providers: frozenset[str]
    database: Database

    def judge(
        self,
        connection: Connection,
        proven: Proven,
        purpose: Purpose,
        now: datetime,
        *,
        client: Client | None = None,
        rule: ClientRule | None = None,
        demand: Demand | None = None,
    ) -> Judged:
        """Return what the sign-in is worth for ``purpose`` now. ``rule``: in place of the client's own."""
        requirement = self.policy.requirement(
            purpose, now, rule=rule or (client.rule if client is not None else None), demand=demand
        )
        return self.meets(connection, proven, requirement, now, client=client)

    def meets(
        self,
        connection: Connection,
        proven: Proven,
        requirement: Requirement,
        now: datetime,
        *,
        client: Client | None = None,
    ) -> Judged:
        """Return what the sign-in is worth for this requirement, to which its tenant adds its rule."""
        admission = self.open_way(connection, proven, now, client=client)
        if admission is None:
            return Judged()
        person = self.accounts.live(connection, proven.account_id, proven.identity_id)
        if person is None:
            return Judged()

        def waivers() -> list[Waiver]:
            return self.exceptions.waivers(connection, proven.tenant, proven.account_id, now)

        verdict, _ = judge(requirement, admission, proven.authentication, now, waivers)
        return Judged(person=person, verdict=verdict)

    def open_way(
        self, connection: Connection, proven: Proven, now: datetime, *, client: Client | None = None
    ) -> Admission | None:
        """Return the terms of the way a sign-in came, or none if it is not open any more."""
        if proven.provider_id not in self.providers:
            return None
        if client is not None and not client.allows(proven.provider_id):
            return None
        admission = self.admissions.of(connection, proven.provider_id, proven.tenant, now)
        if admission is None or (proven.guest and not admission.rule.guests):
            return None
        length = admission.rule.session_length
        return None if length is not None and now - proven.signed_in_at >= length else admission


def judge(
    requirement: Requirement,
    admission: Admission,
    authentication: Authentication,
    now: datetime,
    waivers: Callable[[], list[Waiver]],
) -> tuple[Verdict, Waiver | None]:
    """Return what ``decide`` says under the tenant's rule, and the waiver it rests on, if it does.

    An exception waives what the organisation itself asks of the proof, and MFA; never what the registry asks.
    """
    counted = admission.counted(authentication)
    verdict = decide(tighten(requirement, admission.rule), counted, now)
    if verdict.satisfied or requirement.purpose not in EXEMPTIBLE:
        return verdict, None
    for waiver in waivers():
        waived = decide(requirement, counted, now, exemption=waiver.exemption)
        if waived.satisfied:
            return waived, waiver
    return verdict, None
