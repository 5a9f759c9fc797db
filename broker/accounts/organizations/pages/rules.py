"""The rules of an organisation, or of one of its tenants: how they stand, what a change would do, and saving it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict

from broker.accounts.organizations import rule_words
from broker.accounts.organizations.belonging import Standing
from broker.accounts.organizations.capabilities import Admin
from broker.accounts.organizations.changes import Change, ChangeKind
from broker.accounts.organizations.pages import places, shown, words
from broker.accounts.organizations.preview import Previewed
from broker.accounts.organizations.rule_words import Names
from broker.accounts.organizations.visit import OrganizationPages, admin_of, fresh_admin_of
from broker.tenants.errors import Conflict, Conflicting
from broker.tenants.mappings import Mapping as Tenant
from broker.tenants.mappings import State
from broker.tenants.rule_changes import Saved, at_once, onto
from broker.tenants.rule_input import BadRule, parse_form
from broker.tenants.rules import Rule, as_json, changed

Fields = Mapping[str, Sequence[str]]

_HELD = (State.ACTIVE, State.SUSPENDED)
_FIELDS = ("strength", "bindings", "max_age", "session_length", "guests", "providers", "tenants")
_MINUTES = frozenset({"max_age", "session_length"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """Whose rule it is, and how it stands. ``tenant`` none: the organisation's own.

    ``providers`` and ``tenants`` are what can be chosen, by id and by ``tid``.
    """

    organization_id: str
    organization_name: str
    tenant: Tenant | None
    rule: Rule
    waiting: Change | None
    names: Names
    providers: Collection[str]
    tenants: Collection[str]

    @property
    def mapping_id(self) -> str | None:
        return self.tenant.id if self.tenant is not None else None

    @property
    def page(self) -> str:
        return places.rules_page(self.organization_id, self.mapping_id)

    @property
    def wish(self) -> Rule:
        """Return the rule as it will be, if nobody stops what waits."""
        return onto(self.rule, self.waiting.payload) if self.waiting is not None else self.rule

    def read(self, fields: Fields) -> Rule:
        """Return the rule of a form. Raises ``BadRule``."""
        return parse_form(fields, known_providers=self.providers, own_tenants=self.tenants)


def show_rules(pages: OrganizationPages, organization_id: str, mapping_id: str | None = None) -> ResponseReturnValue:
    """GET .../rules: what holds, what waits, and the form; filled in with what its sender comes back with."""
    with pages.database.read() as connection:
        admin = admin_of(pages, connection, organization_id)
        subject = _subject(pages, connection, organization_id, mapping_id)
        typed = _typed(request.args)
        return _form(pages, connection, admin, subject, typed if "strength" in typed else _fields(subject.wish))


def preview(pages: OrganizationPages, organization_id: str, mapping_id: str | None = None) -> ResponseReturnValue:
    """GET .../rules/preview: what a change would do, and to whom. Nothing is saved."""
    with pages.database.read() as connection:
        admin = admin_of(pages, connection, organization_id)
        subject = _subject(pages, connection, organization_id, mapping_id)
        typed = _typed(request.args)
        try:
            wish = subject.read(typed)
        except BadRule as bad:
            return _form(pages, connection, admin, subject, typed, bad), 400
        return _preview(pages, connection, admin, subject, typed, wish)


def save(pages: OrganizationPages, organization_id: str, mapping_id: str | None = None) -> ResponseReturnValue:
    """POST .../rules: everything is read from the form anew; whatever the preview said is not asked."""
    page, typed = places.rules_page(organization_id, mapping_id), _typed(request.form)
    try:
        with pages.database.begin() as connection:
            fresh = fresh_admin_of(pages, connection, organization_id, page)
            subject = _subject(pages, connection, organization_id, mapping_id)
            saved = pages.rule_changes.save(connection, fresh, subject.read(typed), mapping_id=mapping_id)
    except BadRule as bad:
        with pages.database.read() as connection:
            admin = admin_of(pages, connection, organization_id)
            subject = _subject(pages, connection, organization_id, mapping_id)
            return _form(pages, connection, admin, subject, typed, bad), 400
    return places.noticed(page, _notice(saved))


def _notice(saved: Saved) -> str:
    if saved.waiting is not None:
        return "rules_both" if saved.tightened else "rules_later"
    return "rules_now" if saved.tightened else "rules_same"


def _subject(
    pages: OrganizationPages, connection: Connection, organization_id: str, mapping_id: str | None
) -> _Subject:
    organization = pages.organizations.get(connection, organization_id)
    mappings = pages.mappings.of_organization(connection, organization_id)
    tenant = pages.mappings.get(connection, organization_id, mapping_id) if mapping_id is not None else None
    if tenant is not None and tenant.state not in _HELD:
        raise Conflict(Conflicting.STATE)
    which = (ChangeKind.RULE, "") if tenant is None else (ChangeKind.TENANT_RULE, tenant.id)
    changes = pages.changes.waiting(connection, organization_id)
    rule = organization.rule if tenant is None else tenant.rule
    # What the rule names is there to choose even if it is gone from here: dropping it could loosen the rule.
    own = {each.tid for each in mappings if each.state in _HELD} if tenant is None else set()
    return _Subject(
        organization_id=organization_id,
        organization_name=organization.name,
        tenant=tenant,
        rule=rule,
        waiting=next((each for each in changes if (each.kind, each.target) == which), None),
        names=shown.names_of(pages, mappings),
        providers=[*pages.gate.providers, *sorted((rule.providers or frozenset()) - set(pages.gate.providers))],
        tenants=[*sorted(own), *sorted((rule.tenants or frozenset()) - own)],
    )


def _typed(values: MultiDict[str, str]) -> dict[str, list[str]]:
    return {name: values.getlist(name) for name in _FIELDS if name in values}


def _fields(rule: Rule) -> dict[str, list[str]]:
    """Return a rule as the fields of the form."""
    fields: dict[str, list[str]] = {}
    for name, value in as_json(rule).items():
        if isinstance(value, list):
            fields[name] = value
        elif name in _MINUTES and isinstance(value, int):
            fields[name] = [str(value // 60)]
        elif value not in (None, False):
            fields[name] = [str(value)]
    return fields


def _form(
    pages: OrganizationPages,
    connection: Connection,
    admin: Admin,
    subject: _Subject,
    fields: Fields,
    bad: BadRule | None = None,
) -> str:
    organization_id, tenants = subject.organization_id, [] if subject.tenant is None else [subject.tenant]
    entries = pages.organizations.members(connection, organization_id)
    people = shown.people_of(pages, connection, (each.account_id for each in entries))
    waiting = [subject.waiting] if subject.waiting is not None else []
    return render_template(
        "organizations/rules.html",
        **_about(subject),
        rule=rule_words.said(subject.rule, subject.names),
        changes=shown.waiting(waiting, people, subject.rule, tenants, subject.names),
        fields=fields,
        problems={each.field: each.sentence for each in bad.problems} if bad is not None else {},
        strengths={each.label: _choice(text) for each, text in rule_words.STRENGTHS.items()},
        bindings={each.value: _choice(text) for each, text in rule_words.BINDINGS.items()},
        providers={each: subject.names.providers.get(each, each) for each in subject.providers},
        tenants={each: subject.names.tenants.get(each, each) for each in subject.tenants},
        fresh=admin.fresh,
        notice=words.NOTICES.get(request.args.get("notice", "")),
    )


def _choice(text: str) -> str:
    return text[0].upper() + text[1:]


def _preview(
    pages: OrganizationPages, connection: Connection, admin: Admin, subject: _Subject, typed: Fields, wish: Rule
) -> str:
    now_on = at_once(subject.rule, wish)
    soon, later = (_judged(pages, connection, subject, each) for each in (now_on, wish))
    people = shown.people_of(pages, connection, soon)
    members = [
        {
            "name": person.name if (person := people.get(each.account_id)) is not None else None,
            "email": person.email if person is not None else None,
            "you": each.account_id == admin.account_id,
            "seen": each.last.signed_in_at if each.last is not None else None,
            "why": _why(each.after),
            "already": not _met(each.before),
            "comes_back": not _met(each.before) and _met(later[each.account_id].after),
            "for_a_day": not _met(each.after) and _met(later[each.account_id].after),
        }
        for each in soon.values()
    ]
    return render_template(
        "organizations/rules_preview.html",
        **_about(subject),
        at_once=rule_words.of(now_on, changed(subject.rule, now_on), subject.names, was=subject.rule),
        later=rule_words.of(wish, changed(now_on, wish), subject.names, was=now_on),
        ends_waiting=subject.waiting is not None,
        refused=[each for each in members if each["seen"] is not None and each["why"]],
        back=[each for each in members if each["seen"] is not None and each["comes_back"]],
        unknown=[each for each in members if each["seen"] is None],
        count=len(members),
        fields=typed,
        query=urlencode(typed, doseq=True),
        fresh=admin.fresh,
    )


def _judged(pages: OrganizationPages, connection: Connection, subject: _Subject, rule: Rule) -> Mapping[str, Previewed]:
    if subject.tenant is None:
        found = pages.preview.of(connection, subject.organization_id, own=rule)
    else:
        found = pages.preview.of(connection, subject.organization_id, tenant_rules={subject.tenant.tid: rule})
    return {each.account_id: each for each in found}


def _met(standing: Standing | None) -> bool:
    return standing is None or standing.met


def _why(standing: Standing | None) -> str | None:
    return words.unmet(standing) if standing is not None else None


def _about(subject: _Subject) -> dict[str, object]:
    return {
        "organization": {"id": subject.organization_id, "name": subject.organization_name},
        "tenant": {"id": subject.tenant.id, "name": subject.tenant.name} if subject.tenant is not None else None,
        "here": subject.page,
    }
