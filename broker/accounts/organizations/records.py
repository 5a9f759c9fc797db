"""Organisations and their members, as values."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, select

from broker.accounts.model import accounts
from broker.accounts.organizations.capabilities import Role
from broker.accounts.organizations.model import organizations
from broker.tenants.rules import Rule, load


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """``status``: active, disabled. ``rule`` is what it asks of its members, beside the rules of its tenants."""

    id: str
    name: str
    status: str
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberEntry:
    """A member as the others see them. ``suspended_at``: since when their sign-ins have not met the rules."""

    account_id: str
    role: Role
    joined_at: datetime
    suspended_at: datetime | None


class LastAdmin(Exception):
    """It would leave these organisations without an admin."""

    def __init__(self, left: Iterable[Organization]) -> None:
        super().__init__("an organisation needs an admin")
        self.organizations = tuple(left)


class Settling(LastAdmin):
    """It would leave one admin alone with what several people had shared, before ``until``."""

    def __init__(self, left: Iterable[Organization], until: datetime) -> None:
        super().__init__(left)
        self.until = until


class NameTaken(Exception):
    """Another organisation has this name, or one that reads the same."""


class TooMany(Exception):
    """There are as many as there may be."""


class Share(StrEnum):
    """What an organisation can ask for only so often, as programs see it."""

    CHANGES = "too_many_changes"
    EXCEPTIONS = "too_many_exceptions"


class TooOften(Exception):
    """The organisation, or one of its admins, has asked for as many as they may in a day."""

    def __init__(self, share: Share) -> None:
        super().__init__(share.value)
        self.share = share


def read(connection: Connection, *conditions: ColumnElement[bool]) -> list[Organization]:
    """Return the organisations that meet all ``conditions``, by name."""
    rows = connection.execute(
        select(organizations, accounts.c.status)
        .join(accounts, accounts.c.id == organizations.c.id)
        .where(*conditions)
        .order_by(organizations.c.name_key)
    )
    return [Organization(id=row.id, name=row.name, status=row.status, rule=load(row.rule)) for row in rows]
