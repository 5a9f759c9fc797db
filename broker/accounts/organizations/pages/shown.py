"""What the pages of an organisation show of it, gathered for their templates."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from broker.accounts.carried import carried_since
from broker.accounts.organizations import rule_words
from broker.accounts.organizations.capabilities import Admin, Role
from broker.accounts.organizations.changes import Change, ChangeKind
from broker.accounts.organizations.contact import contact_of
from broker.accounts.organizations.pages import words
from broker.accounts.organizations.records import MemberEntry
from broker.accounts.organizations.rule_words import Names
from broker.accounts.organizations.visit import OrganizationPages
from broker.tenants.exception_records import ExceptionRecord
from broker.tenants.exception_records import State as ExceptionState
from broker.tenants.mappings import Mapping as Tenant
from broker.tenants.mappings import State
from broker.tenants.rule_changes import onto
from broker.tenants.rules import Rule
from claims.evidence import Strength
from claims.profile import Profile

Shown = Mapping[str, object]
People = Mapping[str, Profile]

_PAST = (State.RELEASED, State.REFUSED)


def people_of(pages: OrganizationPages, connection: Connection, account_ids: Iterable[str]) -> People:
    """Return who these accounts are, without those that are erased."""
    return pages.accounts.persons(connection, set(account_ids))


def names_of(pages: OrganizationPages, tenants: Iterable[Tenant]) -> Names:
    """Return what the providers here, and these tenants, are called."""
    return Names(
        providers={each.id: each.name for each in pages.gate.providers.values()},
        tenants={each.tid: each.name for each in tenants},
    )


def standing_tenants(tenants: Iterable[Tenant]) -> list[Shown]:
    """Return the tenants that are, or may become, the organisation's."""
    return [_tenant(each) for each in tenants if each.state not in _PAST]


def past_tenants(tenants: Iterable[Tenant]) -> list[Shown]:
    """Return those that are not any more, or did not become so."""
    return [_tenant(each) for each in tenants if each.state in _PAST]


def _tenant(tenant: Tenant) -> Shown:
    state, look = words.TENANT_STATES[tenant.state]
    return {"id": tenant.id, "name": tenant.name, "tid": tenant.tid, "state": state, "look": look}


def _attested(change: Change) -> list[rule_words.Line]:
    strength = Strength.parse(change.payload["strength"])
    asked = "at every sign-in" if change.payload["every_time"] is True else "not necessarily at every sign-in"
    return [
        rule_words.Line(label="Context", text=str(change.payload["context"])),
        rule_words.Line(label="Enforces", text=f"{rule_words.STRENGTHS[strength]}, {asked}"),
    ]


def waiting(
    changes: Iterable[Change], people: People, own: Rule, tenants: Iterable[Tenant], names: Names
) -> list[Shown]:
    """Return the changes that wait, in words. ``own`` is the organisation's rule as it holds."""
    by_id = {each.id: each for each in tenants}
    return [_change(each, people, own, by_id, names) for each in changes]


def _change(change: Change, people: People, own: Rule, tenants: Mapping[str, Tenant], names: Names) -> Shown:
    before, after = words.CHANGES[change.kind]
    # What is attested is a context of a tenant: "mapping:context".
    tenant = tenants.get(change.target.partition(":")[0])
    name = tenant.name if tenant is not None else None
    if change.target in people:
        name = people[change.target].name or people[change.target].email
    rule = own if change.kind is ChangeKind.RULE else tenant.rule if tenant is not None else None
    lines: list[rule_words.Line] = []
    if rule is not None and change.kind in (ChangeKind.RULE, ChangeKind.TENANT_RULE):
        lines = rule_words.of(onto(rule, change.payload), change.payload.keys(), names, was=rule)
    if change.kind is ChangeKind.ATTEST:
        lines = _attested(change)
    return {
        "id": change.id,
        "before": before,
        "name": name,
        "after": after,
        "lines": lines,
        "asked_by": _called(people, change.requested_by),
        "requested_at": change.requested_at,
        "effective_at": change.effective_at,
    }


def members(
    pages: OrganizationPages, connection: Connection, admin: Admin, entries: Iterable[MemberEntry], people: People
) -> list[Shown]:
    """Return the members, with how their last sign-in stands to the rules."""
    previewed = {each.account_id: each for each in pages.preview.of(connection, admin.organization_id)}
    shown: list[Shown] = []
    for entry in entries:
        person, last = people.get(entry.account_id), previewed.get(entry.account_id)
        standing = last.before if last is not None else None
        shown.append(
            {
                "account_id": entry.account_id,
                "name": person.name if person is not None else None,
                "email": person.email if person is not None else None,
                "role": entry.role.value,
                "joined_at": entry.joined_at,
                "you": entry.account_id == admin.account_id,
                "unmet": words.unmet(standing) if standing is not None else None,
                "unseen": standing is None,
                "untold": entry.role is Role.ADMIN and not _is_told(person),
            }
        )
    return shown


def _is_told(person: Profile | None) -> bool:
    """Return whether mails about the organisation reach somebody."""
    return person is not None and person.email is not None and person.email_verified


def is_only_admin(shown: Iterable[Shown]) -> bool:
    """Return whether there is but one admin among the members shown."""
    return sum(each["role"] == Role.ADMIN.value for each in shown) == 1


def invitations(
    pages: OrganizationPages, connection: Connection, organization_id: str, people: People, now: datetime
) -> list[Shown]:
    """Return the invitations that nobody has used."""
    return [
        {
            "id": each.id,
            "email": each.email,
            "invited_by": _called(people, each.invited_by),
            "invited_at": each.invited_at,
            "expires_at": each.expires_at,
            "over": each.expires_at <= now,
        }
        for each in pages.invitations.of_organization(connection, organization_id)
    ]


def contact(pages: OrganizationPages, connection: Connection, organization_id: str) -> Shown | None:
    """Return the address that the shared account had which the organisation was, and since when it is one."""
    since = carried_since(connection, organization_id)
    if since is None:
        return None
    return {"email": contact_of(connection, pages.cipher, organization_id), "since": since}


def exceptions(records: Iterable[ExceptionRecord], names: Names, now: datetime) -> list[Shown]:
    """Return the exceptions that run, or wait for an operator. Those of the past are on their own page."""
    return [
        {
            "scope": _scope(each),
            "tenant": names.tenants.get(each.tid, each.tid) if each.tid is not None else None,
            "state": words.EXCEPTION_STATES[each.state],
            "runs": each.runs(now),
            "ends_at": each.ends_at,
        }
        for each in records
        if each.ends_at > now and each.state in (ExceptionState.REQUESTED, ExceptionState.APPROVED)
    ]


def _scope(record: ExceptionRecord) -> str:
    people = "1 person" if record.people == 1 else f"{record.people} people"
    return f"{people}, by name" if record.tid is None else f"Up to {people} of"


def _called(people: People, account_id: str) -> str | None:
    person = people.get(account_id)
    return (person.name or person.email or "somebody without a name") if person is not None else None
