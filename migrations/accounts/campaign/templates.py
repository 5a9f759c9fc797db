"""What campaign mails say. Operators write text; known words in braces are replaced, once, and nothing else is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from broker.accounts.organizations.capabilities import FreshOperator
from broker.audit.service import Audit
from broker.storage.database import exclusive
from migrations.accounts.campaign.wording import DEFAULTS
from migrations.accounts.model import mail_templates as table

PLACEHOLDERS = ("name", "registry", "link", "closes", "packages", "keys", "outlook", "unsubscribe")
IN_SUBJECTS = frozenset({"name", "registry", "closes"})
REQUIRED = ("link", "unsubscribe")
"""What every text has: where to go, and how to be left alone."""
LONGEST_SUBJECT, LONGEST_TEXT = 150, 10_000  # characters
_BRACES = re.compile(r"\{([^{}]*)\}|[{}]")
_WORD = re.compile(r"[a-z_]{1,20}")


class TemplateName(StrEnum):
    """The templates that there are. ``ALIAS`` is for accounts that several people share."""

    ANNOUNCED = "announced"
    ENCOURAGED = "encouraged"
    REQUIRED = "required"
    LAST_CALL = "last_call"
    ALIAS = "alias"


class BadTemplate(Exception):
    """It was not saved. ``problems``: sentences, by field (``subject``, ``text``)."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(", ".join(sorted(problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """``edited_by``, ``edited_at``: none for the text that comes with the broker."""

    name: TemplateName
    subject: str
    text: str
    edited_by: str | None = None
    edited_at: datetime | None = None


def read(name: TemplateName, subject: str, text: str) -> Template:
    """Return a template of what was typed. Raises :class:`BadTemplate`."""
    # Text is often pasted: its spaces that do not break are spaces.
    subject, text = (each.replace("\xa0", " ").strip() for each in (subject, text))
    text = "\n".join(text.splitlines()) + "\n"
    problems = {}
    if problem := _problem_of_subject(subject):
        problems["subject"] = problem
    if problem := _problem_of_text(text):
        problems["text"] = problem
    if problems:
        raise BadTemplate(problems)
    return Template(name=name, subject=subject, text=text)


def fill(template: Template, values: Mapping[str, str]) -> tuple[str, str]:
    """Return subject and text with the values in it. What a value has in braces stays as it is: text, never code."""

    def value(found: re.Match[str]) -> str:
        return values[found[1]]

    return _one_line(_BRACES.sub(value, template.subject)), _BRACES.sub(value, template.text)


class Templates:
    """Keeps those that operators have edited."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def get(self, connection: Connection, name: TemplateName) -> Template:
        """Return the text that is sent."""
        row = connection.execute(select(table).where(table.c.name == name.value)).one_or_none()
        if row is None:
            return default(name)
        return Template(name=name, subject=row.subject, text=row.text, edited_by=row.edited_by, edited_at=row.edited_at)

    def all(self, connection: Connection) -> list[Template]:
        """Return every one."""
        return [self.get(connection, name) for name in TemplateName]

    def save(self, connection: Connection, operator: FreshOperator, template: Template) -> None:
        """Keep a template, which goes for mails from now on."""
        exclusive(connection, f"mail_template:{template.name.value}")
        values = {
            "subject": template.subject,
            "text": template.text,
            "edited_by": operator.account_id,
            "edited_at": operator.now,
        }
        changed = connection.execute(update(table).where(table.c.name == template.name.value).values(**values))
        if changed.rowcount == 0:
            connection.execute(insert(table).values(name=template.name.value, **values))
        self._record(connection, "migration.mail_edited", operator, template.name)

    def reset(self, connection: Connection, operator: FreshOperator, name: TemplateName) -> None:
        """Go back to the text that comes with the broker."""
        exclusive(connection, f"mail_template:{name.value}")
        if connection.execute(delete(table).where(table.c.name == name.value)).rowcount:
            self._record(connection, "migration.mail_reset", operator, name)

    def _record(self, connection: Connection, action: str, operator: FreshOperator, name: TemplateName) -> None:
        detail = {"kind": name.value}
        self._audit.record(connection, action=action, account_id=operator.account_id, detail=detail, now=operator.now)


def default(name: TemplateName) -> Template:
    """Return the text that comes with the broker."""
    subject, text = DEFAULTS[name.value]
    return Template(name=name, subject=subject, text=text)


def _problem_of_subject(subject: str) -> str | None:
    if not subject or len(subject) > LONGEST_SUBJECT or not subject.isprintable():
        return f"A subject is one line of 1 to {LONGEST_SUBJECT} characters, all of which can be seen."
    return _problem_of_braces(subject, IN_SUBJECTS)


def _problem_of_text(text: str) -> str | None:
    if len(text) > LONGEST_TEXT:
        return f"A text has at most {LONGEST_TEXT:,} characters."
    if not all(line.isprintable() for line in text.replace("\t", " ").split("\n")):
        return "There is a character in it that cannot be seen. Type the text anew where it was pasted."
    if problem := _problem_of_braces(text, frozenset(PLACEHOLDERS)):
        return problem
    missing = [name for name in REQUIRED if f"{{{name}}}" not in text]
    return f"It has to say {' and '.join(f'{{{name}}}' for name in missing)} somewhere." if missing else None


def _problem_of_braces(text: str, known: frozenset[str]) -> str | None:
    for found in _BRACES.finditer(text):
        word = found[1]
        if word is None or not _WORD.fullmatch(word):
            return "Braces stand around one of the known words only."
        if word not in known:
            usable = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS if name in known)
            return f"{{{word}}} is not known here. What is: {usable}."
    return None


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
