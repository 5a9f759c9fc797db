"""What is refused, and why, in words of our own: each kind of refusal with a code that stays."""

from dataclasses import dataclass

from broker.accounts.organizations.capabilities import Denial, Denied
from broker.accounts.organizations.records import LastAdmin, NameTaken, Settling, Share, TooMany, TooOften
from broker.accounts.organizations.words import suspended_because
from broker.accounts.service import AccountClosed
from broker.management.asked import invalid, not_found
from broker.oidc.api.context import BearerError, challenge_of
from broker.registry import stepup
from broker.tenants.errors import BadInput, Conflict, Conflicting, NotFound
from broker.web.problems import Problem

_CONFLICT = "Not as things stand"
_SETTLING = "Several people had shared what this organisation has, and these are its first 14 days."
_CONFLICTS = {
    Conflicting.STATE: "It is not in a state in which this can be done.",
    Conflicting.OVER: "Its time has passed.",
    Conflicting.ASKED_ALREADY: "The organisation has asked for this tenant already.",
    Conflicting.APPROVED_ALREADY: "You have approved it already; another operator must, too.",
    Conflicting.OPERATOR_ONLY: "An operator suspended it, and only an operator takes that back.",
    Conflicting.IN_RULE: "The organisation's rule requires this tenant. Take it out of the rule first.",
    Conflicting.SHUTS_OUT: "You do not meet this rule yourself, as you are signed in.",
    Conflicting.SETTLING: f"{_SETTLING} No rule shuts another admin out, as they last signed in.",
    Conflicting.CONTESTED: "Another organisation has the tenant, or claims it since a moment ago.",
    Conflicting.OTHER_TENANT: "The proof is of another tenant.",
    Conflicting.GUEST: "The proof is a guest's, who speaks for no tenant.",
}


_TOO_OFTEN = {
    Share.CHANGES: "You have asked for as many changes as an admin may in 24 hours.",
    Share.EXCEPTIONS: "The organisation has asked for as many exceptions as it may in 24 hours, or waits for as many.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """How a client is told what its token lacks. ``max_age``, in seconds, is what counts as fresh."""

    scheme: str
    max_age: int

    @property
    def step_up(self) -> str:
        """Return the challenge of RFC 9470 section 3, in the scheme that the token came by."""
        return stepup.challenge(max_age=self.max_age).replace("Bearer", self.scheme, 1)


def problem_of(error: Exception, challenge: Challenge) -> Problem | None:
    """Return what an error of a service is to a program; none for what is nothing but a defect."""
    match error:
        case Denied():
            return _denied(error, challenge)
        case AccountClosed():
            return _signed_out(challenge)
        case Conflict():
            return _conflict(error.code.value, _CONFLICTS[error.code])
        case NameTaken():
            return _conflict("name_taken", "Another organisation has this name, or one that reads the same.")
        case TooMany():
            return _conflict("too_many", "There are as many as there may be.")
        case TooOften():
            return _too_often(error.share)
        case LastAdmin():
            return _last_admin(error)
        case BadInput():
            return invalid(error.field, error.code, error.sentence)
        # Not what is derived from it: a key that is missing is a defect of ours.
        case LookupError() if type(error) in (LookupError, NotFound):
            return not_found()
    return None


def of_token(error: BearerError) -> Problem:
    """Return what is wrong with an access token (RFC 6750 section 3.1)."""
    return Problem(
        status=error.status,
        code=error.error or "invalid_token",
        title="The access token does not open this",
        detail=error.description or "An access token is needed.",
        headers={"WWW-Authenticate": challenge_of(error)},
    )


def too_many(wait: int) -> Problem:
    """Return the refusal of somebody who tried too often, for ``wait`` seconds."""
    return Problem(
        status=429,
        code="too_many_requests",
        title="Slow down a little",
        detail="There was too much of this in a short time. Nothing was done.",
        headers={"Retry-After": str(wait)},
    )


def forbidden(code: str, detail: str) -> Problem:
    """Return the refusal of what is for somebody else."""
    return Problem(status=403, code=code, title="Somebody else has to do this", detail=detail)


def _denied(denied: Denied, challenge: Challenge) -> Problem:
    match denied.denial:
        case Denial.UNKNOWN | Denial.NOT_OPERATOR:
            return not_found()
        case Denial.SIGNED_OUT:
            return _signed_out(challenge)
        case Denial.STALE:
            return Problem(
                status=401,
                code=stepup.ERROR,
                title="Sign in once more",
                detail="This changes what protects others, and takes a sign-in of the last minutes.",
                headers={"WWW-Authenticate": challenge.step_up},
            )
        case Denial.SUSPENDED if denied.standing is not None:
            sentence, next_step = suspended_because(denied.standing)
            unmet = denied.standing.unmet
            return Problem(
                status=403,
                code="membership_suspended",
                title="The membership is suspended",
                detail=f"{sentence} {next_step}",
                more={"reason": unmet.value} if unmet is not None else {},
            )
        case Denial.EXEMPT:
            return forbidden("exempt", "The sign-in was without a second factor, by an exception, and this takes one.")
        case Denial.OWN_REQUEST:
            return forbidden("own_request", "You asked for it, or belong to the organisation it is for.")
    return forbidden(denied.denial.value, "Only admins of the organisation can see or do this.")


def _signed_out(challenge: Challenge) -> Problem:
    description = "The sign-in behind the access token does not hold any more."
    return of_token(BearerError("invalid_token", description, scheme=challenge.scheme))


def _too_often(share: Share) -> Problem:
    return Problem(
        status=429,
        code=share.value,
        title="Too many for one day",
        detail=_TOO_OFTEN[share],
        headers={"Retry-After": "3600"},
    )


def _last_admin(error: LastAdmin) -> Problem:
    if isinstance(error, Settling):
        return _conflict("settling", f"{_SETTLING} Two admins remain until {error.until:%Y-%m-%d %H:%M} UTC.")
    return _conflict("last_admin", "It would leave the organisation without an admin.")


def _conflict(code: str, detail: str) -> Problem:
    return Problem(status=409, code=code, title=_CONFLICT, detail=detail)
