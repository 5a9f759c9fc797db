"""Members, and invitations to become one."""

from flask import Response

from broker.accounts.organizations.capabilities import Role
from broker.accounts.organizations.records import MemberEntry
from broker.limits.errors import TooMany as TooManyMails
from broker.management import shown
from broker.management.answers import answer
from broker.management.asked import Document, invalid, not_found, nothing
from broker.management.context import Management, changing, reading
from broker.management.shown import Shown
from broker.web.problems import Problem


def members(management: Management, organization_id: str) -> Response:
    """GET .../members: all of them for an admin; for other members the admins, and themselves."""
    with reading(management, paged=True) as call:
        asking = call.member(organization_id)

        def may_see(entry: MemberEntry) -> bool:
            return Role.ADMIN in (asking.role, entry.role) or entry.account_id == asking.account_id

        found = [each for each in management.organizations.members(call.connection, organization_id) if may_see(each)]
        # An account that was erased meanwhile has no name.
        people = management.accounts.persons(call.connection, [each.account_id for each in found])

        def show(entry: MemberEntry) -> Shown:
            person = people.get(entry.account_id)
            return shown.member(entry, person.name if person is not None else None)

        return shown.page(found, call.page, lambda each: each.account_id, show)


def change_role(management: Management, organization_id: str, account_id: str) -> Response:
    """PATCH .../members/<account_id>: another role, after a day; one's own at once, to member."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        role = Document(call.sent, {"role"}).text("role")
        if role not in set(Role):
            raise invalid("role", "unknown", "A role is admin or member.")
        waiting = management.organizations.change_role(call.connection, admin, account_id, Role(role))
        return shown.done_or_waits(waiting)


def remove_member(management: Management, organization_id: str, account_id: str) -> Response:
    """DELETE .../members/<account_id>: at once; another admin after a day."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        nothing(call.sent)
        return shown.done_or_waits(management.organizations.remove_member(call.connection, admin, account_id))


def leave(management: Management, organization_id: str) -> Response:
    """POST .../leave: one's own membership ends."""
    with changing(management) as call:
        leaver = call.leaver(organization_id)
        nothing(call.sent)
        management.organizations.leave(call.connection, leaver)
    return shown.done()


def invitations(management: Management, organization_id: str) -> Response:
    """GET .../invitations: those that nobody has used, for admins whose membership is suspended as well."""
    with reading(management, paged=True) as call:
        stopper = call.stopper(organization_id)
        found = management.invitations.of_organization(call.connection, stopper.organization_id)
        return shown.page(found, call.page, lambda each: each.id, shown.invitation)


def invitation(management: Management, organization_id: str, invitation_id: str) -> Response:
    """GET .../invitations/<invitation_id>: one that nobody has used."""
    with reading(management) as call:
        admin = call.admin(organization_id)
        found = management.invitations.of_organization(call.connection, admin.organization_id)
        one = next((each for each in found if each.id == invitation_id), None)
        if one is None:
            raise not_found()
        return answer(shown.invitation(one))


def invite(management: Management, organization_id: str) -> Response:
    """POST .../invitations: a mail with a link, by which the owner of that address becomes a member."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        email = Document(call.sent, {"email"}).text("email")
        links = f"{management.api.issuer}/invitations/"
        try:
            made = management.invitations.invite(call.connection, admin, email, links, management.mail_limit.room)
        except ValueError as error:
            raise invalid("email", "unreadable", "An email address looks like name@example.org.") from error
        except TooManyMails as error:
            raise Problem(
                status=429,
                code="too_many_requests",
                title="Too many mails",
                detail="You have had enough mails sent for now.",
                headers={"Retry-After": str(error.wait)},
            ) from error
        location = f"/api/organizations/{organization_id}/invitations/{made.id}"
        return shown.made(location, shown.invitation(made))


def withdraw_invitation(management: Management, organization_id: str, invitation_id: str) -> Response:
    """DELETE .../invitations/<invitation_id>: its link is over. By a suspended admin, too, without a fresh proof."""
    with changing(management) as call:
        stopper = call.stopper(organization_id)
        nothing(call.sent)
        management.invitations.withdraw(call.connection, stopper, invitation_id)
    return shown.done()
