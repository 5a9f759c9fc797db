"""Exceptions that an organisation asks for."""

from flask import Response

from broker.management import shown
from broker.management.answers import answer
from broker.management.asked import Document, not_found, nothing
from broker.management.context import Management, changing, reading


def exceptions(management: Management, organization_id: str) -> Response:
    """GET .../exceptions: all there ever were."""
    with reading(management, paged=True) as call:
        admin = call.admin(organization_id)
        found = management.exceptions.of_organization(call.connection, admin.organization_id)
        return shown.page(found, call.page, lambda each: each.id, shown.exception)


def exception(management: Management, organization_id: str, exception_id: str) -> Response:
    """GET .../exceptions/<exception_id>: one."""
    with reading(management) as call:
        admin = call.admin(organization_id)
        found = management.exceptions.get(call.connection, exception_id)
        if found.organization_id != admin.organization_id:
            raise not_found()
        return answer(shown.exception(found))


def ask_exception(management: Management, organization_id: str) -> Response:
    """POST .../exceptions: one more, which operators approve or refuse. It is for a tenant, or for members by id."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        wish = Document(call.sent, {"tid", "members", "people", "reason", "ends_at"})
        asked = management.exceptions.ask(
            call.connection,
            admin,
            tid=wish.text("tid") if wish.has("tid") else None,
            members=wish.texts("members") if wish.has("members") else (),
            people=wish.number("people") if wish.has("people") else 0,
            reason=wish.text("reason"),
            ends_at=wish.time("ends_at"),
        )
        return shown.made(f"/api/organizations/{organization_id}/exceptions/{asked.id}", shown.exception(asked))


def end_exception(management: Management, organization_id: str, exception_id: str) -> Response:
    """DELETE .../exceptions/<exception_id>: it ends now, or the request is taken back."""
    with changing(management) as call:
        admin = call.fresh_admin(organization_id)
        nothing(call.sent)
        management.exceptions.end(call.connection, admin, exception_id)
    return shown.done()
