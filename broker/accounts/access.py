"""What registries may do in somebody's name, as the account pages need it. Registries are ``oidc``'s: it does it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A client that the account has let know of it. ``offline_until``: it has access while its user is away."""

    client_id: str
    name: str
    knows: tuple[str, ...]
    since: datetime
    offline_until: datetime | None


class RegistryAccess(Protocol):
    """Lists and ends it."""

    def of_account(self, account_id: str, now: datetime) -> list[Registry]:
        """Return what there is, newest first."""
        ...

    def withdraw(self, account_id: str, client_id: str, now: datetime) -> bool:
        """End what one client may know and do. Returns whether there was anything."""
        ...

    def end_all(self, account_id: str, until: datetime) -> None:
        """End what all clients were granted until then."""
        ...

    def forget(self, connection: Connection, account_id: str) -> None:
        """Forget the account, in the transaction that erases it."""
        ...
