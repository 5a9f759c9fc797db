"""Who may do what to an organisation, as a value. Verbs that change something take one; ``authority`` makes them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from broker.signin.proven import Proven

if TYPE_CHECKING:
    from broker.accounts.organizations.belonging import Standing


class Role(StrEnum):
    """What a member may do. An admin is a member too."""

    ADMIN = "admin"
    MEMBER = "member"


class Denial(StrEnum):
    """Why not, as programs see it."""

    UNKNOWN = "unknown"  # there is no such organisation, or not for them
    SIGNED_OUT = "signed_out"  # the sign-in does not hold
    EXEMPT = "exempt"  # it does, by an exception in place of MFA
    SUSPENDED = "suspended"  # a member whose sign-in does not meet the rules
    NOT_ADMIN = "not_admin"
    NOT_OPERATOR = "not_operator"
    STALE = "stale"  # the proof is not of the last ten minutes
    OWN_REQUEST = "own_request"  # nobody approves what they asked for


class Denied(Exception):
    """The one who acts may not. ``standing`` says why a member is suspended."""

    def __init__(self, denial: Denial, standing: "Standing | None" = None) -> None:
        super().__init__(denial.value)
        self.denial = denial
        self.standing = standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody signed in, whose sign-in was judged at ``now`` for what is theirs alone."""

    account_id: str
    proven: Proven
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshPerson(Person):
    """Somebody whose proof is at most ten minutes old: no exception stands in place of their MFA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Person):
    """A member of this organisation, whose membership is not suspended."""

    organization_id: str
    role: Role
    fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaver(Person):
    """A member of this organisation, suspended or not, whose proof is at most ten minutes old."""

    organization_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopper(Person):
    """An admin of this organisation, suspended or not: who may undo what is not in effect yet, and nothing else."""

    organization_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin(Member):
    """An admin of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshAdmin(Admin):
    """An admin whose proof is at most ten minutes old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator(Person):
    """An operator, by an allowed tenant or with a phishing-resistant proof."""

    fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshOperator(Operator):
    """An operator whose proof is at most ten minutes old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Somebody at the broker's command line, who needs no sign-in. What takes an operator's word is not for it."""

    now: datetime
    account_id: None = None
