"""The page of an organisation's exceptions: what was asked for, what runs, and the form that asks."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue

from broker.accounts.organizations.pages import shown
from broker.accounts.organizations.pages.places import noticed
from broker.accounts.organizations.visit import OrganizationPages, admin_of, fresh_admin_of
from broker.tenants.errors import BadInput
from broker.tenants.exception_records import ONE_APPROVER, ExceptionRecord, State
from broker.tenants.exceptions import LONGEST, MOST_PEOPLE
from broker.tenants.mappings import State as TenantState
from broker.tenants.pages import places, words
from broker.tenants.pages.tenant import name_of

MEMBERS = "members"
"""The scope of an exception that names its people; otherwise it is a ``tid``."""


def show_exceptions(pages: OrganizationPages, organization_id: str) -> ResponseReturnValue:
    """GET /organizations/<id>/exceptions."""
    return _page(pages, organization_id)


def ask_for_exception(pages: OrganizationPages, organization_id: str) -> ResponseReturnValue:
    """POST /organizations/<id>/exceptions."""
    place, form = places.exceptions_page(organization_id), request.form
    scope = form.get("scope", "")
    try:
        with pages.database.begin() as connection:
            admin = fresh_admin_of(pages, connection, organization_id, place)
            pages.exceptions.ask(
                connection,
                admin,
                tid=None if scope in ("", MEMBERS) else scope,
                members=form.getlist("members") if scope == MEMBERS else (),
                people=0 if scope == MEMBERS else _people(form.get("people", "")),
                reason=form.get("reason", ""),
                ends_at=_end(form.get("last_day", ""), admin.now),
            )
    except BadInput as problem:
        return _page(pages, organization_id, problem), 400
    return noticed(place, "exception_requested")


def end_exception(pages: OrganizationPages, organization_id: str, exception_id: str) -> ResponseReturnValue:
    """POST .../exceptions/<exception>/end: at once; or the request is taken back."""
    place = places.exceptions_page(organization_id)
    with pages.database.begin() as connection:
        admin = fresh_admin_of(pages, connection, organization_id, place)
        pages.exceptions.end(connection, admin, exception_id)
    return noticed(place, "exception_ended")


def _page(pages: OrganizationPages, organization_id: str, problem: BadInput | None = None) -> str:
    with pages.database.read() as connection:
        admin = admin_of(pages, connection, organization_id)
        organization = pages.organizations.get(connection, organization_id)
        tenants = pages.mappings.of_organization(connection, organization_id)
        members = [each.account_id for each in pages.organizations.members(connection, organization_id)]
        asked = pages.exceptions.of_organization(connection, organization_id)
        involved = {each for record in asked for each in (record.requested_by, *record.places)}
        people = shown.people_of(pages, connection, involved | set(members))
    of_tenants = {each.tid: each.name for each in tenants}
    return render_template(
        "tenants/exceptions.html",
        organization={"id": organization.id, "name": organization.name},
        here=places.exceptions_page(organization_id),
        fresh=admin.fresh,
        notice=words.NOTICES.get(request.args.get("notice", "")),
        problem=problem,
        exceptions=[_shown(each, of_tenants, people, admin.now) for each in asked],
        tenants=[{"tid": each.tid, "name": each.name} for each in tenants if each.state is TenantState.ACTIVE],
        members=[{"id": each, "name": name_of(people, each)} for each in members],
        limits={
            "people": MOST_PEOPLE,
            "one_operator": ONE_APPROVER,
            "days": LONGEST.days,
            "first_day": admin.now.date().isoformat(),
            "last_day": (admin.now + LONGEST).date().isoformat(),
        },
        typed={
            **{name: request.form.get(name, "") for name in ("scope", "people", "reason", "last_day")},
            "members": request.form.getlist("members"),
        },
    )


def _shown(
    record: ExceptionRecord, tenants: Mapping[str, str], people: shown.People, now: datetime
) -> dict[str, object]:
    said = words.of_exception(record, now)
    return {
        "id": record.id,
        "words": said,
        "tenant": None if record.tid is None else tenants.get(record.tid, record.tid),
        "people": record.people,
        "taken": len(record.places),
        "members": [name_of(people, each) for each in record.places] if record.tid is None else [],
        "reason": record.reason,
        "requested_by": name_of(people, record.requested_by),
        "requested_at": record.requested_at,
        "ends_at": record.ends_at,
        "open": now < record.ends_at and record.state in (State.REQUESTED, State.APPROVED),
        "asked": record.state is State.REQUESTED,
    }


def _people(text: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MOST_PEOPLE))):
        raise BadInput("people", "not_a_number", f"Say how many people, from 1 to {MOST_PEOPLE}.")
    return int(digits)


def _end(text: str, now: datetime) -> datetime:
    """Return the end of the day that was typed, in UTC; on the last day possible it ends at this time of day."""
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise BadInput(
            "ends_at", "not_a_day", "Give the last day as year, month and day, such as 2027-01-31."
        ) from error
    if day == (now + LONGEST).date():
        return now + LONGEST
    # Of year 9999 there is no day after.
    return datetime.combine(min(day, (now + 2 * LONGEST).date()), time.min, UTC) + timedelta(days=1)
