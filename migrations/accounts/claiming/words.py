"""What people are told of a claim: in the mails, and on the pages."""

from dataclasses import dataclass

from migrations.accounts.cases import DISPUTED, Case, CaseKind, CaseState
from migrations.accounts.links import Verb

MAIL = """\
Somebody who is probably you wants to take over an account of {registry} that has this address:

"{name}"

To show that this mailbox is yours, open this link in the browser in which you began:

{link}

It works once, in that browser, for an hour after you began. Give it to nobody: whoever asks you for it wants your
account. If you did not begin anything, do nothing. The link alone attaches the account to nobody.
"""
CLAIMED_HOW = "with its password, a link sent to this address, and a sign-in with a second factor"
LINKED_HOW = "by a sign-in with a second factor, the way it was linked to"
WAITS = """\
Your account at {registry} was claimed, {how}.

Many rely on its packages, or it was held to be shared until lately: this takes effect on {due}, and not before. If it
is how you wanted it, there is nothing to do.

If it was not you, stop it here. The account is frozen then, and an operator decides whose it is:

{link}
"""
YOU_WAIT = """\
You gave all that it takes to claim an old account of {registry}.

Many rely on its packages, or it was held to be shared until lately: it becomes yours on {due}. Until then it can be
stopped from its old address.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How something stands, and what is next. ``again``: the account can be claimed."""

    tag: str
    sentence: str
    next_step: str
    good: bool = False
    again: bool = False


CASES = {
    CaseState.WAITING: Said(
        tag="waits",
        sentence="Your proofs are complete. It waits before it is yours, as many rely on its packages, or it was held "
        "to be shared until lately.",
        next_step="There is nothing to do: it takes effect at the time below. Until then its old address, which was "
        "told, can stop it.",
    ),
    CaseState.EFFECTIVE: Said(
        tag="yours",
        sentence="The account is yours, and its old password opens nothing any more.",
        next_step="From now on, sign in at the registry as you did here. The old address was told, and can undo it "
        "for 14 days.",
        good=True,
    ),
    CaseState.SETTLED: Said(
        tag="yours",
        sentence="The account is yours for good, and its old password is destroyed.",
        next_step="There is nothing to do.",
        good=True,
    ),
    CaseState.UPHELD: Said(
        tag="yours",
        sentence="An operator has decided that the account is yours. This is final.",
        next_step="There is nothing to do.",
        good=True,
    ),
    CaseState.STOPPED: Said(
        tag="stopped",
        sentence="It was stopped before it took effect: from the old address, by an operator, or by a sign-in that the "
        "account was linked to. The account is frozen.",
        next_step="An operator decides whose it is. You are told by mail.",
    ),
    CaseState.UNDONE: Said(
        tag="undone",
        sentence="It was undone from the old address. The account is frozen.",
        next_step="An operator decides whose it is. You are told by mail.",
    ),
    CaseState.RETURNED: Said(
        tag="given back",
        sentence="An operator has decided that the account goes back to how it was before.",
        next_step="If you think that this is wrong, write to the people who run this site.",
    ),
    CaseState.LAPSED: Said(
        tag="lapsed",
        sentence="It did not take effect: when it was due, nobody could sign in any more the way you had.",
        next_step="Claim the account once more.",
        again=True,
    ),
    CaseState.WITHDRAWN: Said(
        tag="withdrawn",
        sentence="You took it back before it took effect. The account is as it was.",
        next_step="You can claim it again.",
        again=True,
    ),
}
"""Of a claim and of a linked account: neither is ever asked for or refused."""

STAKES = {
    Verb.STOP: {
        CaseKind.CLAIM: "Somebody gave the password of your account, followed a link that was sent to this address, "
        "and signed in with a second factor. The account becomes theirs unless it is stopped.",
        CaseKind.RECOVERY: "Somebody who says that they cannot get into your account any more has asked for it. If "
        "operators grant that, it becomes theirs unless it is stopped.",
        CaseKind.CONVERSION: "The shared account is to become an organisation, with several people as its admins.",
    },
    Verb.UNDO: {
        CaseKind.CLAIM: "Somebody gave the password of your account, followed a link that was sent to this address, "
        "and signed in with a second factor. The account is theirs now.",
        CaseKind.LINKED: "Somebody signed in, with a second factor, the way that your account was linked to. It is "
        "theirs now.",
        CaseKind.RECOVERY: "Somebody said that they could not get into your account any more, and two operators "
        "handed it to them.",
        CaseKind.CONVERSION: "The shared account has become an organisation, with several people as its admins.",
    },
}
FREEZES = "The account is frozen then: nobody has it until an operator has decided whose it is. You are told by mail."
ENDS = "The request ends by that, and the account stays as it is."


def objected(case: Case) -> tuple[str, str, tuple[str, ...]]:
    """Return title, sentence and next steps for whoever stopped or undid a case, as it is by now."""
    decided = "An operator looks at it and decides. You are told by mail, at the address that this link came to."
    if case.state is CaseState.ASKED:
        # By an address that was never confirmed: nothing says that it is the owner who objects.
        return "The operators know of it", "Whoever decides on the request is told that you object.", ()
    if case.state in DISPUTED:
        title = "It was undone" if case.state is CaseState.UNDONE else "It was stopped"
        return title, "Nobody has the account now: it is frozen.", (decided,)
    return "It was stopped", "The account stays as it is.", ()
