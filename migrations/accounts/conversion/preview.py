"""What becomes of each package, role and key, of the password and of the address: what is not known is said so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from migrations.accounts.records import OWNER, LegacyAccount

OWNED = "The organisation owns it."
SAME_ROLE = "The organisation has this role then, and nothing more."


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A package: the account's role in it now, and what becomes of it."""

    name: str
    role: str
    becomes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """``undo_until``: none before it takes effect. ``last_sign_in_at``: none where the registry did not say."""

    account: str
    packages: Sequence[Line]
    keys: int
    last_sign_in_at: datetime | None
    undo_until: datetime | None


def of(legacy: LegacyAccount, undo_until: datetime | None = None) -> Preview:
    """Return what becomes of an account."""
    return Preview(
        account=legacy.name or legacy.registry_id,
        packages=[
            Line(name=each.name, role=each.role, becomes=OWNED if each.role == OWNER else SAME_ROLE)
            for each in sorted(legacy.packages, key=lambda each: (each.role != OWNER, each.name.casefold()))
        ],
        keys=legacy.keys,
        last_sign_in_at=legacy.last_sign_in_at,
        undo_until=undo_until,
    )
