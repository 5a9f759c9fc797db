"""What the verbs of tenants refuse, as values with a code that stays."""

from enum import StrEnum


class NotFound(LookupError):
    """Nothing has this id, or nothing of the organisation that asks."""


class BadInput(ValueError):
    """What was asked for cannot be. ``code`` is for programs, ``sentence`` for people, ``field`` what to mend."""

    def __init__(self, field: str, code: str, sentence: str) -> None:
        super().__init__(f"{field}: {code}")
        self.field = field
        self.code = code
        self.sentence = sentence


class Conflicting(StrEnum):
    """Why something cannot be done as things stand, as programs see it."""

    STATE = "state"  # not from the state it is in
    OVER = "over"  # its time has passed
    ASKED_ALREADY = "asked_already"
    APPROVED_ALREADY = "approved_already"  # by this very operator
    OPERATOR_ONLY = "operator_only"  # an operator suspended it, and only an operator takes that back
    IN_RULE = "in_rule"  # the organisation's rule requires this tenant
    SHUTS_OUT = "shuts_out"  # the admin who saves the rule does not meet it
    SETTLING = "settling"  # another admin does not, in the first days of what several people had shared
    CONTESTED = "contested"  # another organisation has it, or claims it since a moment ago
    OTHER_TENANT = "other_tenant"  # the proof is of another tenant
    GUEST = "guest"  # the proof is a guest's, who speaks for no tenant


class Conflict(Exception):
    """Not as things stand; nothing has changed."""

    def __init__(self, code: Conflicting) -> None:
        super().__init__(code.value)
        self.code = code


class Contested(Conflict):
    """Another organisation has the tenant, or has claimed it since."""

    def __init__(self) -> None:
        super().__init__(Conflicting.CONTESTED)
