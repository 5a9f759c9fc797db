"""The texts that come with the broker: subject and text of each template."""

_HOW = """\
It takes a few minutes, once: the old password, a link that is sent to this
address, and a sign-in with a second factor at a provider that you choose.
From then on you sign in there, and have no password of ours to lose.
"""
_END = """\
We never ask for a password by mail. If you do not trust the link, type the
address of {registry} yourself.

If you want no more of these mails, say so here. Mails about the safety of
the account come all the same:

{unsubscribe}
"""
_ABOUT = """\
The account has {packages}, and {keys}.

What changes, and when:

{outlook}
"""

DEFAULTS = {
    "announced": (
        "Your account at {registry} needs a new way to sign in",
        f"""\
Hello {{name}},

{{registry}} is leaving passwords behind, and your account still has one.
Please claim it:

{{link}}

{_HOW}
{_ABOUT}
{_END}""",
    ),
    "encouraged": (
        "Please claim your account at {registry}",
        f"""\
Hello {{name}},

your account at {{registry}} still has its old password, which ends on
{{closes}}. Please claim the account before:

{{link}}

{_HOW}
{_ABOUT}
{_END}""",
    ),
    "required": (
        "Your account at {registry} has to be claimed before {closes}",
        f"""\
Hello {{name}},

your account at {{registry}} has to be claimed before {{closes}}. After
that its password opens nothing, and getting it back takes two operators
and at least a week.

{{link}}

{_HOW}
{_ABOUT}
{_END}""",
    ),
    "last_call": (
        "Last call: your account at {registry} closes on {closes}",
        f"""\
Hello {{name}},

this is the last mail before your account at {{registry}} closes, on
{{closes}}. Nobody has claimed it yet:

{{link}}

{_HOW}
If you have lost the password, ask for a recovery on the same page.

{_ABOUT}
{_END}""",
    ),
    "alias": (
        "A shared account at {registry} becomes an organisation",
        f"""\
Hello to everybody behind this address,

the account "{{name}}" at {{registry}} has one password that several of
you seem to share. That ends on {{closes}}. Turn the account into an
organisation, in which everybody signs in as themselves:

{{link}}

One of you starts it with the password and a link that is sent here, and
names at least two who will look after it. Everybody behind this address is
told, and has seven days to object.

{_ABOUT}
{_END}""",
    ),
}
