"""What the pages say of tenants and exceptions: our own words, and in them no name that anybody chose."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from broker.accounts.organizations.changes import Change, ChangeKind
from broker.tenants.exception_records import ExceptionRecord
from broker.tenants.exception_records import State as ExceptionState
from broker.tenants.mappings import Mapping as Tenant
from broker.tenants.mappings import Side, State
from claims.evidence import Strength

NOTICES = {
    "requested": "The tenant is asked for. Next, prove that your organisation may speak for it.",
    "proven": "The sign-in at the tenant counted. Below is what comes next.",
    "suspended": "Suspended, from this moment on.",
    "resume_waits": "The tenant is admitted again in 24 hours, unless an admin stops it. All admins are told by mail.",
    "released": "The tenant is given up.",
    "release_waits": "The tenant is given up in 24 hours, unless an admin stops it. All admins are told by mail.",
    "domains": "The domains are saved.",
    "attested": "What you attested counts in 24 hours, unless an admin stops it. All admins are told by mail.",
    "revoked": "Revoked. The context is no evidence any more.",
    "exception_requested": "Asked for. An operator decides, and all admins are told by mail.",
    "exception_ended": "Ended, from this moment on.",
}
OPERATOR_NOTICES = {
    "approve": "Approved. The organisation's admins are told by mail.",
    "supported": "Noted. One more operator has to approve it.",
    "refuse": "Refused. The organisation's admins are told by mail.",
    "suspend": "Suspended, from this moment on. Only an operator can resume it.",
    "resume": "Resumed.",
    "release": "Released. The organisation's admins are told by mail.",
    "end": "Ended, from this moment on.",
}

WORTH = {Strength.MFA: "MFA", Strength.PHISHING_RESISTANT: "phishing-resistant MFA"}
CONTEXTS = tuple(f"c{number}" for number in range(1, 100))


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A state in a word or two, what it means, and what comes next. ``good``: things are as they should be."""

    tag: str
    sentence: str
    next_step: str
    good: bool = False


_SAID = {
    State.REQUESTED: Words(
        tag="asked for",
        sentence="Your organisation has asked for this tenant. Nobody can sign in through it yet.",
        next_step="Prove that your organisation may speak for it.",
    ),
    State.ACTIVE: Words(
        tag="active",
        sentence="People of this tenant can sign in with it, by its rule below.",
        next_step="There is nothing to do.",
        good=True,
    ),
    State.SUSPENDED: Words(
        tag="suspended",
        sentence="An admin suspended this tenant. Nobody can sign in with it, and no earlier sign-in counts.",
        next_step="An admin can resume it, which takes effect after 24 hours.",
    ),
    State.RELEASED: Words(
        tag="given up",
        sentence="This tenant does not belong to your organisation any more. What was attested of it, its domains and "
        "its rule are gone.",
        next_step="It can be asked for again, on your organisation's page. That begins from nothing.",
    ),
    State.REFUSED: Words(
        tag="refused",
        sentence="An operator refused this tenant.",
        next_step="If you think that this is a mistake, write to the people who run this site.",
    ),
}
_BY_OPERATOR = Words(
    tag="suspended by an operator",
    sentence="An operator suspended this tenant. Nobody can sign in with it, and no earlier sign-in counts.",
    next_step="Only an operator can resume it. Write to the people who run this site.",
)
_WAITS = Words(
    tag="proven",
    sentence="Somebody who may speak for the tenant has proven it.",
    next_step="It becomes active by itself at the time below, unless an admin stops it.",
)
_OPERATOR_DECIDES = Words(
    tag="waits for an operator",
    sentence="Somebody who may speak for the tenant has proven it.",
    next_step="An operator looks at it now. You get a mail, and need not do anything.",
)
_NOBODY_SPOKE = Words(
    tag="waits for an operator",
    sentence="Somebody has signed in at the tenant, without a role that may speak for it.",
    next_step="An operator looks at it now. It is easier for them if somebody with such a role proves it once more.",
)


def of_tenant(tenant: Tenant, waiting: Iterable[Change]) -> Words:
    """Return where a mapping stands. ``waiting`` is what waits to change it."""
    if tenant.state is State.SUSPENDED and tenant.suspended_by is Side.OPERATOR:
        return _BY_OPERATOR
    if tenant.state is not State.PROVEN:
        return _SAID[tenant.state]
    if any(each.kind is ChangeKind.TENANT for each in waiting):
        return _WAITS
    return _OPERATOR_DECIDES if tenant.speaks else _NOBODY_SPOKE


def of_exception(record: ExceptionRecord, now: datetime) -> Words:
    """Return where an exception stands."""
    if record.state is ExceptionState.REFUSED:
        return Words(tag="refused", sentence="An operator refused it.", next_step="")
    if record.state is ExceptionState.ENDED or now >= record.ends_at:
        return Words(tag="ended", sentence="It excuses nobody any more.", next_step="")
    if record.state is ExceptionState.APPROVED:
        sentence = "It runs. Who signs in by it has proven no MFA, and registries are told so."
        return Words(tag="runs", sentence=sentence, next_step="", good=True)
    count = f"{len(record.approvals)} of {record.approvals_needed} operators have approved it."
    return Words(tag="waits for operators", sentence=count, next_step="")
