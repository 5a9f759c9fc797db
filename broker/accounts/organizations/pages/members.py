"""What admins change about members."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request
from flask.typing import ResponseReturnValue

from broker.accounts.organizations.capabilities import Role
from broker.accounts.organizations.changes import WAIT, Change
from broker.accounts.organizations.pages import places
from broker.accounts.organizations.pages.organization import last_admin
from broker.accounts.organizations.people import role_of
from broker.accounts.organizations.records import LastAdmin
from broker.accounts.organizations.visit import OrganizationPages, fresh_admin_of
from broker.tenants.errors import NotFound
from broker.web.errors import BrokerError


def change_role(pages: OrganizationPages, organization_id: str, account_id: str) -> ResponseReturnValue:
    """POST .../members/<account>/role: after a day, but for one's own, which one gives up at once."""
    page = places.organization_page(organization_id)
    with pages.database.begin() as connection:
        admin = fresh_admin_of(pages, connection, organization_id, page)
        role = _role(page)
        before = role_of(connection, organization_id, account_id)
        with _refused(page, account_id):
            change = pages.organizations.change_role(connection, admin, account_id, role)
    if change is not None:
        return places.noticed(page, _waits("role", change))
    return places.noticed(page, "role_same" if before is role else "role")


def remove(pages: OrganizationPages, organization_id: str, account_id: str) -> ResponseReturnValue:
    """POST .../members/<account>/remove: a member at once, an admin after a day."""
    page = places.organization_page(organization_id)
    with pages.database.begin() as connection:
        admin = fresh_admin_of(pages, connection, organization_id, page)
        with _refused(page, account_id):
            change = pages.organizations.remove_member(connection, admin, account_id)
    if account_id == admin.account_id:
        return places.noticed(places.LIST, "left")
    return places.noticed(page, "removed" if change is None else _waits("remove", change))


def _waits(what: str, change: Change) -> str:
    return f"{what}_waits" if change.effective_at - change.requested_at <= WAIT else f"{what}_waits_longer"


@contextmanager
def _refused(page: str, account_id: str) -> Iterator[None]:
    """Turn what the verbs refuse into its page."""
    try:
        yield
    except LastAdmin as error:
        raise last_admin(page, error) from error
    except LookupError as error:
        raise NotFound(account_id) from error


def _role(page: str) -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError as error:
        raise BrokerError(
            status=400,
            code="not_a_role",
            sentence="There is no such role.",
            next_step="A member is an admin, or an ordinary member. Go back and choose one of the two.",
            detail="no such role",
            link=("Back to the organisation", page),
        ) from error
