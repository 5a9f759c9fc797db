"""What people are told of a conversion, by mail. What ``effects`` tells is there."""

import re
from collections.abc import Sequence

from broker.accounts.organizations.names import clean_name

STARTED_SUBJECT = "This shared account is to become an organisation"
STARTED = """\
You get this mail because you are behind this address. It is about a shared account of your team at {registry}.

Somebody who knows its password, and can read this mailbox, wants to turn it into an organisation. They call themselves:

{starter}

The organisation is to have this name:

"{organization}"

Its admins are to be whoever accepts with these addresses, and nobody else:

{admins}

If nobody objects, it takes effect on {due}, once at least two of them have accepted. If there are not two by {lapses},
nothing happens.

From then on the packages belong to the organisation, the shared password opens nothing any more, and the keys of the
account are suspended. This address stays as a contact. For 14 days after that, it can be undone from here.

If this is not what your team wants, if you do not know these people, or if you are not sure, stop it here. Everybody
who reads this mail can do that, until it takes effect. Nothing changes then before an operator has looked at it:

{link}

If this is how you want it, there is nothing to do. To be an admin, or a member, ask those above.
"""
NAMED_SUBJECT = "You are to be an admin of a new organisation"
NAMED = """\
The shared account of this name at {registry} is to become an organisation:

"{account}"

The organisation is to have this name:

"{organization}"

You are named as one of its admins, by somebody who calls themselves:

{starter}

What that means, and what happens to each package, is here. Sign in there with an account that has this address, and
accept by {lapses}:

{link}

The link is for this address only. If you do not know the account, do nothing.
"""
WITHDRAWN_SUBJECT = "The shared account stays as it is"
WITHDRAWN = """\
What was to become of a shared account of {registry} was withdrawn by whoever had started it. Nothing happens. The
account is as it was before.
"""
_NAMELESS = "somebody whose name is not shown"
_LIKE_ADDRESS = re.compile(r"[^\W_]\.[^\W\d_]{2}|[/\\]")  # programs that show mails make links of them


def listed(addresses: Sequence[str]) -> str:
    """Return addresses, each on a line of its own."""
    return "\n".join(f"- {each}" for each in addresses)


def called(name: str | None, email: str | None = None) -> str:
    """Return who somebody is, to people who have to know them by it. ``email``: theirs for certain, or none."""
    shown = without_links(name)
    return "\n".join(part for part in (f'"{shown}"' if shown else _NAMELESS, email) if part)


def without_links(name: str | None) -> str | None:
    """Return what somebody chose to be called, or none where it would lead whoever reads it anywhere."""
    try:
        clean = clean_name(name or "")
    except ValueError:
        return None
    return None if _LIKE_ADDRESS.search(clean) else clean
