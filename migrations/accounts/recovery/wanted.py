"""What somebody asks for, as a form says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 2000
"""How many characters may speak for somebody."""

_LONGEST_NAME = 320  # an address has no more (RFC 5321, section 4.5.3.1)
_LONGEST_PACKAGE = 200
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_LINES = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")


class Missing(StrEnum):
    """What somebody has lost."""

    MAILBOX = "mailbox"
    PASSWORD = "password"  # noqa: S105 - a kind of loss
    BOTH = "both"


class BadForm(ValueError):
    """What the form says cannot be. ``field`` is what to mend, ``sentence`` for the person."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(field)
        self.field = field
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """``account`` is a name or an address. ``evidence`` is for the operators' eyes, and kept sealed."""

    account: str
    missing: Missing
    evidence: str
    package: str | None

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "Wanted":
        """Return what a form says. Raises :class:`BadForm`."""
        account, package = form.get("account", "").strip(), form.get("package", "").strip()
        if len(account) > _LONGEST_NAME or not _LINE.fullmatch(account):
            raise BadForm("account", "Give the user name of the old account, or its address.")
        try:
            missing = Missing(form.get("missing", ""))
        except ValueError:
            raise BadForm("missing", "Choose what you have lost.") from None
        # A browser ends lines with two characters, and counts them as one.
        evidence = form.get("evidence", "").replace("\r\n", "\n").strip()
        if len(evidence) > LONGEST or not _LINES.fullmatch(evidence):
            raise BadForm("evidence", f"Say in at most {LONGEST} characters what shows that the account is yours.")
        if package and (len(package) > _LONGEST_PACKAGE or not _LINE.fullmatch(package)):
            raise BadForm("package", "Give the name of a package as it is at the registry, or leave it empty.")
        return cls(account=account, missing=missing, evidence=evidence, package=package or None)
