"""What the operators' pages say."""

from collections.abc import Mapping

from migrations.accounts.campaign.phases import Phase
from migrations.accounts.campaign.templates import TemplateName
from migrations.accounts.campaign.waves import Audience, WaveState
from migrations.accounts.cases import CaseKind, CaseState
from migrations.accounts.records import State

NOTICES: Mapping[str, str] = {
    "excepted": "Closing passes the account by until then.",
    "exception_ended": "Closing treats the account as any other.",
    "confirm": "It is a shared account, which becomes an organisation.",
    "reject": "It is one person's account.",
    "saved": "The text is saved. Mails have it from now on.",
    "reset": "The text is the one that comes with Vestibule again.",
    "started": "The wave has begun.",
    "stop": "The wave is stopped. Mails that wait in the outbox still go.",
    "resume": "The wave goes on.",
    "uphold": "Decided: it stays with whoever claimed it.",
    "give-back": "Decided: the account is as it was before.",
    "halt": "Stopped: the account is frozen, and everybody is told.",
    "supported": "You have granted it. It takes another operator.",
    "granted": "Granted. It takes effect in a week, unless the old address stops it.",
    "refused": "Refused. Whoever asked is told.",
}
PHASES: Mapping[Phase, str] = {
    Phase.BEFORE: "not announced yet",
    Phase.ANNOUNCED: "announced",
    Phase.ENCOURAGED: "encouraged",
    Phase.REQUIRED: "required",
    Phase.CLOSED: "closed",
}
STATES: Mapping[State, str] = {
    State.PENDING: "pending",
    State.WAITING: "proven, takes effect soon",
    State.CLAIMED: "claimed",
    State.CONVERTED: "an organisation now",
    State.FROZEN: "frozen: an operator decides",
    State.CLOSED: "closed",
}
KINDS: Mapping[CaseKind, str] = {
    CaseKind.CLAIM: "Claim",
    CaseKind.LINKED: "Attached by a linked sign-in",
    CaseKind.RECOVERY: "Recovery",
    CaseKind.CONVERSION: "Conversion into an organisation",
}
PROOFS: Mapping[CaseKind, str] = {
    CaseKind.CLAIM: "the old password, a link at the old address opened in the same browser, and a sign-in with MFA",
    CaseKind.LINKED: "a sign-in with MFA, by an identity that the registry had linked to the account",
    CaseKind.RECOVERY: "a sign-in with MFA, and what speaks for it below",
    CaseKind.CONVERSION: "the shared password, a link at the shared address, and a sign-in with MFA",
}
CASES: Mapping[CaseState, str] = {
    CaseState.ASKED: "waits for operators",
    CaseState.WAITING: "takes effect soon",
    CaseState.EFFECTIVE: "in effect, can be undone",
    CaseState.SETTLED: "in effect for good",
    CaseState.STOPPED: "stopped before it took effect",
    CaseState.UNDONE: "undone",
    CaseState.UPHELD: "upheld by an operator",
    CaseState.RETURNED: "given back by an operator",
    CaseState.REFUSED: "refused",
    CaseState.LAPSED: "lapsed",
    CaseState.WITHDRAWN: "withdrawn",
}
TEMPLATES: Mapping[TemplateName, str] = {
    TemplateName.ANNOUNCED: "Announcement",
    TemplateName.ENCOURAGED: "Encouragement",
    TemplateName.REQUIRED: "It is required now",
    TemplateName.LAST_CALL: "Last call",
    TemplateName.ALIAS: "For shared accounts",
}
AUDIENCES: Mapping[Audience, str] = {
    Audience.PEOPLE: "people's accounts",
    Audience.ALIASES: "shared accounts",
    Audience.EVERYONE: "all, those that nobody has decided on too",
}
WAVES: Mapping[WaveState, str] = {
    WaveState.RUNNING: "running",
    WaveState.STOPPED: "stopped",
    WaveState.DONE: "done",
}
