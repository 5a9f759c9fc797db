"""The page of an organisation, and that of all that somebody belongs to."""

from collections.abc import Mapping

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations import rule_words
from broker.accounts.organizations.capabilities import Admin, Denial, Denied, Member, Person, Role, Stopper
from broker.accounts.organizations.pages import places, shown
from broker.accounts.organizations.pages.words import NOTICES
from broker.accounts.organizations.records import LastAdmin, NameTaken, Settling, TooMany
from broker.accounts.organizations.visit import (
    OrganizationPages,
    admin_of,
    fresh_admin_of,
    leaver_of,
    member_of,
    operator_of,
    person_of,
    stopper_of,
)
from broker.accounts.organizations.words import suspended_because
from broker.tenants.errors import NotFound
from broker.web.errors import BrokerError
from claims.decision import Purpose

_NOT_A_NAME = "A name has 2 to 80 printable characters on one line, and no address in it: no @, :// or www."
_NAME_TAKEN = "Another organisation has this name, or one that reads the same."
_NOTHING: Mapping[str, str] = {}


def overview(pages: OrganizationPages) -> ResponseReturnValue:
    """GET /organizations: where somebody belongs. An exception from MFA opens this page, and no other."""
    return _overview(pages)


def create(pages: OrganizationPages) -> ResponseReturnValue:
    """POST /organizations: a new one, with whoever asks as its admin."""
    name = request.form.get("name", "")
    try:
        with pages.database.begin() as connection:
            creator = _creator(pages, connection)
            organization_id = pages.organizations.create(connection, creator, name)
            pages.sign_ins.note(connection, creator.proven, creator.now)
    except NameTaken:
        return _overview(pages, name, _NAME_TAKEN), 409
    except TooMany:
        problem = "You are an admin of as many organisations as one person can make. Hand one over, or leave one."
        return _overview(pages, name, problem), 409
    except ValueError:
        return _overview(pages, name, _NOT_A_NAME), 400
    return places.noticed(places.organization_page(organization_id), "created")


def show(pages: OrganizationPages, organization_id: str) -> ResponseReturnValue:
    """GET /organizations/<organization>: for admins all there is, for members their own membership.

    An admin whose membership is suspended sees what waits, and can stop it.
    """
    with pages.database.read() as connection:
        try:
            member = member_of(pages, connection, organization_id)
        except Denied as denied:
            return _of_suspended(pages, connection, organization_id, denied)
        if isinstance(member, Admin):
            return _of_admin(pages, connection, member)
        return _of_member(pages, connection, member)


def again(
    pages: OrganizationPages, organization_id: str, field: str, typed: str, problem: str, status: int
) -> ResponseReturnValue:
    """Return the admins' page with what was typed into a field, and the problem with it beside it."""
    with pages.database.read() as connection:
        admin = admin_of(pages, connection, organization_id)
        return _of_admin(pages, connection, admin, {field: typed}, {field: problem}), status


def rename(pages: OrganizationPages, organization_id: str) -> ResponseReturnValue:
    """POST .../name."""
    page, name = places.organization_page(organization_id), request.form.get("name", "")
    try:
        with pages.database.begin() as connection:
            admin = fresh_admin_of(pages, connection, organization_id, page)
            pages.organizations.rename(connection, admin, name)
    except NameTaken:
        return again(pages, organization_id, "name", name, _NAME_TAKEN, 409)
    except ValueError:
        return again(pages, organization_id, "name", name, _NOT_A_NAME, 400)
    return places.noticed(page, "name")


def stop(pages: OrganizationPages, organization_id: str, change_id: str) -> ResponseReturnValue:
    """POST .../changes/<change>/stop: by any admin, suspended or not. It keeps things as they are."""
    with pages.database.begin() as connection:
        stopper = stopper_of(pages, connection, organization_id)
        try:
            pages.changes.stop(connection, stopper, change_id)
        except LookupError as error:
            raise NotFound(change_id) from error
    return places.noticed(places.organization_page(organization_id), "stopped")


def leave(pages: OrganizationPages, organization_id: str) -> ResponseReturnValue:
    """POST .../leave: a membership ends, and nobody but its owner is asked."""
    page = places.organization_page(organization_id)
    try:
        with pages.database.begin() as connection:
            pages.organizations.leave(connection, leaver_of(pages, connection, organization_id, page))
    except LastAdmin as error:
        raise last_admin(page, error) from error
    return places.noticed(places.LIST, "left")


def last_admin(page: str, refused: LastAdmin) -> BrokerError:
    """Return the error for what would leave an organisation without an admin, or one alone too early."""
    if isinstance(refused, Settling):
        return BrokerError(
            status=409,
            code="settling",
            title="Nothing was changed",
            sentence="Several people had shared what this organisation has. Until "
            f"{refused.until:%Y-%m-%d %H:%M} UTC, two admins have to remain.",
            next_step="Make somebody else an admin first, or do it after that. You can erase your account at any time.",
            detail="two admins while it settles",
            link=("Back to the organisation", page),
        )
    return BrokerError(
        status=409,
        code="last_admin",
        title="Nothing was changed",
        sentence="An organisation needs an admin, and there would be none left.",
        next_step="Make somebody else an admin first. That takes effect after 24 hours.",
        detail="last admin",
        link=("Back to the organisation", page),
    )


def _creator(pages: OrganizationPages, connection: Connection) -> Person:
    """Return whoever may make organisations."""
    if pages.people_create:
        return person_of(pages, connection)
    try:
        return operator_of(pages, connection)
    except Denied as denied:
        if denied.denial is not Denial.NOT_OPERATOR:
            raise
        raise BrokerError(
            status=403,
            code="operators_only",
            sentence="New organisations are made by the people who run this service.",
            next_step="Ask them for one.",
            detail="creation by operators",
            link=("Your organisations", places.LIST),
        ) from denied


def _opens(pages: OrganizationPages, connection: Connection) -> bool:
    """Return whether the sign-in opens the pages of organisations: an exception from MFA does not."""
    try:
        person_of(pages, connection)
    except Denied:
        return False
    return True


def _may_create(pages: OrganizationPages, connection: Connection) -> bool:
    if pages.people_create:
        return _opens(pages, connection)
    try:
        operator_of(pages, connection)
    except Denied:
        return False
    return True


def _overview(pages: OrganizationPages, typed: str = "", problem: str | None = None) -> str:
    with pages.database.read() as connection:
        person = person_of(pages, connection, Purpose.SESSION)
        mine = [
            {
                "id": each.organization_id,
                "name": pages.organizations.get(connection, each.organization_id).name,
                "role": each.role.value,
                "suspended": None
                if each.standing.met
                else dict(zip(("sentence", "next_step"), suspended_because(each.standing), strict=True)),
            }
            for each in pages.authority.belongings(connection, person)
        ]
        opens, may_create = _opens(pages, connection), _may_create(pages, connection)
    return render_template(
        "organizations/list.html",
        organizations=sorted(mine, key=lambda each: str(each["name"]).casefold()),
        opens=opens,
        may_create=may_create,
        people_create=pages.people_create,
        typed={"name": typed},
        problems={} if problem is None else {"name": problem},
        notice=NOTICES.get(request.args.get("notice", "")),
    )


def _of_admin(
    pages: OrganizationPages,
    connection: Connection,
    admin: Admin,
    typed: Mapping[str, str] = _NOTHING,
    problems: Mapping[str, str] = _NOTHING,
) -> str:
    organization_id, now = admin.organization_id, admin.now
    organization = pages.organizations.get(connection, organization_id)
    tenants = pages.mappings.of_organization(connection, organization_id)
    names = shown.names_of(pages, tenants)
    entries = pages.organizations.members(connection, organization_id)
    people = shown.people_of(pages, connection, (each.account_id for each in entries))
    changes = pages.changes.waiting(connection, organization_id)
    members = shown.members(pages, connection, admin, entries, people)
    return render_template(
        "organizations/organization.html",
        organization=organization,
        changes=shown.waiting(changes, people, organization.rule, tenants, names),
        tenants=shown.standing_tenants(tenants),
        past_tenants=shown.past_tenants(tenants),
        providers=[{"id": id, "name": each.name} for id, each in pages.entra.items()],
        rule=rule_words.said(organization.rule, names),
        members=members,
        only_admin=shown.is_only_admin(members),
        invitations=shown.invitations(pages, connection, organization_id, people, now),
        exceptions=shown.exceptions(pages.exceptions.of_organization(connection, organization_id), names, now),
        contact=shown.contact(pages, connection, organization_id),
        fresh=admin.fresh,
        typed=typed,
        problems=problems,
        notice=NOTICES.get(request.args.get("notice", "")),
    )


def _of_suspended(pages: OrganizationPages, connection: Connection, organization_id: str, denied: Denied) -> str:
    """Return the page of an admin whose membership is suspended, with no more than it takes to stop what waits."""
    if denied.standing is None:
        raise denied
    stopper = _stopper(pages, connection, organization_id, denied)
    organization = pages.organizations.get(connection, organization_id)
    tenants = pages.mappings.of_organization(connection, organization_id)
    entries = pages.organizations.members(connection, organization_id)
    people = shown.people_of(pages, connection, (each.account_id for each in entries))
    changes = pages.changes.waiting(connection, organization_id)
    sentence, next_step = suspended_because(denied.standing)
    return render_template(
        "organizations/suspended.html",
        organization=organization,
        sentence=sentence,
        next_step=next_step,
        changes=shown.waiting(changes, people, organization.rule, tenants, shown.names_of(pages, tenants)),
        invitations=shown.invitations(pages, connection, organization_id, people, stopper.now),
        notice=NOTICES.get(request.args.get("notice", "")),
    )


def _stopper(pages: OrganizationPages, connection: Connection, organization_id: str, suspended: Denied) -> Stopper:
    try:
        return stopper_of(pages, connection, organization_id)
    except Denied as denied:
        # To an ordinary member, why they are suspended says more.
        raise suspended from denied


def _of_member(pages: OrganizationPages, connection: Connection, member: Member) -> str:
    entries = pages.organizations.members(connection, member.organization_id)
    admins = [each.account_id for each in entries if each.role is Role.ADMIN]
    return render_template(
        "organizations/member.html",
        organization=pages.organizations.get(connection, member.organization_id),
        joined_at=next(each.joined_at for each in entries if each.account_id == member.account_id),
        admins=[each.name for each in shown.people_of(pages, connection, admins).values()],
        fresh=member.fresh,
        notice=NOTICES.get(request.args.get("notice", "")),
    )
