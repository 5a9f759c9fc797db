"""What people are told of a recovery: by mail, and on their page."""

from dataclasses import dataclass

from migrations.accounts.cases import CaseState

REQUESTED = """\
You asked to recover an old account of {registry}.

How it stands, and what else you can do to show that the account is yours, is on this page. It opens to you alone:

{link}

If there is such an account, its old address was told, and can stop it. Two operators decide by {until}. If you hear
nothing until then, nothing came of it.
"""
ASKED = """\
Somebody asks for the recovery of your account at {registry}: they say that it is theirs, and that they have lost its
password or this mailbox.

Nothing has changed. Two operators look at what they say, and if both grant it, you are told again, a week before
anything happens. If it was you, there is nothing to do.

If it was not you, stop it here. No sign-in is needed:

{link}
"""
ASKED_ALSO = """\
Somebody asks for the recovery of an old account of {registry} that you have claimed. They say that it is theirs.

Nothing has changed, and there is nothing to do. Operators look at what they say.
"""
GRANTED = """\
Two operators have granted the recovery of your account at {registry} to somebody who asked for it. It is theirs from
{due} on, unless you stop it.

If it was you who asked, there is nothing to do.

If it was not you, stop it here. No sign-in is needed:

{link}
"""
GRANTED_TO_YOU = """\
Two operators have granted the recovery of an old account of {registry} that you asked for.

It takes effect on {due}. Until then it can be stopped from the account's old address.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a request stands. ``open``: it can still come to something, and be withdrawn. ``weighed``: by operators."""

    title: str
    sentence: str
    open: bool = False
    weighed: bool = False


STATUS = {
    CaseState.ASKED: Status(
        title="We have taken your request",
        sentence="If there is such an account, its old address and the operators were told. Two operators decide.",
        open=True,
        weighed=True,
    ),
    CaseState.WAITING: Status(
        title="Two operators have granted it",
        sentence="There is nothing to do. It takes effect after seven days, unless it is stopped from the account's "
        "old address. You are told by mail.",
        open=True,
    ),
    CaseState.EFFECTIVE: Status(
        title="The account is yours",
        sentence="For 14 days it can be undone from its old address.",
    ),
    CaseState.SETTLED: Status(title="The account is yours", sentence="This is final."),
    CaseState.UPHELD: Status(title="The account is yours", sentence="An operator decided so. This is final."),
    CaseState.STOPPED: Status(
        title="It was stopped",
        sentence="Somebody at the old address objected, or an operator did. An operator decides whose it is.",
    ),
    CaseState.UNDONE: Status(
        title="It was undone", sentence="Somebody at the old address objected. An operator decides whose it is."
    ),
    CaseState.RETURNED: Status(
        title="The account was given back", sentence="An operator decided that it goes back to how it was before."
    ),
    CaseState.REFUSED: Status(
        title="It was not granted",
        sentence="The operators did not grant it, or it was stopped. You can ask again, with more that speaks for you.",
    ),
    CaseState.LAPSED: Status(
        title="Nothing came of it",
        sentence="Nobody granted it in time, or it could not be brought about. You can ask again.",
    ),
    CaseState.WITHDRAWN: Status(title="You have withdrawn it", sentence="Nothing happens any more."),
}
