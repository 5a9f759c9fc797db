"""Organisations: those of whoever calls, and a new one."""

from flask import Response

from broker.accounts.organizations.belonging import Belonging
from broker.accounts.organizations.capabilities import Denial, Denied, Person, Role
from broker.management import shown
from broker.management.answers import answer
from broker.management.asked import Document, invalid, nothing
from broker.management.context import Call, Management, changing, reading
from broker.management.refusals import forbidden
from broker.management.shown import Shown
from claims.decision import Purpose

_NAME = "A name has 2 to 80 printable characters, and no address in it: no @, :// or www."


def organizations(management: Management) -> Response:
    """GET /api/organizations: theirs, suspended memberships too."""
    with reading(management, paged=True) as call:
        # As for a session: whoever signs in by an exception sees where they belong, and can do no more.
        found = management.authority.belongings(call.connection, call.person(Purpose.SESSION))

        def show(belonging: Belonging) -> Shown:
            role = belonging.role
            return {**_organization(call, belonging.organization_id, role), **shown.standing(belonging.standing)}

        return shown.page(found, call.page, lambda each: each.organization_id, show)


def create_organization(management: Management) -> Response:
    """POST /api/organizations: a new one, with the caller as its admin."""
    with changing(management) as call:
        person = _creator(call)
        name = Document(call.sent, {"name"}).text("name")
        try:
            organization_id = management.organizations.create(call.connection, person, name)
        except ValueError as error:
            raise invalid("name", "unreadable", _NAME) from error
        return shown.made(f"/api/organizations/{organization_id}", _organization(call, organization_id, Role.ADMIN))


def organization(management: Management, organization_id: str) -> Response:
    """GET /api/organizations/<organization_id>: for its members."""
    with reading(management) as call:
        member = call.member(organization_id)
        return answer({**_organization(call, organization_id, member.role), "fresh": member.fresh})


def rename_organization(management: Management, organization_id: str) -> Response:
    """PATCH /api/organizations/<organization_id>: another name."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        name = Document(call.sent, {"name"}).text("name")
        try:
            management.organizations.rename(call.connection, admin, name)
        except ValueError as error:
            raise invalid("name", "unreadable", _NAME) from error
    return shown.done()


def changes(management: Management, organization_id: str) -> Response:
    """GET .../changes: what waits for its day to be over, for admins whose membership is suspended as well."""
    with reading(management, paged=True) as call:
        stopper = call.stopper(organization_id)
        waiting = management.changes.waiting(call.connection, stopper.organization_id)
        return shown.page(waiting, call.page, lambda each: each.id, shown.change)


def stop_change(management: Management, organization_id: str, change_id: str) -> Response:
    """DELETE .../changes/<change_id>: it does not happen. By a suspended admin, too, without a fresh proof."""
    with changing(management) as call:
        stopper = call.stopper(organization_id)
        nothing(call.sent)
        management.changes.stop(call.connection, stopper, change_id)
    return shown.done()


def _creator(call: Call) -> Person:
    """Return whoever may make organisations."""
    if call.management.people_create:
        return call.person()
    try:
        return call.operator()
    except Denied as denied:
        if denied.denial is not Denial.NOT_OPERATOR:
            raise
        raise forbidden("operators_only", "New organisations are made by the people who run this service.") from denied


def _organization(call: Call, organization_id: str, role: Role) -> Shown:
    name = call.management.organizations.get(call.connection, organization_id).name
    return {"id": organization_id, "name": name, "role": role.value}
