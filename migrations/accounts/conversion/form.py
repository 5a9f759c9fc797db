"""What somebody types who turns a shared account into an organisation, and what is wrong with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from broker.accounts.organizations.names import clean_name
from claims.profile import Profile

FEWEST, MOST = 2, 10
"""How many future admins are named."""

NAME = "organization"
_NOT_A_NAME = "A name has 2 to 80 printable characters on one line, and no address in it: no @, :// or www."
_NAME_TAKEN = "Another organisation has this name, or one that reads the same."
_NO_ADDRESS = "That is not an email address we can take. Check it for typing mistakes."
_SHARED = "That is the shared mailbox, and whoever reads it could accept alone. Name somebody's own address."
_TWICE = "That mailbox stands above already. Each admin needs one of their own."
_TOO_FEW = "Name at least two people, so that nobody is ever the only admin."
_TOO_MANY = f"Name at most {MOST} people. The admins can invite others later."

_SAME = {"googlemail.com": "gmail.com"}  # https://support.google.com/mail/answer/10313


class BadInput(Exception):
    """It cannot be meant so. ``problems``: a sentence by field, as :func:`place` names those of admins."""

    def __init__(self, problems: Mapping[str, str], status: int = 400) -> None:
        super().__init__(", ".join(problems))
        self.problems = problems
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """As it was typed, to be shown again."""

    organization: str = ""
    admins: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """As it can be done."""

    organization: str
    admins: Sequence[str]


def place(number: int) -> str:
    """Return the name of the field of an admin, the first of whom is 0."""
    return f"admin-{number + 1}"


def read(typed: Typed, shared: str, is_taken: Callable[[str], bool]) -> Wish:
    """Return what was typed as it can be done. Raises :class:`BadInput` with all that is wrong with it at once.

    ``shared``: the mailbox of the shared account. ``is_taken``: whether an organisation has this name.
    """
    problems: dict[str, str] = {}
    organization = _name(typed.organization, is_taken, problems)
    name_taken = problems.get(NAME) == _NAME_TAKEN
    admins = _admins(typed.admins, shared, problems)
    if problems:
        raise BadInput(problems, 409 if name_taken and len(problems) == 1 else 400)
    return Wish(organization=organization, admins=admins)


def _name(text: str, is_taken: Callable[[str], bool], problems: dict[str, str]) -> str:
    try:
        name = clean_name(text)
    except ValueError:
        problems[NAME] = _NOT_A_NAME
        return ""
    if is_taken(name):
        problems[NAME] = _NAME_TAKEN
    return name


def _admins(texts: Sequence[str], shared: str, problems: dict[str, str]) -> list[str]:
    taken, admins, fine = {mailbox_of(shared): _SHARED}, [], True
    for number, text in enumerate(texts[:MOST]):
        if not text:
            continue
        email = Profile.read(None, text, None).email
        problem = _NO_ADDRESS if email is None else taken.get(mailbox_of(email))
        if email is None or problem is not None:
            problems[place(number)] = problem or _NO_ADDRESS
            fine = False
            continue
        taken[mailbox_of(email)] = _TWICE
        admins.append(email)
    if any(texts[MOST:]):
        problems[place(MOST - 1)] = _TOO_MANY
    elif fine and len(admins) < FEWEST:
        empty = next((number for number, text in enumerate(texts) if not text), len(texts))
        problems[place(empty)] = _TOO_FEW
    return admins


def mailbox_of(email: str) -> str:
    """Return what addresses are compared by: labels (``team+x@``) and dots lead to one mailbox at many providers.

    Two people whose addresses differ in a dot alone are rarer than one who owns both. Some providers have one mailbox
    at several domains.
    """
    local, _, domain = email.casefold().rpartition("@")
    domain = _SAME.get(domain, domain)
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"
