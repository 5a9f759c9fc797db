"""What is answered: the values of the services as JSON. Ids, codes, times and names; never an email."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import TypeVar

from flask import Response

from broker.accounts.organizations.belonging import Standing
from broker.accounts.organizations.changes import Change
from broker.accounts.organizations.invitations import Invitation
from broker.accounts.organizations.preview import Previewed
from broker.accounts.organizations.records import MemberEntry
from broker.management.answers import NO_STORE, answer
from broker.management.asked import Page
from broker.tenants.attestations import Signed
from broker.tenants.exception_records import ExceptionRecord
from broker.tenants.mapping_records import Mapping

_T = TypeVar("_T")
Shown = dict[str, object]


def page(entries: Iterable[_T], wanted: Page, identify: Callable[[_T], str], show: Callable[[_T], Shown]) -> Response:
    """Return a part of a list, in the order of the ids, so that a cursor stays good when entries come and go."""
    after = sorted((each for each in entries if identify(each) > wanted.cursor), key=identify)
    here = after[: wanted.limit]
    onward = identify(here[-1]) if len(after) > len(here) else None
    return answer({"items": [show(each) for each in here], "next_cursor": onward})


def whole(entries: Collection[_T], show: Callable[[_T], Shown]) -> list[Shown]:
    """Return each of the entries as JSON."""
    return [show(each) for each in entries]


def made(location: str, document: Shown) -> Response:
    """Return that something was made, and where it is."""
    return answer(document, 201, {"Location": location})


def done() -> Response:
    """Return that it was done."""
    return Response(status=204, headers=NO_STORE)


def done_or_waits(waiting: Change | None) -> Response:
    """Return that it was done, or when it will be."""
    return done() if waiting is None else answer(change(waiting), 202)


def member(entry: MemberEntry, name: str | None) -> Shown:
    """Return a member of an organisation."""
    return {
        "account_id": entry.account_id,
        "name": name,
        "role": entry.role.value,
        "joined_at": _time(entry.joined_at),
        "suspended_at": _time(entry.suspended_at),
    }


def change(waiting: Change) -> Shown:
    """Return a change that waits."""
    return {
        "id": waiting.id,
        "kind": waiting.kind.value,
        "target": waiting.target,
        "payload": dict(waiting.payload),
        "requested_by": waiting.requested_by,
        "requested_at": _time(waiting.requested_at),
        "effective_at": _time(waiting.effective_at),
    }


def invitation(open_one: Invitation) -> Shown:
    """Return an invitation, without the address it was sent to."""
    return {
        "id": open_one.id,
        "invited_by": open_one.invited_by,
        "invited_at": _time(open_one.invited_at),
        "expires_at": _time(open_one.expires_at),
    }


def mapping(tenant: Mapping) -> Shown:
    """Return a tenant's mapping."""
    return {
        "id": tenant.id,
        "organization_id": tenant.organization_id,
        "provider": tenant.provider_id,
        "tid": tenant.tid,
        "name": tenant.name,
        "state": tenant.state.value,
        "suspended_by": tenant.suspended_by.value if tenant.suspended_by is not None else None,
        "speaks": tenant.speaks,
        "requested_by": tenant.requested_by,
        "requested_at": _time(tenant.requested_at),
        "proven_at": _time(tenant.proven_at),
        "decided_at": _time(tenant.decided_at),
    }


def attestation(signed: Signed) -> Shown:
    """Return what is attested of an authentication context."""
    return {
        "context": signed.context,
        "strength": signed.strength.label,
        "every_time": signed.every_time,
        "signed_by": signed.signed_by,
        "signed_at": _time(signed.signed_at),
        "review_by": _time(signed.review_by),
    }


def exception(record: ExceptionRecord) -> Shown:
    """Return an exception."""
    return {
        "id": record.id,
        "organization_id": record.organization_id,
        "tid": record.tid,
        "members": list(record.places) if record.tid is None else None,
        "people": record.people,
        "places_taken": len(record.places),
        "reason": record.reason,
        "state": record.state.value,
        "requested_by": record.requested_by,
        "requested_at": _time(record.requested_at),
        "ends_at": _time(record.ends_at),
        "decided_at": _time(record.decided_at),
        "approvals": list(record.approvals),
        "approvals_needed": record.approvals_needed,
    }


def previewed(member_then: Previewed) -> Shown:
    """Return how a member's last sign-in stands to the rule as it is and as it would be."""
    last = member_then.last
    return {
        "account_id": member_then.account_id,
        "role": member_then.role.value,
        "last_sign_in_at": _time(last.signed_in_at) if last is not None else None,
        "before": _standing(member_then.before),
        "after": _standing(member_then.after),
    }


def standing(now: Standing) -> Shown:
    """Return how a membership stands to the sign-in at hand."""
    return {
        "standing": "met" if now.met else "suspended",
        "reason": now.unmet.value if now.unmet is not None else None,
    }


def _standing(then: Standing | None) -> Shown | None:
    return standing(then) if then is not None else None


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
