"""What people are told of a case, by mail."""

from migrations.accounts.cases import CaseKind

WHAT = {
    CaseKind.CLAIM: "was claimed with its password, a link sent to this address, and a sign-in with a second factor",
    CaseKind.LINKED: "was attached to whoever signed in, with a second factor, the way it was linked to",
    CaseKind.RECOVERY: "was handed over by two operators, after a week in which this could be stopped",
    CaseKind.CONVERSION: "became an organisation, after a week in which this could be stopped",
}
EFFECTIVE = """\
Your account at {registry} {what}.

Its old password opens nothing any more. If this is how you wanted it, there is nothing to do.

If it was not you, undo it here by {until}. The account is frozen then, and an operator decides whose it is:

{link}
"""
YOURS = """\
The account of {registry} that you asked for is yours from now on.

Until {until} it can be undone from its old address.
"""
STOPPED = """\
What was to happen with an old account of {registry} was stopped, by its old address or by an
operator. It does not take effect.
"""
UNDONE_TEXT = """\
What had happened with an old account of {registry} was undone, from its old address. The account is frozen until an
operator has decided whose it is.
"""
REFUSED = """\
The operators have not granted the recovery of an old account of {registry} that you asked for.

You can ask again, with more that shows that the account is yours.
"""
UPHELD = """\
An operator has decided on an old account of {registry}: it stays with whoever claimed it. This is final.
"""
RETURNED = """\
An operator has decided on an old account of {registry}: it goes back to how it was before.
"""
LAPSED = """\
What you asked for with an old account of {registry}, or had a part in, has come to nothing.

Either its time was over, or somebody else came first, or the sign-in that it began with is not open any more. The
account is as it was before. You can begin again.
"""
GOES_ON = """\
An operator has decided on an old account of {registry}: what was stopped goes on, and takes effect at {due}.

For 14 days after that it can be undone from the old address; then another operator decides, and for good.
"""
