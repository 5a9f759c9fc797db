"""What is said to admins about what happens in their organisation."""

from broker.accounts.organizations.belonging import Standing, Unmet
from broker.accounts.organizations.changes import ChangeKind
from broker.tenants.exception_records import State as ExceptionState
from broker.tenants.mappings import State as MappingState
from claims.decision import Reason

NOTICES = {
    "created": "The organisation is there, and you are its admin.",
    "left": "You have left the organisation.",
    "name": "The name is saved.",
    "stopped": "Stopped. It does not take effect, and all admins are told.",
    "role_waits": "Asked for. It takes effect after 24 hours, unless an admin stops it. All admins are told.",
    "role_waits_longer": "Asked for. When it takes effect stands below; any admin can stop it. All admins are told.",
    "role": "Done. You are an ordinary member now.",
    "role_same": "Nothing changed: that is their role already.",
    "remove_waits": "Asked for. They are removed after 24 hours, unless an admin stops it. All admins are told.",
    "remove_waits_longer": "Asked for. When they are removed stands below; any admin can stop it. All admins are told.",
    "removed": "Removed.",
    "invited": "The invitation is on its way.",
    "withdrawn": "Withdrawn. Its link leads nowhere any more.",
    "joined": "Welcome. You are a member now.",
    "rules_now": "Saved. It holds from now on.",
    "rules_later": "Saved. What is looser takes effect after 24 hours, unless an admin stops it. All admins are told.",
    "rules_both": "Saved. What is stricter holds from now on. What is looser takes effect after 24 hours, "
    "unless an admin stops it; all admins are told.",
    "rules_same": "Nothing changed: these are the rules already, and nothing waits.",
}

CHANGES = {
    ChangeKind.RULE: ("Looser rules for the organisation", ""),
    ChangeKind.TENANT_RULE: ("Looser rules for the tenant", ""),
    ChangeKind.PROMOTE: ("Make", " an admin"),
    ChangeKind.DEMOTE: ("Make", " an ordinary member"),
    ChangeKind.REMOVE_ADMIN: ("Remove the admin", ""),
    ChangeKind.TENANT: ("Map the tenant", ""),
    ChangeKind.RESUME: ("Admit the people of", " again"),
    ChangeKind.RELEASE: ("Give up the tenant", ""),
    ChangeKind.ATTEST: ("Take an authentication context as proof, in the tenant", ""),
}
"""What a change that waits would do: what is said before the name it is about, and after it."""

UNMET = {
    Unmet.TENANT: "they last came by a tenant that the rules do not name, or by none",
    Unmet.GUEST: "they last came as a guest of the tenant",
    Unmet.PROVIDER: "they last came by a provider that the rules do not accept",
    Unmet.SESSION_LENGTH: "their last sign-in has lasted longer than the rules allow",
    Unmet.PROOF: "their last sign-in proved less than the rules ask for",
    Unmet.WAY_CLOSED: "the tenant or the provider they last came by is not accepted at the moment",
}
_PROOF = {
    Reason.NOT_DISCLOSED: "their provider said nothing of a second factor",
    Reason.TOO_WEAK: "their last sign-in had a weaker proof than the rules ask for",
    Reason.BINDING_NOT_ACCEPTED: "their last sign-in had another kind of proof than the rules accept",
    Reason.EVIDENCE_EXPIRED: "the proof of their last sign-in was too old already",
    Reason.AUTHENTICATION_TOO_OLD: "they had signed in at their provider longer ago than the rules allow",
}

TENANT_STATES = {
    MappingState.REQUESTED: ("asked for, not proven yet", ""),
    MappingState.PROVEN: ("proven, not active yet", ""),
    MappingState.ACTIVE: ("active", "good"),
    MappingState.SUSPENDED: ("suspended", "warn"),
    MappingState.RELEASED: ("given up", ""),
    MappingState.REFUSED: ("refused", ""),
}
"""The states of a tenant, and how they look."""

EXCEPTION_STATES = {
    ExceptionState.REQUESTED: "waits for an operator",
    ExceptionState.APPROVED: "in effect",
    ExceptionState.REFUSED: "refused",
    ExceptionState.ENDED: "ended",
}


def unmet(standing: Standing) -> str | None:
    """Return in what somebody's last sign-in does not meet the rules, or none."""
    if standing.unmet is None:
        return None
    if standing.unmet is Unmet.PROOF and standing.verdict is not None:
        return _PROOF.get(standing.verdict.reason, UNMET[Unmet.PROOF])
    return UNMET[standing.unmet]
