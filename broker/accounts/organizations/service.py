"""The verbs of organisations and memberships. Each takes the caller's connection, and what changes takes a capability."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, select

from broker.accounts.model import accounts
from broker.accounts.organizations.model import organizations


def active_ids() -> Select[tuple[str]]:
    """Return, for the conditions of other queries, the ids of the organisations that are not switched off."""
    return (
        select(organizations.c.id)
        .join(accounts, accounts.c.id == organizations.c.id)
        .where(accounts.c.status == "active")
    )
