"""What is answered to those who may not, or come too late: a page that says why, and where to go on."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from broker.accounts.organizations.capabilities import Denied
from broker.accounts.organizations.pages.places import LIST, organization_page
from broker.accounts.organizations.records import Share, TooOften
from broker.accounts.organizations.visit import answer, answer_denied, sign_in_first
from broker.accounts.service import AccountClosed
from broker.accounts.visit import SignInFirst
from broker.tenants.errors import Conflict, Conflicting, NotFound
from broker.tenants.pages import places
from broker.web.errors import BrokerError

_LATER = "Look at how things stand now, and decide again."
_WORDS = {
    Conflicting.STATE: ("It is not as it was when you saw it: somebody else may have been quicker.", _LATER),
    Conflicting.OVER: ("Its last day has passed, so it cannot begin any more.", "A new one can be asked for."),
    Conflicting.ASKED_ALREADY: ("Your organisation has asked for this tenant already.", "Go on where it stands."),
    Conflicting.APPROVED_ALREADY: (
        "You have approved this already, and one more operator has to.",
        "Ask another operator to look at it.",
    ),
    Conflicting.OPERATOR_ONLY: (
        "An operator suspended this tenant, and what operators suspend only they take back.",
        "Write to the people who run this site.",
    ),
    Conflicting.IN_RULE: (
        "Your organisation's rule requires this tenant: without it, nobody might be able to meet the rule.",
        "Take the tenant out of the rule first. To have it suspended at once, write to the people who run this site.",
    ),
    Conflicting.SHUTS_OUT: (
        "You do not meet this rule yourself, so it would shut you out.",
        "Sign in in the way that it asks for, and save it then.",
    ),
    Conflicting.SETTLING: (
        "Several people had shared what this organisation has. In the first 14 days no rule may shut out an admin.",
        "Have each of its admins sign in in the way that it asks for, and save it then; or wait those days.",
    ),
    Conflicting.CONTESTED: ("Somebody else has the tenant, or has just claimed it.", _LATER),
    Conflicting.OTHER_TENANT: ("That sign-in was at another tenant.", "Sign in at the tenant that is to be mapped."),
    Conflicting.GUEST: (
        "You signed in as a guest, and a guest speaks for no tenant.",
        "Have somebody sign in whose account is the tenant's own.",
    ),
}

_TOO_OFTEN = {
    Share.CHANGES: "You have asked for as many changes as an admin may in 24 hours.",
    Share.EXCEPTIONS: "Your organisation has asked for as many exceptions as it may in 24 hours, or waits for as many.",
}


def register(room: Blueprint) -> None:
    """Answer what the views of ``room`` raise."""
    for signed_out in (SignInFirst, AccountClosed):
        room.register_error_handler(signed_out, sign_in_first)
    room.register_error_handler(Denied, answer_denied)
    room.register_error_handler(NotFound, _not_found)
    room.register_error_handler(Conflict, _conflict)
    room.register_error_handler(TooOften, _too_often)


def _not_found(_: NotFound) -> ResponseReturnValue:
    return answer(
        BrokerError(
            status=404,
            code="not_found",
            sentence="There is no such thing here, or not any more.",
            next_step="Go back; the page shows what is there.",
            detail="no such mapping or exception",
            link=_back(whole=True),
        )
    )


def _conflict(conflict: Conflict) -> ResponseReturnValue:
    sentence, next_step = _WORDS[conflict.code]
    return answer(
        BrokerError(
            status=409,
            code=conflict.code.value,
            title="Nothing was changed",
            sentence=sentence,
            next_step=next_step,
            detail=conflict.code.value,
            link=_back(),
        )
    )


def _too_often(refused: TooOften) -> ResponseReturnValue:
    return answer(
        BrokerError(
            status=429,
            code=refused.share.value,
            title="Nothing was changed",
            sentence=_TOO_OFTEN[refused.share],
            next_step="Try again tomorrow. What is stricter can be saved at any time, and what waits can be stopped.",
            detail=refused.share.value,
            link=_back(),
            retry_after=3600,
        )
    )


def _back(*, whole: bool = False) -> tuple[str, str]:
    """Return the way back. ``whole``: to what surely is there."""
    arguments = request.view_args or {}
    organization_id, mapping_id = arguments.get("organization_id"), arguments.get("mapping_id")
    if request.path.startswith(places.OPERATOR):
        return "Back to the operators' page", places.OPERATOR
    if organization_id is None:
        return "Your organisations", LIST
    if mapping_id is not None and not whole:
        return "Back to the tenant", places.tenant_page(organization_id, mapping_id)
    if "exception_id" in arguments:
        return "Back to the exceptions", places.exceptions_page(organization_id)
    return "Back to the organisation", organization_page(organization_id)
